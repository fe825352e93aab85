"""Landed files as SQL: CSV, TSV, JSON lines and Parquet, as dirty as they come.

DuckDB's reader is used in its strict mode, which refuses what it does not understand, never in the
lenient one, which shifts values between rows where a file mixes line ends. Files that do mix them
are read from a copy with line feeds only.
"""

import csv
import glob
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.quoting import literal, quote
from medallion.errors import SourceError
from medallion.source import LOADED_AT, SOURCE_FILE, Source

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON = (".jsonl", ".ndjson")
_SUFFIXES = (*_DELIMITERS, *_JSON, ".parquet")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed file: how it is called, and where it can be read."""

    name: str
    path: Path
    readable: Path
    columns: tuple[str, ...] = ()


def landed(source: Source, spill: Path) -> tuple[Landed, ...]:
    """The files of a source, in the order of their names.

    Raises:
        SourceError: there is none, one is empty, or one is not what its ending says.
    """
    paths = [Path(p) for p in sorted(glob.glob(source.pattern, recursive=True))]
    if not paths:
        raise SourceError(
            f"no file matches {source.pattern}", hint="land one there, or correct the pattern"
        )
    folder = fixed_folder(source.pattern)
    return tuple(_landed(path, str(path.relative_to(folder)), spill) for path in paths)


def fixed_folder(pattern: str) -> Path:
    """The part of a pattern before its first wildcard, as a folder."""
    parts = Path(pattern).parts
    wild = next((i for i, part in enumerate(parts) if glob.has_magic(part)), -1)
    return Path(*parts[:wild])


def query(
    connection: duckdb.DuckDBPyConnection, source: Source, files: Sequence[Landed], now: str
) -> str:
    """A query of all rows of the files, with the columns `_source_file` and `_loaded_at`.

    Raises:
        SourceError: a file cannot be read, or lacks every declared column.
    """
    try:
        types = dict(source.columns) or _found_types(connection, files)
    except duckdb.Error as error:
        raise unreadable(source, error) from error
    selects = [_select(group, types) for group in _groups(files)]
    rows = " union all by name ".join(selects)
    return f"select *, {literal(now)}::timestamptz as {quote(LOADED_AT)} from ({rows})"


def unreadable(source: Source, error: duckdb.Error) -> SourceError:
    """The error for files that DuckDB refuses; its message names file, line and column."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [
        s for s in lines if not s.startswith(("Possible fix", "*", "Enable", "Disable", "Set "))
    ]
    told = [s for s in kept if "(Auto-Detected)" not in s and "(Set By User)" not in s]
    return SourceError(
        f"the files {source.pattern} cannot be read: {'; '.join(told)[:600]}",
        hint="mend or remove the file, or declare the column as varchar",
    )


def _landed(path: Path, name: str, spill: Path) -> Landed:
    if path.suffix not in _SUFFIXES:
        raise SourceError(
            f"{path} is of no known kind", hint=f"the name ends in one of: {', '.join(_SUFFIXES)}"
        )
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty: not even a header", hint="remove it or land it again")
    if path.suffix not in _DELIMITERS:
        return Landed(name, path, path)
    columns = _header(path, _DELIMITERS[path.suffix])
    return Landed(name, path, _with_line_feeds(path, spill), columns)


def _header(path: Path, delimiter: str) -> tuple[str, ...]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            names = tuple(next(csv.reader(lines, delimiter=delimiter, strict=True)))
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise SourceError(
            f"{path} has no header that can be read: {error}", hint="is it text?"
        ) from error
    folded = [name.strip().casefold() for name in names]
    if not all(folded) or len(set(folded)) < len(folded) or not all(map(str.isprintable, names)):
        raise SourceError(
            f"{path} has a header with a missing, repeated or unprintable name: {names!r:.200}",
            hint="mend the first line",
        )
    return names


