"""Open rows in the form that a function asks for, and take them back in the form it gives."""

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb.quoting import literal, quote
from medallion.errors import ModelError
from medallion.forms import INPUTS, Form, form_of
from medallion.schema import Column, checked


def opened(
    connection: duckdb.DuckDBPyConnection, query: str, form: Form, limit: int | None = None
) -> Any:
    """The rows of a query in that form, the first `limit` of them."""
    relation = connection.sql(query)
    if limit is not None:
        relation = relation.limit(limit)
    match form:
        case Form.DUCKDB:
            return relation
        case Form.BATCHES:
            return relation.to_arrow_reader(100_000)
    table = relation.to_arrow_table()
    match form:
        case Form.PANDAS:
            return _pandas(table)
        case Form.POLARS | Form.LAZY:
            import polars as pl

            frame = pl.from_arrow(table)
            return frame.lazy() if form is Form.LAZY else frame  # type: ignore[union-attr]
    return table


def taken(connection: duckdb.DuckDBPyConnection, value: Any, owner: object, spill: Path) -> str:
    """A query of the rows that a function returned; they are registered with the connection.

    Raises:
        ModelError: the value is no form of rows, or has columns that a table cannot have.
    """
    form = form_of(type(value))
    if form is Form.LAZY:
        return _sunk(value, spill)
    arrow = _arrow(value, form, owner)
    # DuckDB would give repeated names new ones.
    checked([Column(name, "") for name in arrow.schema.names], owner)
    return _registered(connection, arrow)


def _arrow(value: Any, form: Form | None, owner: object) -> Any:
    match form:
        case Form.PANDAS:
            return _from_pandas(value, owner)
        case Form.ARROW | Form.BATCHES:
            return value
        case Form.POLARS:
            return value.to_arrow()
        case Form.DUCKDB:
            return value.to_arrow_reader(100_000)
    if isinstance(value, Iterator):
        return _reader(value, owner)
    kind = type(value)
    raise ModelError(
        f"{owner} returned {kind.__module__}.{kind.__qualname__}, which is no form of rows",
        hint=f"return one of: {', '.join((*INPUTS, Form.ITERATOR))}",
    )


def _registered(connection: duckdb.DuckDBPyConnection, arrow: Any) -> str:
    name = f"returned_{uuid.uuid4().hex}"
    connection.register(name, arrow)
    return f"select * from {quote(name)}"


def _reader(batches: Iterator[Any], owner: object) -> Any:
    import pyarrow as pa

    first = next(batches, None)
    if not isinstance(first, pa.RecordBatch):
        raise ModelError(
            f"{owner} gave {'no batch' if first is None else type(first).__name__}",
            hint="yield at least one pa.RecordBatch, an empty one if there are no rows",
        )
    return pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], batches))


def _sunk(lazy: Any, spill: Path) -> str:
    """Run a lazy query straight to disk, so that its rows need not fit into memory."""
    spill.mkdir(parents=True, exist_ok=True)
    path = spill / f"lazy-{uuid.uuid4().hex}.parquet"
    lazy.sink_parquet(path)
    return f"select * from read_parquet({literal(str(path))})"


def _pandas(table: Any) -> Any:
    """Integers in pandas' nullable types: a NULL must not turn 2**53 + 1 into a float."""
    import pandas as pd
    import pyarrow as pa

    nullable = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return table.to_pandas(types_mapper=nullable.get)


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
