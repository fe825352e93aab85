"""Data files: what an engine says of a file it wrote, as Iceberg's manifests keep it."""

import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast

from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionField
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import BucketTransform, TimeTransform
from pyiceberg.typedef import Record
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    PrimitiveType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from medallion.errors import ModelError
from medallion.tables import ColumnStats, WrittenFile

_LENGTH = 16  # of a text's or binary's bound, as Iceberg's own writers cut it
_DAY = 86_400_000_000
_DAYS_IN_400_YEARS = 146_097
_MOMENT = re.compile(
    r"(?:(?P<year>\d+)-(?P<month>\d\d)-(?P<day>\d\d)(?P<bc> \(BC\))?)?"
    r"(?: ?(?P<time>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6}))?)?"
    r"(?P<offset>[+-]\d\d(?::\d\d){0,2})?"
)


def data_file(file: WrittenFile, metadata: TableMetadata) -> DataFile:
    """The file as an entry of a manifest, by the current schema and spec of `metadata`.

    Raises:
        ModelError: a partition value is none that the table can have.
    """
    schema, spec = metadata.schema(), metadata.spec()
    pairs = zip(spec.fields, file.partition, strict=True)
    found = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=f"file://{file.path}" if file.path.startswith("/") else file.path,
        file_format=FileFormat.PARQUET,
        partition=Record(*(_partition_value(field, text, schema) for field, text in pairs)),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
        column_sizes={id: s.bytes for id, s in file.stats.items()},
        value_counts={id: s.values for id, s in file.stats.items()},
        null_value_counts={id: s.nulls for id, s in file.stats.items()},
        nan_value_counts={},
        lower_bounds=_bounds(file.stats, schema, _lower),
        upper_bounds=_bounds(file.stats, schema, _upper),
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
    )
    found.spec_id = spec.spec_id
    return found


def _partition_value(field: PartitionField, text: str | None, schema: Schema) -> Any:
    if text is None:
        return None
    if isinstance(field.transform, BucketTransform | TimeTransform):
        return int(text)
    source = cast("PrimitiveType", schema.find_type(field.source_id))
    found = _value(source, text)
    if found is None:
        raise ModelError(
            f"partition field {field.name!r} cannot have the value {text!r} of type {source}",
            hint="filter such rows, or partition by another column",
        )
    return found


def _bounds(
    stats: Mapping[int, ColumnStats],
    schema: Schema,
    bound: Callable[[PrimitiveType, ColumnStats], Any],
) -> dict[int, bytes]:
    bounds = {}
    for id, column in stats.items():
        type = cast("PrimitiveType", schema.find_type(id))
        # Spark orders uuids by signed halves, others by bytes: one of them would miss rows.
        found = None if isinstance(type, UUIDType) else bound(type, column)
        if found is not None:
            bounds[id] = to_bytes(type, found)
    return bounds


def _lower(type: PrimitiveType, column: ColumnStats) -> Any:
    least = None if column.lower is None else _value(type, column.lower)
    match least:
        case str() | bytes():
            return least[:_LENGTH]
        case float() if least == 0:
            return -0.0  # some readers order it before 0.0
    return least


def _upper(type: PrimitiveType, column: ColumnStats) -> Any:
    most = None if column.upper is None else _value(type, column.upper)
    match most:
        case str() | bytes() if len(most) > _LENGTH:
            return _after(most[:_LENGTH])
        case float() if most == 0:
            return 0.0
    return most


def _after(prefix: str | bytes) -> str | bytes | None:
    """The least text or binary of at most that length after all that begin so; None if none is."""
    if isinstance(prefix, bytes):
        cut = prefix.rstrip(b"\xff")
        return cut[:-1] + bytes([cut[-1] + 1]) if cut else None
    text = prefix.rstrip("\U0010ffff")
    # The code points of surrogates are no characters.
    return text[:-1] + chr(0xE000 if text[-1] == "\ud7ff" else ord(text[-1]) + 1) if text else None


def _value(type: PrimitiveType, text: str) -> Any:
    """Iceberg's value of a text that DuckDB printed; None if there is none, as of infinity."""
    return _VALUES[type.__class__](text)


def _boolean(text: str) -> bool:
    return text in ("true", "1")


def _number(text: str) -> float | None:
    number = float(text)
    return None if math.isnan(number) else number


def _days(text: str) -> int | None:
    micros = _micros(text)
    return None if micros is None else micros // _DAY


def _micros(text: str) -> int | None:
    """Microseconds since 1970, of a time of day since midnight. Any year will do."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    days = 0
    if found["year"]:
        # The calendar repeats after 400 years; year 0 is 1 BC.
        before = 1 - int(found["year"]) if found["bc"] else int(found["year"])
        cycles, year = divmod(before, 400)
        shifted = date(2000 + year, int(found["month"]), int(found["day"]))
        days = (shifted - date(1970, 1, 1)).days + (cycles - 5) * _DAYS_IN_400_YEARS
    clock = _seconds(found["time"] or "0") * 1_000_000 + int(
        (found["fraction"] or "").ljust(6, "0")
    )
    offset = found["offset"] or "+0"
    sign = -1 if offset[0] == "-" else 1
    return days * _DAY + clock - sign * _seconds(offset[1:]) * 1_000_000


def _seconds(text: str) -> int:
    """Seconds of `hh`, `hh:mm` or `hh:mm:ss`."""
    parts = [*map(int, text.split(":")), 0, 0]
    return parts[0] * 3600 + parts[1] * 60 + parts[2]


_VALUES: Mapping[type[PrimitiveType], Callable[[str], Any]] = {
    BooleanType: _boolean,
    IntegerType: int,
    LongType: int,
    FloatType: _number,
    DoubleType: _number,
    DecimalType: Decimal,
    DateType: _days,
    TimeType: _micros,
    TimestampType: _micros,
    TimestamptzType: _micros,
    StringType: str,
    UUIDType: uuid.UUID,
    BinaryType: bytes.fromhex,
}
