"""Deduplication, merges with deletes, and histories, in builds of a project."""

from pathlib import Path
from typing import Any

import pytest
from support.flows import build, snapshots, states
from support.projects import rows, sql_model, suite, write

from medallion import Project
from medallion.errors import DefinitionError
from medallion.report import Event, Report, State, Step

COLUMNS = {"id": "bigint", "city": "varchar", "op": "varchar", "at_": "timestamp"}
BRONZE = f"""
from medallion import *

@bronze
def changes() -> Source:
    return files("landing/*.csv", columns={COLUMNS})
"""
LOG = "select id, city, op, at_ from bronze.changes"
DELETED = "strategy='merge', unique_key='id', deleted=\"op = 'D'\""
LATEST = f"deduplicate=latest('id', by='at_'), {DELETED}"
HISTORY = "strategy=scd2('id', changed_at='at_', deleted=\"op = 'D'\")"
SNAPSHOTS = "strategy=scd2('id', changed_at='at_', snapshots=True)"
NAME = "silver.customers"


def project(root: Path, declared: str, query: str = LOG) -> Path:
    """Changes that land, and what silver makes of them."""
    model = sql_model("silver", "customers", query, declared)
    return write(root, {"models/bronze.py": BRONZE, "models/silver.py": model})


def land(root: Path, name: str, *changes: str) -> None:
    """Land changes such as `1,Rome,I,2024-01-01`."""
    write(root, {f"landing/{name}.csv": "\n".join(["id,city,op,at_", *changes]) + "\n"})


def cities(root: Path) -> dict[int, str]:
    """What silver says of each id."""
    found = rows(root, NAME)
    assert len(found) == len({row["id"] for row in found})
    return {row["id"]: row["city"] for row in found}


def versions(root: Path) -> list[tuple[Any, ...]]:
    """Key, city, and the days between which it was valid."""
    return sorted(
        (r["id"], r["city"], r["valid_from"].day, r["valid_to"] and r["valid_to"].day)
        for r in rows(root, NAME)
    )


def attempt(root: Path) -> Report:
    """Build, whatever comes of it."""
    with Project.load(root) as lake:
        return lake.build()


def test_the_number_of_removed_rows_is_told_and_found_again(tmp_path: Path) -> None:
    project(tmp_path, "deduplicate=latest('id', by='at_')")
    land(tmp_path, "a", "1,Rome,I,2024-01-01", "1,Oslo,U,2024-01-02", "2,Bonn,I,2024-01-01")
    land(tmp_path, "b", "1,Pisa,U,2024-01-01", ",none,I,2024-01-01", ",none,I,2024-01-01")
    few = ("expect_table_row_count_to_be_between", {"max_value": 1})
    write(tmp_path, {"expectations/silver/customers.json": suite(few)})
    before = [attempt(tmp_path)[NAME] for _ in range(2)]
    assert [(r.state, r.reused, r.removed) for r in before] == [
        (State.REJECTED, 0, 2),
        (State.REJECTED, 1, 2),
    ]
    (tmp_path / "expectations/silver/customers.json").unlink()
    events: list[Event] = []
    assert build(tmp_path, listener=events.append)[NAME].removed == 2
    told = [e.details["removed"] for e in events if e.step is Step.EVALUATED and e.subject == NAME]
    assert told == [2]
    found = [(r["id"], r["city"]) for r in rows(tmp_path, NAME)]
    assert sorted(found, key=repr) == [(1, "Oslo"), (2, "Bonn"), (None, "none"), (None, "none")]


def test_rows_of_python_and_those_that_land_are_deduplicated_too(tmp_path: Path) -> None:
    said = "deduplicate=earliest('id', by='at_')"
    python = (
        "from medallion import *\nimport pyarrow as pa\n\n"
        f"@silver({said})\ndef customers(rows: pa.Table = ref('bronze.changes')) -> pa.Table:\n"
        "    return pa.concat_tables([rows, rows])\n"
    )
    landed = BRONZE.replace("@bronze", f"@bronze({said})")
    write(tmp_path, {"models/bronze.py": landed, "models/silver.py": python})
    land(tmp_path, "a", "1,Rome,I,2024-01-02", "1,Oslo,U,2024-01-01", "2,Bonn,I,2024-01-01")
    report = build(tmp_path)

    assert [report[name].removed for name in ("bronze.changes", NAME)] == [1, 2]
    assert cities(tmp_path) == {1: "Oslo", 2: "Bonn"}


def test_a_condition_that_does_not_fit_is_found_before_anything_runs(tmp_path: Path) -> None:
    project(tmp_path, "")
    land(tmp_path, "a", "1,Rome,I,2024-01-02")
    build(tmp_path)
    project(tmp_path, DELETED.replace("op =", "opp ="))
    land(tmp_path, "b", "2,Rome,I,2024-01-02")
    with Project.load(tmp_path) as lake, pytest.raises(DefinitionError) as error:
        lake.build()
    assert 'Referenced column "opp" not found' in error.value.message
    assert "models/silver.py" in error.value.message
    assert error.value.hint == "its columns: id, city, op, at_"


def test_deletes_are_merged_bit_by_bit_as_from_scratch(tmp_path: Path) -> None:
    lake = project(tmp_path / "lake", LATEST)
    land(lake, "a", "1,Rome,I,2024-01-01", "2,Bonn,I,2024-01-01", "3,Graz,I,2024-01-01")
    build(lake)
    land(lake, "b", "2,Bonn,D,2024-01-03", "1,Oslo,,2024-01-02", "4,Kiel,D,2024-01-02")
    build(lake)
    assert cities(lake) == {1: "Oslo", 3: "Graz"}
    land(lake, "c", "2,Bari,I,2024-01-04", "3,Graz,D,2023-01-01")
    build(lake)
    assert cities(lake) == {1: "Oslo", 2: "Bari", 3: "Graz"}
    before = snapshots(lake, NAME)
    land(lake, "d", "7,Linz,D,2024-01-04")
    assert states(build(lake))[NAME] is State.FRESH
    assert set(states(build(lake)).values()) == {State.FRESH}
    assert snapshots(lake, NAME) == before

    build(lake, full_refresh=True)
    assert cities(lake) == {1: "Oslo", 2: "Bari", 3: "Graz"}


