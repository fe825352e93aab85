"""Lines that cannot be parsed are put aside, each of them and no other."""

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.adapters.duckdb.landed import landed, uniform
from medallion.adapters.duckdb.landing import queries
from medallion.adapters.duckdb.unparsable import TABLE, sorted_out
from medallion.errors import SourceError
from medallion.source import Landing

COLUMNS = {"id": "bigint", "name": "varchar", "day": "date"}
CODECS = {"": None, ".gz": "gzip", ".zst": "zstd"}
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Found:
    """The rows that are published, and what is put aside: line, column, text."""

    rows: Sequence[tuple[Any, ...]]
    aside: Sequence[tuple[Any, ...]]
    taken: int
    refused: int


def sort_out(name: str, content: bytes, columns: Mapping[str, str] = COLUMNS) -> Found:
    """What comes of a file."""
    codec = CODECS["." + name.rpartition(".")[2] if name.endswith((".gz", ".zst")) else ""]
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "landing" / name
        path.parent.mkdir()
        if codec:
            with pa.CompressedOutputStream(str(path), codec) as out:
                out.write(content)
        else:
            path.write_bytes(content)
        source, scratch = Landing(str(path.parent / "*"), columns), Path(folder) / "scratch"
        files = uniform(landed(source), scratch)
        sorted = sorted_out(connection, files, columns, scratch)
        [text] = queries(connection, source, sorted.files, "2026-01-01")
        names = ", ".join(columns)
        rows = connection.sql(f"select {names}, _source_file from ({text})").fetchall()
        assert {row[-1] for row in rows} <= {name}
        aside = connection.sql(f'select line, "column", text from {TABLE} order by line').fetchall()
        assert connection.sql(f"select _source_file from {TABLE}").fetchall() == [(name,)] * len(
            aside
        )
        return Found([row[:-1] for row in rows], aside, sorted.taken, sorted.refused)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=6)
ROWS = st.tuples(
    st.integers(-(2**63), 2**63 - 1), st.none() | TEXTS.filter(bool), st.dates(date(1, 1, 1))
)
BAD_VALUES = {
    "x,a,2026-01-01": "id",
    "1,a,yesterday": "day",
    '7,"two\nlines",soon': "day",
    "9999999999999999999,a,2026-01-01": "id",
    "1,a,2026-01-01,b": None,
    "1,a": "day",
    "1": "name",
    '"1"2,a,2026-01-01': "id",
    "1,\udcff,2026-01-01": "name",
}


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_bad_lines_of_csv_are_put_aside_and_no_others(data: st.DataObject) -> None:
    delimiter = data.draw(st.sampled_from(",\t"))
    records = data.draw(
        st.lists(ROWS | st.sampled_from(sorted(BAD_VALUES, key=repr)), min_size=1, max_size=12)
    )
    ends = st.sampled_from(["\n", "\r\n"])
    same = data.draw(st.none() | ends)
    content, line, good, bad = BOM if data.draw(st.booleans()) else b"", 2, [], []
    content += delimiter.join(COLUMNS).encode() + (same or "\n").encode()
    for number, record in enumerate(records):
        out = io.StringIO()
        if isinstance(record, str):
            text = record.replace(",", delimiter)
            seen = text.encode(errors="surrogateescape").decode(errors="replace")
            bad.append((line, BAD_VALUES[record], seen))
        else:
            minimal = data.draw(st.booleans())
            csv.writer(
                out,
                delimiter=delimiter,
                lineterminator="\n",
                quoting=csv.QUOTE_MINIMAL if minimal else csv.QUOTE_NONNUMERIC,
            ).writerow(["" if v is None and minimal else v for v in record])
            text = (
                out.getvalue()
                .removesuffix("\n")
                .replace(f'{delimiter}""{delimiter}', delimiter * 2)
            )
            good.append(record)
        end = "" if number + 1 == len(records) and data.draw(st.booleans()) else same
        end = data.draw(ends) if end is None else end
        content += (text + end).encode(errors="surrogateescape")
        line += text.count("\n") + 1
    kind = {",": "csv", "\t": "tsv"}[delimiter]
    found = sort_out(f"a.{kind}{data.draw(st.sampled_from(sorted(CODECS)))}", content)

    assert found.rows == good
    assert [row[0] for row in found.aside] == [row[0] for row in bad]
    assert list(found.aside) == bad
    assert (found.taken, found.refused) == (len(records), len(bad))


