"""Write the rows of a query as Iceberg-ready Parquet, in one statement."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.partitions import key, macros, value
from medallion.adapters.duckdb.quoting import literal, quote
from medallion.adapters.duckdb.stats import parse_stats
from medallion.adapters.duckdb.times import timed
from medallion.adapters.duckdb.types import duckdb_type, field_ids
from medallion.errors import ModelError
from medallion.mask import Mask
from medallion.model import Model
from medallion.partition import Transform
from medallion.schema import Schema
from medallion.table import Draft, WrittenFile
from medallion.window import Window

_FILE_SIZE = "512MB"


def masked(schema: Schema, model: Model) -> Schema:
    """The columns with the declared masks put on: a masked column is text.

    Raises:
        ModelError: a mask names a column that the model does not give.
    """
    for name in model.mask:
        if schema.column(name) is None:
            raise ModelError(
                f"{model.name} masks {name!r} and gives no such column",
                hint=f"its columns: {', '.join(schema.names)}",
            )
    return replace(
        schema,
        columns=tuple(replace(c, type="string") if c.name in model.mask else c for c in schema),
    )


def stored(text: str, model: Model, schema: Schema, window: Window | None) -> str:
    """A query of a model's rows as its table keeps them: typed, masked, those of the window."""
    columns = [
        f"{_cast(model.mask, c.name, duckdb_type(c.type))} as {quote(c.name)}" for c in schema
    ]
    rows = f"select {', '.join(columns)} from ({text})"
    if model.time_column:
        rows = (
            f"select * from ({rows}) where {timed(schema, model.time_column, window, model.name)}"
        )
    return rows


def write(
    connection: duckdb.DuckDBPyConnection, rows: str, schema: Schema, draft: Draft
) -> tuple[WrittenFile, ...]:
    """Write a query's rows below the table's location; the files, and what is known of them."""
    folder = Path(draft.location.removeprefix("file://")) / "data"
    folder.mkdir(parents=True, exist_ok=True)
    keys = {f"_{t.field}": _key(t, schema, draft) for t in draft.partition_by}
    derived = [f"{expression} as {quote(name)}" for name, expression in keys.items()]
    if derived:
        rows = f"select *, {', '.join(derived)} from ({rows})"
    statement = f"copy ({rows}) to {literal(str(folder))} ({_options(schema, draft, keys)})"
    if any(t.kind == "bucket" for t in draft.partition_by):
        for macro in macros():
            run(connection, macro)
    written = (_file(row, schema, draft.partition_by) for row in run(connection, statement))
    return tuple(f for f in written if f is not None)


def _key(transform: Transform, schema: Schema, draft: Draft) -> str:
    column = schema.column(transform.column)
    if column is None:
        raise ModelError(
            f"{draft.table} is partitioned by {transform} and gives no column {transform.column!r}",
            hint=f"its columns: {', '.join(schema.names)}",
        )
    return key(transform, column.type)


def _cast(masks: Mapping[str, Mask], name: str, type: str) -> str:
    column, mask = quote(name), masks.get(name)
    if mask is None:
        return f"{column}::{type}"
    if mask.kind == "hashed":
        salted = f"concat({literal(mask.text)}, {column}::varchar)"
        return f"case when {column} is not null then sha256({salted}) end"
    return f"case when {column} is not null then {literal(mask.text)} end"


def _options(schema: Schema, draft: Draft, keys: Mapping[str, str]) -> str:
    name = f"{draft.run}-{uuid.uuid4().hex[:8]}-{{uuid}}"
    options = [
        "format parquet",
        "compression zstd",
        "compression_level 1",
        field_ids(schema),
        "return_stats",
        "append",
        f"filename_pattern {literal(name)}",
    ]
    if keys:
        options.append(f"partition_by ({', '.join(map(quote, keys))})")
    else:
        options.append(f"file_size_bytes {literal(_FILE_SIZE)}")
    return ", ".join(options)


def _file(
    row: tuple[Any, ...], schema: Schema, partition_by: Sequence[Transform]
) -> WrittenFile | None:
    """The file that COPY's answer tells of; None for one without rows, which is removed."""
    path, count, size, _, stats, partition, *_ = row
    if count == 0:
        Path(path).unlink()
        return None
    keys = (partition or {}).values()
    values = tuple(value(t, key) for t, key in zip(partition_by, keys, strict=True))
    return WrittenFile(path, count, size, values, parse_stats(stats, schema))
