"""Rows of a database as SQL: registered with a connection, read as the query runs."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb

from medallion.adapters.duckdb.quoting import quote
from medallion.adapters.duckdb.reading import no_rows
from medallion.adapters.duckdb.types import duckdb_type
from medallion.extract import Database, Query, Span
from medallion.extraction import Extract
from medallion.model import Model
from medallion.schema import Schema
from medallion.tables import Part


def span_of(model: Model, source: Extract, part: Part) -> Span | None:
    """The rows of a part: those of its window, or those from where the last build ended."""
    if source.window is None:
        return part.span
    window = source.window
    return Span(model.time_column, window.start.isoformat(), window.end.isoformat())


@dataclass(frozen=True, slots=True)
class Extracted:
    """A query of rows, which can be run once; while it runs, dates that are none are counted.

    `schema` has the comments that the columns have in the database.
    """

    text: str
    schema: Schema
    dates: Counter[str] = field(default_factory=Counter)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be told of the rows."""
        counts = ", ".join(f"{count:,} in {name}" for name, count in sorted(self.dates.items()))
        return (f"dates 0000-00-00 were taken for NULL: {counts}",) if counts else ()


def extracted(
    connection: duckdb.DuckDBPyConnection,
    database: Database,
    query: Query,
    span: Span | None,
    late: list[Exception],
) -> Extracted:
    """The rows, registered with the connection.

    What the database's reader raises while they are read is added to `late`.
    """
    schema = database.schema(query)
    name = f"extracted_{uuid.uuid4().hex}"
    dates: Counter[str] = Counter()
    reader = database.batches(query, span, lambda column, n: dates.update({column: n}))
    connection.register(name, watched(reader, late.append))
    return Extracted(f"select {_columns(schema)} from {quote(name)}", schema, dates)


def columns_of(database: Database, query: Query) -> str:
    """A query of the columns and no row; no row is read."""
    return no_rows(database.schema(query))


def watched(reader: Any, tell: Callable[[Exception], None]) -> Any:
    """The same batches; what reading them raises is told before DuckDB makes text of it."""
    import pyarrow as pa

    def batches() -> Iterator[Any]:
        try:
            yield from reader
        except Exception as error:
            tell(error)
            raise

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _columns(schema: Schema) -> str:
    # Arrow has fewer types: a uuid comes as text.
    return ", ".join(f"{quote(c.name)}::{duckdb_type(c.type)} as {quote(c.name)}" for c in schema)
