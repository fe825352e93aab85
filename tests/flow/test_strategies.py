"""What is built again when code, a suite or an input changes, by each strategy."""

from pathlib import Path

import pytest
from support.flows import build, land, landing, parts, snapshots, states, timed
from support.projects import rows, sql_model, suite, write

from medallion import Project
from medallion.report import State

SUITE = "expectations/silver/events.json"
MERGED = "strategy='merge', unique_key='id'"
PYTHON = """
import pandas as pd
from medallion import *

FACTOR = 1

def times(values):
    return values * FACTOR

@silver(partition_by=day("happened"), time_column="happened")
def events(rows: pd.DataFrame = ref("bronze.events")) -> pd.DataFrame:
    return rows[["id", "happened"]].assign(n=times(rows["id"]))
"""


def query(factor: int) -> str:
    """The query of silver in one of its versions."""
    return f"select id, happened, id * {factor} as n from bronze.events"


def project(root: Path, declaration: str = "") -> Path:
    """Bronze and silver with two days; silver as it is declared, by day if nothing is said."""
    write(root, landing())
    put(root, 1, declaration)
    land(root, "a", [(1, "2019-01-01"), (2, "2019-01-02")])
    build(root)
    return root


def put(root: Path, factor: int, declaration: str = "") -> None:
    """Change the code of silver."""
    text = sql_model("silver", "events", query(factor), declaration or timed("day"))
    write(root, {"models/silver/events.py": text})


def numbers(root: Path) -> dict[int, int]:
    """What silver says of each id."""
    return {r["id"]: r["n"] for r in rows(root, "silver.events")}


def bounded(most: int) -> dict[str, str]:
    """A suite by which no id is above."""
    document = ("expect_column_values_to_be_between", {"column": "id", "max_value": most})
    return {SUITE: suite(document)}


def test_changed_code_is_a_reason_to_build(tmp_path: Path) -> None:
    project(tmp_path)
    put(tmp_path, 10)
    assert parts(build(tmp_path)) == {"silver.events": 2}
    assert numbers(tmp_path) == {1: 10, 2: 20}


def test_windows_keep_the_rows_of_older_code_if_that_is_said(tmp_path: Path) -> None:
    """New and changed windows get the new code."""
    project(tmp_path)
    put(tmp_path, 10)
    land(tmp_path, "b", [(3, "2019-01-03")])
    assert parts(build(tmp_path, forward_only=True)) == {"bronze.events": 1, "silver.events": 1}
    assert numbers(tmp_path) == {1: 1, 2: 2, 3: 30}
    assert set(states(build(tmp_path)).values()) == {State.FRESH}

    land(tmp_path, "c", [(4, "2019-01-02")])
    assert parts(build(tmp_path))["silver.events"] == 1
    assert numbers(tmp_path) == {1: 1, 2: 20, 3: 30, 4: 40}


@pytest.mark.parametrize("declaration", ["", "partition_by=day('happened')", MERGED])
def test_older_code_is_accepted_without_a_new_version(tmp_path: Path, declaration: str) -> None:
    project(tmp_path, declaration)
    before = snapshots(tmp_path, "silver.events")
    put(tmp_path, 10, declaration)

    assert set(states(build(tmp_path, forward_only=True)).values()) == {State.FRESH}
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    assert snapshots(tmp_path, "silver.events") == before
    assert numbers(tmp_path) == {1: 1, 2: 2}


def test_a_source_keeps_what_older_code_took(tmp_path: Path) -> None:
    project(tmp_path)
    write(tmp_path, landing(columns={"zone": "varchar"}))
    land(tmp_path, "b", [(3, "2019-01-03", "north")], "id,happened,zone")
    before = {r["id"]: r["_loaded_at"] for r in rows(tmp_path, "bronze.events")}
    build(tmp_path, forward_only=True)

    found = {r["id"]: r for r in rows(tmp_path, "bronze.events")}
    assert {i: found[i]["_loaded_at"] for i in before} == before
    assert [found[i]["zone"] for i in (1, 2, 3)] == [None, None, "north"]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


