"""Write the rows of queries as Iceberg-ready Parquet, each in one statement."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.masks import masking
from medallion.adapters.duckdb.partitions import key, macros, value
from medallion.adapters.duckdb.stats import parse_stats
from medallion.adapters.duckdb.times import timed
from medallion.adapters.duckdb.types import duckdb_type, field_ids
from medallion.address import is_remote
from medallion.errors import ModelError, StoreError
from medallion.model import Model
from medallion.partition import Transform
from medallion.quoting import literal, quote
from medallion.schema import Schema
from medallion.tables import Draft, WrittenFile
from medallion.window import Grain, Window

_FILE_SIZE = "512MB"
_TIMES = tuple(Grain)


def stored(text: str, model: Model, schema: Schema, window: Window | None) -> str:
    """A query of a model's rows as its table keeps them: typed, masked, those of the window."""
    columns = [
        f"{masking(c.name, duckdb_type(c.type), model.mask.get(c.name))} as {quote(c.name)}"
        for c in schema
    ]
    rows = f"select {', '.join(columns)} from ({text})"
    if model.time_column:
        rows = f"select * from ({rows}) where {timed(schema, model.time_column, window)}"
    return rows


def write(
    connection: duckdb.DuckDBPyConnection,
    queries: Sequence[str],
    schema: Schema,
    draft: Draft,
    *,
    alike: bool = False,
    codec: str = "zstd",
    remove: Callable[[str], object] = os.unlink,
) -> Iterator[WrittenFile]:
    """Write the rows of queries below the table's location; the files, and what is known of them.

    `alike` says that the rows of a query probably are of one partition. They are written the faster
    way then, until the first query of which that is not true. `codec` is one of DuckDB's names,
    with a level as in "zstd:3". `remove` takes a file away that nobody needs.
    """
    folder = f"{draft.location.removeprefix('file://')}/data"
    if not is_remote(folder):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"rows of {draft.table} cannot be written: {error}",
                hint="check whose the folder is, and make room on its disk",
            ) from error
    if any(t.kind == "bucket" for t in draft.partition_by):
        for macro in macros():
            run(connection, macro)
    keys = {f"_{t.field}": _key(t, schema, draft) for t in draft.partition_by}
    derived = "".join(f", {expression} as {quote(name)}" for name, expression in keys.items())
    alike = alike and bool(keys) and all(t.kind in _TIMES for t in draft.partition_by)
    for rows in queries:
        if alike:
            files = _copied(connection, rows, folder, schema, draft, {}, codec, remove)
            placed = [_placed(connection, f, schema, draft.partition_by) for f in files]
            if alike := None not in placed:
                yield from (f for f in placed if f)
                continue
            for file in files:
                remove(file.path)
        keyed = f"select *{derived} from ({rows})" if derived else rows
        yield from _copied(connection, keyed, folder, schema, draft, keys, codec, remove)


def _copied(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    folder: str,
    schema: Schema,
    draft: Draft,
    keys: Mapping[str, str],
    codec: str,
    remove: Callable[[str], object],
) -> list[WrittenFile]:
    statement = f"copy ({rows}) to {literal(folder)} ({_options(schema, draft, keys, codec)})"
    transforms = draft.partition_by if keys else ()
    written = [_file(row, schema, transforms) for row in run(connection, statement)]
    for file in written:
        if not file.rows:
            remove(file.path)
    return [f for f in written if f.rows]


def _placed(
    connection: duckdb.DuckDBPyConnection,
    file: WrittenFile,
    schema: Schema,
    partition_by: Sequence[Transform],
) -> WrittenFile | None:
    """The file with its partition, told by its least and greatest times; None if it has several."""
    found = []
    for transform in partition_by:
        column = schema.column(transform.column)
        assert column
        stats = file.stats.get(column.id)
        if stats is None or stats.nulls or stats.lower is None or stats.upper is None:
            return None
        bounds = ", ".join(map(literal, (stats.lower, stats.upper)))
        times = f"select unnest([{bounds}])::{duckdb_type(column.type)} as {quote(column.name)}"
        keys = f"select distinct {key(transform, column.type)} from ({times})"
        first, *others = run(connection, keys)
        if others:
            return None
        found.append(value(transform, str(first[0])))
    return replace(file, partition=tuple(found))


def _key(transform: Transform, schema: Schema, draft: Draft) -> str:
    column = schema.column(transform.column)
    if column is None:
        raise ModelError(
            f"{draft.table} is partitioned by {transform} and gives no column {transform.column!r}",
            hint=f"its columns: {', '.join(schema.names)}",
        )
    return key(transform, column.type)


def _options(schema: Schema, draft: Draft, keys: Mapping[str, str], codec: str) -> str:
    kind, _, level = codec.partition(":")
    name = f"{draft.run}-{uuid.uuid4().hex[:8]}-{{uuid}}"
    options = [
        "format parquet",
        f"compression {literal(kind)}",
        *([f"compression_level {int(level or 1)}"] if kind == "zstd" else []),
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


def _file(row: tuple[Any, ...], schema: Schema, partition_by: Sequence[Transform]) -> WrittenFile:
    """The file that COPY's answer tells of."""
    path, count, size, _, stats, partition, *_ = row
    keys = (partition or {}).values() if count else ()
    values = tuple(value(t, key) for t, key in zip(partition_by, keys, strict=bool(count)))
    return WrittenFile(path, count, size, values, parse_stats(stats, schema) if count else {})
