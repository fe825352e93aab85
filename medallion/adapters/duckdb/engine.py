"""Engine: a model and its input frames in, Parquet files in the table's own location out.

Rows of a SQL model never pass through Python. A model that asks for a DataFrame gets one.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb import contracts
from medallion.adapters.duckdb.calling import called, raised, texts_of
from medallion.adapters.duckdb.columns import given_columns
from medallion.adapters.duckdb.dividing import divided
from medallion.adapters.duckdb.duck import Duck, failed, out_of_memory, run
from medallion.adapters.duckdb.evaluating import Evaluating, World, landed, query_of
from medallion.adapters.duckdb.extracting import columns_of
from medallion.adapters.duckdb.fetched import listed, told
from medallion.adapters.duckdb.keys import keyed
from medallion.adapters.duckdb.landing import unreadable
from medallion.adapters.duckdb.masks import Resolve, check_keys, set_keys
from medallion.adapters.duckdb.opening import opened
from medallion.adapters.duckdb.reading import rows_of, together
from medallion.adapters.duckdb.recording import recorded
from medallion.adapters.duckdb.scanning import scanned
from medallion.adapters.duckdb.shaping import shaped
from medallion.adapters.duckdb.times import NO_TIME, ordinals
from medallion.adapters.duckdb.writing import write
from medallion.address import is_remote
from medallion.division import Dividing, Division
from medallion.errors import (
    DefinitionError,
    MedallionError,
    ModelError,
    SourceError,
    StoreError,
)
from medallion.extract import Database
from medallion.extraction import Extract
from medallion.forms import Form
from medallion.frame import Frame
from medallion.model import Model
from medallion.names import TableName
from medallion.ports import Files
from medallion.schema import Schema
from medallion.secrets import reveal
from medallion.source import Landing, Source
from medallion.tables import WHOLE, Draft, Part, Result, WrittenFile
from medallion.window import Grain, Windows

# The others live on a connection, which is gone when the answer is there.
_ANSWERS = (Form.ARROW, Form.PANDAS, Form.POLARS, Form.LAZY)


class DuckDBEngine:
    """The `Engine` port on one DuckDB. `place` completes a source's pattern.

    `files` fetches what landed elsewhere. `codec` is that of the files it writes. `resolve` looks
    up the secrets of masks; its second argument says what one is for.
    """

    def __init__(
        self,
        duck: Duck,
        spill: Path,
        place: Callable[[Source], Source],
        files: Files,
        database: Database,
        codec: str = "zstd",
        resolve: Resolve = lambda text, _: reveal(text),
    ) -> None:
        self._duck = duck
        self._spill = spill
        self._place = place
        self._files = files
        self._database = database
        self._codec = codec
        self._resolve = resolve

    def columns(self, model: Model, inputs: Mapping[TableName, Schema]) -> Schema | None:
        """The columns that a model gives, without reading rows; None where only a run tells."""
        check_keys(model, self._resolve)
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
                match source:
                    case Extract():
                        text = columns_of(self._database, source.query, model)
                    case Landing():
                        found = landed(
                            connection, self._world, model, source, scratch, WHOLE, reading=False
                        )
                        text = together(found.texts)
                    case _:
                        text = query_of(connection, model, WHOLE)
                shape = shaped(connection, model, text, read=False)
                columns = given_columns(connection, model, shape.text)
                return contracts.kept(model, columns, partly=isinstance(source, Landing))
            except duckdb.Error as error:
                if isinstance(given, Landing):
                    raise unreadable(given, error, discreet=model.discreet) from error
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
        source = self._source(model, part)
        with (
            self._duck.session({str(k): v for k, v in inputs.items()}) as connection,
            self._scratch() as scratch,
            told(source, scratch) if isinstance(source, Landing) else nullcontext(),
        ):
            set_keys(connection, model, self._resolve)
            work = Evaluating(self._world, connection, model, inputs, draft, part, source, scratch)
            try:
                return work.run()
            except duckdb.Error as error:
                if work.late:
                    raise raised(model, model.function, work.late[0]) from work.late[0]
                raise _problem(model, part, error) from error
            except SourceError as error:
                why = error.__cause__
                if not (model.discreet and isinstance(why, duckdb.Error)):
                    raise
                raise _problem(model, part, why) from why

    def divide(self, given: Dividing) -> Division:
        """Write the rows that fail apart from the others."""
        with self._duck.session({"batch": given.batch, **given.others}) as connection:
            try:
                return divided(connection, given, self._written)
            except duckdb.Error as error:
                raise failed(f"the quarantine of {given.draft.table}", error) from error

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
                return opened(connection, keyed(connection, text.strip().rstrip(";")), form, limit)
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

    def _source(self, model: Model, part: Part) -> Source | None:
        """Where the model's rows come from, if it lands them."""
        return self._place(model.source(part.window)) if model.form is Form.SOURCE else None

    @property
    def _world(self) -> World:
        return World(self._files, self._database, self.open, self._written)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """The name of a folder for one task: made by who needs it, and gone with the task."""
        folder = self._spill / f"task-{uuid.uuid4().hex}"
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

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

    def items(self, model: Model, inputs: Mapping[TableName, Frame]) -> tuple[str, ...]:
        """What the model is called for, each as JSON."""
        each = model.each
        if each is None or isinstance(each.given, tuple):
            return texts_of(each.given if each else (), model)
        arguments = {i.parameter: self.open(inputs[i.table], i.form) for i in each.inputs}
        return texts_of(called(model, each.given, arguments), model)


def _problem(model: Model, part: Part, error: duckdb.Error) -> MedallionError:
    _, timeless, what = str(error).partition(NO_TIME)
    if timeless:
        landed = "land them without a time_column, and sort them out in silver"
        hint = landed if model.form is Form.SOURCE else "filter or fill such rows"
        return ModelError(f"{model.name}: {NO_TIME}{what}", hint=hint)
    problem = failed(model.name, error, discreet=model.discreet)
    source = model.source(part.window) if model.form is Form.SOURCE else None
    if isinstance(source, Landing) and not _ran_out(problem, error):
        return unreadable(source, error, discreet=model.discreet)
    return problem


def _ran_out(problem: MedallionError, error: duckdb.Error) -> bool:
    """Whether it is memory or disk space that was missing."""
    return isinstance(problem, StoreError) or out_of_memory(error)
