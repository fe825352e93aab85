"""Snapshots: what a table's versions and the rows that are there now say together, as events."""

from datetime import datetime

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.types import duckdb_type
from medallion.history import ADDED, IS_CURRENT, VALID_FROM, VALID_TO, Scd2
from medallion.quoting import literal, quote
from medallion.schema import Schema

_THERE, _LAST, _NOW = "snapshot_there", "snapshot_last", "snapshot_now"


def events_of(
    connection: duckdb.DuckDBPyConnection,
    said: Scd2,
    rows: str,
    there: str,
    schema: Schema,
    now: datetime,
) -> str:
    """A query of events: those that the versions `there` tell of, and what is new in the `rows`.

    `rows` is a temporary table with one row per key. Of events at one time, those with the lower
    `rank` come first.
    """
    column = schema.column(VALID_FROM)
    assert column
    moment = f"({literal(now.isoformat(sep=' '))}::timestamp)::{duckdb_type(column.type)}"
    # Before a table had a history, its rows had no time.
    run(
        connection,
        f"create or replace temp view {_THERE} as "
        f"select * from ({there}) where {VALID_FROM} is not null",
    )
    keys = ", ".join(map(quote, said.key))
    run(
        connection,
        f"create or replace temp table {_LAST} as "
        f"select * from {_THERE} "
        f"qualify row_number() over (partition by {keys} order by {VALID_FROM} desc) = 1",
    )
    placed = _placed(said, rows, schema, moment)
    run(connection, f"create or replace temp table {_NOW} as {placed}")
    begun = (
        f"select * replace (null as {VALID_TO}, true as {IS_CURRENT}), 0 as rank from {_THERE} h "
        f"where not exists (select 1 from {_NOW} n where {_same(said, 'n', 'h')} "
        f"and n.{IS_CURRENT} and n.{VALID_FROM} = h.{VALID_FROM})"
    )
    parts = (
        begun,
        _deleted(said, keys),
        _gone(said, keys, rows, moment),
        f"select *, 2 as rank from {_NOW}",
    )
    return " union all by name ".join(f"({part})" for part in parts)


def _placed(said: Scd2, rows: str, schema: Schema, moment: str) -> str:
    """The rows that are not as their current version, each with when it is valid from.

    That is when it changed. A key that was deleted and is there again as it had been before is so
    from now on. What changed before we saw that it was there again, is so from then on. A row that
    is older than the version that is current comes before it.
    """
    at = f"n.{VALID_FROM}"
    back = f"if({at} >= l.{VALID_TO}, {at}, greatest({moment}, l.{VALID_TO}))"
    changed = f"coalesce(l.{quote(said.changed_at)}, l.{VALID_FROM})"
    newer = f"if({at} >= {changed}, greatest({at}, l.{VALID_FROM}), {at})"
    placed = (
        f"case when l.{VALID_FROM} is null then {at} "
        f"when l.{VALID_TO} is not null then {back} else {newer} end"
    )
    new, last = told(said, schema, "n"), told(said, schema, "l")
    current = f"l.{VALID_FROM} is not null and l.{VALID_TO} is null"
    alike = f"n.{IS_CURRENT} and {current} and {new} is not distinct from {last}"
    return (
        f"select n.* replace ({placed} as {VALID_FROM}) from {rows} n "
        f"left join {_LAST} l on {_same(said, 'n', 'l')} where not coalesce({alike}, false)"
    )


def _deleted(said: Scd2, keys: str) -> str:
    """The deletes that versions tell of, which end when no other one begins.

    What is there again from the same moment on was never away.
    """
    ended = (
        f"select {keys}, {VALID_TO}, "
        f"lead({VALID_FROM}) over (partition by {keys} order by {VALID_FROM}) as next from {_THERE}"
    )
    return (
        f"select {keys}, {VALID_TO} as {VALID_FROM}, false as {IS_CURRENT}, 1 as rank "
        f"from ({ended}) h where {VALID_TO} is not null and {VALID_TO} is distinct from next "
        f"and not exists (select 1 from {_NOW} n where {_same(said, 'n', 'h')} "
        f"and n.{IS_CURRENT} and n.{VALID_FROM} = h.{VALID_TO})"
    )


def _gone(said: Scd2, keys: str, rows: str, moment: str) -> str:
    """The deletes of the keys that were there and are not now."""
    return (
        f"select {keys}, greatest({moment}, {VALID_FROM}) as {VALID_FROM}, "
        f"false as {IS_CURRENT}, 1 as rank from {_LAST} l where {VALID_TO} is null "
        f"and not exists (select 1 from {rows} n where {_same(said, 'n', 'l')})"
    )


def told(said: Scd2, schema: Schema, rows: str) -> str:
    """What tells one version from another, of the rows with that name.

    When a row changed does not make it another one.
    """
    names = [n for n in schema.names if n not in (*said.key, said.changed_at, *ADDED)]
    return f"row({', '.join(f'{rows}.{quote(n)}' for n in names)})" if names else "true"


def _same(said: Scd2, one: str, other: str) -> str:
    return " and ".join(f"{one}.{quote(k)} = {other}.{quote(k)}" for k in said.key)
