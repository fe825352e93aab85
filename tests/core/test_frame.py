"""Frames: what they tell without reading, and how they travel."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from medallion.errors import DefinitionError
from medallion.forms import Form
from medallion.frame import DataFile, Frame
from medallion.schema import Column, ListType, Schema
from medallion.window import Grain

SCHEMA = Schema((Column("id", "long", 1), Column("tags", ListType("string", 3), 2)))
MONTH = Grain.MONTH.window(588)


@dataclass(frozen=True)
class Given:
    """The rows that an Arrow table would have."""

    rows: list[dict[str, Any]]

    def to_pylist(self) -> list[dict[str, Any]]:
        return self.rows


@dataclass(frozen=True)
class Shelf:
    """Gives the same rows for every frame, and keeps descriptions in a folder."""

    folder: Path
    rows: tuple[tuple[Any, ...], ...] = ()

    def open(
        self,
        frame: Frame,
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Given:
        names = frame.chosen(columns)
        rows = [dict(zip(frame.schema.names, row, strict=True)) for row in self.rows[:limit]]
        return Given([{name: row[name] for name in names} for row in rows])

    def keep(self, frame: Frame) -> str:
        content = pickle.dumps(replace(frame, reader=None))
        address = self.folder / sha256(content).hexdigest()
        address.write_bytes(content)
        return str(address)

    def restore(self, address: str) -> Frame:
        frame: Frame = pickle.loads(Path(address).read_bytes())
        return frame


def files(count: int, rows: int = 10, size: int = 1000) -> tuple[DataFile, ...]:
    return tuple(DataFile(f"/lake/{i}.parquet", rows, size) for i in range(count))


def shown(tmp_path: Path, *rows: tuple[Any, ...], names: Sequence[str] = ("id", "tags")) -> Frame:
    schema = Schema(tuple(Column(name, "string", i) for i, name in enumerate(names)))
    return Frame(schema, files(1, len(rows)), reader=Shelf(tmp_path, rows))


def test_it_tells_its_size_without_reading() -> None:
    frame = Frame(SCHEMA, files(3))

    assert (len(frame), frame.rows, frame.nbytes) == (30, 30, 3000)


def test_it_is_something_also_without_rows() -> None:
    assert Frame(SCHEMA, ())
    assert len(Frame(SCHEMA, ())) == 0


def test_its_representation_is_one_line_and_reads_nothing() -> None:
    part = Frame(SCHEMA, files(2, 617, 61_700)).between("id", MONTH)

    assert repr(Frame(SCHEMA, files(1, 1))) == "Frame(2 columns, 1 row in 1 file, 1.0 kB)"
    assert repr(part) == ("Frame(2 columns, id within 2019-01 of 1,234 rows in 2 files, 123.4 kB)")


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B"), (999, "999 B"), (10**9, "1.0 GB"), (10**16, "10,000.0 TB")],
)
def test_sizes_are_told_in_the_unit_that_fits(size: int, told: str) -> None:
    assert repr(Frame(SCHEMA, files(1, 1, size))).endswith(f", {told})")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("pandas", Form.PANDAS), ("arrow", Form.ARROW), ("batches", Form.BATCHES),
        ("polars", Form.LAZY), ("duckdb", Form.DUCKDB), ("dask", Form.DASK),
    ],
)  # fmt: skip
def test_without_a_reader_no_way_to_open_it_works_and_the_error_says_what_does(
    name: str, form: Form
) -> None:
    frame = Frame(SCHEMA, files(1))

    for way in (getattr(frame, name), lambda: frame.open(form)):
        with pytest.raises(DefinitionError, match=r"Project\.table\(\.\.\., form=Form\.FRAME\)"):
            way()


def test_without_a_reader_it_is_shown_by_its_columns() -> None:
    assert str(Frame(SCHEMA, files(2))).splitlines() == [
        "id    tags",
        "long  list<string>",
        "----  ------------",
        "… 20 rows in 2 files, 2.0 kB",
    ]


def test_its_first_rows_are_shown(tmp_path: Path) -> None:
    frame = replace(
        Frame(SCHEMA, files(2, 617)),
        reader=Shelf(tmp_path, ((1, ["a"]), (None, []), *[(i, None) for i in range(3, 99)])),
    )
    lines = str(frame).splitlines()

    assert lines[3:5] == ["1     ['a']", "NULL  []"]
    assert lines[12] == "10    NULL"
    assert lines[13:] == ["… 1,234 rows in 2 files, 2.0 kB"]


def test_few_rows_are_all_that_there_are(tmp_path: Path) -> None:
    assert str(shown(tmp_path, ("a", "b"))).endswith("\n1 row in 1 file, 1.0 kB")


def test_many_columns_are_cut(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(40)]
    frame = shown(tmp_path, tuple(names), names=names)

    assert len(str(frame).splitlines()[0].split()) == 12
    assert "… 28 more columns, 1 row" in str(frame)


def test_a_cell_is_cut(tmp_path: Path) -> None:
    assert max(map(len, str(shown(tmp_path, ("x" * 10**6, "y"))).splitlines())) < 60


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b]0;title\x07", "a\rb\nc", "\x9b31m", "a\u202eb", "\ud800"]
)
def test_nothing_in_it_steers_the_terminal(tmp_path: Path, text: str) -> None:
    frame = shown(tmp_path, (text, "b"), names=("id", text))
    lines = str(frame).splitlines()

    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)
    assert repr(frame.between(text, MONTH)).isprintable()
    assert text not in frame._repr_html_()


def test_nothing_in_it_is_html(tmp_path: Path) -> None:
    text = "<script>alert('&')</script>"
    page = shown(tmp_path, (text, "\"'"), names=("id", text))._repr_html_()

    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/scrip") == 2
    assert "<td>&quot;&#x27;</td>" in page
    assert page.endswith("<p>1 row in 1 file, 1.0 kB</p>")


def test_columns_are_chosen_by_name() -> None:
    frame = Frame(SCHEMA, ())

    assert frame.chosen(None) == ("id", "tags")
    assert frame.chosen(["tags"]) == frame.chosen("tags") == ("tags",)


@pytest.mark.parametrize("columns", [["id", "fare"], ["ID"], "i", [], ["id", "id"]])
def test_columns_that_cannot_be_chosen_are_an_error_that_names_those_that_can(
    columns: list[str],
) -> None:
    with pytest.raises(DefinitionError, match="its columns: id, tags"):
        Frame(SCHEMA, ()).chosen(columns)


@pytest.mark.parametrize("count", [0, 2, 3, 10_000])
def test_it_is_the_same_after_a_journey(tmp_path: Path, count: int) -> None:
    frame = replace(Frame(SCHEMA, files(count)).between("id", MONTH), reader=Shelf(tmp_path))
    again = pickle.loads(pickle.dumps(frame))

    assert again == frame
    assert again.reader == Shelf(tmp_path)


def test_however_many_files_a_journey_takes_little_luggage(tmp_path: Path) -> None:
    kept = replace(Frame(SCHEMA, files(10_000)), reader=Shelf(tmp_path))

    assert len(pickle.dumps(kept)) < 1000
    assert len(pickle.dumps(replace(kept, reader=None))) > 100_000
    assert len(list(tmp_path.iterdir())) == 1


def test_few_files_need_nothing_kept(tmp_path: Path) -> None:
    pickle.dumps(replace(Frame(SCHEMA, files(2)), reader=Shelf(tmp_path)))

    assert not list(tmp_path.iterdir())


def test_frames_are_equal_whoever_reads_them(tmp_path: Path) -> None:
    plain, read = Frame(SCHEMA, files(1)), Frame(SCHEMA, files(1), reader=Shelf(tmp_path))

    assert plain == read
    assert hash(plain) == hash(read)


def test_a_reader_stays_with_a_part(tmp_path: Path) -> None:
    frame = Frame(SCHEMA, files(1), reader=Shelf(tmp_path))

    assert frame.between("id", MONTH).reader is frame.reader
