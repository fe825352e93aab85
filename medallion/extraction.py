"""Extraction: the rows of a database as a source, and where reading goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from medallion.errors import DefinitionError
from medallion.extract import Query, Span
from medallion.resources import parse_duration
from medallion.source import Source
from medallion.usage import written
from medallion.window import Window


@dataclass(frozen=True, slots=True)
class Extract(Source):
    """Rows of a database, read when the model is built.

    With a `cursor`, a column that only grows, rows are read from where the last build ended, less
    the `lag`: seconds if it is `timed`, else a number. `deletes` says that rows whose key is gone
    there go here as well. With a `window` its rows are read, by the model's time column.
    """

    query: Query
    cursor: str = ""
    lag: float = 0
    timed: bool = False
    deletes: bool = False
    window: Window | None = None

    def span(self, cursor: str | None, past: str | None) -> Span | None:
        """What is read, from where the last build ended up to what is there now."""
        if not self.cursor:
            return None
        return Span(self.cursor, cursor and behind(cursor, self.lag), past, closed=True)


@written('table("mysql://reader@host/shop", "orders")')
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
    timed = isinstance(lag, str | timedelta)
    return Extract(read, cursor, parse_duration(lag), timed, deletes, window)


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