def _with_line_feeds(path: Path, spill: Path) -> Path:
    """The file itself, or a copy of it where both kinds of line ends occur."""
    both = feeds = 0
    for chunk in _chunks(path):
        both += chunk.count(b"\r\n")
        feeds += chunk.count(b"\n")
    if both in (0, feeds):
        return path
    state = path.stat()
    identity = f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"
    copy = spill / f"landed-{hashlib.sha256(identity.encode()).hexdigest()[:24]}{path.suffix}"
    if not copy.exists():
        spill.mkdir(parents=True, exist_ok=True)
        partial = copy.with_suffix(".partial")
        with partial.open("wb") as out:
            out.writelines(chunk.replace(b"\r\n", b"\n") for chunk in _chunks(path))
        partial.replace(copy)
    return copy


def _chunks(path: Path) -> Iterable[bytes]:
    """The file's bytes; no chunk ends between the two halves of a line end."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk + file.read(1) if chunk.endswith(b"\r") else chunk


def _found_types(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Landed]
) -> Mapping[str, str]:
    """The types that all values of a column fit, over all files."""
    paths = _paths(f.readable for f in files)
    suffix = files[0].path.suffix
    if suffix in _DELIMITERS:
        options = f"delim = {literal(_DELIMITERS[suffix])}, header = true, sample_size = -1"
        scan = f"read_csv({paths}, union_by_name = true, {options})"
    elif suffix in _JSON:
        lines = "format = 'newline_delimited', sample_size = -1"
        scan = f"read_json({paths}, union_by_name = true, {lines})"
    else:
        scan = f"read_parquet({paths}, union_by_name = true, hive_partitioning = false)"
    return {str(r[0]): str(r[1]) for r in run(connection, f"describe select * from {scan}")}


def _groups(files: Sequence[Landed]) -> list[tuple[Landed, ...]]:
    """Files that one scan can read: the same kind, the same header, no copies among them."""
    groups: dict[object, list[Landed]] = {}
    for file in files:
        copied = file.readable if file.readable != file.path else None
        groups.setdefault((file.path.suffix, file.columns, copied), []).append(file)
    return [tuple(group) for group in groups.values()]


def _select(group: Sequence[Landed], types: Mapping[str, str]) -> str:
    suffix = group[0].path.suffix
    if suffix in _DELIMITERS:
        return _select_csv(group, types)
    paths = _paths(f.readable for f in group)
    if suffix in _JSON:
        columns = ", ".join(f"{literal(n)}: {literal(t)}" for n, t in types.items())
        scan = (
            f"read_json({paths}, format = 'newline_delimited', columns = {{{columns}}}, "
            f"filename = {literal(SOURCE_FILE)})"
        )
    else:
        scan = (
            f"read_parquet({paths}, union_by_name = true, hive_partitioning = false, "
            f"filename = {literal(SOURCE_FILE)})"
        )
    chosen = ", ".join(f"{quote(n)}::{t} as {quote(n)}" for n, t in types.items())
    return f"select {chosen}, {_name(group)} from {scan}"


def _select_csv(group: Sequence[Landed], types: Mapping[str, str]) -> str:
    header = group[0].columns
    if not set(header) & set(types):
        raise SourceError(
            f"{group[0].path} has none of the declared columns; it has {', '.join(header)[:300]}",
            hint="is it the right file? the declaration names other columns",
        )
    read = {name: types.get(name, "varchar") for name in header}
    columns = ", ".join(f"{literal(n)}: {literal(t)}" for n, t in read.items())
    scan = (
        f"read_csv({_paths(f.readable for f in group)}, auto_detect = false, header = true, "
        f"delim = {literal(_DELIMITERS[group[0].path.suffix])}, quote = '\"', escape = '\"', "
        f"columns = {{{columns}}}, filename = {literal(SOURCE_FILE)})"
    )
    missing = [f"null::{t} as {quote(n)}" for n, t in types.items() if n not in header]
    return f"select {', '.join([*map(quote, header), *missing])}, {_name(group)} from {scan}"


def _name(group: Sequence[Landed]) -> str:
    """The expression of `_source_file`: the name below the pattern's folder, not the whole path."""
    first = group[0]
    if first.readable != first.path:
        return f"{literal(first.name)} as {quote(SOURCE_FILE)}"
    folder = len(str(first.path)) - len(first.name)
    return f"substr({quote(SOURCE_FILE)}, {folder + 1}) as {quote(SOURCE_FILE)}"


def _paths(paths: Iterable[Path]) -> str:
    return "[" + ", ".join(literal(str(p)) for p in paths) + "]"
