"""Models and what each reads."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from core.examples import few, graph, model, named, strings
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import DefinitionError
from medallion.graph import Graph, Node, make_graph, near
from medallion.names import Layer

LAYERS = st.lists(st.sampled_from(list(Layer)), min_size=1, max_size=8)


@st.composite
def dags(draw: st.DrawFn) -> dict[str, list[str]]:
    """Models by name, each with what it reads: some of the models before it."""
    layers = sorted(draw(LAYERS), key=lambda layer: layer.rank)
    names = [f"{layer}.m{number}" for number, layer in enumerate(layers)]
    return {
        name: draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else []
        for n, name in enumerate(names)
    }


def refused(*nodes: Node) -> DefinitionError:
    """How a graph of these models is refused."""
    with pytest.raises(DefinitionError) as error:
        make_graph(nodes)
    return error.value


def node(name: str, *reads: str, place: str = "") -> Node:
    return Node(model(name, place=place), tuple(named(r) for r in reads))


def order(found: Graph) -> list[str]:
    return strings(n.name for n in found)


@few
@given(dags())
def test_a_model_comes_after_what_it_reads_and_layers_after_each_other(
    reads: dict[str, list[str]],
) -> None:
    names = order(graph(reads))
    assert sorted(names) == sorted(reads)
    for name, read in reads.items():
        assert all(names.index(r) < names.index(name) for r in read)
    ranks = [named(n).layer.rank for n in names if not named(n).is_task]
    assert ranks == sorted(ranks)


@few
@given(dags(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_files(
    reads: dict[str, list[str]], shuffle: random.Random
) -> None:
    items = list(reads.items())
    shuffle.shuffle(items)
    assert order(graph(dict(items))) == order(graph(reads))


@few
@given(dags(), st.data())
def test_upstream_and_downstream_follow_every_edge(
    reads: dict[str, list[str]], data: st.DataObject
) -> None:
    found = graph(reads)
    name = data.draw(st.sampled_from(sorted(reads)))
    up = set(strings(found.upstream([named(name)])))
    down = set(strings(found.downstream([named(name)])))
    assert name not in up | down
    assert up == set(reads[name]).union(*(strings(found.upstream([named(r)])) for r in reads[name]))
    assert down == {n for n in reads if name in strings(found.upstream([named(n)]))}


DIAMOND = {
    "bronze.a": [],
    "silver.b": ["bronze.a"],
    "silver.c": ["bronze.a"],
    "gold.d": ["silver.b", "silver.c"],
    "gold.e": ["gold.d"],
    "gold.f": [],
}


def test_closures_of_a_diamond() -> None:
    found = graph(DIAMOND)
    assert set(strings(found.upstream([named("gold.d")]))) == {"bronze.a", "silver.b", "silver.c"}
    assert set(strings(found.downstream([named("silver.b")]))) == {"gold.d", "gold.e"}
    assert found.upstream([named("gold.f")]) == found.downstream([named("gold.f")]) == set()


def test_a_graph_gives_a_model_by_its_name() -> None:
    found = graph(DIAMOND)
    assert strings(found[named("gold.d")].reads) == ["silver.b", "silver.c"]
    with pytest.raises(DefinitionError, match=r"there is no model gold\.dd") as error:
        found[named("gold.dd")]
    assert error.value.hint.startswith("did you mean gold.d")


def test_no_models_make_an_empty_graph() -> None:
    assert list(make_graph([])) == []


@pytest.mark.parametrize(
    ("reads", "path"),
    [
        ({"gold.a": "gold.a"}, ["gold.a"]),
        ({"gold.a": "gold.b", "gold.b": "gold.a"}, ["gold.a", "gold.b"]),
        (
            {"gold.a": "gold.b", "gold.b": "gold.c", "gold.c": "gold.a", "gold.x": "gold.a"},
            ["gold.a", "gold.b", "gold.c"],
        ),
    ],
)
def test_a_cycle_is_told_as_its_path(reads: dict[str, str], path: list[str]) -> None:
    error = refused(*(node(name, read) for name, read in reads.items()))
    told = error.message.removeprefix("models read each other in a circle: ").split(" -> ")
    assert told[0] == told[-1]
    assert sorted(told[1:]) == path
    assert all(reads[b] == a for a, b in pairwise(told))


def test_an_earlier_layer_does_not_read_a_later_one() -> None:
    error = refused(node("gold.a"), node("silver.b", "gold.a", place="models/b.py:7"))
    assert error.message == "models/b.py:7: silver.b reads gold.a, which is of a later layer"
    assert error.hint == "a silver model reads models of its own or an earlier layer"


def test_layers_can_be_skipped_and_read_within() -> None:
    found = graph({"bronze.a": [], "bronze.b": ["bronze.a"], "gold.c": ["bronze.b"]})
    assert order(found) == ["bronze.a", "bronze.b", "gold.c"]


def test_an_unknown_input_is_refused_with_what_looks_like_it() -> None:
    error = refused(node("silver.trips"), node("gold.a", "silver.trip", place="models/a.py:2"))
    assert error.message == "models/a.py:2: gold.a reads silver.trip, and no model gives it"
    assert error.hint == "did you mean silver.trips?"


def test_two_models_of_one_name_are_told_by_both_places() -> None:
    error = refused(node("gold.a", place="models/a.py:2"), node("gold.a", place="models/b.py:9"))
    assert error.message == "gold.a is defined twice: models/a.py:2 and models/b.py:9"


def test_a_hint_names_what_looks_most_alike() -> None:
    assert near("silver.trip", ["silver.trips", "gold.zones"]) == "did you mean silver.trips?"
    assert near("xyz", ["silver.trips"]) == "see: medallion ls"
    assert near("ab", ["abc", "abd"]) == "did you mean abd or abc?"


def referring(name: str, *references: str, reads: Sequence[str] = ()) -> Node:
    tables = tuple(map(named, references))
    return replace(node(name, *reads, place=f"{name}.py:1"), references=tables)


def test_a_model_comes_after_what_it_refers_to_and_is_not_made_from_it() -> None:
    found = make_graph([referring("silver.a", "silver.b"), node("silver.b"), node("silver.c")])

    assert order(found).index("silver.b") < order(found).index("silver.a")
    assert found.upstream([named("silver.a")]) == {named("silver.b")}
    assert found.downstream([named("silver.b")]) == set()


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([referring("silver.a", "silver.b")], "references silver.b, and no model gives it"),
        (
            [referring("silver.a", "gold.b"), node("gold.b")],
            "silver.a references gold.b, which is of a later layer",
        ),
        (
            [referring("silver.a", "silver.b"), node("silver.b", "silver.a")],
            "models read or reference each other in a circle: ",
        ),
    ],
)
def test_a_reference_that_cannot_be_checked_is_refused(nodes: list[Node], message: str) -> None:
    assert message in refused(*nodes).message
