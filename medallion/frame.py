"""Frame: rows by reference. What goes between tasks instead of rows, and what people open."""

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from medallion.errors import DefinitionError
from medallion.forms import Form
from medallion.resources import shown_size
from medallion.schema import Schema, show
from medallion.window import Window

_SHOWN_ROWS, _SHOWN_COLUMNS, _SHOWN_LETTERS = 10, 12, 32
_BY_VALUE = 2  # files: with more of them, a pickle holds the address of a kept description


@dataclass(frozen=True, slots=True)
class DataFile:
    """A Parquet file whose columns carry the field ids of the frame's schema.

    `span` is a range of time that holds all of its rows; None where nothing tells one. It is of the
    column that the frame was asked for.
    """

    path: str
    rows: int
    bytes: int
    span: Window | None = field(default=None, kw_only=True)


class Reader(Protocol):
    """What opens frames. It can be pickled where its frames are to be."""

    def open(
        self,
        frame: "Frame",
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Any:
        """The frame's rows in that form; see `Frame.open`."""
        ...

    def keep(self, frame: "Frame") -> str:
        """Keep the frame's description as a small file, named by its content; its address."""
        ...

    def restore(self, address: str) -> "Frame":
        """The frame whose description was kept there."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Frame:
    """Rows that lie in Parquet files, and the columns they are to be read as.

    A file may be older than the schema: columns are found by field id, a missing one reads as NULL.
    `within` is a time column and a range: rows outside of it are not the frame's. With a `reader`
    the rows can be opened: every such method takes the names of the `columns` to read, all by
    default, and `where`, the SQL text of a condition on rows such as `fare > 10 and zone = 'JFK'`.
    """

    schema: Schema
    files: tuple[DataFile, ...]
    within: tuple[str, Window] | None = None
    reader: Reader | None = field(default=None, compare=False)

    @property
    def rows(self) -> int:
        """How many rows the files hold, without reading any."""
        return sum(f.rows for f in self.files)

    @property
    def nbytes(self) -> int:
        """How many bytes on disk, without reading any."""
        return sum(f.bytes for f in self.files)

    def between(self, column: str, window: Window) -> "Frame":
        """The rows whose time is in the window; files that hold none of them are left out."""
        files = tuple(f for f in self.files if f.span is None or f.span.meets(window))
        whole = all(f.span is not None and window.holds(f.span) for f in files)
        return replace(self, files=files, within=None if whole else (column, window))

    def chosen(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        """The names of the columns to read: those, or all of the frame's.

        Raises:
            DefinitionError: the frame does not have one of them, or it is named twice, or none is.
        """
        if columns is None:
            return self.schema.names
        names = (columns,) if isinstance(columns, str) else tuple(columns)
        hint = f"its columns: {', '.join(self.schema.names)}"
        for name in names:
            if self.schema.column(name) is None:
                raise DefinitionError(f"the frame has no column {name!r}", hint=hint)
        if not names or len(set(names)) < len(names):
            raise DefinitionError(f"name each column once, not {list(names)}", hint=hint)
        return names

    def open(
        self,
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Any:
        """The rows in a form, of them the first `limit` that come.

        Raises:
            DefinitionError: there is no reader, no such column or form, or `where` is no condition.
            StoreError: a file cannot be read.
        """
        if self.reader is None:
            raise DefinitionError(
                "this frame has no reader, so its rows cannot be opened",
                hint="get it with `Project.table(..., form=Form.FRAME)`",
            )
        return self.reader.open(self, form, columns=columns, where=where, limit=limit)

    def pandas(self, columns: Sequence[str] | None = None, where: str = "") -> Any:
        """The rows as a `pandas.DataFrame`, all of them in memory.

        Integers and booleans have pandas' nullable types; dates, times, decimals, binaries, lists,
        maps and structs have Arrow's. In floats NULL is NaN. A uuid is text.
        """
        return self.open(Form.PANDAS, columns=columns, where=where)

    def arrow(self, columns: Sequence[str] | None = None, where: str = "") -> Any:
        """The rows as a `pyarrow.Table`, all of them in memory. A uuid is text."""
        return self.open(Form.ARROW, columns=columns, where=where)

    def batches(self, columns: Sequence[str] | None = None, where: str = "") -> Any:
        """The rows as a `pyarrow.RecordBatchReader`, some of them in memory at a time."""
        return self.open(Form.BATCHES, columns=columns, where=where)

    def polars(self, columns: Sequence[str] | None = None, where: str = "") -> Any:
        """A `polars.LazyFrame` that scans the files: rows are read when it is collected or sunk.

        Only the columns that the query needs are read, and the rows come in batches.
        """
        return self.open(Form.LAZY, columns=columns, where=where)

    def duckdb(self, columns: Sequence[str] | None = None, where: str = "") -> Any:
        """A `duckdb.DuckDBPyRelation` on a connection of its own; rows are read when it is used."""
        return self.open(Form.DUCKDB, columns=columns, where=where)

    def dask(self, columns: Sequence[str] | None = None, where: str = "") -> Any:
        """A `dask.dataframe.DataFrame`: a partition per file, or per few files if they are small.

        The types are those of `pandas`.
        """
        return self.open(Form.DASK, columns=columns, where=where)

    def __len__(self) -> int:
        """How many rows, exactly. Where `within` is set, its time column is read."""
        if self.within is None:
            return self.rows
        batches = self.open(Form.BATCHES, columns=[self.within[0]])
        return sum(batch.num_rows for batch in batches)

    def __bool__(self) -> bool:
        """A frame is something, also one without rows."""
        return True

    def __repr__(self) -> str:
        return f"Frame({_count(len(self.schema.columns), 'column')}, {self._told()})"

    def __str__(self) -> str:
        names, rows = self._preview()
        lines = [list(map(_safe, line)) for line in ([*names], [*names.values()], *rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(2, ["-" * width for width in widths])
        table = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n".join([*table, self._rest(names, rows)])

    def _repr_html_(self) -> str:
        """The same as an HTML table, for notebooks."""
        names, rows = self._preview()
        heads = (_row("th", names), _row("td", names.values()))
        body = "".join(_row("td", row) for row in rows)
        rest = html.escape(self._rest(names, rows))
        return f"<table><thead>{''.join(heads)}</thead><tbody>{body}</tbody></table><p>{rest}</p>"

    def __reduce__(self) -> tuple[Callable[..., "Frame"], tuple[Any, ...]]:
        if self.reader is None or len(self.files) <= _BY_VALUE:
            return Frame, (self.schema, self.files, self.within, self.reader)
        return _restored, (self.reader, self.reader.keep(self))

    def _told(self) -> str:
        told = f"{_count(self.rows, 'row')} in {_count(len(self.files), 'file')}"
        if self.within:
            told = f"{_safe(self.within[0])} within {self.within[1]} of {told}"
        return f"{told}, {shown_size(self.nbytes)}"

    def _preview(self) -> tuple[dict[str, str], list[list[str]]]:
        """The types of the first columns by name, and of these the first rows as text."""
        types = {c.name: show(c.type) for c in self.schema.columns[:_SHOWN_COLUMNS]}
        if self.reader is None:
            return types, []
        found = self.open(Form.ARROW, columns=tuple(types), limit=_SHOWN_ROWS).to_pylist()
        return types, [[_text(row[name]) for name in types] for row in found]

    def _rest(self, names: dict[str, str], rows: list[list[str]]) -> str:
        more = len(self.schema.columns) - len(names)
        beside = f"{_count(more, 'more column')}, " if more else ""
        return f"{'… ' if more or len(rows) < self.rows else ''}{beside}{self._told()}"


def _restored(reader: Reader, address: str) -> Frame:
    return replace(reader.restore(address), reader=reader)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _text(value: Any) -> str:
    return "NULL" if value is None else str(value)


def _safe(text: str) -> str:
    """The text cut to a cell, with nothing in it that steers a terminal."""
    cut = text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(_safe(c))}</{tag}>' for c in cells)}</tr>"
