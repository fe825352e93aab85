"""Engine: simple SQL on SQLite in memory.

It knows three types: `long`, `double` and `string`. SQLite says the type of a column or of a cast;
for anything else the values say it.
"""

import hashlib
import hmac
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from medallion.adapters.memory.lake import MemoryLake, Row
from medallion.conformity import conforming
from medallion.division import Dividing, Division
from medallion.errors import DefinitionError, MedallionError, ModelError, RaisedError
from medallion.forms import Form
from medallion.frame import Frame
from medallion.mask import Mask
from medallion.model import Model
from medallion.names import TableName
from medallion.quoting import quote
from medallion.schema import Column, Schema, checked
from medallion.secrets import reveal
from medallion.tables import WHOLE, Draft, Part, Result
from medallion.window import Grain, Windows

_DECLARED = {"int": "INT", "long": "INT", "float": "REAL", "double": "REAL", "string": "TEXT"}
_TYPES = {"INT": "long", "REAL": "double", "TEXT": "string"}
_VALUES = {int: "long", float: "double", str: "string"}
# No input is named so: what is before a dot is the layer.
_RESULT = '"the.result"'
# A text of several statements is a Warning before Python 3.12.
_SQLITE = (sqlite3.Error, sqlite3.Warning)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a query, read as an Arrow table is. A type is None where nothing says it."""

    column_names: list[str]
    types: list[str | None]
    rows: list[Row]

    @property
    def num_rows(self) -> int:
        """How many rows."""
        return len(self.rows)

    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows, each by column name."""
        return [dict(zip(self.column_names, row, strict=True)) for row in self.rows]


