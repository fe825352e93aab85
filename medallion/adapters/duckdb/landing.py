"""Landed files as SQL: CSV, TSV, JSON and Parquet, as dirty as they come.

DuckDB's reader is used in its strict mode, which refuses what it does not understand, never in the
lenient one, which shifts values between rows where a file mixes line ends.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from medallion.adapters.duckdb.drift import Known, Taken, taken
from medallion.adapters.duckdb.duck import NOT_SHOWN, run
from medallion.adapters.duckdb.landed import ARRAY, DELIMITERS, LINES, Landed
from medallion.address import shown
from medallion.errors import SourceError
from medallion.quoting import literal, quote
from medallion.source import LOADED_AT, SOURCE_FILE, Landing, SchemaChange

_FORMATS = {**dict.fromkeys(LINES, "format = 'newline_delimited'"), ARRAY: "format = 'array'"}
_SCAN_BYTES = 64_000_000
_ALONE_BYTES = 8_000_000  # a file that is worth a scan of its own


def queries(
    connection: duckdb.DuckDBPyConnection,
    source: Landing,
    files: Sequence[Landed],
    now: str,
    table: Mapping[str, str] | None = None,
    left: set[str] | None = None,
    masked: Collection[str] = (),
) -> tuple[str, ...]:
    """Queries that together give all rows, with the columns `_source_file` and `_loaded_at`.

    `table` are the columns of the table to which the rows come; what of a file is not taken because
    the table lacks it is added to `left`. Columns that are `masked` may be others there. Each query
    reads some of the files, and has the columns of those. Writing one after the other takes less
    memory and time than all at once where the rows of a file are of few partitions.

    Raises:
        SourceError: a file cannot be read, lacks every declared column, or has other columns than
            the source lets it have.
    """
    types = {**(table or {}), **source.columns}
    known = Known(types, frozenset(source.columns), frozenset(masked))
    change = source.on_schema_change
    try:
        if change is SchemaChange.FAIL:
            _check_alike(connection, known, files)
        selects = []
        for group in _groups(files):
            select, others = _select(connection, group, known, change)
            selects.append(select)
            if left is not None:
                left.update(others)
    except duckdb.Error as error:
        raise unreadable(source, error) from error
    loaded = f"{literal(now)}::timestamptz as {quote(LOADED_AT)}"
    return tuple(f"select *, {loaded} from ({select})" for select in selects)


def unreadable(source: Landing, error: duckdb.Error, *, discreet: bool = False) -> SourceError:
    """The error for files that DuckDB refuses; its message names file, line and column.

    If it is `discreet`, it has no values of theirs.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # What comes after the file are the reader's settings; advice about them is no help here.
    end = next((i for i, line in enumerate(lines, 1) if line.startswith("file = ")), len(lines))
    advice = (
        "Possible",
        "*",
        "Enable",
        "Disable",
        "This type",
        "This can happen",
        "Try ",
        "LINE ",
        "^",
    )
    kept = [line for line in lines[:end] if not line.startswith(advice)]
    if discreet:
        place = re.search(r"\bline:? (\d+)", str(error), re.IGNORECASE)
        named = [line for line in kept if line.startswith(("Column ", "file = "))]
        kept = [f"line {place[1]}" if place else "a value", *named, NOT_SHOWN]
    return SourceError(
        f"the files {shown(source.pattern)} cannot be read: {'; '.join(kept)[:600]}",
        hint="mend or remove the file, or declare the column as varchar",
    )


def _groups(files: Sequence[Landed]) -> list[tuple[Landed, ...]]:
    """Files that one scan reads: the same kind, the same header, copies and large ones apart."""
    groups: dict[object, list[Landed]] = {}
    full: list[tuple[Landed, ...]] = []
    for file in files:
        alone = file.readable != file.path or file.size >= _ALONE_BYTES
        key = file.kind, file.columns, file.path if alone else None
        group = groups.setdefault(key, [])
        group.append(file)
        if sum(f.size for f in group) >= _SCAN_BYTES:
            full.append(tuple(groups.pop(key)))
    return [*full, *map(tuple, groups.values())]


def _select(
    connection: duckdb.DuckDBPyConnection,
    group: Sequence[Landed],
    known: Known,
    change: SchemaChange,
) -> tuple[str, tuple[str, ...]]:
    """The query of the files' rows, and the columns of them that are not taken."""
    found = _columns(connection, group, known, change) or dict(known.types)
    if not found:
        raise SourceError(
            f"{group[0].path} has no row that tells its columns", hint="declare them: columns={...}"
        )
    if known.types and not set(found) & set(known.types):
        raise SourceError(
            f"{group[0].path} has none of the declared columns; it has {', '.join(found)[:300]}",
            hint="is it the right file? the declaration names other columns",
        )
    took = _taken(connection, group, known, change, found)
    # What is not taken of a line is still parsed, as text.
    types = {n: took.types.get(n, "varchar") for n in found}
    scan = _scan(group, types if group[0].kind in DELIMITERS else took.types)
    columns = [f"{quote(name)}::{type} as {quote(name)}" for name, type in took.types.items()]
    lacking = [f"null::{t} as {quote(n)}" for n, t in took.lacking.items()]
    return f"select {', '.join([*columns, *lacking])}, {_name(group)} from {scan}", took.left


