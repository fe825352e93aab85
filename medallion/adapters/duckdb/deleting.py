"""Deleting: rows that say that the row with their key is to go."""

from dataclasses import replace

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.shape import Shaped, columns_given, flag
from medallion.adapters.duckdb.writing import stored
from medallion.errors import ModelError
from medallion.model import Model
from medallion.quoting import quote
from medallion.schema import Schema

_ROWS, _DELETES = "with_deletes", quote("whether it deletes")


def set_apart(connection: duckdb.DuckDBPyConnection, model: Model, shape: Shaped) -> Shaped:
    """The rows without those that delete; what they delete is what `deletes` gives.

    Raises:
        ModelError: the condition does not fit the columns, or a key is both deleted and given.
    """
    if not model.deleted:
        return shape
    deletes = flag(connection, model, model.deleted, shape.text)
    if not shape.read or not set(model.unique_key) <= set(
        columns_given(connection, model, shape.text)
    ):
        return shape  # a key that is missing is told of where columns are found
    # Rows may be such as can be read once.
    rows = f"select *, {deletes} as {_DELETES} from ({shape.text})"
    run(connection, f"create or replace temp table {_ROWS} as {rows}")
    keys = ", ".join(map(quote, model.unique_key))
    both = f"having bool_or({_DELETES}) and not bool_and({_DELETES}) limit 1"
    for found in run(connection, f"select {keys} from {_ROWS} group by {keys} {both}"):
        shown = model.key_text(model.unique_key, found)
        raise ModelError(
            f"{model.name} gives several rows with {shown}, and one of them deletes it",
            hint='say which one counts: deduplicate=latest("id", by="updated_at")',
        )
    text = f"select * exclude ({_DELETES}) from {_ROWS} where not {_DELETES}"
    return replace(shape, text=text)


def deletes(model: Model, schema: Schema) -> str | None:
    """A query of the keys that the rows delete, as the table keeps them; None if none is to be."""
    if not model.deleted:
        return None
    keys = Schema(tuple(c for c in schema if c.name in model.unique_key))
    # A row that only deletes may have no time.
    return stored(
        f"select * from {_ROWS} where {_DELETES}", replace(model, time_column=""), keys, None
    )
