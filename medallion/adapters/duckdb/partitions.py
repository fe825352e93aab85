"""Partitions: the value of each of Iceberg's transforms as DuckDB SQL.

`expression` is the value itself. `key` is what rows are grouped by while they are written, and
names the folder; `value` is the way back from the folder's text to the value.
Source: the Iceberg table specification, "Partition Transforms".
"""

from datetime import date

from medallion.adapters.duckdb.murmur import MACROS, hashed
from medallion.errors import ModelError
from medallion.partition import Transform
from medallion.quoting import literal, quote
from medallion.schema import Type, decimal_of, show

LIMIT = 200
"""A text or binary key takes at most so many bytes of a folder's name; a file system allows 255."""

_TIMES = ("timestamp", "timestamptz")
_NUMBERS = ("int", "long", "decimal")
_TEXTS = ("string", "binary")
_FITS: dict[str, tuple[str, ...]] = {
    "identity": ("boolean", *_NUMBERS, "date", "time", *_TIMES, "uuid", *_TEXTS),
    "year": ("date", *_TIMES),
    "month": ("date", *_TIMES),
    "day": ("date", *_TIMES),
    "hour": _TIMES,
    "bucket": (*_NUMBERS, "date", "time", *_TIMES, "uuid", *_TEXTS),
    "truncate": (*_NUMBERS, *_TEXTS),
}
_ORDINALS = {
    "year": "year({0}) - 1970",
    "month": "(year({0}) - 1970) * 12 + month({0}) - 1",
    "day": "{0}::DATE - DATE '1970-01-01'",
    "hour": "({0}::DATE - DATE '1970-01-01') * 24 + hour({0})",
}
_CALENDAR = {
    "year": "year({0})",
    "month": "year({0}) * 100 + month({0})",
    "day": "year({0}) * 10000 + month({0}) * 100 + day({0})",
    "hour": "year({0}) * 1000000 + month({0}) * 10000 + day({0}) * 100 + hour({0})",
}
_DAYS_IN_400_YEARS = 146_097


def expression(transform: Transform, type: Type) -> str:
    """The Iceberg partition value of a row; NULL for NULL.

    Years, months, days and hours are counted from 1970 in UTC, negative before it. A `bucket` needs
    the `macros`.

    Raises:
        ModelError: the transform does not fit the column's type.
    """
    _check(transform, type)
    column = quote(transform.column)
    match transform.kind:
        case "identity":
            return column
        case "bucket":
            return f"((({hashed(column, type)}) & 2147483647) % {transform.argument})::INTEGER"
        case "truncate":
            return _truncated(column, type, transform.argument or 1)
    return f"({_of_time(transform, type, _ORDINALS)})::INTEGER"


def key(transform: Transform, type: Type) -> str:
    """What to partition a COPY by: one per partition value, cheap to compare, clear to read.

    A month is the number 201901, a day 20190131, an hour 2019013123. Text stays as it is and binary
    is hexadecimal; one longer than `LIMIT` in a folder's name ends the statement with an error that
    says so. DuckDB escapes the name and returns the key unescaped.

    Raises:
        ModelError: the transform does not fit the column's type.
    """
    value = expression(transform, type)
    if transform.kind in _CALENDAR:
        return _of_time(transform, type, _CALENDAR)
    if type in _TEXTS and transform.kind != "bucket":
        return _short(transform, value if type == "string" else f"hex({value})")
    return value


def value(transform: Transform, text: str | None) -> str | None:
    """The text of the partition value whose key DuckDB gave as `text`; None is NULL.

    Binary is hexadecimal, everything else is as DuckDB prints it.
    """
    if text is None:
        return None
    match transform.kind:
        case "year":
            return str(int(text) - 1970)
        case "month":
            year, month = divmod(int(text), 100)
            return str((year - 1970) * 12 + month - 1)
        case "day":
            return str(_days(int(text)))
        case "hour":
            day, hour = divmod(int(text), 100)
            return str(_days(day) * 24 + hour)
    return text


def macros() -> tuple[str, ...]:
    """The statements to run once on a connection before it is given a `bucket`."""
    return MACROS


def _check(transform: Transform, type: Type) -> None:
    allowed = _FITS[transform.kind]
    decimal = decimal_of(type)
    if ("decimal" if decimal else type) not in allowed:
        raise ModelError(
            f"{transform}: {transform.column!r} is of type {show(type)}, "
            f"and {transform.kind} takes {', '.join(allowed)}",
            hint="partition by another column or transform, or cast the column",
        )
    if transform.kind == "truncate" and decimal and len(str(transform.argument)) > decimal[0]:
        raise ModelError(
            f"{transform}: the width is larger than any value of {show(type)}",
            hint="the width counts units of the last digit",
        )


def _of_time(transform: Transform, type: Type, formulas: dict[str, str]) -> str:
    """The formula of a column, but an error for infinity, which no calendar has."""
    column = quote(transform.column)
    # What the connection's time zone is must not matter.
    utc = f"make_timestamp(epoch_us({column}))" if type == "timestamptz" else column
    message = literal(f"{transform}: a value is infinite")
    return f"IF(isinf({column}), error({message}), {formulas[transform.kind].format(utc)})"


def _truncated(column: str, type: Type, width: int) -> str:
    match type:
        case "string":
            return f"left({column}, {width})"
        case "binary":
            return f"array_slice({column}, 1, {width})"
        case "int":
            return f"{_floored(f'{column}::BIGINT', str(width))}::INTEGER"
        case "long":
            return f"{_floored(f'{column}::HUGEINT', str(width))}::BIGINT"
    precision, scale = decimal_of(type) or (38, 0)
    unit = f"{width}e-{scale}::DECIMAL({precision}, {scale})"
    return f"{_floored(column, unit)}::DECIMAL({precision}, {scale})"


def _floored(number: str, width: str) -> str:
    return f"({number} - ((({number} % {width}) + {width}) % {width}))"


def _short(transform: Transform, text: str) -> str:
    message = literal(
        f"{transform}: a value takes more than {LIMIT} bytes of a folder's name; "
        "partition by a shorter prefix (`truncate`) or by hash (`bucket`)"
    )
    # No byte takes more than three as `%2F`: most values need not be escaped to know.
    return (
        f"CASE WHEN strlen({text}) <= {LIMIT // 3} OR strlen(url_encode({text})) <= {LIMIT}"
        f" OR {text} IS NULL THEN {text} ELSE error({message}) END"
    )


def _days(calendar: int) -> int:
    """Days since 1970 of a day like 20190131, in any year: the calendar repeats after 400 years."""
    month, day = divmod(calendar % 10000, 100)
    cycles, year = divmod(calendar // 10000, 400)
    days = (date(2000 + year, month, day) - date(1970, 1, 1)).days
    return days + (cycles - 5) * _DAYS_IN_400_YEARS
