"""What a model needs, decided from facts: its state, what changed, what was asked for."""

from dataclasses import replace
from typing import Any

import pytest
from core.examples import few, model, named
from hypothesis import given
from hypothesis import strategies as st

from medallion import day
from medallion.declaration import Strategy
from medallion.ledger import Arrivals, Entry
from medallion.need import (
    Need,
    Request,
    gone_warning,
    need_dict,
    need_of_all,
    need_of_landed,
    need_of_windows,
    shown_windows,
)
from medallion.source import Stamp
from medallion.state import State
from medallion.window import ALL, NONE, Grain, Window, Windows, parse_range

DAILY = model("silver.a", partition_by=(day("t"),), time_column="t", strategy=Strategy.WINDOW)
WHOLE, MERGED = model("silver.a"), model("silver.a", strategy=Strategy.MERGE, unique_key=("id",))
BUILT = State("c0", "s0", {})
ANY = Request()
OLD, AGAIN = Request(forward_only=True), Request(again=True)
REFRESH = Request(full_refresh=True)


def days(first: int, last: int | None = None) -> Windows:
    """A range of days of January 2019."""
    return Windows((parse_range(f"2019-01-{first:02}", f"2019-01-{last or first:02}"),))


def asked(first: int, last: int) -> Request:
    """What a build of these days asks for."""
    return Request(days(first, last).ranges[0])


def of_windows(
    state: State | None, request: Request = ANY, code: str = "c0", **changed: Windows
) -> Need:
    """What the daily model needs."""
    return need_of_windows(DAILY, state, code, changed, request)


def test_a_new_table_needs_everything() -> None:
    need = of_windows(None)
    assert (need.windows, need.stale, need.reasons, need.anew) == (ALL, NONE, ("new",), True)


def test_of_a_new_table_only_some_windows_may_be_asked_for() -> None:
    need = of_windows(None, asked(2, 3))
    assert (need.windows, need.reasons, need.anew) == (days(2, 3), ("new",), False)


def test_what_is_up_to_date_needs_nothing() -> None:
    assert of_windows(BUILT, a=NONE) == Need()
    assert of_windows(BUILT).idle
    assert not of_windows(BUILT).builds


def test_an_input_that_changed_makes_those_windows_stale() -> None:
    hours = Windows((Window(days(3).ranges[0].first + 5, days(4).ranges[0].first + 1),))
    need = of_windows(BUILT, a=hours, b=NONE)
    assert need.windows == need.stale == days(3, 4)
    assert need.reasons == ("a changed in 2 windows",)
    assert not need.anew


def test_all_of_an_input_may_have_changed() -> None:
    need = of_windows(BUILT, a=ALL)
    assert (need.windows, need.reasons, need.anew) == (ALL, ("a changed",), True)


def test_windows_after_a_change_look_back_at_it() -> None:
    need = need_of_windows(replace(DAILY, lookback=2), BUILT, "c0", {"a": days(3)}, Request())
    assert need.windows == days(3, 5)


def test_changed_code_makes_all_that_is_built_stale() -> None:
    state = replace(BUILT, built=days(1, 9))
    need = of_windows(state, asked(5, 12), "c1")
    assert need.stale == days(1, 9)
    assert need.windows == days(5, 12)
    assert need.reasons == ("code changed", "windows are missing")


def test_older_code_may_be_accepted() -> None:
    need = of_windows(BUILT, OLD, "c1", a=days(3))
    assert (need.windows, need.settles) == (days(3), True)
    assert of_windows(BUILT, OLD).settles is False
    assert of_windows(BUILT, OLD, "c1").idle is False


def test_what_was_left_out_of_date_is_still_to_be_done() -> None:
    state = replace(BUILT, stale=days(2, 3))
    assert of_windows(state).reasons == ("was left out of date",)
    assert of_windows(state).windows == days(2, 3)
    assert of_windows(state, asked(3, 3), a=days(5)).windows == days(3)
    assert of_windows(state, asked(3, 3), a=days(5)).stale == days(2, 3) | days(5)


