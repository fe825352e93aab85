"""A subset of the graph, as people write it."""

import pytest
from core.examples import few, graph, strings
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import DefinitionError
from medallion.selection import select

GRAPH = graph(
    {
        "bronze.trips": [],
        "bronze.zones": [],
        "silver.trips": ["bronze.trips"],
        "silver.zones": ["bronze.zones"],
        "gold.dim_date": [],
        "gold.dim_zone": ["silver.zones"],
        "gold.fct_trips": ["silver.trips", "gold.dim_zone"],
        "gold.tips": ["gold.fct_trips"],
    },
    daily=["silver.trips", "gold.tips"],
    weekly=["gold.tips"],
)
ALL = tuple(strings(n.name for n in GRAPH))
TERMS = st.sampled_from(
    [
        *ALL, "trips", "zones", "gold.dim_*", "*_trips", "*", "*.trips", "layer:silver",
        "layer:gold", "tag:daily", "tag:w*", "+gold.tips", "silver.trips+", "+silver.zones+",
        "+tag:weekly", "layer:bronze+", "?ips",
    ]
)  # fmt: skip
LISTS = st.lists(TERMS, min_size=1, max_size=4)


def chosen(terms: str = "", exclude: str = "") -> list[str]:
    """The selected models."""
    return strings(select(GRAPH, terms, exclude))


def refused(terms: str, exclude: str = "") -> DefinitionError:
    """How a selection is refused."""
    with pytest.raises(DefinitionError) as error:
        select(GRAPH, terms, exclude)
    return error.value


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ("silver.trips", "silver.trips"),
        ("trips", "bronze.trips silver.trips"),
        ("gold.dim_*", "gold.dim_date gold.dim_zone"),
        ("*_trips", "gold.fct_trips"),
        ("*.zones", "bronze.zones silver.zones"),
        ("[b-s]*.trips", "bronze.trips silver.trips"),
        ("layer:silver", "silver.trips silver.zones"),
        ("tag:daily", "silver.trips gold.tips"),
        ("tag:*ly", "silver.trips gold.tips"),
        ("+silver.trips", "bronze.trips silver.trips"),
        (
            "silver.zones+",
            "silver.zones gold.dim_zone gold.fct_trips gold.tips",
        ),
        ("+gold.dim_zone+", "bronze.zones silver.zones gold.dim_zone gold.fct_trips gold.tips"),
        ("+layer:silver", "bronze.trips bronze.zones silver.trips silver.zones"),
        ("+dim_*", "bronze.zones silver.zones gold.dim_date gold.dim_zone"),
        ("tag:weekly silver.zones", "silver.zones gold.tips"),
        ("tag:weekly,silver.zones , silver.zones", "silver.zones gold.tips"),
    ],
)
def test_a_term_selects_models(terms: str, names: str) -> None:
    assert sorted(chosen(terms)) == sorted(names.split())


@pytest.mark.parametrize("terms", ["", " ", ",", " , "])
def test_no_term_selects_everything(terms: str) -> None:
    assert chosen(terms) == list(ALL)


@pytest.mark.parametrize(
    ("terms", "exclude", "names"),
    [
        ("", "layer:gold layer:bronze", "silver.trips silver.zones"),
        ("trips", "bronze.*", "silver.trips"),
        ("layer:gold", "gold.dim_zone+", "gold.dim_date"),
        ("tips", "*", ""),
    ],
)
def test_what_is_excluded_is_left_out(terms: str, exclude: str, names: str) -> None:
    assert sorted(chosen(terms, exclude)) == sorted(names.split())


@few
@given(LISTS)
def test_the_graphs_order_is_kept_and_nothing_comes_twice(terms: list[str]) -> None:
    names = chosen(" ".join(terms))
    assert names == [n for n in ALL if n in names]


@few
@given(LISTS)
def test_selecting_what_was_selected_selects_the_same(terms: list[str]) -> None:
    names = chosen(" ".join(terms))
    assert chosen(",".join(names)) == names


@few
@given(LISTS, LISTS, LISTS)
def test_a_term_more_never_selects_less(
    some: list[str], more: list[str], exclude: list[str]
) -> None:
    less = set(chosen(" ".join(some)))
    assert less | set(chosen(" ".join(more))) == set(chosen(" ".join(some + more)))
    left = set(chosen(" ".join(some), " ".join(exclude)))
    assert left == less - set(chosen(" ".join(exclude)))


@pytest.mark.parametrize(
    ("terms", "said", "hint"),
    [
        ("silver.trip", "nothing matches 'silver.trip'", "did you mean silver.trips or"),
        ("+tip+", "nothing matches '+tip+'", "did you mean tips"),
        ("trips nope", "nothing matches 'nope'", "see: medallion ls"),
        ("gold.x*", "nothing matches 'gold.x*'", ""),
        ("+", "nothing matches '+'", ""),
        ("tag:hourly", "nothing matches 'tag:hourly'", "tags there are: daily, weekly"),
        ("layer:copper", "unknown layer 'copper'", "one of: bronze, silver, gold"),
        ("owner:me", "'owner:me': there is no selection by 'owner'", "layer: or tag:"),
    ],
)
def test_a_term_that_means_nothing_is_refused(terms: str, said: str, hint: str) -> None:
    for error in (refused(terms), refused("", terms)):
        assert error.message == said
        assert error.hint.startswith(hint)


def test_without_tags_there_are_none_to_name() -> None:
    with pytest.raises(DefinitionError) as error:
        select(graph({"gold.a": []}), "tag:daily")
    assert error.value.hint == "tags there are: none"