def _columns(
    connection: duckdb.DuckDBPyConnection,
    group: Sequence[Landed],
    known: Known,
    change: SchemaChange,
) -> Mapping[str, str]:
    """The columns of files, and their types: text for one that nobody knows and no file tells."""
    if group[0].kind not in DELIMITERS or not known.types:
        return _found(connection, group)
    told = set(known.types) - known.declared if change is SchemaChange.WIDEN else set()
    found = _found(connection, group) if told & set(group[0].columns) else {}
    return {n: found[n] if n in told and n in found else "varchar" for n in group[0].columns}


def _taken(
    connection: duckdb.DuckDBPyConnection,
    group: Sequence[Landed],
    known: Known,
    change: SchemaChange,
    found: Mapping[str, str],
) -> Taken:
    typed = group[0].kind not in (*DELIMITERS, *_FORMATS)
    try:
        return taken(connection, change, known, found, group[0].path, typed=typed)
    except SourceError:
        for file in group if len(group) > 1 else ():  # which of them it is
            alone = _columns(connection, [file], known, change)
            taken(connection, change, known, alone, file.path, typed=typed)
        raise


def _check_alike(
    connection: duckdb.DuckDBPyConnection, known: Known, files: Sequence[Landed]
) -> None:
    """Whether each file has the known columns, or those of the first one where none are known."""
    change = SchemaChange.FAIL
    for file in files:
        found = _columns(connection, [file], known, change)
        typed = file.kind not in (*DELIMITERS, *_FORMATS)
        if found:
            took = taken(connection, change, known, found, file.path, typed=typed)
            known = known if known.types else replace(known, types=took.types)


def _scan(group: Sequence[Landed], types: Mapping[str, str]) -> str:
    """The call that reads the files. CSV and JSON are parsed as the types that are wanted."""
    paths, kind = _paths(f.readable for f in group), group[0].kind
    named = f"filename = {literal(SOURCE_FILE)}"
    columns = ", ".join(f"{literal(n)}: {literal(t)}" for n, t in types.items())
    if kind in DELIMITERS:
        dialect = f"delim = {literal(DELIMITERS[kind])}, quote = '\"', escape = '\"'"
        typed = f"auto_detect = false, header = true, columns = {{{columns}}}"
        return f"read_csv({paths}, {dialect}, {typed}, {named})"
    if kind in _FORMATS:
        typed = f"{_FORMATS[kind]}, records = true, columns = {{{columns}}}"
        return f"read_json({paths}, {typed}, {named})"
    return f"read_parquet({paths}, union_by_name = true, hive_partitioning = false, {named})"


def _found(connection: duckdb.DuckDBPyConnection, group: Sequence[Landed]) -> dict[str, str]:
    """The columns of the files, and the types that all their values fit."""
    paths, kind = _paths(f.readable for f in group), group[0].kind
    if kind in DELIMITERS:
        dialect = f"delim = {literal(DELIMITERS[kind])}, header = true, sample_size = -1"
        scan = f"read_csv({paths}, union_by_name = true, {dialect})"
    elif kind in _FORMATS:
        return _found_in_objects(connection, paths, _FORMATS[kind])
    else:
        scan = f"read_parquet({paths}, union_by_name = true, hive_partitioning = false)"
    return _described(connection, scan)


def _found_in_objects(
    connection: duckdb.DuckDBPyConnection, paths: str, form: str
) -> dict[str, str]:
    """The columns of JSON files; none where they have no rows, or only objects without a name."""
    scan = f"read_json({paths}, {form}, union_by_name = true, sample_size = -1"
    found = _described(connection, f"{scan})")
    if "json" not in found:
        return found
    # DuckDB's name for what has no columns: no row, no object, or an object taken for a map.
    # Read as objects, a file with anything else is refused with its name.
    read = f"read_json({paths}, {form}, records = true, columns = {{json: 'json'}})"
    [(values,)] = run(connection, f"select count(json) from {read}")
    found = _described(connection, f"{scan}, map_inference_threshold = -1)")
    return {} if found.keys() == {"json"} and not values else found


def _described(connection: duckdb.DuckDBPyConnection, scan: str) -> dict[str, str]:
    return {str(r[0]): str(r[1]) for r in run(connection, f"describe select * from {scan}")}


def _name(group: Sequence[Landed]) -> str:
    """The expression of `_source_file`: the name below the pattern's folder, not the whole path."""
    first = group[0]
    if first.readable != first.path:
        return f"{literal(first.name)} as {quote(SOURCE_FILE)}"
    folder = len(str(first.path)) - len(first.name)
    return f"substr({quote(SOURCE_FILE)}, {folder + 1}) as {quote(SOURCE_FILE)}"


def _paths(paths: Iterable[Path]) -> str:
    return "[" + ", ".join(literal(str(p)) for p in paths) + "]"