def test_what_changed_outside_of_what_was_asked_for_is_noted_as_stale() -> None:
    need = of_windows(BUILT, asked(1, 2), a=days(5))
    assert (need.windows, need.stale, need.reasons) == (NONE, days(5), ())
    assert need.idle


def test_what_is_not_built_yet_is_not_stale_but_missing() -> None:
    need = of_windows(replace(BUILT, built=days(1, 3)), a=days(9))
    assert need.stale == NONE
    assert need.windows == ALL - days(1, 3)
    assert need.reasons == ("windows are missing",)


@pytest.mark.parametrize(("request_", "reason"), [(AGAIN, "asked for"), (REFRESH, "full refresh")])
def test_windows_can_be_built_in_any_case(request_: Request, reason: str) -> None:
    need = of_windows(BUILT, request_)
    assert (need.windows, need.reasons, need.anew) == (ALL, (reason,), True)


def test_a_range_is_built_in_whole_windows() -> None:
    hour = Window(days(3).ranges[0].first + 5, days(3).ranges[0].first + 6)
    assert of_windows(BUILT, Request(hour, again=True)).windows == days(3)


ranges = st.integers(-50, 50).flatmap(
    lambda n: st.integers(1, 40).map(lambda size: Window(n, n + size))
)
sets = st.one_of(st.just(ALL), st.just(NONE), st.lists(ranges, max_size=4).map(Windows.of))


@few
@given(sets, sets, sets, ranges, st.booleans(), st.booleans())
def test_what_is_asked_for_is_good_afterwards(
    built: Windows, stale: Windows, changed: Windows, range: Window, code: bool, again: bool
) -> None:
    """And what is not asked for is as good or bad as it was found."""
    built, grain = built.cover(Grain.DAY), Grain.DAY
    before = replace(BUILT, built=built, stale=stale.cover(grain) & built)
    request = Request(range, again=again)
    need = of_windows(before, request, "c1" if code else "c0", a=changed)
    within = Windows((range.cover(grain),))
    assert need.windows - within == NONE
    after = replace(before, code="c0").settled(need.windows, need.stale)
    assert within - (after.built - after.stale) == NONE
    bad = built if code else before.stale | (changed.cover(grain) & built)
    assert after.stale == bad - within
    assert of_windows(after, request).windows == (within if again else NONE)


@pytest.mark.parametrize(
    ("declared", "state", "request_", "code", "changed", "reasons", "anew"),
    [
        (WHOLE, None, Request(), "c0", NONE, ("new",), True),
        (WHOLE, BUILT, Request(), "c0", NONE, (), True),
        (WHOLE, BUILT, Request(), "c1", NONE, ("code changed",), True),
        (WHOLE, BUILT, Request(), "c0", days(1), ("a changed",), True),
        (WHOLE, BUILT, Request(), "c1", ALL, ("code changed", "a changed"), True),
        (WHOLE, BUILT, REFRESH, "c1", ALL, ("full refresh",), True),
        (WHOLE, replace(BUILT, stale=ALL), OLD, "c0", NONE, ("was left out of date",), True),
        (MERGED, None, Request(), "c0", NONE, ("new",), True),
        (MERGED, BUILT, Request(), "c1", NONE, ("code changed",), False),
        (MERGED, BUILT, REFRESH, "c0", NONE, ("full refresh",), True),
    ],
)
def test_a_table_without_windows_is_built_whole_or_not_at_all(
    declared: Any,
    state: State | None,
    request_: Request,
    code: str,
    changed: Windows,
    reasons: tuple[str, ...],
    anew: bool,
) -> None:
    need = need_of_all(declared, state, code, {"a": changed}, request_)
    assert need.reasons == reasons
    assert need.windows == need.filled == (ALL if reasons else NONE)
    assert (need.anew, need.settles, need.idle) == (anew, False, not reasons)


@pytest.mark.parametrize("declared", [WHOLE, MERGED])
def test_older_code_of_a_whole_table_may_be_accepted(declared: Any) -> None:
    need = need_of_all(declared, BUILT, "c1", {"a": NONE}, OLD)
    assert (need.windows, need.settles) == (NONE, True)
    changed = need_of_all(declared, BUILT, "c1", {"a": ALL}, OLD)
    assert (changed.windows, changed.settles) == (ALL, False)


