"""Landed files of every kind, plain and compressed: the same rows, or an error that names one."""

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.adapters.duckdb.landed import Landed, landed, uniform
from medallion.adapters.duckdb.landing import queries, unreadable
from medallion.errors import SourceError
from medallion.source import Landing

Row = tuple[Any, ...]
COMPRESSIONS = {"": None, ".gz": "gzip", ".zst": "zstd"}
COLUMNS = {"id": "bigint", "name": "varchar", "price": "double", "day": "date"}
KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Found:
    """What was read: the columns in their order, their types, and the rows without the time."""

    columns: Mapping[str, str]
    rows: Sequence[Row]


def read(folder: Path, columns: Mapping[str, str] | None = None) -> Found:
    """The rows of all files in a folder."""
    source = Landing(str(folder / "*"), columns or {})
    with tempfile.TemporaryDirectory() as scratch:
        files = uniform(landed(source), Path(scratch) / "task")
        return read_files(source, files)


def read_files(source: Landing, files: Sequence[Landed]) -> Found:
    """The rows of files that were looked through."""
    with duckdb.connect() as connection:
        try:
            texts = queries(connection, source, files, "2026-01-01")
            text = " union all by name ".join(f"({t})" for t in texts)
            relation = connection.sql(f"select * exclude (_loaded_at) from ({text})")
            types = dict(zip(relation.columns, map(str, relation.types), strict=True))
            return Found(types, relation.fetchall())
        except duckdb.Error as error:
            raise unreadable(source, error) from error


def packed(content: bytes, ending: str) -> bytes:
    """The content as a file with that ending holds it."""
    codec = COMPRESSIONS[ending]
    if codec is None:
        return content
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(content)
    return bytes(sink.getvalue().to_pybytes())


