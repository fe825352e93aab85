"""Write a landing of taxi trips and zones: invented, seeded, and dirty the way real ones are.

    python benchmarks/landing.py DIR [--rows 6000] [--months 3] [--seed 1]

The same arguments give the same bytes on every machine: all that decides is `Random.random`, whose
sequence Python promises, and arithmetic without a mathematics library. The files under
`warehouse/landing` are the default arguments' output. Memory does not grow with the rows.
"""

import argparse
import csv
import itertools
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

Draw = Callable[[], float]
Row = list[str]

COLUMNS = (
    "vendor_id", "pickup_datetime", "dropoff_datetime", "passenger_count", "trip_distance",
    "rate_code_id", "store_and_fwd_flag", "pickup_location_id", "dropoff_location_id",
    "payment_type", "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount",
    "improvement_surcharge", "total_amount", "congestion_surcharge", "driver_licence",
)  # fmt: skip
AT = {name: i for i, name in enumerate(COLUMNS)}
AMOUNTS = slice(AT["fare_amount"], AT["driver_licence"])
CLOCK = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(86_400)]
DAY = 86_400

BOROUGHS = ("Northgate", "Eastport", "Riverside", "Hillcrest", "Old Harbor")
FIRST = (
    "Alder", "Birch", "Cedar", "Dover", "Elm", "Fulton", "Grand", "Hazel", "Iron", "Juniper",
    "Kings", "Linden", "Maple", "Nassau", "Orchard", "Prospect",
)  # fmt: skip
SECOND = (
    "Heights", "Park", "Square", "Hill", "Village", "Gardens", "Market", "Point", "Slope", "Yards",
    "Beach", "Terminal", "Flats", "Bridge", "Hill, North", "Hill, South", "Circle",
)  # fmt: skip


