"""Databases as sources: which rows of which, and what an adapter for them promises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from medallion.errors import DefinitionError
from medallion.schema import Schema


@dataclass(frozen=True, slots=True)
class Query:
    """Rows of a database: those of a table, or those of a SELECT.

    `address` is `mysql://reader:${SHOP_PASSWORD}@host:3306/shop`; `mariadb://`, `postgresql://` and
    SQLAlchemy's spellings with a driver are understood. It holds no secret, only its name.
    `table` may name its schema: `sales.orders`. `columns` are those wanted, all if it is empty.
    `parallel` is the number of connections: with more than one, a whole table whose primary key
    begins with a whole number or a date is read in ranges of that key, side by side.
    """

    address: str
    table: str = ""
    query: str = ""
    columns: tuple[str, ...] = ()
    parallel: int = 1

    def __post_init__(self) -> None:
        if bool(self.table.strip()) == bool(self.query.strip()):
            raise DefinitionError(
                f"one of a table and a query is read, not {self.table!r} and {self.query!r}",
                hint='give table="orders", or query="select …"',
            )
        if self.parallel < 1:
            raise DefinitionError(
                f"parallel = {self.parallel} does not fit", hint="a whole number, at least 1"
            )

    @property
    def what(self) -> str:
        """What it is called in a message."""
        return (
            f"table {self.table}" if self.table else f"query {' '.join(self.query.split())!r:.80}"
        )


@dataclass(frozen=True, slots=True)
class Span:
    """The rows with `least <= column < past`, or `<= past` where it is `closed`.

    The ends are texts: whole and decimal numbers as they are written, moments in ISO form, those of
    a column that knows the zone in UTC where they do not say. None is open. A row without a value
    is in no span, unless both ends are open.
    """

    column: str
    least: str | None = None
    past: str | None = None
    closed: bool = False


Dirty = Callable[[str, int], None]


def unheard(column: str, count: int) -> None:
    """What nobody wants to know."""


class Database(Protocol):
    """Reads rows of databases, with the types that the database says they have."""

    def schema(self, query: Query) -> Schema:
        """The columns that the rows have, found without reading rows.

        Raises:
            DefinitionError: there is no such table or column, or one whose type cannot be kept.
            SourceError: the database cannot be reached.
        """
        ...

    def greatest(self, query: Query, column: str) -> str | None:
        """The greatest value of a column, as a text that a `Span` takes back exactly.

        None where no row has a value.
        """
        ...

    def nulls(self, query: Query, column: str) -> bool:
        """Whether a row has no value there."""
        ...

    def batches(self, query: Query, span: Span | None = None, dirty: Dirty = unheard) -> Any:
        """The rows as a `pyarrow.RecordBatchReader`, whose schema is the Arrow form of `schema`.

        A few megabytes at a time are in memory. It gives all rows or ends with a `SourceError`,
        which also names a value that its column's type cannot keep.

        Dates that no calendar has, 0000-00-00, read as NULL; `dirty` hears how many in a column.
        """
        ...