@pytest.mark.parametrize("first", [True, False])
def test_a_row_that_is_both_given_and_deleted_is_an_error(tmp_path: Path, *, first: bool) -> None:
    project(tmp_path, DELETED)
    land(tmp_path, "a", "1,Rome,I,2024-01-01", "2,Bonn,D,2024-01-02", "2,,D,2024-01-03")
    if not first:
        build(tmp_path)
    land(tmp_path, "b", "2,Bonn,I,2024-01-01")
    failure = attempt(tmp_path)[NAME].failure
    assert failure
    assert "several rows with id=2, and one of them deletes it" in failure.message
    assert "deduplicate=latest" in failure.hint


def test_a_masked_key_is_deleted_and_a_delete_needs_no_time(tmp_path: Path) -> None:
    declared = f"{LATEST.replace(chr(39) + 'at_' + chr(39), chr(39) + 'n' + chr(39))}"
    query = "select id, city, op, at_, row_number() over (order by op desc, city) as n"
    project(
        tmp_path,
        f"{declared}, mask={{'id': hashed()}}, time_column='at_', partition_by=day('at_')",
        f"{query} from bronze.changes",
    )
    land(tmp_path, "a", "1,Rome,I,2024-01-01", "2,Bonn,I,2024-01-01")
    build(tmp_path)
    write(tmp_path, {"landing/a.csv": "id,city,op,at_\n1,Rome,I,2024-01-01\n2,,D,\n"})
    build(tmp_path)
    assert [row["city"] for row in rows(tmp_path, NAME)] == ["Rome"]


def test_a_history_is_the_same_in_whatever_order_changes_come(tmp_path: Path) -> None:
    project(tmp_path, HISTORY, LOG)
    land(tmp_path, "a", "1,Rome,I,2024-01-01", "1,Oslo,I,2024-01-05", "2,Bonn,I,2024-01-02")
    build(tmp_path)
    assert versions(tmp_path) == [(1, "Oslo", 5, None), (1, "Rome", 1, 5), (2, "Bonn", 2, None)]
    land(tmp_path, "b", "1,Pisa,I,2024-01-03", "2,,D,2024-01-04", "1,Oslo,I,2024-01-07")
    report = build(tmp_path)
    expected = [(1, "Oslo", 5, None), (1, "Pisa", 3, 5), (1, "Rome", 1, 3), (2, "Bonn", 2, 4)]
    assert versions(tmp_path) == expected
    audit = report[NAME].audit
    assert audit
    assert "expect_compound_columns_to_be_unique" in [v.expectation for v in audit.verdicts]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    build(tmp_path, full_refresh=True)
    assert versions(tmp_path) == expected


def test_a_history_of_snapshots_survives_what_they_forget(tmp_path: Path) -> None:
    """Whatever becomes of the code, until somebody asks for a full refresh."""
    query = "select id, city, at_ from bronze.changes"
    landed = BRONZE.replace("@bronze", "@bronze(strategy='full')")
    write(project(tmp_path, SNAPSHOTS, query), {"models/bronze.py": landed})
    land(tmp_path, "a", "1,Rome,I,2024-01-01", "2,Bonn,I,2024-01-02")
    build(tmp_path)
    land(tmp_path, "a", "1,Oslo,I,2024-01-05", "3,Graz,I,2024-01-06")
    build(tmp_path)
    found = rows(tmp_path, NAME)
    ended = {row["city"]: row["valid_to"] for row in found if not row["is_current"]}
    assert {row["city"] for row in found} == {"Rome", "Oslo", "Bonn", "Graz"}
    assert ended["Rome"].day == 5
    assert ended["Bonn"].year > 2024  # when it was seen to be gone
    assert set(states(build(tmp_path)).values()) == {State.FRESH}

    project(tmp_path, SNAPSHOTS, query.replace("city", "city, upper(city) as upper"))
    write(tmp_path, {"models/bronze.py": landed})
    build(tmp_path)
    uppers = {row["city"]: row["upper"] for row in rows(tmp_path, NAME)}
    assert uppers == {"Rome": None, "Bonn": None, "Oslo": "OSLO", "Graz": "GRAZ"}
    report = build(tmp_path, full_refresh=True)
    assert f"{NAME} is made of snapshots: a full refresh forgets its history" in report.warnings
    assert len(rows(tmp_path, NAME)) == 2


def test_a_history_stays_where_a_function_gives_no_change(tmp_path: Path) -> None:
    python = (
        "import pyarrow as pa\nfrom collections.abc import Iterator\nfrom medallion import *\n\n"
        f"@silver({HISTORY})\n"
        "def customers(rows: pa.Table = ref('bronze.changes')) -> Iterator[dict]:\n"
        "    yield from (row for row in rows.to_pylist() if row['city'] != 'none')\n"
    )
    write(project(tmp_path, HISTORY), {"models/silver.py": python})
    land(tmp_path, "a", "1,Rome,I,2024-01-01")
    build(tmp_path)
    land(tmp_path, "a", "1,none,I,2024-01-03")
    build(tmp_path)
    assert versions(tmp_path) == [(1, "Rome", 1, None)]
