"""Time columns as SQL: the rows of a window, and the windows of rows."""

from medallion.adapters.duckdb.partitions import expression
from medallion.errors import ModelError
from medallion.partition import Transform
from medallion.quoting import literal, quote
from medallion.schema import Schema, show
from medallion.window import EVER, Grain, Window

_HOUR = 3_600_000_000

NO_TIME = "a row has no time"
"""How the error begins that ends a statement which would write such a row."""


def in_window(schema: Schema, column: str, window: Window) -> str:
    """The condition that a row's time is in the window. A naive time is UTC.

    Raises:
        ModelError: there is no such column, or it is no date or timestamp.
    """
    found = schema.column(column)
    limits = _LIMITS.get(found.type) if found and isinstance(found.type, str) else None
    if found is None:
        raise ModelError(
            f"there is no time column {column!r}", hint=f"the columns: {', '.join(schema.names)}"
        )
    if limits is None:
        raise ModelError(
            f"the time column {column!r} is of type {show(found.type)}",
            hint=f"cast it to one of: {', '.join(_LIMITS)}",
        )
    name, conditions = quote(column), []
    if window.first != EVER.first:
        conditions.append(f"{name} >= {limits.format(micros=window.first * _HOUR)}")
    if window.past != EVER.past:
        conditions.append(f"{name} < {limits.format(micros=window.past * _HOUR)}")
    return " and ".join(conditions) or "true"


def timed(schema: Schema, column: str, window: Window | None) -> str:
    """The condition for rows that are written: an error for one without a time."""
    message = literal(f"{NO_TIME}: {column!r} is NULL")
    inside = in_window(schema, column, window or EVER)
    return f"if({quote(column)} is null, error({message}), {inside})"


def ordinals(schema: Schema, column: str, grain: Grain, rows: str) -> str:
    """A query of the numbers of the windows in which rows are."""
    found = schema.column(column)
    assert found
    number = expression(Transform(grain.value, column), found.type)
    return f"select distinct {number} from ({rows}) where {quote(column)} is not null"


_LIMITS = {
    "timestamp": "make_timestamp({micros})",
    "timestamptz": "make_timestamptz({micros})",
    "date": "make_timestamp({micros})::date",
}