def main() -> None:
    """Read the arguments, write the files, print how many bytes there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--rows", type=int, default=6_000, help="trips in all files together")
    parser.add_argument("--months", type=int, default=3, help="files, from January 2026 on")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(given.directory, rows=given.rows, months=given.months, seed=given.seed)
    files = sorted(given.directory.glob("*.csv"))
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files):,} bytes")


def write(directory: Path, *, rows: int = 6_000, months: int = 3, seed: int = 1) -> None:
    """Write `zones.csv` and a `yellow_tripdata_YYYY-MM.csv` per month, replacing what was there."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_zones(directory / "zones.csv")
    for index in range(months):
        month = date(2026 + index // 12, index % 12 + 1, 1)
        share = rows * (index + 1) // months - rows * index // months
        draw = Random(seed * 1_000 + index).random
        trips = _landed(draw, month, share, first=index == 0, last=index == months - 1)
        _write_trips(directory / f"yellow_tripdata_{month:%Y-%m}.csv", trips, mixed=index < 2)


def _write_trips(path: Path, trips: Iterator[Row], *, mixed: bool) -> None:
    """One file of trips; `mixed` line ends are CRLF but for the last and some in between."""
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(",".join(COLUMNS))
        end = "\r\n" if mixed else "\n"
        for row in trips:
            file.write(end + ",".join(row))
            end = "\r\n" if mixed and row[AT["rate_code_id"]] == "1" else "\n"
        file.write("\n")


def _landed(draw: Draw, month: date, rows: int, *, first: bool, last: bool) -> Iterator[Row]:
    """Give the rows of one file: trips, some of them dirtied, some of them there twice."""
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    length = (following - month).days
    days = [str(month + timedelta(days=i)) for i in range(-1, 90)]
    row: Row = []
    for _ in range(rows):
        kind = draw()
        if row and kind < 0.01:
            yield row
            continue
        row = _trip(draw, days, length)
        if kind > 0.965:
            DIRT[int((kind - 0.965) * len(DIRT) / 0.035)](row, days)
        if first and kind < 0.6:
            row[AT["congestion_surcharge"]] = ""
        if last and 0.1 < kind < 0.13:
            _unreported(row, days)
        yield row


def _trip(draw: Draw, days: list[str], length: int) -> Row:
    """Draw a trip in a month of `length` days that begins on `days[1]`.

    Distances and amounts are whole hundredths until they are printed.
    """
    pickup = (1 + int(draw() * length)) * DAY + int(43_200 * (draw() + draw()))
    hour = pickup % DAY // 3_600
    long = draw()
    distance = 50 + int(100 * long / (1.05 - long))
    dropoff = pickup + 60 + int(distance * (2 + 3 * draw()))
    fare = 250 + 50 * (distance // 20)
    extra = 100 if 16 <= hour < 20 else 50 if hour >= 20 or hour < 6 else 0
    means = draw()
    payment = 1 if means < 0.72 else 2 if means < 0.97 else 3 if means < 0.99 else 4
    tip = fare * int(35 * draw()) // 100 if payment == 1 else 0
    tolls = 612 if draw() < 0.05 else 0
    congestion = 250 if draw() < 0.9 else 0
    total = fare + extra + 50 + tip + tolls + 30 + congestion
    return [
        "2" if draw() < 0.64 else "1",
        _moment(days, pickup),
        _moment(days, dropoff),
        str(1 + int(draw() * draw() * 6)),
        str(distance / 100),
        "1" if draw() < 0.97 else "5",
        "N" if draw() < 0.99 else "Y",
        _zone(draw),
        _zone(draw),
        str(payment),
        str(fare / 100),
        str(extra / 100),
        "0.5",
        str(tip / 100),
        str(tolls / 100),
        "0.3",
        str(total / 100),
        str(congestion / 100),
        f"D{10_000_000 + 7_919 * int(draw() * 9_000)}",
    ]


def _moment(days: list[str], second: int) -> str:
    return f"{days[second // DAY]} {CLOCK[second % DAY]}"


def _zone(draw: Draw) -> str:
    """Draw a zone; a few get most of the trips."""
    popular = draw()
    return str(1 + int(265 * popular * popular) * 101 % 265)


def _refunded(row: Row, _: list[str]) -> None:
    row[AMOUNTS] = [f"-{amount}" if amount and float(amount) else amount for amount in row[AMOUNTS]]


def _long_ago(row: Row, _: list[str]) -> None:
    for name in ("pickup_datetime", "dropoff_datetime"):
        row[AT[name]] = "2008" + row[AT[name]][4:]


def _day_before(row: Row, days: list[str]) -> None:
    row[AT["pickup_datetime"]] = f"{days[0]} 23:5{row[AT['pickup_datetime']][-4:]}"
    row[AT["dropoff_datetime"]] = f"{days[1]} 00:1{row[AT['dropoff_datetime']][-4:]}"


def _months_later(row: Row, days: list[str]) -> None:
    for name in ("pickup_datetime", "dropoff_datetime"):
        row[AT[name]] = days[days.index(row[AT[name]][:10]) + 45] + row[AT[name]][10:]


def _backwards(row: Row, _: list[str]) -> None:
    pickup, dropoff = AT["pickup_datetime"], AT["dropoff_datetime"]
    row[pickup], row[dropoff] = row[dropoff], row[pickup]


def _absurd(row: Row, _: list[str]) -> None:
    row[AT["trip_distance"]] = "-3.7" if row[AT["vendor_id"]] == "1" else "189731.14"


def _unreported(row: Row, _: list[str]) -> None:
    for name in (
        "vendor_id", "passenger_count", "rate_code_id", "store_and_fwd_flag", "payment_type",
    ):  # fmt: skip
        row[AT[name]] = ""


def _garbled(row: Row, _: list[str]) -> None:
    row[AT["passenger_count"]] = "n/a"


def _anonymous(row: Row, _: list[str]) -> None:
    row[AT["driver_licence"]] = ""


DIRT: tuple[Callable[[Row, list[str]], None], ...] = (
    _refunded, _long_ago, _day_before, _months_later, _backwards, _absurd, _unreported, _garbled,
    _anonymous,
)  # fmt: skip


def _write_zones(path: Path) -> None:
    """Zones 1 to 265; the last two are for trips from nowhere, one zone is there twice."""
    names = [f"{first} {second}" for second, first in itertools.product(SECOND, FIRST)]
    rows = [
        (i, f" {BOROUGHS[i % 5]}" if i % 50 == 0 else BOROUGHS[i % 5], name, _service_zone(i, name))
        for i, name in enumerate(names[:263], start=1)
    ]
    rows += [(264, "Unknown", "Unknown", ""), (265, "Outside", "Outside of the city", ""), rows[41]]
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("location_id", "borough", "zone", "service_zone"))
        writer.writerows(rows)


def _service_zone(zone: int, name: str) -> str:
    if name.endswith("Terminal"):
        return "Airports"
    return "Yellow Zone" if zone % 4 == 0 else "Boro Zone"


if __name__ == "__main__":
    main()