BAD_OBJECTS = {
    '{"id": "x", "name": "a"}': "id",
    '{"id": 1, "day": "soon"}': "day",
    '{"id": [1]}': "id",
    '{"id": 1, "id": 2}': None,
    '{"id": 1': None,
    "nothing": None,
    "[1]": None,
    '"text"': None,
    "null": None,
    '{"id": 1, "name": "\udcff"}': None,
    '{"id": 1} {"id": 2}': None,
}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bad_lines_of_json_are_put_aside_and_no_others(data: st.DataObject) -> None:
    records = data.draw(
        st.lists(
            ROWS | st.sampled_from(sorted(BAD_OBJECTS, key=repr)) | st.just(""),
            min_size=1,
            max_size=12,
        )
    )
    content, good, bad = b"", [], []
    for number, record in enumerate(records, 1):
        text = record
        if not isinstance(record, str):
            text = json.dumps(dict(zip(COLUMNS, record, strict=True)), default=str)
            good.append(record)
        elif record:
            seen = record.encode(errors="surrogateescape").decode(errors="replace")
            bad.append((number, BAD_OBJECTS[record], seen))
        end = data.draw(st.sampled_from(["\n", "\r\n"]))
        end = "" if number == len(records) and data.draw(st.booleans()) else end
        content += (str(text) + end).encode(errors="surrogateescape")
    if not (good or bad):
        return
    found = sort_out(f"a.jsonl{data.draw(st.sampled_from(sorted(CODECS)))}", content)

    assert sorted(found.rows, key=repr) == sorted(good, key=repr)
    assert list(found.aside) == bad
    assert (found.taken, found.refused) == (len(good) + len(bad), len(bad))


def test_an_open_quote_takes_what_follows_with_it_and_nothing_before() -> None:
    content = b'id,name,day\n1,a,2026-01-01\n2,"b,2026-01-01\n3,c,2026-01-01\n'
    found = sort_out("a.csv", content)
    assert [row[0] for row in found.rows] == [1]
    assert found.aside == [(3, "name", '2,"b,2026-01-01\n3,c,2026-01-01')]


def test_lines_of_a_large_file_are_told_apart(tmp_path: Path) -> None:
    """It is read by several threads, and values with line ends lie where they meet."""
    size = 400_000
    lines = [
        f'x{n},"bad\n{n}",2026-01-01' if n % 997 == 0 else f'{n},"some\n""{n}""",2026-01-01'
        for n in range(size)
    ]
    found = sort_out("a.csv", ("id,name,day\r\n" + "\r\n".join(lines)).encode())
    bad = range(0, size, 997)
    assert [row[0] for row in found.aside] == [2 + 2 * n for n in bad]
    assert [row[2] for row in found.aside] == [f'x{n},"bad\n{n}",2026-01-01' for n in bad]
    assert sorted(row[0] for row in found.rows) == [n for n in range(size) if n % 997]


def test_without_declared_columns_lines_of_another_shape_are_put_aside() -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "a.csv"
        path.write_bytes(b"id,amount\n1,2.5\n2\n3,4.5,6\n4,7\n")
        source = Landing(str(path))
        files = sorted_out(connection, landed(source), {}, Path(folder) / "scratch").files
        [text] = queries(connection, source, files, "2026-01-01")
        assert connection.sql(f"select id, amount from ({text})").fetchall() == [(1, 2.5), (4, 7.0)]


def test_a_file_whose_lines_end_in_no_line_feed_is_not_torn_apart() -> None:
    content = b"id,name,day\r1,a,2026-01-01\rx,b,2026-01-01\r"
    with pytest.raises(SourceError, match=r"a\.csv"):
        sort_out("a.csv", content)
