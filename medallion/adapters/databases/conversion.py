"""From what a driver gives to the planned type: exactly, or not at all."""

import json
import struct
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from medallion.adapters.databases.planned import Plan, arrow_type
from medallion.errors import SourceError
from medallion.extract import Dirty
from medallion.schema import ListType, Type, decimal_of

ZERO = "0000-00-00"  # the date that MySQL keeps where there was none
_HINT = "leave the column out with columns=, or read a query that casts it to text"


def converted(plan: Plan, batch: Any, dirty: Dirty) -> Any:
    """The batch with the planned types. `dirty` is told of each column's zero dates.

    Raises:
        SourceError: a value cannot be kept in its column's type.
    """
    if batch.num_columns != len(plan.columns):
        raise SourceError(
            f"{plan.what} gave {batch.num_columns} columns, not the {len(plan.columns)} asked for"
        )
    arrays = []
    for column, array in zip(plan.columns, batch.columns, strict=True):
        try:
            values, zeros = _without_zeros(array, column.type)
            arrays.append(_array(values, column.type))
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise SourceError(
                f"column {column.name!r} of {plan.what} has a value that a {column.type} cannot"
                f" keep: {error}",
                hint=_HINT,
            ) from error
        if zeros:
            dirty(column.name, zeros)
    return pa.RecordBatch.from_arrays(arrays, schema=plan.arrow)


def text_array(text: str | None) -> Any:
    """An array of that text alone. `pa.array` would import pandas, if it is there."""
    if text is None:
        return pa.nulls(1, pa.string())
    data = text.encode()
    offsets = pa.py_buffer(struct.pack("=2i", 0, len(data)))
    return pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)])


def _without_zeros(array: Any, type: Type) -> tuple[Any, int]:
    """The values with NULL for each zero date, and how many these are."""
    if type not in ("date", "timestamp", "timestamptz") or not _is_text(array):
        return array, 0
    zero = pc.starts_with(array, ZERO)  # NULL for NULL, which counts as no zero below
    count = pc.sum(zero).as_py() or 0
    return (pc.if_else(zero, pa.scalar(None, array.type), array) if count else array), count


def _array(array: Any, type: Type) -> Any:
    wanted = arrow_type(type)
    if array.type == wanted or pa.types.is_null(array.type):
        return array.cast(wanted)
    if isinstance(type, ListType):
        return _lists(array, type)
    if type == "boolean":
        return _truths(array)
    if _is_text(array):
        match type:
            case "time":
                moment = pc.binary_join_element_wise("1970-01-01", array, " ")
                return moment.cast(pa.timestamp("us")).cast(wanted)
            case "uuid":
                bare = pc.replace_substring(array, "-", "")
                return _bytes(bare).cast(pa.binary(16)).cast(wanted)
            case "binary":
                return _bytes(pc.utf8_slice_codeunits(array, 2))
    elif type == "float":
        return array.cast(wanted)  # widened by the server, so nothing is lost
    if decimal_of(type) and pa.types.is_integer(array.type):
        return array.cast(pa.decimal128(20, 0)).cast(wanted)
    return array.cast(wanted)


def _truths(array: Any) -> Any:
    if pa.types.is_boolean(array.type):
        return array
    if not _is_text(array):
        array = array.cast(pa.int64()).cast(pa.string())
    return array.cast(pa.bool_())  # of a text, which must be 0, 1, true or false


def _bytes(array: Any) -> Any:
    """The bytes that hexadecimal texts stand for."""
    array = array.cast(pa.large_string())
    if array.offset:
        array = pa.concat_arrays([array, pa.array([], array.type)])
    valid, offsets, data = array.buffers()
    starts = pa.Array.from_buffers(pa.int64(), len(array) + 1, [None, offsets])
    first, past = starts[0].as_py(), starts[len(array)].as_py()
    if pc.any(pc.equal(pc.bit_wise_and(pc.subtract(starts, first), 1), 1)).as_py():
        raise ValueError("an odd number of hexadecimal digits")
    halves = pc.shift_right(pc.subtract(starts, first), 1).cast(pa.int32())
    text = data.to_pybytes()[first:past].decode() if data else ""
    return pa.Array.from_buffers(
        pa.binary(),
        len(array),
        [valid, halves.buffers()[1], pa.py_buffer(bytes.fromhex(text))],
    )


def _lists(array: Any, type: ListType) -> Any:
    """Lists of JSON texts, whose elements are texts."""
    lists = [None if text is None else json.loads(text) for text in array.to_pylist()]
    for found in lists:
        if found and any(isinstance(element, list) for element in found):
            raise ValueError("it has more than one dimension")
    texts = pa.array(lists, pa.list_(pa.string()))
    values = _array(texts.flatten(), type.element)
    return pa.ListArray.from_arrays(
        texts.offsets, values, type=arrow_type(type), mask=texts.is_null()
    )


def _is_text(array: Any) -> bool:
    return bool(pa.types.is_string(array.type) or pa.types.is_large_string(array.type))
