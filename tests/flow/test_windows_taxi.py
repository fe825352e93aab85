"""Real trips, landed month by month in any order, some twice and one corrected later.

The files are as dirty as they were found: a trip of 2008, some of the month after the file's.
"""

import csv
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from support.flows import build, data_files, parts, states
from support.projects import plain_table, write

from medallion.report import State

_TRIPS = """
from medallion import *

TIMES = ("pickup_datetime", "dropoff_datetime")
NAMES = (
    "vendor_id pickup_datetime dropoff_datetime passenger_count trip_distance rate_code_id"
    " store_and_fwd_flag pickup_location_id dropoff_location_id payment_type fare_amount extra"
    " mta_tax tip_amount tolls_amount improvement_surcharge total_amount congestion_surcharge"
).split()

@bronze(partition_by=month("pickup_datetime"), time_column="pickup_datetime")
def trips() -> Source:
    columns = {name: "timestamp" if name in TIMES else "varchar" for name in NAMES}
    return files("landing/*.csv", columns=columns)
"""
_SILVER = """
from medallion import *

@silver(partition_by=@GRAIN("pickup_datetime"), time_column="pickup_datetime")
def trips() -> SQL:
    return '''
        select * exclude (_loaded_at, total_amount), total_amount::decimal(10, 2) as total_amount
        from bronze.trips where total_amount::decimal(10, 2) >= 0
    '''
"""
_GOLD = """
from medallion import *

@gold(partition_by=month("day"), time_column="day")
def daily() -> SQL:
    return '''
        select date_trunc('day', pickup_datetime)::date as day, count(*) as trips,
            sum(total_amount) as total
        from silver.trips group by all
    '''

@gold()
def vendors() -> SQL:
    return "select vendor_id, count(*) as trips, max(day) as last from silver.trips, gold.daily "\\
        "where day = pickup_datetime::date group by all"
"""
TABLES = ("bronze.trips", "silver.trips", "gold.daily", "gold.vendors")
_LENGTHS = {"month": len("2019-01"), "day": len("2019-01-01")}
Trips = list[dict[str, str]]


def project(root: Path, grain: str) -> Path:
    """A project of the trips with nothing landed."""
    return write(
        root,
        {
            "models/bronze/trips.py": _TRIPS,
            "models/silver/trips.py": _SILVER.replace("@GRAIN", grain),
            "models/gold/trips.py": _GOLD,
        },
    )


def read(path: Path) -> Trips:
    """The trips of a file."""
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def touched(*landed: Trips, grain: str) -> set[str]:
    """The windows of which the files have trips."""
    return {trip["pickup_datetime"][: _LENGTHS[grain]] for trips in landed for trip in trips}


def kept(landed: Mapping[str, Trips]) -> Trips:
    """The trips that silver keeps."""
    return [t for trips in landed.values() for t in trips if float(t["total_amount"]) >= 0]


def corrected(trips: Trips) -> Iterator[dict[str, str]]:
    """Some trips are gone, some were in another month."""
    for number, trip in enumerate(trips):
        if number % 7 == 0:
            continue
        if number % 11 == 0:
            moved = "2019-04" if number % 2 else "2017-06"
            trip = {**trip, "pickup_datetime": moved + trip["pickup_datetime"][7:]}
        yield trip


def contents(root: Path, name: str) -> Counter[tuple[Any, ...]]:
    """How often each row is in a table, without when it was loaded."""
    table = plain_table(root, name).scan().to_arrow()
    names = sorted(set(table.column_names) - {"_loaded_at"})
    return Counter(zip(*(table[n].to_pylist() for n in names), strict=True))


class Lake:
    """A project, and what landed in it as the csv module reads it."""

    def __init__(self, root: Path, taxi: Path, grain: str) -> None:
        self.root, self.taxi, self.grain = project(root, grain), taxi, grain
        self.landed: dict[str, Trips] = {}
        (root / "landing").mkdir()

    def path(self, month: str) -> Path:
        """Where a month lands."""
        return self.root / "landing" / f"trips_{month}.csv"

    def land(self, month: str) -> Trips:
        """Land a month's file as it was found, for the first time or again."""
        source = self.taxi / f"yellow_tripdata_sample_{month}.csv"
        self.path(month).write_bytes(source.read_bytes())
        os.utime(self.path(month), ns=(len(self.landed), len(self.landed)))
        self.landed[month] = read(source)
        return self.landed[month]

    def correct(self, month: str) -> tuple[Trips, Trips]:
        """Land a corrected file; the trips before and after."""
        old, new = self.landed[month], list(corrected(self.landed[month]))
        with self.path(month).open("w", newline="") as lines:
            writer = csv.DictWriter(lines, list(new[0]))
            writer.writeheader()
            writer.writerows(new)
        self.landed[month] = new
        return old, new

    def build(self, *landed: Trips) -> None:
        """Build, and compare what was built with what landed."""
        report = parts(build(self.root))
        trips = kept(self.landed)
        windows = touched(*landed, grain=self.grain) & touched(
            *self.landed.values(), grain=self.grain
        )
        months = touched(*landed, grain="month") & touched(trips, grain="month")
        assert report == {
            "bronze.trips": 1,
            "silver.trips": len(windows),
            "gold.daily": len(months),
            "gold.vendors": 1,
        }

    def equals_one_of(self, root: Path) -> None:
        """All landed at once, in a fresh lake, gives the same rows."""
        fresh = project(root, self.grain)
        (fresh / "landing").symlink_to(self.root / "landing")
        build(fresh)
        for name in TABLES:
            assert contents(self.root, name) == contents(fresh, name), name


def test_trips_landed_in_any_order_are_those_landed_at_once(tmp_path: Path, taxi: Path) -> None:
    """And what is built each time is the months that were touched, downstream too."""
    chance = random.Random(2019)
    months = [f"2019-{n:02}" for n in range(1, 13)]
    chance.shuffle(months)
    lake = Lake(tmp_path / "late", taxi, "month")
    for batch in (months[:1], months[1:4], months[4:8], months[8:]):
        again = chance.sample(sorted(lake.landed), min(2, len(lake.landed)))
        new = [lake.land(month) for month in batch]
        for month in again:
            lake.land(month)
        lake.build(*new)
    assert any(t["pickup_datetime"] < "2009" for trips in lake.landed.values() for t in trips)

    before = {name: data_files(lake.root, name) for name in TABLES}
    for month in months:
        lake.land(month)
    assert set(states(build(lake.root)).values()) == {State.FRESH}
    assert {name: data_files(lake.root, name) for name in TABLES} == before

    lake.build(*lake.correct("2019-09"))
    assert set(states(build(lake.root)).values()) == {State.FRESH}
    lake.equals_one_of(tmp_path / "fresh")


def test_days_are_found_in_files_of_months(tmp_path: Path, taxi: Path) -> None:
    """A file of one month holds trips of others' days: those alone are built again."""
    lake = Lake(tmp_path / "late", taxi, "day")
    for month in ("2019-03", "2019-01", "2019-02"):
        lake.build(lake.land(month))
    lake.equals_one_of(tmp_path / "fresh")
