"""Star: the keys that facts look up, and the members that a dimension has beside its rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import duckdb

from medallion.adapters.duckdb.keys import dated, hashed
from medallion.adapters.duckdb.types import DuckDBType, iceberg_type
from medallion.errors import ModelError
from medallion.history import IS_CURRENT, VALID_TO
from medallion.model import Model
from medallion.names import TableName
from medallion.quoting import literal, quote
from medallion.schema import Type, show
from medallion.star import IS_INFERRED, TIMES, UNKNOWN, Dimension, Lookup, alike, mistake

_BEGINNING = "0001-01-01"  # since when an inferred member is valid

Types = Mapping[str, DuckDBType]


def looked_up(connection: duckdb.DuckDBPyConnection, model: Model, text: str) -> str:
    """The rows with the keys that they look up; as many as before, whatever a dimension holds."""
    if not model.lookups:
        return text
    types = _types(connection, text)
    keys, joins = [], []
    for number, (name, lookup) in enumerate(model.lookups.items()):
        _is_new(model, name, types, "looks up")
        _has(model, types, [*lookup.columns, *filter(None, [lookup.at])], f"looks {name} up by")
        theirs = _types(connection, f"from {_table(lookup.dimension)}") if lookup.joins else {}
        if wrong := mistake(lookup, _known(types), _known(theirs)):
            raise ModelError(f"{model.name} looks {name} up by {wrong[0]}", hint=wrong[1])
        if lookup.joins:
            join = _version if lookup.at else _member
            joins.append(join(lookup, f"d{number}"))
        keys.append(f"{_found(lookup, f'd{number}')} as {quote(name)}")
    return f"select r.*, {', '.join(keys)} from ({text}) as r{''.join(joins)}"


def members(connection: duckdb.DuckDBPyConnection, model: Model, text: str) -> str:
    """The rows of a dimension with their keys, and its members that are no rows."""
    kept = model.dimension
    if kept is None:
        return text
    types = _types(connection, text)
    _check(model, kept, types)
    parts = [quote(name) for name in kept.names]
    nameless = " or ".join(f"{p} is null" for p in parts)
    rows = (
        f"select if({nameless}, null, {_key(kept, parts)}) as {quote(kept.name)}, *"
        f"{f', false as {IS_INFERRED}' if kept.inferred else ''} from ({text})"
    )
    others = []
    if kept.unknown:
        integer = "integer" if kept.kind == "date" else "bigint"
        own = [f"{UNKNOWN}::{integer} as {quote(kept.name)}", *_filled(model, kept, types)]
        own += [f"false as {IS_INFERRED}"] if kept.inferred else []
        others.append(f"select {', '.join(own)}")
    if kept.inferred:
        others.append(_inferred(connection, model, kept, types))
    if others:
        # Read once: rows that Python gives cannot be read again.
        several = " union all by name ".join(["select * from _rows", *others])
        rows = f"with _rows as materialized ({rows}) {several}"
    return rows


def _found(lookup: Lookup, joined: str) -> str:
    """The expression of a key; `joined` is the name of the joined member, if one is joined."""
    target = lookup.target
    assert target
    columns = [f"r.{quote(c)}" for c in lookup.columns]
    nameless = " or ".join(f"{c} is null" for c in columns)
    found = f"{joined}.key" if lookup.joins else _key(target, columns)
    if lookup.at:
        ended = f"r.{quote(lookup.at)} >= {joined}.until"
        found = f"if({ended}, null, {found})"
    if lookup.missing == "unknown":
        found = f"coalesce({found}, {UNKNOWN})"
    return f"if({nameless}, {UNKNOWN}, {found})"


def _member(lookup: Lookup, name: str) -> str:
    """A join with the member, which is one at most."""
    target = lookup.target
    assert target
    rows = f"select distinct {quote(target.name)} as key from {_table(lookup.dimension)}"
    found = _key(target, [f"r.{quote(c)}" for c in lookup.columns])
    return f" left join ({rows}) as {name} on {name}.key = {found}"


def _version(lookup: Lookup, name: str) -> str:
    """A join with the last version that had begun, which is one at most."""
    target = lookup.target
    assert target
    keys = [f"{quote(k)} as k{i}" for i, k in enumerate(target.key)]
    what = ", ".join([
        *keys,
        f"{quote(target.version)} as since",
        f"{quote(VALID_TO)} as until",
        f"{quote(target.name)} as key",
    ])  # fmt: skip
    same = [f"r.{quote(c)} = {name}.k{i}" for i, c in enumerate(lookup.columns)]
    begun = f"r.{quote(lookup.at)} >= {name}.since"
    rows = (
        f"select {what} from {_table(lookup.dimension)} where {quote(target.version)} is not null"
    )
    return f" asof left join ({rows}) as {name} on {' and '.join([*same, begun])}"


def _inferred(
    connection: duckdb.DuckDBPyConnection, model: Model, kept: Dimension, types: Types
) -> str:
    """A query of the members that other tables name and no row is of."""
    named = " union all ".join(
        _named(connection, model, kept, types, table, columns)
        for table, columns in kept.inferred.items()
    )
    keys = [quote(k) for k in kept.key]
    listed, there = ", ".join(keys), " and ".join(f"{k} is not null" for k in keys)
    filled = [*_filled(model, kept, types, kept.key), f"true as {IS_INFERRED}"]
    if not kept.version:
        what = ", ".join([f"{_key(kept, keys)} as {quote(kept.name)}", listed, *filled])
        several = f"select distinct {listed} from ({named}) where {there}"
        return f"select {what} from ({several}) anti join _rows using ({listed})"
    since = quote(kept.version)
    begun = f"{literal(_BEGINNING)}::{types[kept.version]}"
    what = ", ".join([
        f"{_key(kept, [*keys, begun])} as {quote(kept.name)}",
        listed,
        f"{begun} as {since}",
        f"_since as {quote(VALID_TO)}",
        *([f"_since is null as {quote(IS_CURRENT)}"] if IS_CURRENT in types else []),
        *filled,
    ])  # fmt: skip
    first = f"select {listed}, min(_at) as _at from ({named}) where {there} and _at is not null"
    real = (
        f"select {listed}, min({since}) as _since from _rows where {there} and {since} is not null"
    )
    return (
        f"select {what} from ({first} group by all) left join ({real} group by all) "
        f"using ({listed}) where _since is null or _at < _since"
    )


def _named(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    kept: Dimension,
    types: Types,
    table: TableName,
    columns: Sequence[str],
) -> str:
    """A query of the keys that a table names, as the dimension has them."""
    theirs = _types(connection, f"from {_table(table)}")
    _has(model, theirs, columns, f"infers members from {table} by", f"the columns of {table}")
    ours, known, chosen = _known(types), _known(theirs), []
    for name, column in zip(kept.names, columns, strict=True):
        loose = kept.kind == "date" or name == kept.version
        # A larger whole number keeps its type, and gives it to the column.
        cast = f"::{types[name]}" if loose else ""
        chosen.append(f"{quote(column)}{cast} as {quote('_at' if name == kept.version else name)}")
        here, there = ours.get(name), known.get(column)
        if here is None or there is None:
            continue
        if not (there in TIMES if loose else alike(here, there)):
            raise ModelError(
                f"{model.name} infers members from {table} by {column!r}, which is {show(there)}, "
                f"and {name!r} is {show(here)}",
                hint="cast one of them to the type of the other",
            )
    return f"select {', '.join(chosen)} from {_table(table)}"


def _filled(model: Model, kept: Dimension, types: Types, own: Sequence[str] = ()) -> Iterator[str]:
    """The columns that members of which nothing is known have a value in, but for their `own`."""
    values = {**dict.fromkeys(model.lookups, UNKNOWN), **kept.values}
    for name, value in values.items():
        if name not in own:
            yield f"{literal(str(value))}::{types[name]} as {quote(name)}"


def _check(model: Model, kept: Dimension, types: Types) -> None:
    _is_new(model, kept.name, types, "names its surrogate key")
    if kept.inferred:
        _is_new(model, IS_INFERRED, types, "infers members, which are told by")
    history = [kept.version, VALID_TO] if kept.version else []
    _has(model, types, [*kept.key, *history], "is a dimension by")
    _has(model, types, kept.values, "declares of its unknown member")
    days = [*history, *(kept.key if kept.kind == "date" else ())]
    known = _known(types)
    for name in days:
        if (found := known.get(name, TIMES[0])) not in TIMES:
            raise ModelError(
                f"{model.name}: column {name!r} of the dimension is {show(found)}",
                hint=f"cast it to one of: {', '.join(TIMES)}",
            )


def _key(kept: Dimension, parts: Sequence[str]) -> str:
    return dated(parts[0]) if kept.kind == "date" else hashed(parts)


def _types(connection: duckdb.DuckDBPyConnection, text: str) -> Types:
    relation = connection.sql(text)
    return dict(zip(relation.columns, relation.types, strict=True))


def _known(types: Types) -> dict[str, Type]:
    """The types as a table has them, but for columns that are NULL in every row."""
    given = {n: t for n, t in types.items() if str(t) != '"NULL"'}
    return {n: iceberg_type(t, f"column {n!r}") for n, t in given.items()}


def _table(name: TableName) -> str:
    return f"{quote(name.layer)}.{quote(name.model)}"


def _has(
    model: Model, types: Types, names: Iterable[str], does: str, whose: str = "its columns"
) -> None:
    for name in names:
        if name not in types:
            raise ModelError(
                f"{model.name} {does} {name!r}, and there is no such column",
                hint=f"{whose}: {', '.join(types)}",
            )


def _is_new(model: Model, name: str, types: Types, does: str) -> None:
    if name.lower() in map(str.lower, types):
        raise ModelError(
            f"{model.name} {does} {name!r}, a column that it gives already",
            hint="take it out of the rows, or choose another name",
        )
