"""Columns: those of a model's query, as its table has them."""

from dataclasses import replace

import duckdb

from medallion.adapters.duckdb import contracts
from medallion.adapters.duckdb.masks import masked
from medallion.adapters.duckdb.types import iceberg_type
from medallion.errors import ModelError
from medallion.model import Model
from medallion.schema import Column, Schema, checked


def given_columns(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    text: str,
    known: Schema | None = None,
    source: Schema | None = None,
) -> Schema:
    """The columns of a query; with the comments of those of its source that have no other.

    One that is NULL in every row is of the type that is known of it. So is a text for a uuid, which
    DataFrames do not know.

    Raises:
        ModelError: a table cannot have them, or the model declares what they are not.
    """
    relation = connection.sql(text)
    columns = []
    types = contracts.told(model)
    for name, type in zip(relation.columns, relation.types, strict=True):
        before = types.get(name) or (known.column(name) if known else None)
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