def read_one(name: str, content: bytes, columns: Mapping[str, str] | None = None) -> Found:
    """The rows of one file."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        return read(Path(folder), columns)


def refused(name: str, content: bytes, columns: Mapping[str, str] | None = None) -> SourceError:
    """The error of a file that is refused."""
    with pytest.raises(SourceError) as error:
        read_one(name, content, columns)
    return error.value


def content_of(kind: str, rows: Sequence[Row], ends: Callable[[], str]) -> bytes:
    """Rows as a file of that kind; `ends` gives the end of each line of CSV."""
    if kind in (".csv", ".tsv"):
        out = io.StringIO()
        for row in [tuple(COLUMNS), *rows]:
            delimiter = "," if kind == ".csv" else "\t"
            csv.writer(out, delimiter=delimiter, lineterminator=ends()).writerow(row)
        return out.getvalue().encode()
    objects = [json.dumps(dict(zip(COLUMNS, row, strict=True)), default=str) for row in rows]
    text = "\n".join(objects) if kind != ".json" else f"[{', '.join(objects)}]"
    return text.encode()


NAMES = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), min_size=1)
TABLES = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.none() | NAMES,
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.dates(date(1, 1, 1)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=12, deadline=None)
@given(rows=TABLES, data=st.data())
def test_a_table_has_the_same_rows_as_whatever_kind_it_lands(
    rows: list[Row], data: st.DataObject
) -> None:
    def ends() -> str:
        return data.draw(st.sampled_from(["\n", "\r\n"]))

    for kind in KINDS:
        content = content_of(kind, rows, ends)
        for ending in COMPRESSIONS:
            name = f"rows{kind}{ending}"
            found = read_one(name, packed(content, ending), COLUMNS)
            assert found.rows == [(*row, name) for row in rows], name


VALUES = st.sampled_from(["1", "-7", "2.5", "x", "2026-01-01", "2026-01-01 10:00:00", "true", ""])


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.tuples(*[VALUES] * 4), min_size=1, max_size=5), kind=st.sampled_from(KINDS))
def test_the_columns_that_are_found_are_those_of_the_plain_file(rows: list[Row], kind: str) -> None:
    content = content_of(kind, rows, lambda: "\n")
    plain = read_one(f"rows{kind}", content)
    for ending in (".gz", ".zst"):
        found = read_one(f"rows{kind}{ending}", packed(content, ending))
        assert list(found.columns.items()) == list(plain.columns.items())
        assert [row[:-1] for row in found.rows] == [row[:-1] for row in plain.rows]


@settings(max_examples=20, deadline=None)
@given(rows=TABLES)
def test_an_array_has_the_columns_and_rows_of_the_same_objects_as_lines(rows: list[Row]) -> None:
    lines = read_one("rows.jsonl", content_of(".jsonl", rows, str))
    array = read_one("rows.json", content_of(".json", rows, str))
    assert list(array.columns.items()) == list(lines.columns.items())
    assert [row[:-1] for row in array.rows] == [row[:-1] for row in lines.rows]


def test_files_of_one_kind_are_one_table_however_they_are_compressed(tmp_path: Path) -> None:
    for kind in KINDS:
        folder = tmp_path / kind.removeprefix(".")
        folder.mkdir()
        for number, ending in enumerate(COMPRESSIONS):
            content = content_of(kind, [(number, "x", 1.5, None)], lambda: "\n")
            (folder / f"{number}{kind}{ending}").write_bytes(packed(content, ending))
        found = read(folder, COLUMNS)
        names = [f"{n}{kind}{e}" for n, e in enumerate(COMPRESSIONS)]
        assert sorted((row[0], row[-1]) for row in found.rows) == list(enumerate(names))


DAMAGED_LINES = {
    "a wrong value": (".csv", b"id,day\n" + b"1,2026-01-01\n" * 40 + b"2,yesterday\n", "42"),
    "a value too many": (".tsv", b"id\tday\n1\t2026-01-01\n2\t\t3\n", "3"),
    "an open quote": (".csv", b'id,day\n1,2026-01-01\n2,"2026\n', "3"),
    "what is no text": (".csv", b"id,day\n1,2026-01-01\n\xff,2026-01-01\n", "3"),
    # DuckDB counts one too many where it is not JSON.
    "a line that is no JSON": (".jsonl", b'{"id": 1}\n{"id": 2\n', "3"),
    "a line that is no object": (".ndjson", b'{"id": 1}\n[2]\n', "2"),
    "an object that is no JSON": (".json", b'[{"id": 1}, {"id"; 2}]', "3"),
    "a late element that is no object": (".json", b'[{"id": 1}, 2]', "2"),
}


@pytest.mark.parametrize("ending", COMPRESSIONS)
@pytest.mark.parametrize("name", DAMAGED_LINES)
def test_what_cannot_be_read_is_told_with_its_file_and_place(name: str, ending: str) -> None:
    kind, content, place = DAMAGED_LINES[name]
    error = refused(f"rows{kind}{ending}", packed(content, ending), {"id": "bigint", "day": "date"})
    assert f"rows{kind}{ending}" in error.message
    assert re.search(rf"(?i)(line:?|value) {place}\b", error.message), error.message


@pytest.mark.parametrize("ending", COMPRESSIONS)
def test_an_error_in_a_copy_names_the_file_that_landed(ending: str) -> None:
    error = refused(f"trips.csv{ending}", packed(b"a\r\n1\nx\n", ending), {"a": "bigint"})
    assert "trips.csv" in error.message.partition("file = ")[2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_compressed_file_that_is_cut_off_anywhere_is_refused(kind: str, ending: str) -> None:
    whole = packed(content_of(kind, [(1, "x", 1.5, None)], lambda: "\n"), ending)
    for length in range(len(whole)):
        error = refused(f"rows{kind}{ending}", whole[:length], COLUMNS)
        assert f"rows{kind}{ending}" in error.message


def test_a_zstd_file_whose_first_part_looks_whole_is_refused(tmp_path: Path) -> None:
    """Its blocks end where a line ends; DuckDB alone gives the rows of those that are there."""
    lines = [f"{n * 7919 * 104729 % 10**15:015}\n" for n in range(40_000)]
    whole = packed(f"{'a' * 15}\n{''.join(lines)}".encode(), ".zst")
    path = tmp_path / "rows.csv.zst"
    path.write_bytes(whole[: len(whole) * 3 // 5])
    with duckdb.connect() as connection:
        count = f"select count(*) from read_csv('{path}')"
        [(alone,)] = connection.execute(count).fetchall()
    assert 0 < alone < len(lines)

    with pytest.raises(SourceError, match=r"rows\.csv\.zst cannot be read"):
        read(tmp_path, {"a" * 15: "bigint"})


def test_a_zstd_file_that_differs_from_its_checksum_is_refused() -> None:
    frame = bytes.fromhex("28b52ffd240c61000069640a31323334353637380a8846763a")
    assert read_one("rows.csv.zst", frame).rows == [(12345678, "rows.csv.zst")]
    damaged = frame.replace(b"5", b"6")
    assert "rows.csv.zst" in refused("rows.csv.zst", damaged).message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_what_is_not_compressed_as_its_name_says_is_refused(kind: str, ending: str) -> None:
    content = content_of(kind, [(1, "x", 1.5, None)], lambda: "\n")
    wrong = {".gz": ".zst", ".zst": ".gz"}[ending]
    for bad in (content, packed(content, wrong), packed(content, ending) + b"something else"):
        assert f"rows{kind}{ending}" in refused(f"rows{kind}{ending}", bad, COLUMNS).message


def test_a_flipped_bit_in_a_gzip_file_changes_no_row() -> None:
    content = content_of(".csv", [(n, "x", 1.5, None) for n in range(9)], lambda: "\n")
    whole = packed(content, ".gz")
    good = read_one("rows.csv.gz", whole, COLUMNS)
    refusals = 0
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 4
        try:
            assert read_one("rows.csv.gz", bytes(flipped), COLUMNS) == good
        except SourceError as error:
            refusals += "rows.csv.gz" in error.message
    # Some bits of the header say nothing of the content, as the time and the system.
    assert refusals > len(whole) - 10


@pytest.mark.parametrize("ending", COMPRESSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_content_is_refused(kind: str, ending: str) -> None:
    for content in (b"", packed(b"", ending), packed(b"\xef\xbb\xbf", ending)):
        assert f"rows{kind}{ending} " in refused(f"rows{kind}{ending}", content, COLUMNS).message


NO_ARRAYS = {
    "lines": b'{"id": 1}\n{"id": 2}\n',
    "an object": b'{"id": 1}',
    "numbers": b"[1, 2]",
    "arrays": b'[[{"id": 1}]]',
    "a text": b'"[{}]"',
    "an array after something": b'1 [{"id": 1}]',
    "white space": b" \n",
}


@pytest.mark.parametrize("ending", COMPRESSIONS)
@pytest.mark.parametrize("name", NO_ARRAYS)
def test_json_that_is_no_array_of_objects_is_refused_with_a_hint(name: str, ending: str) -> None:
    error = refused(f"rows.json{ending}", packed(NO_ARRAYS[name], ending), {"id": "bigint"})
    assert error.message.endswith(f"rows.json{ending} is not one JSON array of objects")
    assert ".jsonl" in error.hint


@pytest.mark.parametrize("content", [b'[{"id":1},"x"]', b'[{"id":1},[2]]', b'[{"id":1},{"id":2}]]'])
@pytest.mark.parametrize("columns", [None, {"id": "varchar"}, {"id": "varchar", "b": "bigint"}])
def test_an_element_that_is_no_object_is_no_value_of_a_column(
    content: bytes, columns: Mapping[str, str] | None
) -> None:
    assert "rows.json" in refused("rows.json", content, columns).message


def test_an_array_that_is_cut_off_anywhere_is_refused() -> None:
    whole = b'[{"id": 1, "tags": [1]}, {"id": 2, "tags": []},\n {"id": 3}]'
    for length in range(len(whole)):
        assert "rows.json" in refused("rows.json", whole[:length], {"id": "bigint"}).message


def test_an_array_without_elements_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_bytes(b" [ ]\n")
    assert read(tmp_path, {"id": "bigint"}).rows == []

    (tmp_path / "some.json").write_bytes(b'[{"id": 1, "json": "x"}, {}]')
    declared = read(tmp_path, {"id": "bigint"})
    assert sorted(declared.rows, key=str) == [(1, "x", "some.json"), (None, None, "some.json")]
    assert read(tmp_path).columns == declared.columns


@pytest.mark.parametrize("content", [b"[]", b"[{}, {}]"])
def test_an_array_that_tells_no_column_wants_them_declared(content: bytes) -> None:
    error = refused("rows.json", content)
    assert "no row that tells its columns" in error.message
    assert "columns={...}" in error.hint


@pytest.mark.parametrize("kind", [".json", ".jsonl"])
def test_objects_with_many_alike_names_are_rows_of_as_many_columns(kind: str) -> None:
    row = json.dumps({f"c{n}": n for n in range(300)}).encode()
    found = read_one(f"rows{kind}", row if kind == ".jsonl" else b"[" + row + b"]")
    assert list(found.columns.values()) == ["BIGINT"] * 300 + ["VARCHAR"]
    assert found.rows == [(*range(300), f"rows{kind}")]