class MemoryEngine:
    """The `Engine` port for SQL models, and for Python models that take and give a `Frame`.

    Rows are not partitioned: a model's rows become one file.
    """

    def __init__(self, lake: MemoryLake, resolve: Callable[[str], str] = reveal) -> None:
        self._lake = lake
        self._resolve = resolve

    def columns(self, model: Model, inputs: Mapping[TableName, Schema]) -> Schema | None:
        """The columns that a model gives, without reading rows; None where only a run tells."""
        _refuse(model)
        if model.form is not Form.SQL:
            return None
        empty = {str(name): Frame(schema, ()) for name, schema in inputs.items()}
        try:
            found = self._select(model.text(), empty)
            return _schema(model, found) if None not in found.types else None
        except _SQLITE as error:
            raise DefinitionError(
                f"{model.place}: the SQL of {model.name} does not fit: {error}"
            ) from error
        except ModelError as error:
            raise DefinitionError(f"{model.place}: {error.message}", hint=error.hint) from error

    def evaluate(
        self,
        model: Model,
        inputs: Mapping[TableName, Frame],
        draft: Draft,
        part: Part = WHOLE,
    ) -> Result:
        """Keep the model's rows as a file of the draft's table."""
        _refuse(model)
        if part != WHOLE:
            raise ModelError(
                f"{model.name}: the memory engine knows no times and merges nothing",
                hint="without a time column all rows are built",
            )
        if model.form is Form.SQL:
            text, frames = model.text(), {str(name): frame for name, frame in inputs.items()}
        else:
            text, frames = "select * from given", {"given": _called(model, inputs)}
        try:
            found = self._select(text, frames)
        except _SQLITE as error:
            raise ModelError(f"{model.name}: {error}") from error
        schema = draft.settle(_schema(model, found))
        places = [found.column_names.index(name) for name in schema.names]
        takes = [_taken(c.type, model.mask.get(c.name), self._resolve) for c in schema]
        rows = [
            tuple(
                None if row[place] is None else take(row[place])
                for take, place in zip(takes, places, strict=True)
            )
            for row in found.rows
        ]
        files = (self._lake.write(draft.location, schema, rows),) if rows else ()
        return Result(schema, files)

    def items(self, model: Model, inputs: Mapping[TableName, Frame]) -> tuple[str, ...]:
        """The memory engine calls no function for items: it is refused."""
        raise ModelError(
            f"the memory engine does not build {model.name}, with {len(inputs)} inputs, by items"
        )

    def record(
        self,
        rows: Sequence[Mapping[str, Any]],
        schema: Schema,
        draft: Draft,
        like: Frame | None = None,
        where: str = "",
    ) -> Result:
        """Keep a few given rows as a file of the draft's table."""
        found = self.open(like, Form.ARROW, where=where, limit=1).to_pylist() if like else []
        base = found[0] if found else {}
        takes = {c.name: _read(c) for c in schema}
        values = [
            tuple(takes[c.name](row.get(c.name, base.get(c.name))) for c in schema) for row in rows
        ]
        files = (self._lake.write(draft.location, schema, values),) if values else ()
        return Result(schema, files)

    def open(
        self,
        frame: Frame,
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Any:
        """The rows of a frame, as `query` gives them."""
        text = f"select {', '.join(map(quote, frame.chosen(columns)))} from given"
        text += f" where (\n{where}\n)" if where.strip() else ""
        return self.query(text, {"given": frame}, form, limit=limit)

    def divide(self, given: Dividing) -> Division:
        """The memory engine divides nothing: it is refused."""
        raise ModelError(f"the memory engine does not divide the rows of {given.draft.table}")

    def windows(self, frame: Frame, column: str, grain: Grain) -> Windows:
        """The memory engine knows no times: it is refused."""
        what = f"{grain} in {column!r} of {len(frame.files)} files"
        raise ModelError(f"the memory engine, which knows no times, finds no {what}")

    def query(
        self,
        text: str,
        inputs: Mapping[str, Frame],
        form: Form = Form.ARROW,
        *,
        limit: int | None = None,
    ) -> Rows:
        """The rows of a query over the inputs, to be read as an Arrow table is."""
        if form is not Form.ARROW:
            raise DefinitionError(f"the memory engine gives no {form}", hint=f"use {Form.ARROW}")
        try:
            return self._select(text, inputs, limit)
        except _SQLITE as error:
            raise DefinitionError(f"the query: {error}") from error

    def _select(self, text: str, inputs: Mapping[str, Frame], limit: int | None = None) -> Rows:
        with self._session(inputs) as connection:
            query = text.strip().rstrip(";")
            if limit is not None:
                query = f"select * from ({query}) limit {limit}"
            # A table can be made of one query only; it keeps the types that SQLite knows.
            connection.execute(f"create temp table {_RESULT} as {query}")
            # The table has other names where the query gives one twice.
            names = [d[0] for d in connection.execute(query).description]
            described = connection.execute(f"pragma temp.table_info({_RESULT})").fetchall()
            rows = connection.execute(f"select * from temp.{_RESULT}").fetchall()
        types = [
            _type(name, about[2], {type(row[i]) for row in rows})
            for i, (name, about) in enumerate(zip(names, described, strict=True))
        ]
        return Rows(names, types, rows)

    @contextmanager
    def _session(self, inputs: Mapping[str, Frame]) -> Iterator[sqlite3.Connection]:
        """A database that holds the inputs and nothing else."""
        # Without transactions: a layer cannot be attached within one.
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            for layer in sorted({key.rpartition(".")[0] for key in inputs} - {""}):
                connection.execute(f"attach ':memory:' as {quote(layer)}")
            for key, frame in inputs.items():
                layer, _, name = key.rpartition(".")
                table = f"{quote(layer or 'main')}.{quote(name)}"
                columns = ", ".join(f"{quote(c.name)} {_declared(c, key)}" for c in frame.schema)
                connection.execute(f"create table {table} ({columns})")
                marks = ", ".join("?" for _ in frame.schema)
                connection.executemany(
                    f"insert into {table} values ({marks})", self._lake.read(frame)
                )
            yield connection


def _refuse(model: Model) -> None:
    for what in ("deduplicate", "deleted", "history"):
        if getattr(model, what):
            raise DefinitionError(
                f"{model.place}: {model.name} declares {what}, which the memory engine cannot do"
            )


def _called(model: Model, inputs: Mapping[TableName, Frame]) -> Frame:
    for form in (model.form, *(i.form for i in model.inputs)):
        if form is not Form.FRAME:
            raise ModelError(
                f"{model.name} takes or gives {form}, which the memory engine cannot do",
                hint=f"it does {Form.SQL} and {Form.FRAME}",
            )
    try:
        value = model.function(**{i.parameter: inputs[i.table] for i in model.inputs})
    except MedallionError:
        raise
    except Exception as error:
        raise RaisedError(f"{model.name} raised {type(error).__name__}: {error}") from error
    if not isinstance(value, Frame):
        raise ModelError(f"{model.name} returned {type(value).__name__}, and says {Form.FRAME}")
    return value


def _schema(model: Model, found: Rows) -> Schema:
    """The columns that a model gives, as a table keeps them: masked, without field ids."""
    columns = []
    for name, type in zip(found.column_names, found.types, strict=True):
        if type is None:
            raise ModelError(
                f"{model.name} column {name!r} is NULL in every row, so nothing says its type",
                hint="say it: `cast(null as text) as x`",
            )
        columns.append(Column(name, type, doc=model.comments.get(name, "")))
    schema = checked(columns, model.name)
    declared = {
        "mask": tuple(model.mask),
        "unique_key": model.unique_key,
        "partition_by": tuple(t.column for t in model.partition_by),
    }
    for what, names in declared.items():
        for name in names:
            if schema.column(name) is None:
                raise ModelError(
                    f"{model.name} declares {what} column {name!r} and does not give it",
                    hint=f"its columns: {', '.join(schema.names)}",
                )
    stored = Schema(tuple(c for c in (_masked(model, column) for column in schema) if c))
    return conforming(model.name, model.columns, stored, closed=model.closed)


def _masked(model: Model, column: Column) -> Column | None:
    """A column as its mask leaves it; None where it does not."""
    mask = model.mask.get(column.name)
    try:
        type = mask.gives(column.type) if mask else column.type
    except DefinitionError as error:
        raise ModelError(f"{model.name} column {column.name!r}: {error.message}") from error
    return None if type is None else replace(column, type=type)


def _type(name: str, declared: str, values: set[type]) -> str | None:
    kinds = values - {type(None)}
    if not kinds:
        return _TYPES.get(declared)
    if kinds == {int, float}:
        return "double"
    found = _VALUES.get(next(iter(kinds))) if len(kinds) == 1 else None
    if found is None:
        mixed = " and ".join(sorted(k.__name__ for k in kinds))
        raise ModelError(
            f"column {name!r} holds {mixed}", hint=f"cast it to one of: {', '.join(_TYPES)}"
        )
    return found


def _declared(column: Column, owner: str) -> str:
    declared = _DECLARED.get(column.type) if isinstance(column.type, str) else None
    if declared is None:
        raise ModelError(
            f"{owner} column {column.name!r} is of type {column.type}, which the memory engine "
            "does not know",
            hint=f"the types known: {', '.join(_DECLARED)}",
        )
    return declared


def _taken(type: Any, mask: Mask | None, resolve: Callable[[str], str]) -> Callable[[Any], Any]:
    """What makes a value of the kept one."""
    if mask is None:
        return float if type == "double" else lambda value: value
    match mask.kind:
        case "redacted":
            return lambda _: mask.text
        case "nullified":
            return lambda _: None
        case "kept_last":
            return lambda value: _kept(str(value), int(mask.text))
    if mask.keyed:
        key = resolve(mask.text).encode()
        return lambda value: hmac.new(key, str(value).encode(), "sha256").hexdigest()
    return lambda value: hashlib.sha256(f"{mask.text}{value}".encode()).hexdigest()


def _kept(text: str, count: int) -> str:
    left = max(0, len(text) - count) or len(text)
    return "*" * left + text[left:]


def _read(column: Column) -> Callable[[Any], Any]:
    """What makes a value of the column's type of one that may be given as its text."""
    kind: Callable[[Any], Any] = {"long": int, "int": int, "double": float}.get(
        str(column.type), lambda value: value
    )

    def read(value: Any) -> Any:
        try:
            return None if value is None else kind(value)
        except ValueError as error:
            raise ModelError(f"column {column.name!r}: {error}") from error

    return read
