"""What others did to a table's history, and partitions that change, against what is built."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from pyiceberg.table.snapshots import Operation
from support.flows import (
    build,
    by_window,
    data_files,
    land,
    landing,
    parts,
    snapshots,
    states,
    timed,
)
from support.foreign import compact, expire, roll_back
from support.projects import plain_table, rows, sql_model, write

from medallion.report import State

COPY = "select id, happened from bronze.events"
MONTHS = (
    "select date_trunc('month', happened) as happened, count(*) as n from silver.events"
    " group by all"
)
DAYS = [(n, f"2019-0{1 + n // 4}-0{1 + n % 4} 12:00:00") for n in range(8)]
TABLES = ("bronze.events", "silver.events", "gold.months", "gold.total")


def project(root: Path) -> Path:
    """Eight days of two months, built: by day, by month and whole."""
    write(
        root,
        landing()
        | by_window("silver", "events", COPY, "day")
        | by_window("gold", "months", MONTHS, "month")
        | {"models/total.py": sql_model("gold", "total", "select count(*) as n from gold.months")},
    )
    land(root, "some", DAYS[::2])
    build(root)
    land(root, "others", DAYS[1::2])
    build(root)
    return root


def ids(root: Path) -> list[int]:
    """The ids in silver."""
    return sorted(row["id"] for row in rows(root, "silver.events"))


def test_compaction_is_no_change(tmp_path: Path) -> None:
    root = project(tmp_path)
    for name in TABLES:
        before = set(data_files(root, name))
        compact(root, name)
        assert not before & set(data_files(root, name))
    summary = plain_table(root, "silver.events").snapshots()[-1].summary
    assert summary
    assert summary.operation is Operation.REPLACE
    versions = {name: snapshots(root, name) for name in TABLES}

    assert set(states(build(root)).values()) == {State.FRESH}
    assert {name: snapshots(root, name) for name in TABLES} == versions


@pytest.mark.parametrize("first", ["compaction", "late row"])
def test_a_late_row_beside_a_compaction_rebuilds_its_window(tmp_path: Path, first: str) -> None:
    root = project(tmp_path)
    land(root, "late", [(8, "2019-02-01")])
    if first == "late row":
        build(root, selection="bronze.events")
    for name in TABLES:
        compact(root, name)

    late = parts(build(root))
    assert late.pop("bronze.events", 1) == 1
    assert late == {"silver.events": 1, "gold.months": 1, "gold.total": 1}
    assert ids(root) == list(range(9))
    assert [r["n"] for r in rows(root, "gold.months")] == [4, 5]
    assert set(states(build(root)).values()) == {State.FRESH}


def test_after_an_expired_snapshot_everything_may_have_changed(tmp_path: Path) -> None:
    root = project(tmp_path)
    land(root, "late", [(8, "2019-02-01")])
    build(root, selection="bronze.events")
    expire(root, "bronze.events")

    assert parts(build(root))["silver.events"] == len(DAYS)
    assert ids(root) == list(range(9))
    assert set(states(build(root)).values()) == {State.FRESH}


def test_expired_snapshots_of_what_is_up_to_date_change_nothing(tmp_path: Path) -> None:
    root = project(tmp_path)
    for name in TABLES:
        expire(root, name)
        assert len(snapshots(root, name)) == 1
    assert set(states(build(root)).values()) == {State.FRESH}
    land(root, "late", [(8, "2019-02-01")])
    assert parts(build(root))["silver.events"] == 1


def test_a_table_that_was_rolled_back_is_built_again(tmp_path: Path) -> None:
    root = project(tmp_path)
    roll_back(root, "silver.events")
    assert len(ids(root)) == len(DAYS) // 2

    report = build(root)
    assert report["bronze.events"].state is State.FRESH
    assert report["silver.events"].parts == len(DAYS)
    assert ids(root) == list(range(8))
    assert set(states(build(root)).values()) == {State.FRESH}


def test_a_rolled_back_source_takes_its_files_again(tmp_path: Path) -> None:
    root = project(tmp_path)
    roll_back(root, "bronze.events")
    build(root)
    assert sorted(r["id"] for r in rows(root, "bronze.events")) == list(range(8))
    assert ids(root) == list(range(8))
    assert set(states(build(root)).values()) == {State.FRESH}


def _forward_only(root: Path) -> None:
    land(root, "march", [(8, "2019-03-01"), (9, "2019-03-02")])
    build(root, forward_only=True)


def _of_a_range(root: Path) -> None:
    land(root, "march", [(8, "2019-03-01"), (9, "2019-03-02")])
    build(root, start="2019-03-01", end="2019-03-31")


@pytest.mark.parametrize("change", [_forward_only, _of_a_range])
def test_days_beside_months_in_one_table(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """Old files stay months; a day in one of them is built with all that the file holds."""
    write(tmp_path, landing() | by_window("silver", "events", COPY, "month"))
    land(tmp_path, "all", DAYS)
    build(tmp_path)
    old = data_files(tmp_path, "silver.events")
    write(tmp_path, by_window("silver", "events", COPY, "day"))
    change(tmp_path)

    table = plain_table(tmp_path, "silver.events")
    assert [f.name for f in table.spec().fields] == ["happened_day"]
    after = data_files(tmp_path, "silver.events")
    assert old.keys() <= after.keys()
    assert len(after) == 4
    assert ids(tmp_path) == list(range(10))
    found = table.scan(row_filter="happened < '2019-02-02T00:00:00'").to_arrow()["id"].to_pylist()
    assert sorted(found) == [0, 1, 2, 3, 4]

    land(tmp_path, "late", [(10, "2019-01-02 01:00:00")])
    build(tmp_path, selection="bronze.events")
    report = build(tmp_path, start="2019-01-02", end="2019-01-02")
    assert parts(report) == {"silver.events": 4}
    assert ids(tmp_path) == list(range(11))
    last = data_files(tmp_path, "silver.events")
    assert len(old.keys() & last.keys()) == 1  # February is as it was
    assert len(last) == 4 + 1 + 2
    build(tmp_path)
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    assert ids(tmp_path) == list(range(11))


def test_months_after_days_hold_each_row_once(tmp_path: Path) -> None:
    write(tmp_path, landing() | by_window("silver", "events", COPY, "day"))
    land(tmp_path, "all", DAYS)
    build(tmp_path)
    write(tmp_path, by_window("silver", "events", COPY, "month"))
    assert parts(build(tmp_path, start="2019-01-02", end="2019-01-02")) == {"silver.events": 1}

    assert ids(tmp_path) == list(range(8))
    assert len(data_files(tmp_path, "silver.events")) == 1 + 4
    assert parts(build(tmp_path)) == {"silver.events": 1}
    assert len(data_files(tmp_path, "silver.events")) == 2
    assert ids(tmp_path) == list(range(8))


def test_another_bucket_applies_to_what_is_written_from_then_on(tmp_path: Path) -> None:
    write(tmp_path, landing() | by_window("silver", "events", COPY, "month"))
    land(tmp_path, "all", DAYS)
    build(tmp_path)
    old = data_files(tmp_path, "silver.events")
    declared = timed("month").replace(
        "month('happened')", "[month('happened'), bucket('id', 2), identity('id')]"
    )
    write(tmp_path, {"models/silver/events.py": sql_model("silver", "events", COPY, declared)})
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    land(tmp_path, "late", [(8, "2019-02-01")])
    assert parts(build(tmp_path)) == {"bronze.events": 1, "silver.events": 1}

    new = data_files(tmp_path, "silver.events")
    assert len(new.keys() & old.keys()) == 1
    assert len(new) == 1 + 5
    table = plain_table(tmp_path, "silver.events")
    assert [f.name for f in table.spec().fields] == ["happened_month", "id_bucket", "id"]
    for id in (1, 5):
        (row,) = table.scan(row_filter=f"id = {id}").to_arrow().to_pylist()
        assert row == {"id": id, "happened": datetime.fromisoformat(DAYS[id][1])}
    assert ids(tmp_path) == list(range(9))
