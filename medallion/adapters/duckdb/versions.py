"""Versions: the history of a table's rows, made of their changes.

Everything that happened is an event of a key: a row as it was from a moment on, or that it was
deleted then. Events in the order of their time make the versions, whichever way they were found.
"""

from dataclasses import replace
from datetime import datetime

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.merging import among, replaced
from medallion.adapters.duckdb.reading import rows_of
from medallion.adapters.duckdb.shape import Shaped, columns_given, flag
from medallion.adapters.duckdb.snapshots import events_of, told
from medallion.adapters.duckdb.types import duckdb_type, iceberg_type
from medallion.errors import ModelError
from medallion.frame import Frame
from medallion.history import ADDED, IS_CURRENT, VALID_FROM, VALID_TO, Scd2
from medallion.model import Model
from medallion.quoting import quote
from medallion.schema import Schema, show

_ROWS, _EVENTS, _NEW = "history_rows", "history_events", "history_new"
_TIMES = ("date", "timestamp", "timestamptz")


def begun(connection: duckdb.DuckDBPyConnection, model: Model, shape: Shaped) -> Shaped:
    """The rows as events: each is valid from when it changed, and current unless it deletes.

    Raises:
        ModelError: the history names a column that the model does not give, or adds one that it
            gives; or the condition for deletes does not fit.
    """
    said = model.history
    if said is None:
        return shape
    _check_columns(connection, model, said, shape.text)
    gone = flag(connection, model, said.deleted or "false", shape.text)
    at = quote(said.changed_at)
    # `valid_to` is NULL until the versions are made, and has the type of the other.
    text = (
        f"select *, {at} as {VALID_FROM}, if(false, {at}, null) as {VALID_TO}, "
        f"not {gone} as {IS_CURRENT} from ({shape.text})"
    )
    return replace(shape, text=text)


def own_columns(model: Model, table: Schema) -> Schema:
    """The columns of the table that the model gives; a history adds the others."""
    return Schema(tuple(c for c in table if not model.history or c.name not in ADDED))


def versioned(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    rows: str,
    schema: Schema,
    current: Frame | None,
    now: datetime,
) -> tuple[str, frozenset[str]]:
    """What to write so that the table holds the versions that the rows make; the files it is for.

    The rows are events, as `begun` gives them. Without a `current` table they are all there are.
    `now` is when a key is deleted that is not among the rows of a snapshot.

    Raises:
        ModelError: a row has no key or time, or two of them contradict each other.
    """
    said = model.history
    assert said
    there = rows_of(replace(current, schema=schema)) if current else None
    run(connection, f"create or replace temp table {_ROWS} as {rows}")
    _check_nulls(connection, model, said)
    events = f"select *, 0 as rank from {_ROWS}"
    if said.snapshots:
        _check_snapshot(connection, model, said)
        events = events_of(connection, said, _ROWS, there, schema, now) if there else events
    run(connection, f"create or replace temp table {_EVENTS} as {_seen(said, schema, events)}")
    if not said.snapshots:
        _check_log(connection, model, said)
    run(connection, f"create or replace temp table {_NEW} as {_versions(said, schema)}")
    run(connection, f"drop table {_EVENTS}")
    if current is None or there is None:
        return f"select * from {_NEW}", frozenset()
    keys = ", ".join(map(quote, model.unique_key))
    before = f"select {keys} from ({there}) v"
    if not said.snapshots:  # other keys keep their history
        named = " and ".join(f"v.{quote(k)} is not distinct from r.{quote(k)}" for k in said.key)
        before += f" where {VALID_FROM} is null or exists (select 1 from {_ROWS} r where {named})"
    gone = among(connection, f"({before}) except (select {keys} from {_NEW})", model.unique_key)
    return replaced(connection, _NEW, schema, current, model.unique_key, [gone])


def _seen(said: Scd2, schema: Schema, events: str) -> str:
    """The events, each with the time of the one before it, and whether that is alike."""
    values, order = told(said, schema, "e"), f"{VALID_FROM}, rank"
    return (
        f"select *, lag({VALID_FROM}) over of_key as before_at, "
        f"lag({IS_CURRENT}) over of_key as before_alive, "
        f"lag({values}) over of_key is not distinct from {values} as alike "
        f"from ({events}) e window of_key as (partition by {_keys(said)} order by {order})"
    )


