"""Rows of a database as SQL: registered with a connection, read as the query runs."""

import uuid
from collections import Counter
from dataclasses import dataclass, field

import duckdb

from medallion.adapters.duckdb.reading import no_rows, watched
from medallion.adapters.duckdb.types import duckdb_type
from medallion.errors import DefinitionError, SourceError
from medallion.extract import Database, Query, Span
from medallion.extraction import Extract
from medallion.model import Model
from medallion.quoting import quote
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

    def remarks(self, table: Schema, given: Schema) -> tuple[str, ...]:
        """What is to be told of the rows that became those of a table, with the columns `given`."""
        counts = ", ".join(f"{count:,} in {name}" for name, count in sorted(self.dates.items()))
        gone = ", ".join(name for name in table.names if given.column(name) is None)
        told = {
            f"dates 0000-00-00 were taken for NULL: {counts}": counts,
            f"columns that its source has no more are NULL in what was read: {gone}": gone,
        }
        return tuple(text for text, found in told.items() if found)


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
    connection.register(name, watched(reader.schema, reader, late))
    return Extracted(f"select {_columns(schema)} from {quote(name)}", schema, dates)


def columns_of(database: Database, query: Query, model: Model) -> str:
    """A query of the columns and no row; no row is read.

    Raises:
        SourceError, DefinitionError: they cannot be had; it says of which model.
    """
    try:
        return no_rows(database.schema(query))
    except (SourceError, DefinitionError) as error:
        raise type(error)(f"{model.name}: {error.message}", hint=error.hint) from error


def _columns(schema: Schema) -> str:
    # Arrow has fewer types: a uuid comes as text.
    return ", ".join(f"{quote(c.name)}::{duckdb_type(c.type)} as {quote(c.name)}" for c in schema)