ENTRIES = {name: Entry(Stamp(1, 1), name) for name in ("a", "b")}
NOTHING = Arrivals(entries=ENTRIES)
NEW, CHANGED = replace(NOTHING, new=("b",)), replace(NOTHING, again=("a",))
GONE = replace(NOTHING, gone=("c",))


def of_landed(
    arrivals: Arrivals,
    state: State | None = BUILT,
    strategy: str = "append",
    code: str = "c0",
    request: Request = ANY,
) -> Need:
    """What a source needs."""
    declared = model("bronze.a", strategy=Strategy(strategy))
    return need_of_landed(declared, state, code, arrivals, request)


@pytest.mark.parametrize(
    ("arrivals", "reasons"),
    [
        (NOTHING, ()),
        (GONE, ()),
        (NEW, ("1 new file",)),
        (CHANGED, ("1 changed file",)),
        (replace(NOTHING, new=("a", "b")), ("2 new files",)),
        (replace(NEW, again=("a",), gone=("c",)), ("1 new file", "1 changed file")),
    ],
)
def test_what_landed_is_taken_and_no_more(arrivals: Arrivals, reasons: tuple[str, ...]) -> None:
    need = of_landed(arrivals)
    assert (need.reasons, need.arrivals, need.anew) == (reasons, arrivals, False)
    assert need.windows == (ALL if reasons else NONE)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"state": None}, "new"),
        ({"code": "c1"}, "code changed"),
        ({"request": REFRESH}, "full refresh"),
        ({"state": None, "strategy": "full"}, "new"),
    ],
)
@pytest.mark.parametrize("arrivals", [NOTHING, NEW, CHANGED])
def test_all_files_may_have_to_be_taken(
    arrivals: Arrivals, options: dict[str, Any], reason: str
) -> None:
    need = of_landed(arrivals, **options)
    assert need.reasons == (reason,)
    assert need.arrivals == replace(NOTHING, again=("a", "b"))
    assert need.anew is (reason != "new" or "strategy" in options)


def test_rows_of_files_that_are_gone_stay_when_the_code_changes() -> None:
    need = of_landed(GONE, code="c1")
    assert (need.reasons, need.anew) == (("code changed",), False)
    assert need.arrivals == replace(GONE, again=("a", "b"))


@pytest.mark.parametrize("options", [{"strategy": "full"}, {"request": REFRESH}])
def test_rows_of_files_that_are_gone_are_dropped_if_that_is_said(options: dict[str, Any]) -> None:
    """Nothing is said of files whose rows are kept then."""
    need = of_landed(GONE, **options)
    assert (need.windows, need.anew) == (ALL, True)
    assert need.arrivals == replace(NOTHING, again=("a", "b"))


def test_older_code_of_a_source_may_be_accepted() -> None:
    assert of_landed(NOTHING, code="c1", request=OLD).settles
    assert of_landed(NEW, code="c1", request=OLD).arrivals == NEW


def test_windows_are_shown_where_a_table_has_some() -> None:
    need = Need(filled=days(1, 3) | days(9), reasons=("new",))
    assert shown_windows(need, DAILY) == ["2019-01-01..2019-01-03", "2019-01-09"]
    assert shown_windows(need, WHOLE) == []
    assert shown_windows(Need(filled=ALL), DAILY) == []
    assert need_dict(need, DAILY) == {
        "reasons": ["new"],
        "windows": ["2019-01-01..2019-01-03", "2019-01-09"],
        "files": 0,
        "rows": 0,
        "bytes": 0,
        "audit_only": False,
    }
    assert need_dict(Need(audits=True), DAILY)["audit_only"]


def test_files_that_are_gone_are_named_as_far_as_there_are_few() -> None:
    name = named("bronze.a")
    assert gone_warning(name, ["x"]) == "bronze.a: 1 landed file is gone, its rows are kept: x"
    assert gone_warning(name, "abcd") == (
        "bronze.a: 4 landed files are gone, their rows are kept: a, b, c, …"
    )
