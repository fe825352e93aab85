"""Extracts: which rows of which database are read, and the port that reads them."""

from dataclasses import dataclass
from typing import Any, Protocol

from medallion.schema import Schema


@dataclass(frozen=True, slots=True)
class Query:
    """Rows of a database: those of a table, or of a SELECT.

    The address names its secrets, as in `mysql://reader:${SHOP_PASSWORD}@host/shop`. All columns
    are read if none are named. With `parallel` over 1, ranges of the table's key are read side by
    side.
    """

    address: str
    table: str = ""
    query: str = ""
    columns: tuple[str, ...] = ()
    parallel: int = 1

    def __str__(self) -> str:
        return self.table or "the query"


@dataclass(frozen=True, slots=True)
class Span:
    """Rows with `least <= column < past`, or `<= past` where it is closed; None is open.

    The ends are text: numbers as decimals, times as ISO 8601.
    """

    column: str
    least: str | None = None
    past: str | None = None
    closed: bool = False


class Database(Protocol):
    """Reads rows of databases. It never writes to one."""

    def schema(self, query: Query) -> Schema:
        """The columns that the query gives, with their comments; no rows are read.

        Raises:
            DefinitionError: there is no such table or column, or a type cannot be kept.
            SourceError: the database cannot be asked.
        """
        ...

    def greatest(self, query: Query, column: str) -> str | None:
        """The greatest value of a column, as text that a `Span` takes; None without rows."""
        ...

    def nulls(self, query: Query, column: str) -> bool:
        """Whether a row has no value in that column."""
        ...

    def batches(self, query: Query, span: Span | None = None) -> Any:
        """The rows, as a `pa.RecordBatchReader` of exactly the columns of `schema`.

        Raises:
            SourceError: the rows cannot be read to their end.
        """
        ...
