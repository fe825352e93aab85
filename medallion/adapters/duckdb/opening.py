"""Open rows in the form that a person or a function asks for."""

from types import ModuleType
from typing import Any

import duckdb

from medallion.errors import DefinitionError
from medallion.forms import Form

BATCH = 100_000  # rows that are in memory at a time where not all are


def opened(
    connection: duckdb.DuckDBPyConnection, query: str, form: Form, limit: int | None = None
) -> Any:
    """The rows of a query in that form, the first `limit` of them."""
    relation = connection.sql(query)
    return loaded(relation if limit is None else relation.limit(limit), form)


def loaded(relation: duckdb.DuckDBPyRelation, form: Form) -> Any:
    """The rows of a relation in memory, in that form."""
    table = relation.to_arrow_table()
    match form:
        case Form.PANDAS:
            return _pandas(table)
        case Form.POLARS:
            return polars().from_arrow(table)
        case Form.LAZY:
            return polars().from_arrow(table).lazy()
    return table


def polars() -> ModuleType:
    """The library, which is optional.

    Raises:
        DefinitionError: it is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise missing("polars") from error
    return polars


def missing(library: str) -> DefinitionError:
    """The error that an optional library is not installed."""
    return DefinitionError(
        f"{library} is not installed", hint=f"pip install 'medallion[{library}]'"
    )


def _pandas(table: Any) -> Any:
    """In types of pandas where they have a NULL, else in Arrow's.

    A NULL must not turn 2**53 + 1 into a float, nor a column without a value lose its type.
    """
    import pandas as pd
    import pyarrow as pa

    nullable = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    inferred = (pa.types.is_date, pa.types.is_time, pa.types.is_decimal, pa.types.is_binary)

    def mapped(type: Any) -> Any:
        objects = pa.types.is_nested(type) or any(kind(type) for kind in inferred)
        return pd.ArrowDtype(type) if objects else nullable.get(type)

    return table.to_pandas(types_mapper=mapped)
