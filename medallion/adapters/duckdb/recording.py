"""A query of rows that are given as values, to be written as a table's own."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from medallion.adapters.duckdb.types import duckdb_type
from medallion.quoting import literal, quote
from medallion.schema import Schema

_NONE = "no column"  # a struct has at least one field


def recorded(rows: Sequence[Mapping[str, Any]], schema: Schema, like: str, where: str) -> str:
    """A query of the rows; what they do not name is that of a row of the view `like`, or NULL.

    Values go as one text of JSON: many literals would take long to parse.
    """
    given = [c.name for c in schema if rows and c.name in rows[0]]
    # Columns by number: no name of a column can be in the way.
    numbers = {name: f"v{number}" for number, name in enumerate(given)}
    texts = [{numbers[n]: _text(row[n]) for n in given} | {_NONE: None} for row in rows]
    shape = [dict.fromkeys([*numbers.values(), _NONE], "VARCHAR")]
    values = (
        f"select unnest(from_json({literal(json.dumps(texts))}, {literal(json.dumps(shape))}), "
        "recursive := true)"
    )
    columns = ", ".join(
        f"{_source(c.name, numbers, like)}::{duckdb_type(c.type)} as {quote(c.name)}"
        for c in schema
    )
    if not like:
        return f"select {columns} from ({values}) given"
    condition = f" where (\n{where}\n)" if where.strip() else ""
    row = f"select * from {quote(like)}{condition} limit 1"
    return f"select {columns} from ({values}) given left join ({row}) kept on true"


def _source(name: str, numbers: Mapping[str, str], like: str) -> str:
    if name in numbers:
        return f"given.{numbers[name]}"
    return f"kept.{quote(name)}" if like else "null"


def _text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
    return str(value)
