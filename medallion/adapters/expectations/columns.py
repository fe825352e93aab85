"""The columns that an expectation names, against those that its table has."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from medallion.adapters.expectations.documents import Written
from medallion.adapters.expectations.foreign_keys import Foreign
from medallion.errors import DefinitionError
from medallion.names import TableName
from medallion.schema import Schema


def check_columns(written: Written | Foreign, table: TableName, schema: Schema) -> None:
    """Nothing, if the table has every column the expectation names.

    Whether a column exists is for `expect_column_to_exist` itself to say, when it is audited.

    Raises:
        DefinitionError: it names a column that the table does not have, and the nearest it has.
    """
    for name in _names(written):
        if name not in schema.names:
            near = difflib.get_close_matches(name.lower(), [n.lower() for n in schema.names], n=1)
            meant = next((n for n in schema.names if near and n.lower() == near[0]), None)
            have = ", ".join(schema.names)
            raise DefinitionError(
                f"{written.place}: {written.type} names {name!r}, a column that {table} has not",
                hint=f"did you mean {meant}?" if meant else f"it has {have}",
            )


def _names(written: Written | Foreign) -> Iterable[str]:
    return [written.key.column] if isinstance(written, Foreign) else named(written.expectation)


def named(expectation: Any) -> Iterator[str]:
    """The columns an expectation names, those of its row condition too."""
    if expectation.expectation_type == "expect_column_to_exist":
        return
    for argument in ("column", "column_A", "column_B"):
        if isinstance(name := getattr(expectation, argument, None), str):
            yield name
    yield from getattr(expectation, "column_list", None) or []
    if getattr(expectation, "exact_match", None) is not False:
        yield from getattr(expectation, "column_set", None) or []
    if condition := getattr(expectation, "row_condition", None):
        yield from _conditioned(condition)


def _conditioned(condition: Any) -> Iterator[str]:
    if column := getattr(condition, "column", None):
        yield column.name
    for part in getattr(condition, "conditions", ()):
        yield from _conditioned(part)
