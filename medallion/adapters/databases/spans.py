"""Conditions on a column, as SQL whose values are written exactly, and ranges of a key."""

import itertools
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from medallion.adapters.databases.planned import Planned
from medallion.errors import DefinitionError
from medallion.extract import Span
from medallion.schema import decimal_of

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
Quote = Callable[[str], str]


def condition(span: Span, column: Planned, name: str, text: Quote) -> str:
    """The SQL that holds for the rows of the span; empty for all rows.

    `name` is the column's quoted name, `text` quotes a text.

    Raises:
        DefinitionError: an end is no value of the column's type.
    """
    parts = []
    if span.least is not None:
        parts.append(f"{name} >= {literal(column, span.least, text)}")
    if span.past is not None:
        sign = "<=" if span.closed else "<"
        parts.append(f"{name} {sign} {literal(column, span.past, text)}")
    return " AND ".join(parts)


def literal(column: Planned, value: str, text: Quote) -> str:
    """The value as SQL, to be compared with the column.

    >>> literal(Planned("n", "long"), "12", repr)
    '12'
    >>> literal(Planned("at", "timestamptz"), "2026-01-31T01:30+02:00", repr)
    "'2026-01-30 23:30:00.000000'"
    """
    try:
        match column.type:
            case "date":
                return f"'{_day(value).isoformat()}'"
            case "timestamp" | "timestamptz":  # the zone of the session is UTC
                return f"'{_moment(value).isoformat(' ', 'microseconds')}'"
            case "string" | "uuid":
                return text(value)
            case "int" | "long" if _WHOLE.fullmatch(value):
                return value
            case _ if decimal_of(column.type) and _NUMBER.fullmatch(value):
                return value
    except (ValueError, OverflowError):
        pass
    raise DefinitionError(
        f"{value!r} cannot bound column {column.name!r}, which is a {column.type}",
        hint="write numbers in decimal form, dates and moments in ISO form",
    )


def shown(value: object) -> str | None:
    """A value as the text that `literal` takes back."""
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None else f"{value:f}" if hasattr(value, "as_tuple") else str(value)


def split(least: int, greatest: int, parts: int) -> tuple[tuple[int, int], ...]:
    """The whole numbers from `least` to `greatest` in ranges of about one size: first and last.

    >>> split(1, 10, 3)
    ((1, 3), (4, 6), (7, 10))
    """
    count = greatest - least + 1
    parts = max(1, min(parts, count))
    edges = [least + count * i // parts for i in range(parts + 1)]
    return tuple((a, b - 1) for a, b in itertools.pairwise(edges))


def ranges(key: Planned, least: str, greatest: str, parts: int) -> Sequence[Span]:
    """Spans of the key that hold each row from `least` to `greatest` in exactly one."""
    days = key.type == "date"
    first, last = (_day(v).toordinal() if days else int(v) for v in (least, greatest))

    def end(number: int) -> str:
        return date.fromordinal(number).isoformat() if days else str(number)

    return [Span(key.name, end(a), end(b), closed=True) for a, b in split(first, last, parts)]


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _day(value: str) -> date:
    moment = _moment(value)
    if moment != datetime(moment.year, moment.month, moment.day):
        raise ValueError(value)
    return moment.date()
