"""Evaluating: one piece of a model's work, from what gives its rows to the files they are in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb import contracts
from medallion.adapters.duckdb.arriving import Arrived, arrived, put_aside
from medallion.adapters.duckdb.calling import called
from medallion.adapters.duckdb.columns import given_columns
from medallion.adapters.duckdb.deleting import deletes
from medallion.adapters.duckdb.extracting import Extracted, extracted, span_of
from medallion.adapters.duckdb.keys import keyed
from medallion.adapters.duckdb.merging import following, merged, without
from medallion.adapters.duckdb.reading import no_rows, rows_of, together
from medallion.adapters.duckdb.shaping import shaped
from medallion.adapters.duckdb.taking import taken
from medallion.adapters.duckdb.versions import own_columns, versioned
from medallion.adapters.duckdb.writing import stored
from medallion.cursor import Cursor
from medallion.declaration import Strategy
from medallion.extract import Database
from medallion.extraction import Extract
from medallion.forms import Form
from medallion.frame import Frame
from medallion.model import Model
from medallion.names import TableName, begin_of
from medallion.ports import Files
from medallion.schema import Schema
from medallion.source import Landing, Source
from medallion.tables import Draft, Part, Result, WrittenFile

Write = Callable[..., tuple[WrittenFile, ...]]
"""Writes the rows of queries: a connection, the queries, their columns, a draft, `alike`."""


@dataclass(frozen=True, slots=True)
class World:
    """What work reads and writes with, beside its connection."""

    files: Files
    database: Database
    open: Callable[[Frame, Form], Any]
    write: Write


@dataclass(frozen=True, slots=True)
class Given:
    """What a model gives, as queries: those of files that landed, or one of rows that were read."""

    texts: tuple[str, ...]
    arrival: Arrived | None = None
    read: Extracted | None = None


@dataclass(slots=True)
class Evaluating:
    """A model or one part of it, on a connection that sees its inputs.

    `source` is where its rows come from, if it is one that lands rows. What a function or a reader
    raises while its rows are read is added to `late`: DuckDB tells its text only.
    """

    world: World
    connection: duckdb.DuckDBPyConnection
    model: Model
    inputs: Mapping[TableName, Frame]
    draft: Draft
    part: Part
    source: Source | None
    scratch: Path
    late: list[Exception] = field(default_factory=list)
    cursor: Cursor = field(init=False)

    def __post_init__(self) -> None:
        self.cursor = Cursor.from_text(self.part.cursor if self.model.cursor else "")

    def run(self) -> Result:
        """Write the rows; what is known of them."""
        model, part, draft, given = self.model, self.part, self.draft, self._given()
        every, texts, read = together(given.texts), given.texts, given.read
        shape = shaped(self.connection, model, every, window=part.window)
        if shape.text != every:
            texts = (shape.text,)
        theirs = read.schema if read else None
        found = given_columns(self.connection, model, shape.text, draft.current, theirs)
        found = contracts.kept(model, found, draft)
        schema = draft.settle(found)
        if len(texts) > 1 or set(found.names) != set(schema.names):
            # Each has all columns then, those it lacks as NULL.
            texts = tuple(together((text, no_rows(schema))) for text in texts)
        rows = [stored(text, model, schema, part.window) for text in texts]
        rows, replaced = self._merged(rows, schema)
        # Files often land a day or a month at a time.
        alike = part.window is not None or (model.form is Form.SOURCE and len(texts) > 1)
        result = Result(
            schema,
            self.world.write(self.connection, rows, schema, draft, alike=alike),
            replaced,
            cursor=self._next,
            remarks=read.remarks(schema, found) if read else (),
            removed=shape.removed,
        )
        write = self.world.write
        return put_aside(self.connection, model, given.arrival, result, draft, part, write)

    def _given(self) -> Given:
        model, draft = self.model, self.draft
        match self.source:
            case Extract():
                span = span_of(model, self.source, self.part)
                read = self._extracted(self.source, span)
                return Given((read.text,), read=read)
            case Landing():
                known = draft.current if draft.keeps else None
                found = landed(
                    self.connection, self.world, model, self.source, self.scratch, self.part, known
                )
                return Given(found.texts, found)
        if model.form is Form.SQL:
            return Given((query_of(self.connection, model, self.part),))
        return Given((self._called(),))

    def _extracted(self, source: Extract, span: Any, columns: tuple[str, ...] = ()) -> Extracted:
        query = replace(source.query, columns=columns) if columns else source.query
        return extracted(self.connection, self.world.database, query, span, self.late)

    def _called(self) -> str:
        """Call a Python model with its inputs opened; a query of what it returned."""
        model, known = self.model, self.draft.current
        arguments = {
            i.parameter: self.world.open(self.inputs[i.table], i.form) for i in model.inputs
        }
        if model.each and self.part.item is not None:
            arguments[model.each.parameter] = json.loads(self.part.item)
        if model.cursor:
            arguments[model.cursor] = self.cursor
        value = called(model, model.function, arguments | model.given(self.part.window))
        if isinstance(value, Frame):
            return rows_of(value)
        own = known and own_columns(model, known)
        return taken(self.connection, value, model.name, self.scratch, self.late, own)

    def _merged(self, rows: list[str], schema: Schema) -> tuple[list[str], frozenset[str]]:
        """The queries to write when the rows are merged into those of the table, if they are."""
        connection, model, part = self.connection, self.model, self.part
        current, every = part.current, together(rows)
        if model.history:
            now = begin_of(self.draft.run)
            query, replaced = versioned(connection, model, every, schema, current, now)
            return [query], replaced
        if current is None:
            return rows, frozenset()
        if part.again:
            kept, replaced = without(connection, schema, current, part.again)
            return ([*rows, kept] if replaced else rows), replaced
        if model.dimension and schema != current.schema:
            return rows, frozenset(f.path for f in current.files)
        if part.span and model.strategy is not Strategy.MERGE:
            query, replaced = following(connection, every, schema, current, part.span)
            return [query], replaced
        key = model.dimension.names if model.dimension else model.unique_key
        still, gone = self._still_there(), deletes(model, schema)
        query, replaced = merged(connection, every, schema, current, key, model, still, gone)
        return [query], replaced

    def _still_there(self) -> str | None:
        """A query of all keys that there are, where rows with others are to go."""
        if self.model.dimension:  # all its rows are made at once
            return ""
        source = self.source
        if not isinstance(source, Extract) or not source.deletes:
            return None
        if not source.cursor:  # all rows were read
            return ""
        return self._extracted(source, None, self.model.unique_key).text

    @property
    def _next(self) -> str:
        """Where the next build goes on to read."""
        part = self.part
        if part.span and part.span.past is not None:
            return part.span.past
        return self.cursor.to_text() or part.cursor


def landed(
    connection: duckdb.DuckDBPyConnection,
    world: World,
    model: Model,
    source: Landing,
    scratch: Path,
    part: Part,
    known: Schema | None = None,
    *,
    reading: bool = True,
) -> Arrived:
    """What landed for a source, as queries; `reading` says if its rows will be read.

    Files whose columns nobody declared are read as what is `known` of the table.
    """
    return arrived(
        connection, world.files, source, part, known, scratch, reading=reading, masked=model.mask
    )


def query_of(connection: duckdb.DuckDBPyConnection, model: Model, part: Part) -> str:
    """The query of a SQL model, as it can be a part of another one."""
    return keyed(connection, model.text(part.window).strip().rstrip(";"))
