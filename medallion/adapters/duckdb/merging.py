"""Merge new rows into files of a table: which files are touched, and what is written instead."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.reading import rows_of
from medallion.adapters.duckdb.types import duckdb_type
from medallion.errors import ModelError
from medallion.extract import Span
from medallion.frame import Frame
from medallion.model import Model
from medallion.quoting import literal, quote
from medallion.schema import Schema
from medallion.source import SOURCE_FILE

_NEW, _OTHER, _STILL, _GONE = "merge_new", "merge_other", "merge_still", "merge_gone"


def merged(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    schema: Schema,
    current: Frame,
    key: Sequence[str],
    model: Model,
    there_still: str | None = None,
    deletes: str | None = None,
) -> tuple[str, frozenset[str]]:
    """What to write so that each row takes the place of the one with its key; the files it is for.

    Only rows that differ count, and only files with rows that they replace are written again.
    `there_still` is a query of all keys, where rows that have none of them are to go; an empty one
    says that the rows are all there are. `deletes` is a query of keys whose rows are to go.

    Raises:
        ModelError: two rows have the same key.
    """
    run(connection, f"create or replace temp table {_NEW} as {rows}")
    keys = ", ".join(map(quote, key))
    twice = run(
        connection, f"select {keys} from {_NEW} group by {keys} having count(*) > 1 limit 1"
    )
    if twice:
        raise ModelError(
            f"{model.name} gives several rows with {model.key_text(key, twice[0])}",
            hint="a merge takes one row per unique_key: "
            'deduplicate=latest("id", by="updated_at") keeps one',
        )
    goes = []
    if deletes is not None:
        goes.append(among(connection, deletes, key))
    if there_still is not None:
        still = there_still or f"select {keys} from {_NEW}"
        run(connection, f"create or replace temp table {_STILL} as {still}")
        gone = f"not exists (select 1 from {_STILL} o where {_same(key)})"
        # A row may have gone after it was read, and before the keys were.
        run(connection, f"delete from {_NEW} c where {gone}")
        goes.append(gone)
    return replaced(connection, _NEW, schema, current, key, goes)


def among(connection: duckdb.DuckDBPyConnection, keys: str, key: Sequence[str]) -> str:
    """The condition that a row `c` has one of the keys that a query gives."""
    run(connection, f"create or replace temp table {_GONE} as {keys}")
    return f"exists (select 1 from {_GONE} o where {_same(key)})"


def replaced(
    connection: duckdb.DuckDBPyConnection,
    new: str,
    schema: Schema,
    current: Frame,
    key: Sequence[str],
    goes: Sequence[str] = (),
) -> tuple[str, frozenset[str]]:
    """The same for rows of a temporary table, one for each key; it is dropped.

    `goes` are conditions for rows `c` of the table that are to go.
    """
    there = _as(current, schema)
    run(
        connection,
        f"create or replace temp table {_OTHER} as "
        f"(select * from {new} except all select * from ({rows_of(there)}))",
    )
    run(connection, f"drop table {new}")
    known = " or ".join([f"exists (select 1 from {_OTHER} o where {_same(key)})", *goes])
    known = f"({known})"
    touched = _touched(connection, there, known)
    kept = f"select * from ({rows_of(touched)}) c where not {known}"
    return f"select * from {_OTHER} union all ({kept})", _paths(touched)


def following(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    schema: Schema,
    current: Frame,
    span: Span,
) -> tuple[str, frozenset[str]]:
    """What to write so that the rows take the place of those from the span's least value on.

    Where all of those are among the rows, only the other rows are written, and no file is replaced.
    """
    column = schema.column(span.column)
    assert column
    assert span.least is not None
    # Nothing around the comparison, so that files are skipped by their least and greatest values.
    late = f"{quote(span.column)} >= {literal(span.least)}::{duckdb_type(column.type)}"
    run(connection, f"create or replace temp table {_NEW} as {rows}")
    there = _as(current, schema)
    before, after = f"select * from ({rows_of(there)}) c where {late}", f"select * from {_NEW}"
    if not run(connection, f"select 1 from (({before}) except all ({after})) limit 1"):
        return f"({after}) except all ({before})", frozenset()
    touched = _touched(connection, there, late)
    kept = f"select * from ({rows_of(touched)}) c where not coalesce({late}, false)"
    return f"{after} union all ({kept})", _paths(touched)


def without(
    connection: duckdb.DuckDBPyConnection, schema: Schema, current: Frame, landed: Sequence[str]
) -> tuple[str, frozenset[str]]:
    """The other rows of the files that hold rows of landed files, and those files' paths."""
    there = _as(current, schema)
    names = ", ".join(map(literal, landed))
    from_them = f"{quote(SOURCE_FILE)} in ({names})"
    touched = _touched(connection, there, from_them)
    return f"select * from ({rows_of(touched)}) where not coalesce({from_them}, false)", _paths(
        touched
    )


def _same(key: Sequence[str]) -> str:
    return " and ".join(f"c.{quote(k)} is not distinct from o.{quote(k)}" for k in key)


def _as(current: Frame, schema: Schema) -> Frame:
    return replace(current, schema=schema)


def _touched(connection: duckdb.DuckDBPyConnection, frame: Frame, condition: str) -> Frame:
    """The files of the frame that hold a row for which the condition is true."""
    if not frame.files:
        return frame
    found = run(
        connection,
        f"select distinct filename from ({rows_of(frame, named=True)}) c where {condition}",
    )
    paths = {str(row[0]) for row in found}
    return replace(frame, files=tuple(f for f in frame.files if f.path in paths))


def _paths(frame: Frame) -> frozenset[str]:
    return frozenset(f.path for f in frame.files)
