"""The CSV of PostgreSQL's COPY, as it comes and as Arrow batches."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyarrow import csv

from medallion.adapters.databases.planned import Plan, Planned, arrow_type
from medallion.errors import SourceError

_BLOCK = 4 << 20  # bytes
# These are parsed as they come; all else comes as a text.
_PARSED = ("boolean", "int", "long", "float", "double", "date", "timestamp", "timestamptz")


class Lines:
    """Takes rows one by one, which is how the server sends them, and gives blocks of whole rows."""

    def __init__(self, give: Callable[[bytes, int], None]) -> None:
        self._give = give
        self._rows: list[bytes] = []
        self._bytes = 0
        self.count = 0

    def write(self, row: bytes) -> int:
        """One row, which may have line breaks inside."""
        self._rows.append(row)
        self._bytes += len(row)
        if self._bytes >= _BLOCK:
            self.flush()
        return len(row)

    def flush(self) -> None:
        """Give the rows that wait."""
        if self._rows:
            self.count += len(self._rows)
            self._give(b"".join(self._rows), len(self._rows))
            self._rows, self._bytes = [], 0


def parsed(plan: Plan, block: bytes, count: int) -> Any:
    """The rows of a block, of which there must be `count`, as one batch.

    Raises:
        SourceError: a value is not of its column's type, or the rows are not so many.
    """
    names = [str(i) for i in range(len(plan.columns))]
    types = {n: _type(c) for n, c in zip(names, plan.columns, strict=True)}
    try:
        table = csv.read_csv(
            pa.py_buffer(block),
            csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowException as error:
        raise SourceError(
            f"{plan.what} has a value that cannot be kept: {_named(plan, str(error))}",
            hint="leave the column out with columns=, or read a query that casts it to text",
        ) from error
    if table.num_rows != count:
        raise SourceError(f"{plan.what} sent {count} rows, of which {table.num_rows} were read")
    batch = table.combine_chunks().to_batches()[0]
    return batch.rename_columns([c.name for c in plan.columns])


def _type(column: Planned) -> Any:
    plain = column.type in _PARSED or (
        isinstance(column.type, str) and column.type.startswith("decimal")
    )
    return arrow_type(column.type) if plain else pa.string()


def _named(plan: Plan, told: str) -> str:
    """What Arrow told of a column by number, by its name."""
    for number, column in enumerate(plan.columns):
        told = told.replace(f"In CSV column #{number}:", f"column {column.name!r}:")
    return told
