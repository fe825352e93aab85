"""Windows of time: their arithmetic, their sets, and how they are written and read."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medallion.errors import DefinitionError
from medallion.window import ALL, EVER, NONE, Grain, Window, Windows, parse_range

GRAINS = tuple(Grain)
EPOCH = datetime(1970, 1, 1)
HOUR = timedelta(hours=1)
SMALL = 30  # hours to each side of 1970 that the sets of these tests are about
BEGIN = (datetime(1, 1, 1) - EPOCH) // HOUR
LAST = (datetime(9999, 12, 31, 23) - EPOCH) // HOUR
CYCLE = 146_097 * 24  # the hours of 400 years, after which the calendar repeats
EDGE = 4_000_000_000  # hours: about 450,000 years

grains = st.sampled_from(GRAINS)
hours = st.integers(-EDGE, EDGE)
moments = st.datetimes().map(lambda at: at.replace(minute=0, second=0, microsecond=0))


@st.composite
def _windows(draw: st.DrawFn, least: int = -SMALL, most: int = SMALL) -> Window:
    first = draw(st.integers(least, most - 1))
    return Window(first, draw(st.integers(first + 1, most)))


@st.composite
def _sides(draw: st.DrawFn) -> Window:
    """A small window, or one that is open on a side or on both."""
    window = draw(_windows())
    first = draw(st.sampled_from([window.first, EVER.first]))
    return Window(first, draw(st.sampled_from([window.past, EVER.past])))


sets = st.lists(_windows(), max_size=6).map(Windows.of)
open_sets = st.lists(_sides(), max_size=4).map(Windows.of)


def held(windows: Windows) -> set[int]:
    """The hours of a set near 1970, and one far to each side."""
    near = (-EDGE, *range(-SMALL - 2, SMALL + 2), EDGE)
    return {hour for hour in near if any(w.first <= hour < w.past for w in windows.ranges)}


def proper(windows: Windows) -> bool:
    """Whether no range is empty, and each begins after a gap."""
    ranges = windows.ranges
    return all(w.first < w.past for w in ranges) and all(
        a.past < b.first for a, b in pairwise(ranges)
    )


def at(text: str) -> int:
    """The hour of an ISO date or time."""
    return (datetime.fromisoformat(text) - EPOCH) // HOUR


def of_days(first: str, past: str) -> Window:
    return Window(at(first), at(past))


# Sets


@given(st.lists(st.tuples(st.integers(-SMALL, SMALL), st.integers(-SMALL, SMALL))))
def test_a_set_has_the_hours_of_its_windows(pairs: list[tuple[int, int]]) -> None:
    """In any order, touching, within each other, empty or reversed."""
    made = Windows.of(Window(a, b) for a, b in pairs)

    assert held(made) == {hour for a, b in pairs for hour in range(a, b)}
    assert proper(made)
    assert bool(made) == any(a < b for a, b in pairs)


@given(open_sets, open_sets)
def test_sets_of_windows_are_sets_of_hours(a: Windows, b: Windows) -> None:
    for made, hours in [
        (a | b, held(a) | held(b)),
        (a & b, held(a) & held(b)),
        (a - b, held(a) - held(b)),
    ]:
        assert held(made) == hours
        assert proper(made)


@given(open_sets, open_sets)
def test_equal_hours_are_equal_sets(a: Windows, b: Windows) -> None:
    assert (a == b) == (held(a) == held(b))
    assert (a - b) | (a & b) == a
    assert a - (a - b) == a & b == b & a
    assert ALL - (a | b) == (ALL - a) & (ALL - b)


@given(open_sets)
def test_all_and_none_are_the_ends_of_the_algebra(a: Windows) -> None:
    assert a | NONE == a & ALL == a - NONE == ALL - (ALL - a) == a
    assert a & NONE == a - ALL == a - a == NONE
    assert a | ALL == a | (ALL - a) == ALL


@given(open_sets, st.tuples(st.integers(-SMALL, SMALL), st.integers(-SMALL, SMALL)))
def test_a_window_meets_a_set_if_they_share_an_hour(a: Windows, pair: tuple[int, int]) -> None:
    """An empty window meets nothing."""
    window = Window(*pair)
    shared = bool(held(a) & set(range(*pair)))

    assert a.meets(window) == any(w.meets(window) for w in a.ranges) == shared
    assert any(window.meets(w) for w in a.ranges) == shared


@given(_windows(), _windows())
def test_a_window_holds_another_whose_hours_it_has(a: Window, b: Window) -> None:
    assert a.holds(b) == (set(range(a.first, a.past)) >= set(range(b.first, b.past)))
    assert EVER.holds(a)


def test_a_middle_taken_out_leaves_both_sides() -> None:
    year, march = Windows.of([Grain.YEAR.window(49)]), Windows.of([Grain.MONTH.window(590)])

    assert str(year - march) == "2019-01..2019-02, 2019-04..2019-12"
    assert str(ALL - march) == "..2019-02, 2019-04.."
    assert (year - march) | march == year


# Grains


@given(grains, hours)
@example(Grain.MONTH, BEGIN)
@example(Grain.YEAR, LAST + 1)
def test_every_hour_is_in_the_window_of_its_number(grain: Grain, hour: int) -> None:
    """In any year, also before year 1 and after 9999."""
    number = grain.ordinal(hour)
    window = grain.window(number)

    assert window.first <= hour < window.past
    assert window.first == grain.first(number)
    assert window.past == grain.first(number + 1)
    assert grain.ordinal(window.first) == grain.ordinal(window.past - 1) == number


@given(grains, hours, hours)
def test_later_hours_have_no_smaller_numbers(grain: Grain, a: int, b: int) -> None:
    a, b = sorted((a, b))

    assert grain.ordinal(a) <= grain.ordinal(b)
    assert grain.first(a // 10_000) <= grain.first(b // 10_000)


@given(moments)
@example(datetime(1, 1, 1))
@example(datetime(1900, 2, 28, 23))
@example(datetime(1969, 12, 31, 23))
@example(datetime(2000, 2, 29))
@example(datetime(2000, 12, 31, 23))
@example(datetime(9999, 12, 31, 23))
def test_numbers_are_those_of_the_calendar(moment: datetime) -> None:
    hour = (moment - EPOCH) // HOUR
    months = (moment.year - 1970) * 12 + moment.month - 1
    found = [grain.ordinal(hour) for grain in (Grain.YEAR, Grain.MONTH, Grain.DAY, Grain.HOUR)]

    assert found == [moment.year - 1970, months, (moment - EPOCH).days, hour]
    assert Window(hour, hour + 1).start == moment
    assert Grain.DAY.window(hour // 24).start == moment.replace(hour=0)
    assert Grain.MONTH.window(months).start == moment.replace(day=1, hour=0)
    assert Grain.YEAR.window(moment.year - 1970).start == moment.replace(month=1, day=1, hour=0)


@given(hours)
def test_the_calendar_repeats_after_400_years(hour: int) -> None:
    """So what holds of the years that `datetime` knows holds of all others."""
    assert Grain.YEAR.ordinal(hour + CYCLE) == Grain.YEAR.ordinal(hour) + 400
    assert Grain.MONTH.ordinal(hour + CYCLE) == Grain.MONTH.ordinal(hour) + 4800


@pytest.mark.parametrize(
    ("year", "month", "days"),
    [
        (1900, 2, 28),
        (2000, 2, 29),
        (2019, 2, 28),
        (2020, 2, 29),
        (2100, 2, 28),
        (2019, 1, 31),
        (2019, 4, 30),
        (2019, 12, 31),
        (0, 2, 29),
        (-1, 2, 28),
        (-4, 2, 29),
        (10_000, 2, 29),
        (10_000, 12, 31),
    ],
)
def test_a_month_has_its_days(year: int, month: int, days: int) -> None:
    window = Grain.MONTH.window((year - 1970) * 12 + month - 1)

    assert window.past - window.first == days * 24
    assert Grain.YEAR.ordinal(window.first) == Grain.YEAR.ordinal(window.past - 1) == year - 1970


@pytest.mark.parametrize(("year", "days"), [(1900, 365), (2000, 366), (2019, 365), (2020, 366)])
def test_a_year_has_its_days(year: int, days: int) -> None:
    window = Grain.YEAR.window(year - 1970)

    assert window.past - window.first == days * 24
    assert (window.start, window.end) == (datetime(year, 1, 1), datetime(year + 1, 1, 1))


def test_the_year_9999_ends_where_no_datetime_is() -> None:
    window = Grain.YEAR.window(9999 - 1970)

    assert (window.start, window.past) == (datetime(9999, 1, 1), LAST + 1)
    assert Grain.YEAR.ordinal(window.past) == 10_000 - 1970
    with pytest.raises(ValueError, match="10000"):
        _ = window.end


def test_finer_grains_have_shorter_windows() -> None:
    assert [grain.finer for grain in GRAINS] == [GRAINS[:length] for length in range(4)]


# Covering and moving


@given(grains, st.lists(_windows(-2000, 2000), max_size=4).map(Windows.of))
def test_cover_split_and_count_agree(grain: Grain, windows: Windows) -> None:
    touched = {grain.ordinal(hour) for w in windows.ranges for hour in range(w.first, w.past)}
    split = list(windows.split(grain))
    covered = windows.cover(grain)

    assert split == [grain.window(number) for number in sorted(touched)]
    assert windows.count(grain) == len(split)
    assert covered == Windows.of(split)
    assert covered == covered.cover(grain)
    assert covered.count(grain) == len(split)
    assert windows - covered == NONE
    assert proper(covered)


@given(grains, _sides())
def test_an_open_side_stays_open(grain: Grain, window: Window) -> None:
    covered = window.cover(grain)

    assert (covered.first == EVER.first) == (window.first == EVER.first)
    assert (covered.past == EVER.past) == (window.past == EVER.past)
    assert covered.holds(window)
    assert window.before(1, grain).holds(window)
    assert window.after(1, grain).holds(window)


@pytest.mark.parametrize("grain", GRAINS)
def test_all_of_time_is_not_moved_or_widened(grain: Grain) -> None:
    assert EVER.cover(grain) == EVER.before(3, grain) == EVER.after(3, grain) == EVER
    assert ALL.cover(grain) == ALL.after(3, grain) == ALL
    assert next(Windows.of([Window(0, EVER.past)]).split(grain)) == grain.window(0)


@given(grains, st.integers(-3000, 3000), st.integers(0, 5), st.integers(0, 40))
def test_so_many_windows_come_before_and_after(
    grain: Grain, number: int, more: int, count: int
) -> None:
    window = Window(grain.first(number), grain.first(number + 1 + more))

    assert window.before(count, grain) == Window(grain.first(number - count), window.past)
    assert window.after(count, grain) == Window(
        window.first, grain.first(number + 1 + more + count)
    )


def test_a_window_in_the_middle_of_a_day_reaches_to_whole_days() -> None:
    window = Window(at("2019-03-01T05:00"), at("2019-03-01T07:00"))

    assert window.before(0, Grain.DAY).start == datetime(2019, 3, 1)
    assert window.before(1, Grain.DAY).start == datetime(2019, 2, 28)
    assert window.after(0, Grain.DAY).end == datetime(2019, 3, 2)
    assert window.after(1, Grain.MONTH).end == datetime(2019, 5, 1)


def test_ranges_that_grow_into_each_other_become_one() -> None:
    january, march, june = (Grain.MONTH.window(588 + month) for month in (0, 2, 5))

    assert str(Windows.of([january, march, june]).after(1, Grain.MONTH)) == (
        "2019-01..2019-04, 2019-06..2019-07"
    )


# Text


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (of_days("2019-01-01", "2020-01-01"), "2019"),
        (of_days("2019-01-01", "2021-01-01"), "2019..2020"),
        (of_days("2019-01-01", "2019-02-01"), "2019-01"),
        (of_days("2019-01-01", "2019-03-01"), "2019-01..2019-02"),
        (of_days("2019-11-01", "2020-02-01"), "2019-11..2020-01"),
        (of_days("2020-02-29", "2020-03-01"), "2020-02-29"),
        (of_days("2019-01-01", "2019-02-15"), "2019-01-01..2019-02-14"),
        (of_days("2019-01-15", "2020-01-01"), "2019-01-15..2019-12-31"),
        (of_days("2019-01-31T05:00", "2019-01-31T06:00"), "2019-01-31T05"),
        (of_days("2019-01-01", "2019-01-02T01:00"), "2019-01-01T00..2019-01-02T00"),
        (Window(EVER.first, at("2019-01-01")), "..2018"),
        (Window(at("2019-01-01"), EVER.past), "2019.."),
        (Window(at("2019-02-01"), EVER.past), "2019-02.."),
        (Window(EVER.first, at("2019-01-31T05:00")), "..2019-01-31T04"),
        (EVER, "all"),
        (Grain.YEAR.window(1 - 1970), "0001"),
        (Grain.MONTH.window((1 - 1970) * 12), "0001-01"),
        (Window(BEGIN, BEGIN + 1), "0001-01-01T00"),
        (Grain.YEAR.window(9999 - 1970), "9999"),
        (Window(LAST, LAST + 1), "9999-12-31T23"),
        (Window(LAST + 1, LAST + 25), "10000-01-01"),
        (Window(BEGIN - 1, BEGIN), "0000-12-31T23"),
    ],
)
def test_a_range_reads_as_its_first_and_last_window(window: Window, text: str) -> None:
    """In the longest grain whose windows make it up."""
    assert str(window) == text
    assert str(Windows.of([window])) == text


def test_a_set_reads_as_its_ranges() -> None:
    hour = of_days("2019-03-05T04:00", "2019-03-05T05:00")

    assert (str(ALL), str(NONE)) == ("all", "none")
    assert str(Windows.of([hour, Grain.YEAR.window(40), Grain.MONTH.window(588)])) == (
        "2010, 2019-01, 2019-03-05T04"
    )


@given(st.sampled_from(GRAINS[1:]), moments, st.integers(0, 40))
def test_a_range_of_dates_that_is_written_reads_back(
    grain: Grain, moment: datetime, more: int
) -> None:
    first = grain.ordinal((moment - EPOCH) // HOUR)
    past = min(grain.first(first + 1 + more), LAST + 1)
    window = Window(grain.first(first), past)
    start, _, end = str(window).partition("..")

    assert parse_range(start, end or start) == window


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        ("2019", "2019", of_days("2019-01-01", "2020-01-01")),
        ("2019-02", "2019-02", of_days("2019-02-01", "2019-03-01")),
        ("2020-02-29", "2020-02-29", of_days("2020-02-29", "2020-03-01")),
        ("2019", "2019-02", of_days("2019-01-01", "2019-03-01")),
        ("2019-01-31", "2020", of_days("2019-01-31", "2021-01-01")),
        (" 2019 ", " 2019 ", of_days("2019-01-01", "2020-01-01")),
        ("0001", "9999", Window(BEGIN, LAST + 1)),
        ("2019-01", None, Window(at("2019-01-01"), EVER.past)),
        (None, "2019-01", Window(EVER.first, at("2019-02-01"))),
        (None, None, EVER),
    ],
)
def test_a_bare_date_is_all_of_it(start: str | None, end: str | None, window: Window) -> None:
    assert parse_range(start, end) == window


@pytest.mark.parametrize(
    "moment",
    [
        "2019-01-31T05:00",
        "2019-01-31 05:00",
        "2019-01-31T05",
        "2019-01-31 05",
        " 2019-01-31 05 ",
        "2019-01-31T0500",
        "2019-01-31T05:00:00.000000",
        "2019-01-31T05:00Z",
        "2019-01-31 05Z",
        "2019-01-31T05:00+00:00",
        "2019-01-31T06:00+01:00",
        "2019-01-30T22:00-07:00",
        "2019-01-31T10:30+05:30",
    ],
)
def test_a_moment_begins_a_range_and_is_where_one_ends(moment: str) -> None:
    hour = at("2019-01-31T05:00")

    assert parse_range(moment, None) == Window(hour, EVER.past)
    assert parse_range(None, moment) == Window(EVER.first, hour)
    assert parse_range("2019-01-31T04:00Z", moment) == Window(hour - 1, hour)


def test_a_night_of_summer_time_has_the_hours_between_its_offsets() -> None:
    """Clocks went from 02:00+01:00 to 03:00+02:00; a day of UTC has 24 hours none the less."""
    gone = at("2019-03-31T01:00")

    assert parse_range("2019-03-31T01:00+01:00", "2019-03-31T01:00+00:00") == Window(gone - 1, gone)
    assert parse_range("2019-03-31T02:00+01:00", "2019-03-31T04:00+02:00") == Window(gone, gone + 1)
    day = parse_range("2019-03-31", "2019-03-31")
    assert day.past - day.first == 24


def test_offsets_reach_out_of_the_years_that_datetimes_have() -> None:
    window = parse_range("0001-01-01T00:00+05:00", "9999-12-31T23:00-05:00")

    assert window == Window(BEGIN - 5, LAST + 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2019-01-31T05:00+05:30", "whole hours of UTC"),
        ("2019-01-31T05:30", "whole hours of UTC"),
        ("2019-01-31T05:30:00Z", "whole hours of UTC"),
        ("2019-01-31T05:00:01", "whole hours of UTC"),
        ("2019-01-31T05:00:00.000001", "whole hours of UTC"),
        ("2019-01-31T05:00+00:00:20", "whole hours of UTC"),
        ("2019-02-30", "day"),
        ("1900-02-29", "day"),
        ("2019-13", "month"),
        ("2019-00", "month"),
        ("0000", "year"),
        ("2019-01-31T25:00", "hour"),
        ("2019-01-31T05:00 sharp", "format"),
        ("2019-01-31T", "no time"),
        ("2019-1", "no time"),
        ("2019-W05", "no time"),
        ("10000", "no time"),
        ("-2019", "no time"),
        ("2019..2020", "no time"),
        ("yesterday", "no time"),
        ("", "no time"),
    ],
)
def test_what_is_no_time_is_refused_on_either_side(text: str, reason: str) -> None:
    for start, end in ((text, None), (None, text)):
        with pytest.raises(DefinitionError, match=reason) as raised:
            parse_range(start, end)
        assert repr(text) in raised.value.message
        assert "2019-01-31T05:00Z" in raised.value.hint


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2020", "2019"),
        ("2019-02", "2019-01"),
        ("2019-02-01", "2019-01"),
        ("2019-01-31T05:00Z", "2019-01-31T05:00Z"),
        ("2019-01-31 05", "2019-01-31 05"),
        ("2019-01-01", "2019-01-01T00:00"),
        ("2019-01-31T05:00Z", "2019-01-31T06:00+01:00"),
    ],
)
def test_a_range_without_an_hour_is_refused(start: str, end: str) -> None:
    with pytest.raises(DefinitionError, match="is not before") as raised:
        parse_range(start, end)
    assert start in raised.value.message
    assert end in raised.value.message


@given(moments, moments)
def test_the_texts_of_any_two_moments_make_their_range_or_none(a: datetime, b: datetime) -> None:
    window = Window((a - EPOCH) // HOUR, (b - EPOCH) // HOUR)
    if a < b:
        assert parse_range(a.isoformat(), b.isoformat()) == window
    else:
        with pytest.raises(DefinitionError):
            parse_range(a.isoformat(), b.isoformat())


def texts(windows: Iterable[Window]) -> list[str]:
    return [str(window) for window in windows]


def test_a_range_is_split_into_the_windows_it_touches() -> None:
    window = parse_range("2019-12-31T23:00", "2020-01-01T01:00")
    both = Windows.of([window])

    assert texts(both.split(Grain.HOUR)) == ["2019-12-31T23", "2020-01-01T00"]
    assert texts(both.split(Grain.DAY)) == ["2019-12-31", "2020-01-01"]
    assert texts(both.split(Grain.MONTH)) == ["2019-12", "2020-01"]
    assert texts(both.split(Grain.YEAR)) == ["2019", "2020"]
