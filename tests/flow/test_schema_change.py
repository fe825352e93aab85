"""What is done when a file has other columns than the table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.flows import build
from support.projects import plain_table, rows, write

from medallion import Project
from medallion.errors import DefinitionError
from medallion.report import Failure

NAME = "bronze.events"
KINDS = ("csv", "jsonl", "parquet")
Row = Mapping[str, Any]


def project(root: Path, change: str, columns: Mapping[str, str] | None = None) -> Path:
    """A source that does this when columns change."""
    declared = f", columns={dict(columns)}" if columns else ""
    model = (
        "from medallion import *\n\n@bronze()\ndef events() -> Source:\n"
        f"    return files('landing/*'{declared}, on_schema_change='{change}')\n"
    )
    return write(root, {"models/bronze/events.py": model})


def put(root: Path, name: str, rows: Sequence[Row], types: Mapping[str, Any] | None = None) -> None:
    """Land a file of the kind that its name says."""
    path = root / "landing" / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith("parquet"):
        schema = pa.schema(list(types.items())) if types else None
        pq.write_table(pa.Table.from_pylist(list(rows), schema), path)
    elif name.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [",".join(map(str, row.values())) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *lines]) + "\n")


def refused(root: Path) -> Failure:
    """The error of a build that leaves what readers see."""
    with Project.load(root) as opened:
        before = [(n, t.main) for n, t in opened.tables().items()]
        report = opened.build()
        after = [(n, t.main) for n, t in opened.tables().items() if t.main]
    failure = report[NAME].failure
    assert failure
    assert failure.kind == "SourceError"
    assert failure.hint
    assert before == after
    return failure


def types(root: Path) -> dict[str, str]:
    """The columns of the table."""
    fields = plain_table(root, NAME).schema().fields
    return {f.name: str(f.field_type) for f in fields if not f.name.startswith("_")}


def values(root: Path) -> list[tuple[Any, ...]]:
    """The rows, without what is added to them."""
    found = ({k: v for k, v in r.items() if k[0] != "_"} for r in rows(root, NAME))
    return sorted((tuple(row.values()) for row in found), key=repr)


COLUMNS = {"id": "bigint", "name": "varchar"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [None, COLUMNS], ids=["found", "declared"])
def test_new_columns_are_added_and_missing_ones_are_null(
    tmp_path: Path, kind: str, columns: Mapping[str, str] | None
) -> None:
    for change in ("add", "widen"):
        root = project(tmp_path / change, change, columns)
        put(root, f"a.{kind}", [{"id": 1, "name": "x"}])
        build(root)
        put(root, f"b.{kind}", [{"id": 2, "zone": "north"}])
        build(root)
        assert values(root) == [(1, "x", None), (2, None, "north")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [None, COLUMNS], ids=["found", "declared"])
def test_any_difference_fails_where_that_is_said(
    tmp_path: Path, kind: str, columns: Mapping[str, str] | None
) -> None:
    project(tmp_path, "fail", columns)
    put(tmp_path, f"a.{kind}", [{"id": 1, "name": "x"}])
    build(tmp_path)
    for row, told in (
        ({"id": 2, "name": "y", "zone": "north"}, "has a column 'zone'"),
        ({"id": 2}, "has no column 'name'"),
    ):
        put(tmp_path, f"b.{kind}", [{"id": 3, "name": "z"}])
        put(tmp_path, f"c.{kind}", [row])
        message = refused(tmp_path).message
        assert told in message
        assert f"landing/c.{kind}" in message
    put(tmp_path, f"c.{kind}", [{"name": "y", "id": 2}])
    build(tmp_path)
    assert values(tmp_path) == [(1, "x"), (2, "y"), (3, "z")]


@pytest.mark.parametrize("kind", KINDS)
def test_any_difference_fails_on_the_first_build_too(tmp_path: Path, kind: str) -> None:
    project(tmp_path, "fail")
    put(tmp_path, f"a.{kind}", [{"id": 1}])
    put(tmp_path, f"b.{kind}", [{"id": 1, "zone": "north"}])
    assert f"landing/b.{kind} has a column 'zone'" in refused(tmp_path).message
    project(tmp_path, "fail", {"id": "bigint", "zone": "varchar"})
    message = refused(tmp_path).message
    assert f"landing/a.{kind} has no column 'zone'" in message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [None, COLUMNS], ids=["found", "declared"])
def test_columns_that_the_table_lacks_are_left_and_told_of(
    tmp_path: Path, kind: str, columns: Mapping[str, str] | None
) -> None:
    project(tmp_path, "ignore", columns)
    put(tmp_path, f"a.{kind}", [{"id": 1, "name": "x"}])
    build(tmp_path)
    put(tmp_path, f"b.{kind}", [{"more": 1.5, "id": 2, "zone": "north"}])
    report = build(tmp_path)
    assert values(tmp_path) == [(1, "x"), (2, None)]
    told = f"{NAME}: columns that its table lacks were not taken: more, zone"
    assert told in report.warnings
    assert told in report.to_dict()["warnings"]


@pytest.mark.parametrize("change", ["fail", "add", "widen", "ignore"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_value_that_is_not_of_the_tables_type_fails(
    tmp_path: Path, change: str, kind: str
) -> None:
    project(tmp_path, change)
    put(tmp_path, f"a.{kind}", [{"id": 1, "amount": 2}])
    build(tmp_path)
    put(tmp_path, f"b.{kind}", [{"id": 2, "amount": "much"}])
    message = refused(tmp_path).message
    assert f"landing/b.{kind}" in message
    assert "much" in message


WIDENS = [
    (pa.int32(), pa.int64(), "long"),
    (pa.float32(), pa.float64(), "double"),
    (pa.decimal128(5, 2), pa.decimal128(9, 2), "decimal(9, 2)"),
]


@pytest.mark.parametrize(("narrow", "wide", "kept"), WIDENS, ids=[w[2] for w in WIDENS])
def test_types_widen_where_no_value_is_lost(
    tmp_path: Path, narrow: Any, wide: Any, kept: str
) -> None:
    for change in ("fail", "add", "ignore", "widen"):
        root = project(tmp_path / change, change)
        put(root, "a.parquet", [{"v": 1}], {"v": narrow})
        build(root)
        put(root, "b.parquet", [{"v": 2}], {"v": wide})
        if change == "widen":
            build(root)
            assert types(root) == {"v": kept}
            assert [float(v) for (v,) in values(root)] == [1, 2]
            put(root, "c.parquet", [{"v": 3}], {"v": narrow})
            build(root)
            assert types(root) == {"v": kept}
        else:
            failure = refused(root)
            assert "landing/b.parquet has the column 'v' as " in failure.message
            assert 'on_schema_change="widen"' in failure.hint


def test_a_narrower_type_is_stored_as_the_wider_one_the_table_has(tmp_path: Path) -> None:
    for change in ("add", "ignore"):
        root = project(tmp_path / change, change)
        put(root, "a.parquet", [{"v": 1}], {"v": pa.int64()})
        build(root)
        put(root, "b.parquet", [{"v": 2}], {"v": pa.int32()})
        build(root)
        assert types(root) == {"v": "long"}


@pytest.mark.parametrize("change", ["fail", "add", "widen", "ignore"])
@pytest.mark.parametrize("other", [pa.float64(), pa.string(), pa.list_(pa.int64())], ids=str)
def test_a_type_that_cannot_widen_fails(tmp_path: Path, change: str, other: Any) -> None:
    project(tmp_path, change)
    put(tmp_path, "a.parquet", [{"v": 1}], {"v": pa.int64()})
    build(tmp_path)
    put(tmp_path, "b.parquet", [{"v": 2}], {"v": pa.int64()})
    put(tmp_path, "c.parquet", [{"v": None}], {"v": other})
    message = refused(tmp_path).message
    assert "landing/c.parquet has the column 'v' as" in message
    assert message.endswith("which was long")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_whole_number_that_is_too_large_widens_its_column(tmp_path: Path, kind: str) -> None:
    project(tmp_path, "widen")
    put(tmp_path, "a.parquet", [{"v": 1}], {"v": pa.int32()})
    build(tmp_path)
    put(tmp_path, f"b.{kind}", [{"v": 2**40}])
    build(tmp_path)
    assert types(tmp_path) == {"v": "long"}
    assert values(tmp_path) == [(1,), (2**40,)]


@pytest.mark.parametrize("change", ["add", "widen", "ignore", "fail"])
def test_windows_may_differ_like_files(tmp_path: Path, change: str) -> None:
    """On the first build, and later; the windows are built one after the other."""
    model = (
        "from medallion import *\n\n"
        "@bronze(partition_by=day('at'), time_column='at', start='2019-01-01')\n"
        "def events() -> Source:\n"
        f"    return files('landing/{{start:%Y-%m-%d}}.csv', on_schema_change='{change}')\n"
    )
    write(tmp_path, {"models/bronze/events.py": model})
    put(tmp_path, "2019-01-01.csv", [{"at": "2019-01-01", "a": 1}])
    put(tmp_path, "2019-01-02.csv", [{"at": "2019-01-02", "a": 2, "b": "x"}])
    put(tmp_path, "2019-01-03.csv", [{"at": "2019-01-03", "c": "y", "b": "z"}])
    if change == "fail":
        with Project.load(tmp_path) as opened:
            failure = opened.build(end="2019-01-05")[NAME].failure
        assert failure
        assert "2019-01-02.csv has a column 'b'" in failure.message
        return
    report = build(tmp_path, end="2019-01-05")
    put(tmp_path, "2019-01-04.csv", [{"at": "2019-01-04", "d": "w"}])
    build(tmp_path, end="2019-01-05")
    found = {r["at"].day: {k: r.get(k) for k in "abcd"} for r in rows(tmp_path, NAME)}
    if change == "ignore":
        assert [found[day]["a"] for day in (1, 2, 3, 4)] == [1, 2, None, None]
        assert set(types(tmp_path)) == {"at", "a"}
        assert f"{NAME}: columns that its table lacks were not taken: b" in report.warnings
    else:
        assert found == {
            1: {"a": 1, "b": None, "c": None, "d": None},
            2: {"a": 2, "b": "x", "c": None, "d": None},
            3: {"a": None, "b": "z", "c": "y", "d": None},
            4: {"a": None, "b": None, "c": None, "d": "w"},
        }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("on_schema_change='adds'", 'on_schema_change=\'adds\'.*"fail", "add"'),
        ("unparsable='skip'", "unparsable='skip'.*\"quarantine\""),
        ("most_unparsable=2", "most_unparsable=2 is no share"),
    ],
)
def test_what_files_does_not_know_is_refused(tmp_path: Path, given: str, told: str) -> None:
    model = (
        f"from medallion import *\n\n@bronze()\ndef a() -> Source:\n    return files('a', {given})"
    )
    write(tmp_path, {"models/a.py": model})
    with pytest.raises(DefinitionError, match=f"(?s){told}"):
        Project.load(tmp_path)
