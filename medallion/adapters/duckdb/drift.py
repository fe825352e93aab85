"""Drift: how a file's columns differ from those that a source is known to have, and what is done.

Types are compared as a table keeps them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from medallion.adapters.duckdb.types import duckdb_type, iceberg_type
from medallion.errors import ModelError, SourceError
from medallion.schema import Type, show, wider
from medallion.source import SchemaChange

_KNOWN = "land it with the table's columns, or say what is done: files(..., on_schema_change=...)"
_TYPED = "land it with the type that the table has, or declare the column: columns={...}"
_WIDER = 'let the table widen: files(..., on_schema_change="widen")'


@dataclass(frozen=True, slots=True)
class Known:
    """The columns that a source has, with their DuckDB types, and which its model declares.

    Those that are `masked` are others in the table, or not there: they may be as they are.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken of a file: columns and types. Those that it lacks, and those that are left."""

    types: Mapping[str, str]
    lacking: Mapping[str, str]
    left: tuple[str, ...] = ()


def taken(
    connection: duckdb.DuckDBPyConnection,
    change: SchemaChange,
    known: Known,
    found: Mapping[str, str],
    place: object,
    *,
    typed: bool,
) -> Taken:
    """What is taken of a file at `place` that has the columns `found`.

    `typed` says that it has types of its own, and no texts that are parsed as the known types.

    Raises:
        SourceError: the columns differ more than they may.
    """
    types, left = dict[str, str](), list[str]()
    for name, type in found.items():
        before = known.types.get(name)
        if name in known.masked - known.declared and (before is None or typed):
            types[name] = type
            continue
        if before is None and known.types and change is SchemaChange.FAIL:
            raise SourceError(f"{place} has a column {name!r} ({type}) that is new", hint=_KNOWN)
        if before is None and known.types and change is SchemaChange.IGNORE:
            left.append(name)
        elif before is None or name in known.declared:
            types[name] = before or type
        else:
            told = f"{place} has the column {name!r}"
            types[name] = _type(connection, change, before, type, told, typed=typed)
    lacking = {n: t for n, t in known.types.items() if n not in found}
    if lacking and change is SchemaChange.FAIL:
        name, type = next(iter(lacking.items()))
        raise SourceError(f"{place} has no column {name!r} ({type})", hint=_KNOWN)
    return Taken(types, lacking, tuple(left))


def _type(
    connection: duckdb.DuckDBPyConnection,
    change: SchemaChange,
    before: str,
    now: str,
    told: str,
    *,
    typed: bool,
) -> str:
    """The type that a column is read as: the known one, or a wider one."""
    if not typed and change is not SchemaChange.WIDEN:
        return before
    old, new = _kept(connection, before), _kept(connection, now)
    if old is None or new is None or old == new:
        return before
    both = wider(old, new) if isinstance(old, str) and isinstance(new, str) else None
    if both is not None and change is SchemaChange.WIDEN:
        return duckdb_type(both)
    if not typed or (both == old and change is not SchemaChange.FAIL):
        return before
    raise SourceError(
        f"{told} as {show(new)}, which was {show(old)}", hint=_TYPED if both is None else _WIDER
    )


def _kept(connection: duckdb.DuckDBPyConnection, type: str) -> Type | None:
    """The type as a table keeps it; None for one that fits any, as that of NULL."""
    if type.strip('"') == "NULL":
        return None
    [found] = connection.sql(f"select null::{type}").types
    try:
        return iceberg_type(found, type)
    except ModelError:  # it is told of when the rows are
        return None
