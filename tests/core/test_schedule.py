"""Walking a graph of work."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from core.examples import few
from hypothesis import given
from hypothesis import strategies as st

from medallion.schedule import Rules, Slots, walk

Needs = dict[str, list[str]]
WAIT = 10  # seconds until a thread that waits in vain gives up, and the test fails


@st.composite
def graphs(draw: st.DrawFn) -> Needs:
    names = [f"k{n}" for n in range(draw(st.integers(1, 8)))]
    needs = {
        name: draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else []
        for n, name in enumerate(names)
    }
    return dict(draw(st.permutations(list(needs.items()))))


def walked(
    needs: Needs,
    work: Callable[[str], str] = lambda _: "done",
    *,
    lanes: int = 2,
    tags: Callable[[str], Collection[str]] = lambda _: (),
    **rules: Any,
) -> dict[str, str]:
    """The results; those that begin with `bad` are not ok."""
    return walk(
        needs,
        work,
        lambda r: not r.startswith(("bad", "skipped")),
        lambda _: "skipped",
        Rules(lanes, **rules),
        tags,
    )


@few
@given(graphs(), st.integers(1, 4))
def test_each_piece_is_done_once_after_what_it_needs(needs: Needs, lanes: int) -> None:
    done: list[str] = []

    def work(key: str) -> str:
        assert set(needs[key]) <= set(done)
        done.append(key)
        return f"did {key}"

    assert walked(needs, work, lanes=lanes) == {key: f"did {key}" for key in needs}
    assert sorted(done) == sorted(needs)


@few
@given(graphs(), st.data())
def test_what_needs_a_bad_result_is_skipped_and_the_rest_is_done(
    needs: Needs, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.sampled_from(sorted(needs))))
    results = walked(needs, lambda key: "bad" if key in bad else "good")
    for key, result in results.items():
        stopped = any(results[n] != "good" for n in needs[key])
        assert result == ("skipped" if stopped else "bad" if key in bad else "good")


@few
@given(graphs())
def test_results_come_in_the_order_of_the_needs(needs: Needs) -> None:
    assert list(walked(needs)) == list(needs)


def test_needs_outside_of_the_walk_count_as_met() -> None:
    assert walked({"a": ["elsewhere"]}) == {"a": "done"}


def test_nothing_to_do_is_done() -> None:
    assert walked({}) == {}


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_as_many_pieces_run_at_once_as_there_are_lanes_and_no_more(lanes: int) -> None:
    together = threading.Barrier(lanes)
    lock = threading.Lock()
    running: list[str] = []
    most: list[int] = []

    def work(key: str) -> str:
        with lock:
            running.append(key)
            most.append(len(running))
        together.wait(WAIT)  # passes only when so many are here at once
        with lock:
            running.remove(key)
        return "done"

    walked({f"k{n}": [] for n in range(2 * lanes)}, work, lanes=lanes)
    assert max(most) == lanes


def test_a_piece_starts_as_soon_as_what_it_needs_is_done() -> None:
    after_quick = threading.Event()

    def work(key: str) -> str:
        if key == "slow":
            assert after_quick.wait(WAIT)
        if key == "after quick":
            after_quick.set()
        return "done"

    results = walked({"slow": [], "quick": [], "after quick": ["quick"]}, work)
    assert set(results.values()) == {"done"}


@pytest.mark.parametrize("lanes", [1, 2])
def test_after_an_error_nothing_more_is_started(lanes: int) -> None:
    started: list[str] = []

    def work(key: str) -> str:
        started.append(key)
        raise KeyError(key)

    with pytest.raises(KeyError):
        walked({f"k{n}": [] for n in range(9)}, work, lanes=lanes)
    assert sorted(started) == [f"k{n}" for n in range(lanes)]


def test_an_error_leaves_no_thread_behind() -> None:
    ended: list[str] = []
    failed = threading.Event()

    def work(key: str) -> str:
        if key == "bad":
            failed.set()
            raise KeyError(key)
        assert failed.wait(WAIT)
        ended.append(key)
        return "done"

    with pytest.raises(KeyError):
        walked({"bad": [], "long": []}, work)
    assert ended == ["long"]


@few
@given(graphs(), st.integers(1, 4), st.integers(1, 3), st.data())
def test_of_a_tag_no_more_run_at_once_than_its_limit(
    needs: Needs, lanes: int, limit: int, data: st.DataObject
) -> None:
    tagged = data.draw(st.sets(st.sampled_from(sorted(needs))))
    lock = threading.Lock()
    running: Counter[bool] = Counter()

    def work(key: str) -> str:
        with lock:
            running[key in tagged] += 1
            assert running[True] <= limit
            assert running.total() <= lanes
        with lock:
            running[key in tagged] -= 1
        return "done"

    results = walked(
        needs,
        work,
        lanes=lanes,
        limits={"database": limit, "other": 1},
        tags=lambda key: ["database"] if key in tagged else [],
    )
    assert set(results.values()) == {"done"}


def test_what_is_limited_does_not_hold_up_the_rest() -> None:
    both = threading.Barrier(2)

    def work(key: str) -> str:
        if key in ("first", "free"):
            both.wait(WAIT)  # passes only when both run at once
        return "done"

    results = walked(
        {"first": [], "second": [], "free": []},
        work,
        limits={"database": 1},
        tags=lambda key: [] if key == "free" else ["database"],
    )
    assert set(results.values()) == {"done"}


def test_the_longest_way_starts_first() -> None:
    started: list[str] = []

    def work(key: str) -> str:
        started.append(key)
        return "done"

    walked({"x": [], "a": [], "b": ["a"], "y": [], "c": ["b"]}, work, lanes=1)
    assert started == ["a", "b", "x", "y", "c"]


@few
@given(graphs(), st.data())
def test_after_a_failure_nothing_is_started_if_so_asked(needs: Needs, data: st.DataObject) -> None:
    bad = data.draw(st.sampled_from(sorted(needs)))
    started: list[str] = []

    def work(key: str) -> str:
        started.append(key)
        return "bad" if key == bad else "good"

    results = walked(needs, work, lanes=1, fail_fast=True)
    assert started[-1] == bad
    assert {key for key, result in results.items() if result == "skipped"} == set(needs) - set(
        started
    )


@few
@given(
    st.lists(st.sets(st.sampled_from("abc"), max_size=2), min_size=1, max_size=12),
    st.integers(1, 4),
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 3)),
)
def test_never_more_pieces_hold_a_place_than_the_rules_say(
    pieces: list[set[str]], lanes: int, limits: dict[str, int]
) -> None:
    slots, lock = Slots(Rules(lanes, limits)), threading.Lock()
    holding: list[set[str]] = []
    most: Counter[str] = Counter()

    def piece(tags: set[str]) -> None:
        with slots.taken(tags):
            with lock:
                holding.append(tags)
                now = Counter(tag for others in holding for tag in others)
                most.update({"": max(0, len(holding) - most[""])})
                most.update({t: max(0, n - most[t]) for t, n in now.items()})
            time.sleep(0)
            with lock:
                holding.remove(tags)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(piece, pieces))
    assert 1 <= most[""] <= lanes
    assert all(most[tag] <= limit for tag, limit in limits.items())
