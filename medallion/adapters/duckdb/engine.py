"""Engine: a model and its input frames in, Parquet files in the table's own location out.

Rows of a SQL model never pass through Python. A model that asks for a DataFrame gets one.
"""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb.arriving import Arrived, arrived, put_aside
from medallion.adapters.duckdb.calling import called, raised, texts_of
from medallion.adapters.duckdb.duck import Duck, failed, out_of_memory, run
from medallion.adapters.duckdb.extracting import columns_of, extracted, span_of
from medallion.adapters.duckdb.fetched import listed, told
from medallion.adapters.duckdb.landing import unreadable
from medallion.adapters.duckdb.merging import following, merged, without
from medallion.adapters.duckdb.opening import opened
from medallion.adapters.duckdb.reading import no_rows, rows_of
from medallion.adapters.duckdb.recording import recorded
from medallion.adapters.duckdb.scanning import scanned
from medallion.adapters.duckdb.shaping import shaped
from medallion.adapters.duckdb.taking import taken
from medallion.adapters.duckdb.times import NO_TIME, ordinals
from medallion.adapters.duckdb.types import iceberg_type
from medallion.adapters.duckdb.writing import masked, stored, write
from medallion.address import is_remote
from medallion.cursor import Cursor
from medallion.declaration import Strategy
from medallion.errors import DefinitionError, MedallionError, ModelError, StoreError
from medallion.extract import Database
from medallion.extraction import Extract
from medallion.forms import Form
from medallion.frame import Frame
from medallion.model import Model
from medallion.names import TableName
from medallion.ports import Files
from medallion.schema import Column, Schema, checked
from medallion.source import Landing, Source
from medallion.tables import WHOLE, Draft, Part, Result, WrittenFile
from medallion.window import Grain, Windows

# The others live on a connection, which is gone when the answer is there.
_ANSWERS = (Form.ARROW, Form.PANDAS, Form.POLARS, Form.LAZY)


