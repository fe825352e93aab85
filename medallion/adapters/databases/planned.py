"""What is asked of a database: the columns with their types, and from where."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from medallion.errors import DefinitionError
from medallion.schema import Column, ListType, Schema, Type, decimal_of

_ARROW: dict[str, Any] = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "string": pa.string(),
    "uuid": pa.uuid(),
    "binary": pa.binary(),
}
KEYS = ("int", "long", "decimal(20, 0)", "date")  # ranges of these are counted
_ORDERED = ("int", "long", "date", "timestamp", "timestamptz", "string", "uuid")


@dataclass(frozen=True, slots=True)
class Planned:
    """A column: its name and type, and the SQL that gives its values as texts or plain numbers.

    `sql` has {} where the column's quoted name goes. `doc` is the comment it has in the database.
    """

    name: str
    type: Type
    sql: str = "{}"
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read. `rows` is the SQL after FROM, `what` its name in a message.

    `key` is the column that ranges may be made of. `many` says that there are enough
    rows for the fast way to pay. `batch` is how many rows are some megabytes.
    """

    what: str
    rows: str
    columns: tuple[Planned, ...]
    key: Planned | None = None
    many: bool = True
    batch: int = 4096

    @property
    def schema(self) -> Schema:
        """The columns in Iceberg's words."""
        return Schema(tuple(Column(c.name, c.type, doc=c.doc) for c in self.columns))

    @property
    def arrow(self) -> pa.Schema:
        """The columns in Arrow's words."""
        return pa.schema([pa.field(c.name, arrow_type(c.type)) for c in self.columns])

    def column(self, name: str) -> Planned:
        """The column of that name, or a `DefinitionError` that names those there are."""
        found = next((c for c in self.columns if c.name == name), None)
        if found is None:
            raise missing(self.what, name, [c.name for c in self.columns])
        return found

    def ordered(self, name: str) -> Planned:
        """A column whose values can bound a span, exactly."""
        column = self.column(name)
        if column.type not in _ORDERED and not decimal_of(column.type):
            raise DefinitionError(
                f"column {name!r} of {self.what} is a {column.type}, which cannot bound a read",
                hint="take a whole number, a decimal, a date, a moment or a text",
            )
        return column


Way = Callable[[Plan, Sequence[str]], Iterator[Any]]
"""Reads what is planned, under each of the conditions."""


def missing(what: str, name: str, known: Sequence[str]) -> DefinitionError:
    """The error that a column does not exist."""
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
    return DefinitionError(f"{what} has no column {name!r}", hint=hint)


def refused(what: str, name: str, type: str, remedy: str) -> DefinitionError:
    """The error that values of a type cannot be kept."""
    return DefinitionError(
        f"column {name!r} of {what} is of type {type}, which a table cannot keep",
        hint=f"leave it out with columns=, or read a query with {remedy}",
    )


def chosen(what: str, found: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The names of the columns that are read, in the order they are wanted in."""
    for name in wanted:
        if name not in found:
            raise missing(what, name, found)
    return list(wanted or found)


def arrow_type(type: Type) -> Any:
    """The Arrow type that holds a column's values."""
    if isinstance(type, ListType):
        return pa.list_(arrow_type(type.element))
    if decimal := decimal_of(type):
        return pa.decimal128(*decimal)
    assert isinstance(type, str)
    return _ARROW[type]


def decimal_type(precision: int, scale: int) -> str:
    """The type that keeps all such decimals; a text where they have too many digits."""
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return f"decimal({precision}, {scale})" if precision <= 38 else "string"
