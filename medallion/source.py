"""Sources: where the rows of a bronze model come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from glob import has_magic
from pathlib import Path

from medallion.address import is_remote
from medallion.errors import DefinitionError
from medallion.extract import Query, Span
from medallion.resources import parse_duration
from medallion.window import Window

SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells at a glance that a landed file is as it was: its size, and when it changed."""

    bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a model come from: what `files` or `table` gives."""


@dataclass(frozen=True, slots=True)
class Landing(Source):
    """Landed files: CSV, TSV, JSON or Parquet, by the ending of their names.

    The rows get two more columns: `_source_file`, the name of the file they came from, and
    `_loaded_at`, when the run read them.
    """

    pattern: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extract(Source):
    """Rows of a database, read when the model is built.

    With a `cursor`, a column that only grows, rows are read from where the last build ended, less
    the `lag`: seconds for a time, else a number. `deletes` says that rows whose key is gone there
    go here as well. With a `window` its rows are read, by the model's time column.
    """

    query: Query
    cursor: str = ""
    lag: float = 0
    deletes: bool = False
    window: Window | None = None

    def span(self, cursor: str | None, past: str | None) -> Span | None:
        """What is read, from where the last build ended up to what is there now."""
        if not self.cursor:
            return None
        return Span(self.cursor, cursor and behind(cursor, self.lag), past, closed=True)


def table(
    address: str,
    name: str = "",
    *,
    query: str = "",
    columns: Sequence[str] = (),
    cursor: str = "",
    lag: str | float | timedelta = 0,
    deletes: bool = False,
    window: Window | None = None,
    parallel: int = 1,
) -> Source:
    """The rows of a table of MySQL, MariaDB or PostgreSQL, or those of a `query`.

    Without more, all rows are read by each build and take the place of those before. With a
    `cursor`, a column that only grows, the rows from the last one read on are read again and take
    the place of what is there from it on; `lag` starts so much before it, `"10m"` or `1000`, for
    rows that are committed late. Where the model declares a `unique_key` and the strategy
    `"merge"`, rows take the place of those with their key, and `deletes` compares all keys. With
    the model's `window`, the rows of that window are read. `parallel` reads ranges of the primary
    key over so many connections. Secrets are named in the address, `${SHOP_PASSWORD}`.

    Raises:
        DefinitionError: what is said does not go together.
    """
    if bool(name) == bool(query):
        raise DefinitionError(
            "table() reads a table or a query", hint='write: table(address, "orders")'
        )
    if window and (cursor or deletes):
        raise DefinitionError(f"table({name!r}) is read by window, or by cursor and key, not both")
    if lag and not cursor:
        raise DefinitionError(f"table({name!r}): lag={lag!r} says nothing without a cursor")
    if parallel < 1:
        raise DefinitionError(f"table({name!r}): parallel={parallel!r} counts connections")
    read = Query(address, name, query.strip().rstrip(";"), tuple(columns), parallel)
    seconds = parse_duration(lag) if isinstance(lag, str | timedelta) else lag
    return Extract(read, cursor, seconds, deletes, window)


def behind(cursor: str, lag: float) -> str:
    """The value that lies so much before a cursor; of a date the day.

    >>> behind("2026-11-21T02:00:00", 600), behind("1000", 10)
    ('2026-11-21T01:50:00', '990')

    Raises:
        DefinitionError: it is text, before which nothing lies.
    """
    if not lag:
        return cursor
    try:
        return f"{Decimal(cursor) - Decimal(lag):f}"
    except InvalidOperation:
        pass
    try:
        before = datetime.fromisoformat(cursor) - timedelta(seconds=lag)
        return str(before.date()) if len(cursor) == len("2026-11-21") else before.isoformat()
    except (ValueError, OverflowError):
        raise DefinitionError(
            f"the cursor {cursor!r} has no lag, it is no whole number and no time",
            hint="take the lag away, or read by another column",
        ) from None


def files(pattern: str, *, columns: Mapping[str, str] | None = None) -> Source:
    """The rows of all files that match a pattern such as `{landing}/trips_*.csv`.

    `{landing}` stands for a location named in the settings; a relative pattern starts at the
    project. `columns` declares names and DuckDB types: a declared column that a file lacks reads as
    NULL; one that no declaration names is kept, as text where the file has no types. A value that
    is not of its declared type fails the build. Without `columns` the types are found by reading.
    """
    return Landing(pattern, dict(columns or {}))


def fixed_folder(pattern: str) -> str:
    """The part of a pattern before its first wildcard, as a folder: a path, or a remote address."""
    protocol, found, rest = pattern.partition("://")
    parts = rest.split("/") if is_remote(pattern) else Path(pattern).parts
    wild = next((i for i, part in enumerate(parts) if has_magic(part)), -1)
    if is_remote(pattern):
        return f"{protocol}{found}{'/'.join(parts[:wild])}"
    return str(Path(*parts[:wild]))
