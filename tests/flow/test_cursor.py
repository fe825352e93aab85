"""Models that read something outside bit by bit, and go on where the last published build ended."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.flows import build, snapshots, states
from support.projects import plain_table, rows, suite, write

from medallion import Project
from medallion.report import State

NAME = "bronze.events"
# What stands for an API: pages in a file, given from the one asked for on.
MODEL = """
import json
from collections.abc import Iterator
from pathlib import Path

from medallion import *

API = Path({api!r})

@bronze({declared})
def events(cursor: Cursor) -> Iterator[dict]:
    pages = json.loads(API.read_text())
    for number, page in enumerate(pages):
        if number >= (cursor.value or 0):
            {give}
            cursor.value = number + 1
"""


def project(root: Path, declared: str = "", give: str = "yield page") -> Path:
    model = MODEL.format(api=str(root / "api.json"), declared=declared, give=give)
    return write(root, {"models/bronze/events.py": model})


def serve(root: Path, *pages: Any) -> None:
    (root / "api.json").write_text(json.dumps(pages))


def ids(root: Path) -> list[int]:
    return sorted(row["id"] for row in rows(root, NAME))


def test_a_build_reads_what_came_since_the_last_one(tmp_path: Path) -> None:
    project(tmp_path)
    serve(tmp_path, [{"id": 1}, {"id": 2}])
    build(tmp_path)
    serve(tmp_path, [{"id": 100}], [{"id": 3}], [{"id": 4}])
    report = build(tmp_path)

    assert report[NAME].rows == 2
    assert ids(tmp_path) == [1, 2, 3, 4]


def test_a_build_that_reads_nothing_new_writes_no_version(tmp_path: Path) -> None:
    project(tmp_path)
    serve(tmp_path, [{"id": 1}])
    build(tmp_path)
    before = snapshots(tmp_path, NAME)

    assert states(build(tmp_path)) == {NAME: State.FRESH}
    assert snapshots(tmp_path, NAME) == before
    serve(tmp_path, [], [{"id": 2}])
    build(tmp_path)
    assert ids(tmp_path) == [1, 2]


def test_the_cursor_stays_where_it_was_if_the_audit_says_no(tmp_path: Path) -> None:
    """The rows were read, and not published: the next build reads them again."""
    project(tmp_path)
    serve(tmp_path, [{"id": 1}])
    build(tmp_path)
    strict = suite(("expect_column_values_to_be_between", {"column": "id", "max_value": 5}))
    write(tmp_path, {"expectations/bronze/events.json": strict})
    build(tmp_path)
    serve(tmp_path, [], [{"id": 9}])
    with Project.load(tmp_path) as found:
        assert states(found.build()) == {NAME: State.REJECTED}
    assert ids(tmp_path) == [1]
    serve(tmp_path, [], [{"id": 2}])
    build(tmp_path)

    assert ids(tmp_path) == [1, 2]


def test_a_source_that_dies_in_the_middle_leaves_nothing_and_is_read_again(tmp_path: Path) -> None:
    die = "yield page\n            if number == 1: raise OSError('the line is dead')"
    project(tmp_path, give=die)
    serve(tmp_path, [{"id": 1}])
    build(tmp_path)
    serve(tmp_path, [], [{"id": 2}], [{"id": 3}])
    with Project.load(tmp_path) as found:
        report = found.build()
    assert states(report) == {NAME: State.FAILED}
    assert "the line is dead" in str(report[NAME].failure)
    assert ids(tmp_path) == [1]
    project(tmp_path)
    build(tmp_path)

    assert ids(tmp_path) == [1, 2, 3]


def test_rows_that_were_read_stay_when_the_code_changes(tmp_path: Path) -> None:
    """Nobody may be able to give them again."""
    project(tmp_path)
    serve(tmp_path, [{"id": 1}])
    build(tmp_path)
    project(tmp_path, give="yield [dict(row, more='x') for row in page]")
    serve(tmp_path, [], [{"id": 2}])
    build(tmp_path)

    found = sorted(rows(tmp_path, NAME), key=lambda row: row["id"])
    assert found == [{"id": 1, "more": None}, {"id": 2, "more": "x"}]


def test_a_full_refresh_reads_from_the_start(tmp_path: Path) -> None:
    project(tmp_path)
    serve(tmp_path, [{"id": 1}])
    build(tmp_path)
    serve(tmp_path, [{"id": 7}], [{"id": 8}])
    build(tmp_path, full_refresh=True)

    assert ids(tmp_path) == [7, 8]


def test_rows_that_come_again_take_the_place_of_those_with_their_key(tmp_path: Path) -> None:
    project(tmp_path, "unique_key='id', strategy='merge'")
    serve(tmp_path, [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}])
    build(tmp_path)
    serve(tmp_path, [], [{"id": 2, "v": "c"}, {"id": 3, "v": "d"}])
    build(tmp_path)

    assert {r["id"]: r["v"] for r in rows(tmp_path, NAME)} == {1: "a", 2: "c", 3: "d"}


def test_a_source_that_is_young_enough_is_not_read_again(tmp_path: Path) -> None:
    project(tmp_path, "max_age='1h'")
    serve(tmp_path, [{"id": 1}])
    build(tmp_path)
    serve(tmp_path, [], [{"id": 2}])
    build(tmp_path)
    assert ids(tmp_path) == [1]
    project(tmp_path, "max_age='0s'")
    build(tmp_path)

    assert ids(tmp_path) == [1, 2]


def test_a_record_with_more_or_fewer_columns_fits_in(tmp_path: Path) -> None:
    project(tmp_path)
    serve(tmp_path, [{"id": 1, "a": 1}], [{"id": 2, "b": {"x": 1}}], [{"id": 3, "a": 2.5}])
    build(tmp_path)

    found = {row["id"]: row for row in rows(tmp_path, NAME)}
    assert [found[n]["a"] for n in (1, 2, 3)] == [1.0, None, 2.5]
    assert [found[n]["b"] for n in (1, 2, 3)] == [None, {"x": 1}, None]


def test_a_column_that_is_text_and_then_a_number_is_refused(tmp_path: Path) -> None:
    project(tmp_path)
    serve(tmp_path, [{"id": 1, "a": "x"}], [{"id": 2, "a": 5}])
    with Project.load(tmp_path) as found:
        report = found.build()

    assert states(report) == {NAME: State.FAILED}
    assert "'a' as text first and as number later" in str(report[NAME].failure)


GIVEN = {
    "records": "yield from page",
    "lists": "yield page",
    "pandas": "import pandas as pd; yield pd.DataFrame(page)",
    "polars": "import polars as pl; yield pl.DataFrame(page)",
    "arrow": "import pyarrow as pa; yield pa.Table.from_pylist(page)",
    "batches": "import pyarrow as pa; yield pa.RecordBatch.from_pylist(page)",
}


@pytest.mark.parametrize("form", GIVEN)
def test_rows_come_in_any_form(tmp_path: Path, form: str) -> None:
    project(tmp_path, give=GIVEN[form])
    serve(tmp_path, [{"id": 1}, {"id": 2}], [{"id": 3}])
    build(tmp_path)
    serve(tmp_path, [], [], [{"id": 4}])
    build(tmp_path)

    assert ids(tmp_path) == [1, 2, 3, 4]


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_the_cursor_comes_back_from_any_executor(tmp_path: Path, executor: str) -> None:
    write(tmp_path, {"pyproject.toml": f"[tool.medallion]\nexecutor = '{executor}'\n"})
    project(tmp_path)
    serve(tmp_path, [{"id": 1}])
    build(tmp_path)
    serve(tmp_path, [{"id": 100}], [{"id": 2}])
    build(tmp_path)

    assert ids(tmp_path) == [1, 2]
    assert plain_table(tmp_path, NAME).current_snapshot() is not None


def test_a_cursor_that_is_no_plain_value_is_refused(tmp_path: Path) -> None:
    project(tmp_path, give="yield page; cursor.value = API; return")
    serve(tmp_path, [{"id": 1}])
    with Project.load(tmp_path) as found:
        report = found.build()

    assert "no plain value" in str(report[NAME].failure)
