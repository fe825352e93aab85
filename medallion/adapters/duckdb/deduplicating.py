"""Deduplicating: of the rows with one key one is kept, and the others are counted."""

from dataclasses import replace

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.shape import Shaped, columns_given
from medallion.adapters.duckdb.times import in_window
from medallion.adapters.duckdb.types import iceberg_type
from medallion.errors import ModelError
from medallion.model import Model
from medallion.quoting import quote
from medallion.schema import Column, Schema

_ROWS, _NUMBER = "deduplicated", quote("number within its key")


def deduplicated(connection: duckdb.DuckDBPyConnection, model: Model, shape: Shaped) -> Shaped:
    """The rows without those that are not kept. A row with a NULL in its key equals no other.

    Rows with equal `by` are told apart by all their other columns, so that the same rows always
    leave the same ones. NULL comes last in either direction.

    Raises:
        ModelError: the key or the order names a column that the model does not give.
    """
    said = model.deduplicate
    if said is None:
        return shape
    names = columns_given(connection, model, shape.text)
    for name in (*said.key, *said.by):
        if name not in names:
            raise ModelError(
                f"{model.name} deduplicates by {name!r} and gives no such column",
                hint=f"its columns: {', '.join(names)}",
            )
    if not shape.read:
        return shape
    direction = "desc" if said.descending else "asc"
    order = [*said.by, *(n for n in names if n not in (*said.by, *said.key))]
    by = ", ".join(f"{quote(name)} {direction} nulls last" for name in order)
    number = f"row_number() over (partition by {', '.join(map(quote, said.key))} order by {by})"
    rows = f"select *, {number} as {_NUMBER} from ({_inside(connection, model, shape)})"
    run(connection, f"create or replace temp table {_ROWS} as {rows}")
    kept = " or ".join([f"{_NUMBER} = 1", *(f"{quote(name)} is null" for name in said.key)])
    [(removed,)] = run(connection, f"select count(*) from {_ROWS} where not ({kept})")
    text = f"select * exclude ({_NUMBER}) from {_ROWS} where {kept}"
    return replace(shape, text=text, removed=shape.removed + int(str(removed)))


def _inside(connection: duckdb.DuckDBPyConnection, model: Model, shape: Shaped) -> str:
    """The rows of the window that is built; a row outside of it takes no row's place.

    One without a time stays: it is an error where rows are written.
    """
    if shape.window is None or not model.time_column:
        return shape.text
    relation = connection.sql(shape.text)
    types = dict(zip(relation.columns, relation.types, strict=True))
    column = model.time_column
    found = [Column(column, iceberg_type(types[column], column))] if column in types else []
    inside = in_window(Schema(tuple(found)), column, shape.window)
    return f"select * from ({shape.text}) where coalesce({inside}, true)"
