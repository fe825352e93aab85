"""Files that land in a store or on the web are taken like those that land on this machine."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.aws import Aws
from support.flows import build, states
from support.projects import rows, write

from medallion import Project
from medallion.adapters.files.stores import Stores
from medallion.errors import SourceError
from medallion.report import State

NAME = "bronze.events"


@pytest.fixture(params=["s3", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty folder."""
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('aws').bucket()}/landing"
    return f"memory://{tmp_path.name}-{os.getpid()}/landing"


def put(address: str, content: bytes | str) -> None:
    """Land a file."""
    raw = content.encode() if isinstance(content, str) else content
    Stores({}).at(address).pipe_file(address, raw)


def project(root: Path, lake: str, pattern: str, more: str = "", declared: str = "") -> Path:
    """A source of files at an address."""
    model = (
        f"from medallion import *\n\n@bronze({declared})\ndef events() -> Source:\n"
        f"    return files('{{lake}}/{pattern}'{more})\n"
    )
    settings = f'[tool.medallion.locations]\nlake = "{lake}"\n'
    return write(root, {"models/bronze/events.py": model, "pyproject.toml": settings})


def found(root: Path) -> list[tuple[int, str]]:
    """The rows, and the files they came from."""
    return sorted((r["id"], r["_source_file"]) for r in rows(root, NAME))


def test_files_of_every_kind_are_taken_once_and_again_when_they_change(
    tmp_path: Path, lake: str
) -> None:
    project(tmp_path, lake, "*/*", ", columns={'id': 'bigint'}")
    put(f"{lake}/x/a.csv", "id\r\n1\r\n2\n")
    put(f"{lake}/x/b.jsonl", '{"id": 3}\n')
    put(f"{lake}/y/c.json", '[{"id": 4}]')
    pq.write_table(pa.table({"id": [5]}), tmp_path / "d.parquet")
    put(f"{lake}/y/d.parquet", (tmp_path / "d.parquet").read_bytes())
    build(tmp_path)
    expected = [(1, "x/a.csv"), (2, "x/a.csv"), (3, "x/b.jsonl"), (4, "y/c.json")]
    assert found(tmp_path) == [*expected, (5, "y/d.parquet")]
    assert states(build(tmp_path)) == {NAME: State.FRESH}

    put(f"{lake}/x/a.csv", "id\n9\n")
    put(f"{lake}/z/e.csv", "id\n10\n")
    build(tmp_path)
    assert found(tmp_path) == [*expected[2:], (5, "y/d.parquet"), (9, "x/a.csv"), (10, "z/e.csv")]
    # What was fetched is gone with the run.
    assert not [p for p in (tmp_path / "warehouse").rglob("*") if p.name in ("a.csv", "e.csv")]


def test_files_of_windows_may_lie_in_a_store(tmp_path: Path, lake: str) -> None:
    declared = "partition_by=day('at'), time_column='at', start='2019-01-01'"
    more = ", columns={'id': 'bigint', 'at': 'timestamp'}, unparsable='quarantine'"
    project(tmp_path, lake, "{start:%Y/%m/%d}/*.csv", more, declared)
    for day in (1, 2):
        put(f"{lake}/2019/01/0{day}/a.csv", f"id,at\n{day},2019-01-0{day}\nx,2019-01-0{day}\n")
    assert build(tmp_path, end="2019-01-03")[NAME].parts == 2
    put(f"{lake}/2019/01/02/a.csv", "id,at\n7,2019-01-02\n")
    assert build(tmp_path, end="2019-01-03")[NAME].parts == 1
    assert [id for id, _ in found(tmp_path)] == [1, 7]
    assert [r["text"] for r in rows(tmp_path, f"{NAME}__quarantine")] == ["x,2019-01-01"]


def test_what_is_wrong_names_the_file_where_it_landed(tmp_path: Path, lake: str) -> None:
    project(tmp_path, lake, "*.csv", ", columns={'id': 'bigint'}")
    with Project.load(tmp_path) as opened, pytest.raises(SourceError) as error:
        opened.build()
    assert error.value.message == f"no file matches {lake}/*.csv"
    for content, told in (("id\nx\n", "Could not convert"), ("", "is empty"), ("b\n", "none of")):
        put(f"{lake}/a.csv", content)
        with Project.load(tmp_path) as opened:
            failure = opened.build()[NAME].failure
        assert failure
        assert failure.kind == "SourceError"
        assert told in failure.message
        assert f"{lake}/a.csv" in failure.message
        assert str(tmp_path) not in failure.message


def test_other_processes_fetch_for_themselves(tmp_path: Path, aws: Aws) -> None:
    lake = f"s3://{aws.bucket()}/landing"
    project(tmp_path, lake, "*.csv", ", columns={'id': 'bigint'}, unparsable='quarantine'")
    put(f"{lake}/a.csv", "id\n1\nx\n")
    with Project.load(tmp_path, executor="processes") as opened:
        report = opened.build()
    assert report.ok, json.dumps(report.to_dict(), default=str)
    assert report[NAME].quarantined == 1
    assert found(tmp_path) == [(1, "a.csv")]