class DuckDBEngine:
    """The `Engine` port on one DuckDB. `place` completes a source's pattern.

    `files` fetches what landed elsewhere. `codec` is that of the files it writes.
    """

    def __init__(
        self,
        duck: Duck,
        spill: Path,
        place: Callable[[Source], Source],
        files: Files,
        database: Database,
        codec: str = "zstd",
    ) -> None:
        self._duck = duck
        self._spill = spill
        self._place = place
        self._files = files
        self._database = database
        self._codec = codec

    def columns(self, model: Model, inputs: Mapping[TableName, Schema]) -> Schema | None:
        """The columns that a model gives, without reading rows; None where only a run tells."""
        windowed = model.form is Form.SOURCE and model.windowed
        if model.form not in (Form.SQL, Form.SOURCE) or windowed:
            return None
        given = model.source() if model.form is Form.SOURCE else None
        source = self._place(given) if given else None
        if isinstance(source, Landing) and is_remote(source.pattern):
            listed(self._files, Landing(source.pattern))
            return None
        with (
            self._duck.session({str(k): v for k, v in inputs.items()}) as connection,
            self._scratch() as scratch,
        ):
            try:
                if isinstance(source, Extract):
                    texts: tuple[str, ...] = (columns_of(self._database, source.query, model),)
                elif isinstance(source, Landing):
                    texts = self._arrived(connection, source, scratch, reading=False).texts
                else:
                    texts = _query(model)
                shape = shaped(connection, model, _all(texts), read=False)
                return _columns(connection, model, shape.text)
            except duckdb.Error as error:
                if isinstance(given, Landing):
                    raise unreadable(given, error) from error
                problem = failed(f"{model.place}: the SQL of {model.name} does not fit", error)
                raise DefinitionError(problem.message, hint=problem.hint) from error
            except ModelError as error:
                raise DefinitionError(f"{model.place}: {error.message}", hint=error.hint) from error

    def evaluate(
        self,
        model: Model,
        inputs: Mapping[TableName, Frame],
        draft: Draft,
        part: Part = WHOLE,
    ) -> Result:
        """Write the model's rows, or those of one part, as files of the draft's table."""
        frames = {str(k): v for k, v in inputs.items()}
        late: list[Exception] = []
        cursor = Cursor.from_text(part.cursor if model.cursor else "")
        with (
            self._duck.session(frames) as connection,
            self._scratch() as scratch,
            self._told(model, part, scratch),
        ):
            arrival = read = None
            try:
                if model.form is Form.SOURCE:
                    known = draft.current if draft.keeps else None
                    source = self._place(model.source(part.window))
                    if isinstance(source, Extract):
                        span = span_of(model, source, part)
                        read = extracted(connection, self._database, source.query, span, late)
                        texts: tuple[str, ...] = (read.text,)
                    else:
                        assert isinstance(source, Landing)
                        arrival = self._arrived(connection, source, scratch, part, known)
                        texts = arrival.texts
                elif model.form is Form.SQL:
                    texts = _query(model, part)
                else:
                    called = self._called(
                        connection, model, inputs, scratch, part, cursor, draft.current, late
                    )
                    texts = (called,)
                shape = shaped(connection, model, _all(texts))
                if shape.text != _all(texts):
                    texts = (shape.text,)
                given = _columns(
                    connection, model, shape.text, draft.current, read.schema if read else None
                )
                schema = draft.settle(given)
                if len(texts) > 1 or set(given.names) != set(schema.names):
                    # Each has all columns then, those it lacks as NULL.
                    texts = tuple(_all((text, no_rows(schema))) for text in texts)
                rows = [stored(text, model, schema, part.window) for text in texts]
                rows, replaced = self._merged(connection, model, rows, schema, part, late)
                # Files often land a day or a month at a time.
                alike = part.window is not None or (model.form is Form.SOURCE and len(texts) > 1)
                written = self._written(connection, rows, schema, draft, alike=alike)
                remarks = read.remarks(schema) if read else ()
                next = _cursor(part, cursor)
                result = Result(
                    schema,
                    written,
                    replaced,
                    cursor=next,
                    remarks=remarks,
                    removed=shape.removed,
                )
                return put_aside(connection, model, arrival, result, draft, part, self._written)
            except duckdb.Error as error:
                if late:
                    raise raised(model, model.function, late[0]) from late[0]
                raise _problem(model, part, error) from error

    def windows(self, frame: Frame, column: str, grain: Grain) -> Windows:
        """The grain's windows in which the frame has rows; its time column is read."""
        with self._duck.session() as connection:
            query = ordinals(frame.schema, column, grain, rows_of(frame))
            try:
                found = run(connection, query)
            except duckdb.Error as error:
                raise failed(f"the windows of {column!r}", error) from error
        return Windows.of(grain.window(int(str(row[0]))) for row in found)

    def query(
        self,
        text: str,
        inputs: Mapping[str, Frame],
        form: Form = Form.ARROW,
        *,
        limit: int | None = None,
    ) -> Any:
        """The rows of a query over the inputs, the first `limit` of them, in the form asked for."""
        if form not in _ANSWERS:
            raise DefinitionError(
                f"a query cannot be answered as {form}", hint=f"use one of: {', '.join(_ANSWERS)}"
            )
        with self._duck.session(inputs) as connection:
            try:
                return opened(connection, text.strip().rstrip(";"), form, limit)
            except duckdb.Error as error:
                problem = failed("the query", error)
                if _ran_out(problem, error):
                    raise problem from error
                raise DefinitionError(problem.message, hint=problem.hint) from error

    def record(
        self,
        rows: Sequence[Mapping[str, Any]],
        schema: Schema,
        draft: Draft,
        like: Frame | None = None,
        where: str = "",
    ) -> Result:
        """Write a few given rows as files of the draft's table."""
        with self._duck.session({"like": like} if like else {}) as connection:
            try:
                text = recorded(rows, schema, "like" if like else "", where)
                return Result(schema, self._written(connection, [text], schema, draft))
            except duckdb.Error as error:
                raise failed(f"a row of {draft.table}", error) from error
            except OSError as error:
                raise StoreError(f"rows of {draft.table} cannot be written: {error}") from error

    def open(
        self,
        frame: Frame,
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Any:
        """The rows of a frame in that form; see `Frame.open`."""
        return scanned(self._duck.cursor, frame, form, columns, where, limit)

    def _told(self, model: Model, part: Part, scratch: Path) -> AbstractContextManager[None]:
        """Errors of copied files are told as those of the files."""
        source = self._place(model.source(part.window)) if model.form is Form.SOURCE else None
        return told(source, scratch) if isinstance(source, Landing) else nullcontext()

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """The name of a folder for one task: made by who needs it, and gone with the task."""
        folder = self._spill / f"task-{uuid.uuid4().hex}"
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _arrived(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: Landing,
        scratch: Path,
        part: Part = WHOLE,
        known: Schema | None = None,
        *,
        reading: bool = True,
    ) -> Arrived:
        """What landed for a source, as queries; `reading` says if its rows will be read.

        Files whose columns nobody declared are read as what is `known` of the table.
        """
        return arrived(connection, self._files, source, part, known, scratch, reading=reading)

    def _written(
        self,
        connection: duckdb.DuckDBPyConnection,
        rows: Sequence[str],
        schema: Schema,
        draft: Draft,
        *,
        alike: bool = False,
    ) -> tuple[WrittenFile, ...]:
        remove = self._duck.remove
        files = write(
            connection, rows, schema, draft, alike=alike, codec=self._codec, remove=remove
        )
        return tuple(files)

    def _called(
        self,
        connection: duckdb.DuckDBPyConnection,
        model: Model,
        inputs: Mapping[TableName, Frame],
        scratch: Path,
        part: Part,
        cursor: Cursor,
        known: Schema | None,
        late: list[Exception],
    ) -> str:
        """Call a Python model with its inputs opened; a query of what it returned."""
        arguments = {i.parameter: self.open(inputs[i.table], i.form) for i in model.inputs}
        if model.each and part.item is not None:
            arguments[model.each.parameter] = json.loads(part.item)
        if model.cursor:
            arguments[model.cursor] = cursor
        value = called(model, model.function, arguments | model.given(part.window))
        if isinstance(value, Frame):
            return rows_of(value)
        return taken(connection, value, model.name, scratch, late, known)

    def _merged(
        self,
        connection: duckdb.DuckDBPyConnection,
        model: Model,
        rows: list[str],
        schema: Schema,
        part: Part,
        late: list[Exception],
    ) -> tuple[list[str], frozenset[str]]:
        """The queries to write when the rows are merged into those of the table, if they are."""
        if part.current is None:
            return rows, frozenset()
        if part.again:
            kept, replaced = without(connection, schema, part.current, part.again)
            return ([*rows, kept] if replaced else rows), replaced
        text, key = _all(rows), model.unique_key
        if part.span and model.strategy is not Strategy.MERGE:
            query, replaced = following(connection, text, schema, part.current, part.span)
        else:
            still = self._still_there(connection, model, late)
            query, replaced = merged(connection, text, schema, part.current, key, model.name, still)
        return [query], replaced

    def _still_there(
        self, connection: duckdb.DuckDBPyConnection, model: Model, late: list[Exception]
    ) -> str | None:
        """A query of all keys of a database's table, where rows that are gone there are to go."""
        source = self._place(model.source()) if model.form is Form.SOURCE else None
        if not isinstance(source, Extract) or not source.deletes:
            return None
        if not source.cursor:  # all rows were read
            return ""
        keys = replace(source.query, columns=model.unique_key)
        return extracted(connection, self._database, keys, None, late).text

    def items(self, model: Model, inputs: Mapping[TableName, Frame]) -> tuple[str, ...]:
        """What the model is called for, each as JSON."""
        each = model.each
        if each is None or isinstance(each.given, tuple):
            return texts_of(each.given if each else (), model)
        arguments = {i.parameter: self.open(inputs[i.table], i.form) for i in each.inputs}
        return texts_of(called(model, each.given, arguments), model)


def _query(model: Model, part: Part = WHOLE) -> tuple[str, ...]:
    return (model.text(part.window).strip().rstrip(";"),)


def _problem(model: Model, part: Part, error: duckdb.Error) -> MedallionError:
    _, timeless, what = str(error).partition(NO_TIME)
    if timeless:
        landed = "land them without a time_column, and sort them out in silver"
        hint = landed if model.form is Form.SOURCE else "filter or fill such rows"
        return ModelError(f"{model.name}: {NO_TIME}{what}", hint=hint)
    problem = failed(model.name, error)
    source = model.source(part.window) if model.form is Form.SOURCE else None
    if isinstance(source, Landing) and not _ran_out(problem, error):
        return unreadable(source, error)
    return problem


def _ran_out(problem: MedallionError, error: duckdb.Error) -> bool:
    """Whether it is memory or disk space that was missing."""
    return isinstance(problem, StoreError) or out_of_memory(error)


def _all(texts: Sequence[str]) -> str:
    return " union all by name ".join(f"({text})" for text in texts) if texts[1:] else texts[0]


def _cursor(part: Part, cursor: Cursor) -> str:
    """Where the next build goes on to read."""
    if part.span and part.span.past is not None:
        return part.span.past
    return cursor.to_text() or part.cursor


def _columns(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    text: str,
    known: Schema | None = None,
    source: Schema | None = None,
) -> Schema:
    """The columns of a query; with the comments of those of its source that have no other.

    One that is NULL in every row is of the type that is known of it. So is a text for a uuid, which
    DataFrames do not know.
    """
    relation = connection.sql(text)
    columns = []
    for name, type in zip(relation.columns, relation.types, strict=True):
        before = known.column(name) if known else None
        kept = {'"NULL"': True, "VARCHAR": before is not None and before.type == "uuid"}
        if before and kept.get(str(type)):
            found = before.type
        else:
            found = iceberg_type(type, f"{model.name} column {name!r}")
        theirs = source.column(name) if source else None
        doc = model.comments.get(name) or (theirs.doc if theirs else "")
        columns.append(Column(name, found, doc=doc))
    schema = masked(checked(columns, model.name), model)
    for key in model.unique_key:
        if schema.column(key) is None:
            raise ModelError(
                f"{model.name} declares unique_key column {key!r} and does not give it",
                hint=f"its columns: {', '.join(schema.names)}",
            )
    return replace(schema, id=None)
