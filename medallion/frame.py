"""Frame: rows by reference. What goes between tasks instead of rows."""

from dataclasses import dataclass, field, replace

from medallion.schema import Schema
from medallion.window import Window


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


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows that lie in Parquet files, and the columns they are to be read as.

    A file may be older than the schema: columns are found by field id, a missing one reads as NULL.
    `within` is a time column and a range: rows outside of it are not the frame's.
    """

    schema: Schema
    files: tuple[DataFile, ...]
    within: tuple[str, Window] | None = None

    @property
    def rows(self) -> int:
        """How many rows the files hold, without reading any."""
        return sum(f.rows for f in self.files)

    @property
    def bytes(self) -> int:
        """How many bytes on disk, without reading any."""
        return sum(f.bytes for f in self.files)

    def between(self, column: str, window: Window) -> "Frame":
        """The rows whose time is in the window; files that hold none of them are left out."""
        files = tuple(f for f in self.files if f.span is None or f.span.meets(window))
        whole = all(f.span is not None and window.holds(f.span) for f in files)
        return replace(self, files=files, within=None if whole else (column, window))
