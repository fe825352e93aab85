"""Foreign keys: a column whose values are those of a column of another table."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from medallion.errors import DefinitionError
from medallion.names import TableName
from medallion.quoting import quote

FOREIGN_KEY = "foreign_key"  # the type of such an expectation, beside Great Expectations' own
_KEYS = ("column", "references")
_WRITE = '"references": "silver.zones.zone"'

Document = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Each value of `column` is one of the column `target` of `table`; a NULL refers to nothing."""

    column: str
    table: TableName
    target: str

    def __str__(self) -> str:
        return f"{self.table}.{self.target}"

    def missing(self, owner: TableName) -> str:
        """A condition in SQL for the rows of the view `batch`, `owner`'s, that refer to nothing.

        >>> key = ForeignKey("zone", TableName.parse("silver.zones"), "id")
        >>> key.missing(TableName.parse("silver.trips"))  # doctest: +NORMALIZE_WHITESPACE
        '("batch"."zone" is not null and not exists (select 1 from "silver"."zones" as "referred"
        where "referred"."id" = "batch"."zone"))'
        """
        own, target = f'"batch".{quote(self.column)}', f'"referred".{quote(self.target)}'
        table = f'"{self.table.layer}"."{self.table.model}"'
        there = '"batch"' if self.table == owner else table
        found = f'select 1 from {there} as "referred" where {target} = {own}'
        return f"({own} is not null and not exists ({found}))"


def parse_reference(text: str) -> tuple[TableName, str]:
    """The table and the column of `layer.model.column`, or a `DefinitionError`."""
    layer, _, rest = text.partition(".")
    model, _, column = rest.partition(".")
    if not column:
        raise DefinitionError(
            f"references={text!r} names no column of a table", hint=f"write: {_WRITE}"
        )
    table = TableName.parse(f"{layer}.{model}")
    if table.is_task:
        raise DefinitionError(f"references={text!r}: {table} is a task, which has no table")
    return table, column


def parse_foreign_key(place: str, kwargs: Mapping[str, Any]) -> ForeignKey:
    """The foreign key that an expectation's arguments say, or a `DefinitionError`."""
    for key in kwargs:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            raise DefinitionError(
                f"{place}: {FOREIGN_KEY} has no argument {key!r}",
                hint=f"did you mean {near[0]}?" if near else f"it has {', '.join(_KEYS)}",
            )
    for key in _KEYS:
        if not isinstance(kwargs.get(key), str) or not kwargs[key]:
            raise DefinitionError(
                f"{place}: {FOREIGN_KEY} needs the argument {key!r}",
                hint=f'write: {{"column": "zone", {_WRITE}}}',
            )
    try:
        return ForeignKey(kwargs["column"], *parse_reference(kwargs["references"]))
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from None


def foreign_keys(documents: Iterable[Document]) -> Iterable[tuple[str, ForeignKey]]:
    """The foreign keys among the expectations of a suite, each with the place it was written at."""
    for place, document in documents:
        if document.get("type") == FOREIGN_KEY:
            yield place, parse_foreign_key(place, document.get("kwargs") or {})
