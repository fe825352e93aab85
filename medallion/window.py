"""Windows: half-open ranges of time in whole hours since 1970 (UTC), and sets of them.

Every grain begins and ends on whole hours, so ranges of different grains compare as they are. The
arithmetic is on whole numbers: year 1, year 9999 and the moment it ends are ordinary values.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from medallion.errors import DefinitionError

_EVER = 1 << 40  # hours: further off than any calendar that a file can hold
_TEXT = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](.+))?)?)?")
_EXAMPLES = "write 2019, 2019-01, 2019-01-31 or 2019-01-31T05:00Z"


class Grain(StrEnum):
    """How long a window is; also the transform that partitions a table by it."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"

    def ordinal(self, hour: int) -> int:
        """The number of the grain's window that holds the hour, counted from 1970."""
        if self is Grain.HOUR:
            return hour
        if self is Grain.DAY:
            return hour // 24
        year, month, _ = _date(hour // 24)
        return year - 1970 if self is Grain.YEAR else (year - 1970) * 12 + month - 1

    def first(self, ordinal: int) -> int:
        """The hour in which that window begins."""
        match self:
            case Grain.HOUR:
                return ordinal
            case Grain.DAY:
                return ordinal * 24
            case Grain.MONTH:
                return _days(1970 + ordinal // 12, ordinal % 12 + 1, 1) * 24
        return _days(1970 + ordinal, 1, 1) * 24

    def window(self, ordinal: int) -> "Window":
        """The window of that number."""
        return Window(self.first(ordinal), self.first(ordinal + 1))

    @property
    def finer(self) -> tuple["Grain", ...]:
        """The grains whose windows are shorter."""
        grains = tuple(Grain)
        return grains[: grains.index(self)]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open range of time: from the hour `first` up to, and without, the hour `past`.

    >>> window = Grain.MONTH.window(588)
    >>> print(window, window.start, window.end)
    2019-01 2019-01-01 00:00:00 2019-02-01 00:00:00
    """

    first: int
    past: int

    @property
    def start(self) -> datetime:
        """When it begins, in UTC and without a zone."""
        return datetime(*_date(self.first // 24), self.first % 24)  # documented

    @property
    def end(self) -> datetime:
        """When it has ended, in UTC and without a zone. The end of year 9999 has no `datetime`."""
        return datetime(*_date(self.past // 24), self.past % 24)  # documented

    @property
    def hour(self) -> str:
        """Its first hour, as text: `2019-01-31T05`."""
        return _show(self.first, Grain.HOUR)

    def __str__(self) -> str:
        grain = next(g for g in reversed(Grain) if self.cover(g) == self)
        first = "" if self.first == -_EVER else _show(self.first, grain)
        last = "" if self.past == _EVER else _show(self.past - 1, grain)
        if first or last:
            return first if first == last else f"{first}..{last}"
        return "all"

    def cover(self, grain: Grain) -> "Window":
        """The range that the grain's windows which it touches make together."""
        first = grain.first(grain.ordinal(self.first))
        past = grain.first(grain.ordinal(self.past - 1) + 1)
        return Window(
            self.first if self.first == -_EVER else first,
            self.past if self.past == _EVER else past,
        )

    def before(self, count: int, grain: Grain) -> "Window":
        """The range that begins so many windows of the grain earlier."""
        if self.first == -_EVER:
            return self
        return Window(grain.first(grain.ordinal(self.first) - count), self.past)

    def after(self, count: int, grain: Grain) -> "Window":
        """The range that ends so many windows of the grain later."""
        if self.past == _EVER:
            return self
        return Window(self.first, grain.first(grain.ordinal(self.past - 1) + 1 + count))

    def holds(self, other: "Window") -> bool:
        """Whether all of the other range is in this one."""
        return self.first <= other.first and other.past <= self.past

    def meets(self, other: "Window") -> bool:
        """Whether the ranges have an hour in common."""
        return max(self.first, other.first) < min(self.past, other.past)


EVER = Window(-_EVER, _EVER)


@dataclass(frozen=True, slots=True)
class Windows:
    """A set of hours, kept as ranges that are sorted, apart and not empty.

    >>> print(Windows.of([Grain.MONTH.window(588), Grain.MONTH.window(589)]))
    2019-01..2019-02
    """

    ranges: tuple[Window, ...] = ()

    @classmethod
    def of(cls, windows: Iterable[Window]) -> "Windows":
        """The hours of all the windows."""
        merged: list[Window] = []
        for window in sorted(windows):
            if merged and window.first <= merged[-1].past:
                merged[-1] = Window(merged[-1].first, max(merged[-1].past, window.past))
            elif window.first < window.past:
                merged.append(window)
        return cls(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __or__(self, other: "Windows") -> "Windows":
        return Windows.of((*self.ranges, *other.ranges))

    def __and__(self, other: "Windows") -> "Windows":
        found: list[Window] = []
        ours, theirs = iter(self.ranges), iter(other.ranges)
        a, b = next(ours, None), next(theirs, None)
        while a and b:
            if a.meets(b):
                found.append(Window(max(a.first, b.first), min(a.past, b.past)))
            if a.past <= b.past:
                a = next(ours, None)
            else:
                b = next(theirs, None)
        return Windows(tuple(found))

    def __sub__(self, other: "Windows") -> "Windows":
        edges = [-_EVER, *(edge for w in other.ranges for edge in (w.first, w.past)), _EVER]
        gaps = (Window(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)
        return self & Windows(tuple(gaps))

    def __str__(self) -> str:
        return ", ".join(map(str, self.ranges)) or "none"

    def meets(self, window: Window) -> bool:
        """Whether the window has an hour in common with the set."""
        # The last range that begins before the window ends reaches furthest.
        before = bisect_left(self.ranges, window.past, key=lambda r: r.first)
        return before > 0 and self.ranges[before - 1].meets(window)

    def cover(self, grain: Grain) -> "Windows":
        """The grain's windows that the set touches."""
        return Windows.of(w.cover(grain) for w in self.ranges)

    def after(self, count: int, grain: Grain) -> "Windows":
        """The set, and as many windows of the grain after each of its ranges."""
        return Windows.of(w.after(count, grain) for w in self.ranges)

    def split(self, grain: Grain) -> Iterator[Window]:
        """The grain's windows that the set touches, in order."""
        for window in self.cover(grain).ranges:
            for ordinal in range(grain.ordinal(window.first), grain.ordinal(window.past - 1) + 1):
                yield grain.window(ordinal)

    def count(self, grain: Grain) -> int:
        """How many of the grain's windows the set touches."""
        return sum(
            grain.ordinal(w.past - 1) - grain.ordinal(w.first) + 1 for w in self.cover(grain).ranges
        )


ALL = Windows((EVER,))
NONE = Windows()


def parse_range(start: str | None, end: str | None) -> Window:
    """The range from `start` to `end`; an open side is without limit.

    A bare year, month or day is all of it, also as the end. A moment is a whole hour; one without a
    zone is UTC.

    Raises:
        DefinitionError: a text is no time or no whole hour, or the range is empty.
    """
    first = EVER.first if start is None else _parse(start).first
    past = EVER.past if end is None else _end(end)
    if first >= past:
        raise DefinitionError(
            f"--start {start} is not before --end {end}", hint="bare end dates are inclusive"
        )
    return Window(first, past)


def _end(text: str) -> int:
    window = _parse(text)
    # A moment is where the range ends; a date is part of it.
    return window.first if len(text.strip()) > len("2019-01-31") else window.past


def _parse(text: str) -> Window:
    found = _TEXT.fullmatch(text.strip())
    year, month, day, time = found.groups() if found else (None,) * 4
    if year is None:
        raise DefinitionError(f"{text!r} is no time", hint=_EXAMPLES)
    try:
        if time:
            hour = _moment(text.strip())
            return Window(hour, hour + 1)
        first = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    except ValueError as error:
        raise DefinitionError(f"{text!r} is no time: {error}", hint=_EXAMPLES) from None
    grain = Grain.DAY if day else Grain.MONTH if month else Grain.YEAR
    hours = _days(first.year, first.month, first.day) * 24
    return Window(hours, hours + 1).cover(grain)


def _moment(text: str) -> int:
    """The hour that begins at that moment; a `ValueError` where none does."""
    moment = datetime.fromisoformat(text)
    clock = timedelta(0, moment.second, moment.microsecond, 0, moment.minute, moment.hour)
    hours, rest = divmod(clock - (moment.utcoffset() or timedelta()), timedelta(hours=1))
    if rest:
        raise ValueError("windows begin and end on whole hours of UTC")
    return _days(moment.year, moment.month, moment.day) * 24 + hours


def _show(hour: int, grain: Grain) -> str:
    year, month, day = _date(hour // 24)
    parts = f"{year:04}-{month:02}-{day:02}T{hour % 24:02}"
    return parts[: {"year": -9, "month": -6, "day": -3, "hour": None}[grain]]


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a day of the proleptic Gregorian calendar, in any year."""
    # The year begins in March here, so that a leap day is its last.
    year -= month <= 2
    of_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + of_year - 719_468


def _date(days: int) -> tuple[int, int, int]:
    """The year, month and day of the inverse."""
    cycle, of_cycle = divmod(days + 719_468, 146_097)
    year = (of_cycle - of_cycle // 1460 + of_cycle // 36524 - of_cycle // 146096) // 365
    of_year = of_cycle - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = (shifted + 2) % 12 + 1
    return year + cycle * 400 + (month <= 2), month, day
