"""Spans: a range of time that holds all rows of a data file, by what its manifest says of it."""

from collections.abc import Iterable

from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.types import DateType, NestedField, TimestampType, TimestamptzType

from medallion.window import Grain, Window

_MICROS = 3_600_000_000  # of an hour


def time_field(name: str, *schemas: Schema) -> NestedField | None:
    """The column of that name, of the first of the schemas that has it."""
    fields: Iterable[NestedField] = (f for s in schemas for f in s.fields)
    return next((f for f in fields if f.name == name), None)


def span(file: DataFile, spec: PartitionSpec, time: NestedField) -> Window | None:
    """The hours between which all rows of the file have their time; None where nothing tells.

    The finest of the partition values of the column tells it, or else the column's bounds.
    """
    values = {
        str(field.transform): file.partition[position]
        for position, field in enumerate(spec.fields)
        if field.source_id == time.field_id
    }
    for grain in Grain:
        if grain in values:
            ordinal = values[grain]
            return None if ordinal is None else grain.window(ordinal)
    if "identity" in values:
        return _between(time, values["identity"], values["identity"])
    return _bounds(file, time)


def _bounds(file: DataFile, time: NestedField) -> Window | None:
    # Bounds say nothing of rows without a time: these would be taken for rows of the span.
    if (file.null_value_counts or {}).get(time.field_id) != 0:
        return None
    sides = [(side or {}).get(time.field_id) for side in (file.lower_bounds, file.upper_bounds)]
    lower, upper = (int.from_bytes(s, "little", signed=True) if s else None for s in sides)
    return _between(time, lower, upper)


def _between(time: NestedField, least: int | None, most: int | None) -> Window | None:
    if least is None or most is None:
        return None
    match time.field_type:
        case DateType():
            return Window(least * 24, (most + 1) * 24)
        case TimestampType() | TimestamptzType():
            return Window(least // _MICROS, most // _MICROS + 1)
    return None
