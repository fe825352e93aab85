"""Windows at the odd places of the calendar: nights of summer time, leap days, the ends of time."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.flows import build, by_window, data_files, land, landing, parts, states
from support.projects import rows, write

from medallion.report import State

COPY = "select id, happened from bronze.events"
ODD = [
    datetime(1, 1, 1),
    datetime(1, 1, 1, 0, 59, 59, 999999),
    datetime(1, 1, 31, 23),
    datetime(1900, 2, 28, 23, 59, 59, 999999),  # 1900 has no leap day
    datetime(1900, 3, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(1970, 1, 1),
    datetime(2000, 2, 29, 12),
    datetime(2019, 12, 31, 23, 59, 59, 999999),
    datetime(2020, 1, 1),
    datetime(2020, 2, 28, 23, 59, 59),
    datetime(2020, 2, 29),
    datetime(2020, 2, 29, 23, 59, 59, 999999),
    datetime(2020, 3, 1),
    datetime(9999, 11, 30, 23),
    datetime(9999, 12, 31, 22, 59, 59, 999999),
    datetime(9999, 12, 31, 23),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
]
_LENGTHS = {"year": 1, "month": 2, "day": 3, "hour": 4}


def windows(moments: list[datetime], grain: str) -> Counter[tuple[int, ...]]:
    """How many of the moments each window holds."""
    return Counter(m.timetuple()[: _LENGTHS[grain]] for m in moments)


@pytest.mark.parametrize(
    ("type", "grain"),
    [
        *((type, grain) for type in ("timestamp", "timestamptz") for grain in _LENGTHS),
        *(("date", grain) for grain in ("day", "month", "year")),
    ],
)
def test_rows_at_the_odd_places_of_the_calendar_are_in_their_windows(
    tmp_path: Path, type: str, grain: str
) -> None:
    """A late row beside each rebuilds that window alone."""
    zone = "Z" if type == "timestamptz" else ""
    text = [f"{m.date()}" if type == "date" else f"{m.isoformat(' ')}{zone}" for m in ODD]
    counted = "select id, happened, count(*) over () as n from bronze.events"
    write(tmp_path, landing("year", type) | by_window("silver", "events", counted, grain))
    land(tmp_path, "all", enumerate(text))
    expected = windows(ODD, grain)
    assert parts(build(tmp_path)) == {"bronze.events": 1, "silver.events": len(expected)}
    found = {r["id"]: r["n"] for r in rows(tmp_path, "silver.events")}
    assert found == {i: expected[m.timetuple()[: _LENGTHS[grain]]] for i, m in enumerate(ODD)}

    before = data_files(tmp_path, "silver.events")
    land(tmp_path, "late", [(99, text[0]), (100, text[-1])])
    assert parts(build(tmp_path)) == {"bronze.events": 1, "silver.events": 2}
    gone = before.keys() - data_files(tmp_path, "silver.events").keys()
    assert len(gone) == 2
    late = rows(tmp_path, "silver.events")
    assert {r["id"] for r in late} == {*range(len(ODD)), 99, 100}
    moments = {r["id"]: r["happened"] for r in late}
    ends = {"date": (date(1, 1, 1), date(9999, 12, 31)), "timestamp": (ODD[0], ODD[-1])}
    zoned = (ODD[0].replace(tzinfo=UTC), ODD[-1].replace(tzinfo=UTC))
    assert (moments[99], moments[100]) == ends.get(type, zoned)
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


@pytest.mark.parametrize(
    ("begin", "hours", "switch"),
    [
        (datetime(2019, 3, 30, 23, tzinfo=UTC), 23, (1, 2)),  # Berlin loses an hour at 01:00Z
        (datetime(2019, 10, 26, 22, tzinfo=UTC), 25, (2, 1)),  # and gets it back
    ],
    ids=["23 hours", "25 hours"],
)
def test_local_days_of_summer_time_are_plain_hours_of_utc(
    tmp_path: Path, begin: datetime, hours: int, switch: tuple[int, int]
) -> None:
    """An hour that local clocks show twice is two windows, one that they skip is none."""
    halves = [begin + timedelta(minutes=30 * n) for n in range(2 * hours)]
    turn = begin.replace(hour=1) + timedelta(days=1)
    texts = [m.astimezone(timezone(timedelta(hours=switch[m >= turn]))) for m in halves]
    hourly = "select date_trunc('hour', happened) as happened, count(*) as n from silver.events"
    daily = hourly.replace("'hour'", "'day'").replace("silver.events", "silver.hours")
    write(
        tmp_path,
        landing("day", "timestamptz")
        | by_window("silver", "events", COPY, "day")
        | by_window("silver", "hours", f"{hourly} group by all", "hour")
        | by_window("gold", "days", f"{daily} group by all", "day"),
    )
    land(tmp_path, "all", ((n, text.isoformat()) for n, text in enumerate(texts)))

    assert texts[0].hour == 0
    assert texts[-1].strftime("%H:%M") == "23:30"
    assert parts(build(tmp_path)) == {
        "bronze.events": 1, "silver.events": 2, "silver.hours": hours, "gold.days": 2
    }  # fmt: skip
    assert [(r["happened"], r["n"]) for r in rows(tmp_path, "silver.hours")] == [
        (begin + timedelta(hours=n), 2) for n in range(hours)
    ]
    expected = Counter(m.date() for m in halves[::2])
    assert {r["happened"].date(): r["n"] for r in rows(tmp_path, "gold.days")} == expected


def test_the_last_hour_that_there_is_can_be_asked_for(tmp_path: Path) -> None:
    write(tmp_path, landing("year") | by_window("silver", "events", COPY, "hour"))
    land(tmp_path, "all", enumerate(ODD))
    report = build(tmp_path, start="9999-12-31T23:00Z")
    assert parts(report) == {"bronze.events": 1, "silver.events": 1}
    assert [r["id"] for r in rows(tmp_path, "silver.events")] == [16, 17]
    build(tmp_path, end="0001-01-01T01:00Z")
    assert [r["id"] for r in rows(tmp_path, "silver.events")] == [0, 1, 16, 17]