def _versions(said: Scd2, schema: Schema) -> str:
    """The versions that the events make: each begins with a row that differs from the one before.

    It ends with the next event, if there is one.
    """
    begins = f"not {IS_CURRENT} or not coalesce(before_alive and alike, false)"
    order = f"partition by {_keys(said)} order by {VALID_FROM}, rank"
    columns = {c.name: quote(c.name) for c in schema}
    columns[VALID_TO], columns[IS_CURRENT] = "ends", "ends is null"
    selected = ", ".join(
        f"({columns[c.name]})::{duckdb_type(c.type)} as {quote(c.name)}" for c in schema
    )
    marks = f"select *, lead({VALID_FROM}) over ({order}) as ends from {_EVENTS} where {begins}"
    return f"select {selected} from ({marks}) where {IS_CURRENT}"


def _check_columns(
    connection: duckdb.DuckDBPyConnection, model: Model, said: Scd2, text: str
) -> None:
    """Whether the model gives what its history is made of, and nothing that it adds."""
    names = columns_given(connection, model, text)
    for name in (*said.key, said.changed_at):
        if name not in names:
            raise ModelError(
                f"{model.name} declares a history by {name!r} and gives no such column",
                hint=f"its columns: {', '.join(names)}",
            )
    for name in names:
        if name.lower() in ADDED:
            raise ModelError(
                f"{model.name} gives a column {name!r}, which its history adds",
                hint="give it under another name, or leave it out",
            )
    if said.snapshots:
        types = dict(zip(names, connection.sql(text).types, strict=True))
        kind = iceberg_type(types[said.changed_at], f"{model.name} column {said.changed_at!r}")
        if kind not in _TIMES:
            raise ModelError(
                f"{model.name}: {said.changed_at!r} is of type {show(kind)}, and in snapshots a "
                "row ends at a time when it is gone",
                hint=f"cast it to one of: {', '.join(_TIMES)}",
            )


def _check_nulls(connection: duckdb.DuckDBPyConnection, model: Model, said: Scd2) -> None:
    for name in (*said.key, said.changed_at):
        for row in run(
            connection,
            f"select {_keys(said)} from {_ROWS} where {quote(name)} is null limit 1",
        ):
            raise ModelError(
                f"{model.name} gives a row without {name!r}: {model.key_text(said.key, row)}",
                hint="filter or fill such rows; a history needs to know what changed, and when",
            )


def _check_log(connection: duckdb.DuckDBPyConnection, model: Model, said: Scd2) -> None:
    """Whether no two changes of a key at one time contradict each other."""
    differs = f"before_alive is distinct from {IS_CURRENT} or ({IS_CURRENT} and not alike)"
    found = run(
        connection,
        f"select {_keys(said)}, {VALID_FROM}::varchar from {_EVENTS} "
        f"where before_at = {VALID_FROM} and ({differs}) order by all limit 1",
    )
    for *key, at in found:
        deduplicate = ", ".join(
            repr(name).replace("'", '"') for name in (*said.key, said.changed_at)
        )
        raise ModelError(
            f"{model.name} gives several changes of {model.key_text(said.key, key)} with "
            f"{said.changed_at}={at}",
            hint="let a finer column tell when, or say which one counts: "
            f'deduplicate=latest({deduplicate}, by="...")',
        )


def _check_snapshot(connection: duckdb.DuckDBPyConnection, model: Model, said: Scd2) -> None:
    keys = _keys(said)
    for row in run(
        connection, f"select {keys} from {_ROWS} group by {keys} having count(*) > 1 limit 1"
    ):
        raise ModelError(
            f"{model.name} gives several rows with {model.key_text(said.key, row)}",
            hint="a snapshot has one row per key: what gives all changes is no snapshot, "
            "take snapshots=True away",
        )


def _keys(said: Scd2) -> str:
    return ", ".join(map(quote, said.key))
