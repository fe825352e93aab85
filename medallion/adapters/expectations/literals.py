"""Values as DuckDB's SQL."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any

from medallion import quoting


def literal(value: Any) -> str:
    """A value in SQL, of the type that DuckDB gives the Python value as a parameter.

    >>> literal("O'Hare"), literal(0.1), literal([1, None]), literal(date(2026, 1, 2))
    ("'O''Hare'", "'0.1'::DOUBLE", '[1, NULL]', "'2026-01-02'::DATE")

    Raises:
        TypeError: there is no such type.
    """
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(map(literal, value))}]"
    for kind, written in _WRITTEN.items():
        if isinstance(value, kind):
            return written(value)
    raise TypeError(f"{value!r} cannot be written as SQL")


def _timestamp(value: datetime) -> str:
    return f"'{value}'::TIMESTAMP{' WITH TIME ZONE' if value.tzinfo else ''}"


# A bool is an int as well, and a datetime a date.
_WRITTEN: dict[type[Any], Callable[[Any], str]] = {
    NoneType: lambda _: "NULL",
    bool: lambda value: str(value).upper(),
    int: lambda value: f"({value})" if value < 0 else str(value),
    float: lambda value: f"'{value!r}'::DOUBLE",
    Decimal: lambda value: f"({value:f})",
    str: quoting.literal,
    bytes: lambda value: f"from_hex('{value.hex()}')",
    datetime: _timestamp,
    date: lambda value: f"'{value}'::DATE",
    time: lambda value: f"'{value}'::TIME",
    timedelta: lambda value: f"to_microseconds({value // timedelta(microseconds=1)})",
}