@pytest.mark.parametrize("declaration", ["", "partition_by=day('happened')", MERGED])
def test_a_changed_suite_audits_what_is_there(tmp_path: Path, declaration: str) -> None:
    """No row is computed or written, and nothing downstream is built."""
    project(tmp_path, declaration)
    write(
        tmp_path,
        {"models/copy.py": sql_model("gold", "copy", "select count(*) as n from silver.events")},
    )
    build(tmp_path)
    before = snapshots(tmp_path, "silver.events")
    write(tmp_path, bounded(2))
    report = build(tmp_path)

    assert states(report) == {
        "bronze.events": State.FRESH, "silver.events": State.AUDITED, "gold.copy": State.FRESH
    }  # fmt: skip
    audit = report["silver.events"].audit
    assert audit
    assert (audit.passed, audit.snapshot) == (True, before[-1])
    assert "expect_column_values_to_be_between" in [v.expectation for v in audit.verdicts]
    assert snapshots(tmp_path, "silver.events") == before
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_a_changed_suite_that_says_no_is_a_rejection_until_it_changes(tmp_path: Path) -> None:
    """The rows were published before and stay; nothing is built from them."""
    project(tmp_path)
    copy = sql_model("gold", "copy", "select id from silver.events")
    write(tmp_path, bounded(1) | {"models/copy.py": copy})
    before = snapshots(tmp_path, "silver.events")
    for _ in range(2):
        with Project.load(tmp_path) as lake:
            report = lake.build()
        assert report.exit_code == 1
        assert states(report)["silver.events"] is State.REJECTED
        assert states(report)["gold.copy"] is State.SKIPPED
        audit = report["silver.events"].audit
        assert audit
        assert not audit.passed
    assert snapshots(tmp_path, "silver.events") == before
    assert numbers(tmp_path) == {1: 1, 2: 2}
    write(tmp_path, bounded(5))
    assert states(build(tmp_path))["silver.events"] is State.AUDITED


def test_rows_and_suite_that_change_together_are_audited_once(tmp_path: Path) -> None:
    project(tmp_path)
    write(tmp_path, bounded(2))
    land(tmp_path, "b", [(3, "2019-01-03")])
    with Project.load(tmp_path) as lake:
        report = lake.build()
    assert states(report)["silver.events"] is State.REJECTED
    assert numbers(tmp_path) == {1: 1, 2: 2}
    write(tmp_path, bounded(3))
    assert states(build(tmp_path))["silver.events"] is State.PUBLISHED
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_what_means_the_same_is_not_built_again(tmp_path: Path) -> None:
    """Comments, white space, a docstring, tags and an owner."""
    project(tmp_path)
    text = (
        "from medallion import *\n\n# said of silver\n"
        f"@silver({timed('day')}, tags=['daily'], owner='sales')\ndef events() -> SQL:\n"
        "    '''Said otherwise.'''\n    # and of its query\n    return '''\n"
        "      SELECT id,   -- the id\n      happened, id * 1 AS n\n      FROM bronze.events\n'''\n"
    )
    write(tmp_path, {"models/silver/events.py": text})
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    write(tmp_path, {"models/silver/events.py": text.replace("id * 1", "id * 2")})
    assert states(build(tmp_path))["silver.events"] is State.PUBLISHED


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("return values * FACTOR", "# what for?\n    return (values * FACTOR)", {1: 1, 2: 2}),
        ("FACTOR = 1", "FACTOR = 1\nOTHER = 2", {1: 1, 2: 2}),
        ("return values * FACTOR", "return values + FACTOR", {1: 2, 2: 3}),
        ("FACTOR = 1", "FACTOR = 2", {1: 2, 2: 4}),
    ],
)
def test_what_a_python_model_uses_is_part_of_its_code(
    tmp_path: Path, old: str, new: str, expected: dict[int, int]
) -> None:
    write(tmp_path, landing() | {"models/silver/events.py": PYTHON})
    land(tmp_path, "a", [(1, "2019-01-01"), (2, "2019-01-02")])
    build(tmp_path)
    assert numbers(tmp_path) == {1: 1, 2: 2}
    assert old in PYTHON
    write(tmp_path, {"models/silver/events.py": PYTHON.replace(old, new)})

    assert parts(build(tmp_path)) == ({} if expected[1] == 1 else {"silver.events": 2})
    assert numbers(tmp_path) == expected


def test_two_rows_of_one_key_cannot_be_merged(tmp_path: Path) -> None:
    project(tmp_path, MERGED)
    land(tmp_path, "b", [(1, "2019-01-05")])
    with Project.load(tmp_path) as lake:
        failure = lake.build()["silver.events"].failure
    assert failure
    assert "silver.events gives several rows with id=1" in failure.message
    assert failure.exit_code == 1
    assert numbers(tmp_path) == {1: 1, 2: 2}


def test_a_key_that_is_null_is_not_published(tmp_path: Path) -> None:
    project(tmp_path, MERGED)
    land(tmp_path, "b", [("", "2019-01-05")])
    with Project.load(tmp_path) as lake:
        assert lake.build()["silver.events"].state is State.REJECTED
    assert numbers(tmp_path) == {1: 1, 2: 2}


def test_a_merge_keeps_keys_that_the_model_no_longer_gives(tmp_path: Path) -> None:
    project(tmp_path, MERGED)
    land(tmp_path, "a", [(2, "2019-01-02"), (3, "2019-01-02")])
    build(tmp_path)
    assert numbers(tmp_path) == {1: 1, 2: 2, 3: 3}
    build(tmp_path, full_refresh=True)
    assert numbers(tmp_path) == {2: 2, 3: 3}
