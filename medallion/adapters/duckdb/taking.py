"""Take rows back in the form in which a function gives them."""

import uuid
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb.opening import BATCH
from medallion.adapters.duckdb.parts import spilled
from medallion.adapters.duckdb.reading import no_rows, watched
from medallion.adapters.duckdb.records import recorded
from medallion.errors import MedallionError, ModelError, RaisedError, StoreError
from medallion.forms import INPUTS, Form, form_of
from medallion.quoting import literal, quote
from medallion.schema import Column, Schema, checked


def taken(
    connection: duckdb.DuckDBPyConnection,
    value: Any,
    owner: object,
    spill: Path,
    late: list[Exception],
    known: Schema | None = None,
) -> str:
    """A query of the rows that a function returned; they are registered with the connection.

    What an iterator raises while the query is run is added to `late`: DuckDB tells its text only.
    One that gives nothing has the columns that are `known` of the table.

    Raises:
        ModelError: the value is no form of rows, or has columns that a table cannot have, or what
            it put off doing until now failed.
        StoreError: the disk is full.
    """
    try:
        return _taken(connection, value, owner, spill, late, known)
    except (MedallionError, duckdb.Error):
        raise
    except Exception as error:
        if "No space left" in str(error):
            raise StoreError(
                f"the rows of {owner} cannot be written, the disk is full: {error}",
                hint="make room on that disk, then run the same command again",
            ) from error
        raise RaisedError(f"{owner} raised {type(error).__name__}: {error}") from error


def _taken(
    connection: duckdb.DuckDBPyConnection,
    value: Any,
    owner: object,
    spill: Path,
    late: list[Exception],
    known: Schema | None,
) -> str:
    form = form_of(type(value))
    if form is Form.LAZY:
        return _microseconds(connection, _sunk(value, spill))
    if isinstance(value, Iterator) and form is None:
        first = next(value, None)
        if first is None:
            return _nothing(owner, known)
        if not _is_batch(first):
            return recorded(chain([first], value), owner, spill) or _nothing(owner, known)
        arrow = watched(first.schema, chain([first], value), late)
    else:
        arrow = _arrow(value, form, owner, spill)
    # DuckDB would give repeated names new ones.
    checked([Column(name, "") for name in arrow.schema.names], owner)
    query = _registered(connection, arrow)
    match form:
        case Form.POLARS:
            return _microseconds(connection, query)
        case Form.DUCKDB:
            # Arrow has fewer types: a uuid came as text.
            return _cast(connection, query, [str(type) for type in value.types])
    return query


def _arrow(value: Any, form: Form | None, owner: object, spill: Path) -> Any:
    match form:
        case Form.PANDAS:
            return _from_pandas(value, owner)
        case Form.ARROW | Form.BATCHES:
            return value
        case Form.POLARS:
            return value.to_arrow()
        case Form.DUCKDB:
            return value.to_arrow_reader(BATCH)
        case Form.DASK:
            return spilled(value, owner, spill, _from_pandas)
    kind = type(value)
    raise ModelError(
        f"{owner} returned {kind.__module__}.{kind.__qualname__}, which is no form of rows",
        hint=f"return one of: {', '.join((*INPUTS, Form.ITERATOR))}",
    )


def _registered(connection: duckdb.DuckDBPyConnection, arrow: Any) -> str:
    name = f"returned_{uuid.uuid4().hex}"
    connection.register(name, arrow)
    return f"select * from {quote(name)}"


def _is_batch(item: Any) -> bool:
    kind = type(item)
    return kind.__module__.startswith("pyarrow") and kind.__name__ == "RecordBatch"


def _nothing(owner: object, known: Schema | None) -> str:
    """A query of no row, where the table tells the columns."""
    if known is None:
        raise ModelError(
            f"{owner} gave no row yet, and nothing else tells its columns",
            hint="build again when there are rows, or yield an empty pa.RecordBatch",
        )
    return no_rows(known)


def _sunk(lazy: Any, spill: Path) -> str:
    """Run a lazy query straight to disk, so that its rows need not fit into memory."""
    spill.mkdir(parents=True, exist_ok=True)
    path = spill / f"lazy-{uuid.uuid4().hex}.parquet"
    lazy.sink_parquet(path)
    return f"select * from read_parquet({literal(str(path))})"


def _microseconds(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query with times in microseconds: in Polars they always are in nanoseconds."""
    return _cast(connection, query, [_kept(type) for type in connection.sql(query).types])


def _kept(type: Any) -> str:
    match type.id:
        case "time_ns":
            return "TIME"
        case "list" | "array":
            return f"{_kept(type.children[0][1])}[]"
        case "map":
            return f"MAP({', '.join(_kept(child) for _, child in type.children)})"
        case "struct":
            fields = (f"{quote(name)} {_kept(child)}" for name, child in type.children)
            return f"STRUCT({', '.join(fields)})"
    return str(type)


def _cast(connection: duckdb.DuckDBPyConnection, query: str, types: Sequence[str]) -> str:
    relation = connection.sql(query)
    casts = [
        f"cast({quote(name)} as {wanted}) as {quote(name)}"
        for name, type, wanted in zip(relation.columns, relation.types, types, strict=True)
        if wanted != str(type)
    ]
    return f"select * replace ({', '.join(casts)}) from ({query})" if casts else query


def _from_pandas(frame: Any, owner: object) -> Any:
    import pyarrow as pa

    odd = [name for name in frame.columns if not isinstance(name, str)]
    if odd:
        raise ModelError(
            f"{owner} gives a column named {odd[0]!r}, which is no text",
            hint="name the columns; after a group by, use .reset_index()",
        )
    arrays = [frame.iloc[:, i] for i in range(frame.shape[1])]
    try:
        columns = [pa.Array.from_pandas(a) for a in arrays]
    except pa.ArrowException as error:
        raise ModelError(f"{owner} gives a column that holds mixed values: {error}") from error
    return pa.Table.from_arrays(
        [pa.chunked_array([c]) if isinstance(c, pa.Array) else c for c in columns],
        names=list(frame.columns),
    )
