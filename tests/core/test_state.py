"""State: what is noted of a table, whether it still holds, and how large it gets."""

import random
from dataclasses import replace

import pytest
from core.examples import few, named, snapshot, table
from hypothesis import given
from hypothesis import strategies as st

from medallion.state import State, state_of
from medallion.tables import STATE, STATE_OF, Snapshot, Table
from medallion.window import ALL, NONE, Grain, Window, Windows, parse_range

_YEARS = [parse_range(str(y), str(y)) for y in range(2010, 2020)]
TEN_YEARS = Windows.of(_YEARS)
HOURS = 24 * 3652
EMPTY = State("c0de", "5u1te", {}, NONE)

ranges = st.tuples(st.integers(-(10**6), 10**6), st.integers(1, 500)).map(
    lambda pair: Window(pair[0], pair[0] + pair[1])
)
sets = st.one_of(st.just(ALL), st.just(NONE), st.lists(ranges, max_size=120).map(Windows.of))
states = st.builds(
    State,
    st.text(max_size=8),
    st.text(max_size=8),
    st.dictionaries(
        st.sampled_from([named("bronze.a"), named("silver.b")]), st.integers(0, 2**63 - 1)
    ),
    sets,
    sets,
    st.text(max_size=30),
)


@few
@given(states)
def test_a_state_that_is_written_reads_back(state: State) -> None:
    assert State.from_text(state.to_text()) == state


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "{}",
        "[]",
        "1",
        "null",
        '{"code": "c"}',
        EMPTY.to_text().replace('"inputs": {}', '"inputs": []'),
        EMPTY.to_text().replace('"inputs": {}', '"inputs": {"nowhere": 1}'),
        EMPTY.to_text().replace('"inputs": {}', '"inputs": {"silver.a": "x"}'),
        EMPTY.to_text().replace('"built": []', '"built": [1]'),
        EMPTY.to_text().replace('"built": []', '"built": {"a": 1}'),
        EMPTY.to_text().replace('"built": []', '"built": "packed?"'),
        EMPTY.to_text().replace('"built": []', '"built": "VE"'),
    ],
)
def test_what_is_no_state_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of any message
        State.from_text(text)


def test_ten_years_of_hours_in_any_order_stay_small() -> None:
    """Some 40 kB when every other hour is built, and less than 500 bytes when all are."""
    hours = list(TEN_YEARS.split(Grain.HOUR))
    assert len(hours) == HOURS
    random.Random(10).shuffle(hours)
    built, largest = set[int](), 0
    for step in range(0, HOURS, HOURS // 10):
        built |= {w.first for w in hours[step : step + HOURS // 10]}
        windows = Windows.of(Window(hour, hour + 1) for hour in built)
        text = replace(EMPTY, built=windows).to_text()
        assert State.from_text(text).built == windows
        largest = max(largest, len(text))
    assert 1000 < largest < 45_000
    assert len(replace(EMPTY, built=TEN_YEARS).to_text()) < 500
    assert Windows.of(hours) == TEN_YEARS


def test_hours_that_are_built_one_after_the_other_are_one_range() -> None:
    state = replace(EMPTY, inputs={named("bronze.a"): 2**62})
    for hour in random.Random(3).sample(range(500), 500):
        state = state.settled(Windows((Window(hour, hour + 1),)), NONE)
    assert state.built == Windows((Window(0, 500),))
    assert len(state.to_text()) < 500


@few
@given(sets, sets, sets, sets)
def test_what_is_built_and_not_stale_is_what_was_rebuilt_or_left_alone(
    built: Windows, stale: Windows, rebuilt: Windows, found: Windows
) -> None:
    before = replace(EMPTY, built=built, stale=stale & built)
    after = before.settled(rebuilt, found)
    assert after.built == built | rebuilt
    assert after.stale - after.built == NONE
    good = (built - before.stale - found) | rebuilt
    assert after.built - after.stale == good


def stated(*snapshots: Snapshot, of: int, main: int | None = None, text: str = "") -> Table:
    """A table with versions, and a state of one of them."""
    properties = {STATE: text or EMPTY.to_text(), STATE_OF: str(of)}
    return replace(table("silver.a", *snapshots, main=main), properties=properties)


def test_a_table_has_the_state_of_what_readers_see() -> None:
    assert state_of(stated(snapshot(1), snapshot(2, 1), of=2)) == EMPTY


def test_files_that_were_only_rewritten_have_the_state_of_before() -> None:
    rewritten = [snapshot(i, i - 1, run=None, operation="replace") for i in (3, 4)]
    assert state_of(stated(snapshot(1), snapshot(2, 1), *rewritten, of=2)) == EMPTY


@pytest.mark.parametrize("operation", ["append", "overwrite", "delete"])
@pytest.mark.parametrize("rewritten", [False, True])
def test_after_a_change_by_another_writer_nothing_is_known(operation: str, rewritten: bool) -> None:
    changes = [snapshot(3, 2, run=None, operation=operation)]
    if rewritten:
        changes.append(snapshot(4, 3, run=None, operation="replace"))
    assert state_of(stated(snapshot(1), snapshot(2, 1), *changes, of=2)) is None


def test_after_a_rollback_nothing_is_known() -> None:
    assert state_of(stated(snapshot(1), snapshot(2, 1), of=2, main=1)) is None


def test_where_history_was_cut_between_nothing_is_known() -> None:
    cut = snapshot(4, 3, run=None, operation="replace")
    assert state_of(stated(snapshot(2, 1), cut, of=2)) is None
    first = snapshot(4, None, run=None, operation="replace")
    assert state_of(stated(first, of=2)) is None


def test_the_versions_before_may_have_expired() -> None:
    assert state_of(stated(snapshot(9, 8), of=9)) == EMPTY


def test_without_a_table_or_a_state_nothing_is_known() -> None:
    assert state_of(None) is None
    assert state_of(table("silver.a")) is None
    assert state_of(table("silver.a", snapshot(1))) is None
    assert state_of(stated(of=1)) is None
    assert state_of(stated(snapshot(1), of=1, text="no state")) is None
