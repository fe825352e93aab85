"""Frame: rows by reference. What goes between tasks instead of rows."""

from dataclasses import dataclass

from medallion.schema import Schema


@dataclass(frozen=True, slots=True)
class DataFile:
    """A Parquet file whose columns carry the field ids of the frame's schema."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows that lie in Parquet files, and the columns they are to be read as.

    A file may be older than the schema: columns are found by field id, a missing one reads as NULL.
    """

    schema: Schema
    files: tuple[DataFile, ...]

    @property
    def rows(self) -> int:
        """How many rows, without reading any."""
        return sum(f.rows for f in self.files)

    @property
    def bytes(self) -> int:
        """How many bytes on disk, without reading any."""
        return sum(f.bytes for f in self.files)
