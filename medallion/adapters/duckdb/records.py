"""Records: rows that a function gives bit by bit, in whatever form it has them at the moment.

They go to Parquet files as they come, so that memory holds one bit of them at a time. Bits may lack
columns or have more; one column may not be text here and a number there.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from medallion.errors import ModelError
from medallion.forms import Form, form_of
from medallion.quoting import literal, quote
from medallion.schema import Column, checked

_ROWS = 20_000  # records in memory at a time


def recorded(items: Iterator[Any], owner: object, folder: Path) -> str | None:
    """A query of the rows of records, lists of records, DataFrames and Arrow data; None without.

    A column without any value is left out: nothing says its type.

    Raises:
        ModelError: an item is no form of rows, or a column is of different kinds.
    """
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, Any] = {}
    paths: list[str] = []
    for table in _tables(items, owner):
        for field in table.schema:
            empty = table[field.name].null_count == len(table)
            kind = None if empty else _kind(field.type)
            kinds[field.name] = _agreed(kinds.get(field.name), kind, field.name, owner)
        path = folder / f"records-{len(paths)}.parquet"
        try:
            parquet.write_table(table, path, compression="zstd")
        except pa.ArrowNotImplementedError as error:
            raise ModelError(
                f"{owner} gives a value that no table keeps: {error}", hint="give it as JSON text"
            ) from error
        paths.append(str(path))
    if not paths:
        return None
    told = ", ".join(quote(name) for name, kind in kinds.items() if kind is not None)
    if not told:
        raise ModelError(f"{owner} gives rows without any value", hint="yield no row instead")
    listed = ", ".join(map(literal, paths))
    return f"select {told} from read_parquet([{listed}], union_by_name = true)"


def _tables(items: Iterator[Any], owner: object) -> Iterator[Any]:
    """The rows as Arrow tables; single records are collected."""
    for item in items:
        if isinstance(item, Mapping):
            yield from _collected(chain([item], items), owner)
        elif isinstance(item, list | tuple):
            yield from _collected(iter(item), owner)
        else:
            yield _table(item, owner)


def _collected(records: Iterator[Any], owner: object) -> Iterator[Any]:
    while several := list(islice(records, _ROWS)):
        yield _from_records(several, owner)


def _from_records(records: Sequence[Any], owner: object) -> Any:
    import pyarrow as pa

    wrong = next((r for r in records if not isinstance(r, Mapping)), None)
    if wrong is not None:
        raise ModelError(
            f"{owner} gives {type(wrong).__name__} {wrong!r:.40} among its records",
            hint="yield dictionaries alone, or DataFrames alone",
        )
    names = dict.fromkeys(name for record in records for name in record)
    checked([Column(name, "") for name in names], owner)
    arrays = []
    for name in names:
        try:
            arrays.append(pa.array([record.get(name) for record in records]))
        except (pa.ArrowException, OverflowError) as error:
            raise ModelError(
                f"{owner} gives {name!r} with values of several types: {error}",
                hint="give one type: str(value), or json.dumps(value)",
            ) from error
    return pa.table(dict(zip(names, arrays, strict=True)))


def _table(item: Any, owner: object) -> Any:
    import pyarrow as pa

    form = form_of(type(item))
    match form:
        case Form.PANDAS:
            return pa.Table.from_pandas(item, preserve_index=False)
        case Form.POLARS:
            return item.to_arrow()
        case Form.ARROW:
            return item
    if isinstance(item, pa.RecordBatch):
        return pa.Table.from_batches([item])
    raise ModelError(
        f"{owner} gives {type(item).__name__} {item!r:.40}, which is no row",
        hint="yield dictionaries, lists of them, DataFrames or pa.RecordBatch",
    )


def _kind(type: Any) -> Any:
    """What a value is for people: the widths of numbers do not matter."""
    from pyarrow import types

    if types.is_struct(type):
        return {field.name: _kind(field.type) for field in type}
    if types.is_list(type) or types.is_large_list(type):
        return [_kind(type.value_type)]
    if types.is_integer(type) or types.is_floating(type) or types.is_decimal(type):
        return "number"
    if types.is_string(type) or types.is_large_string(type):
        return "text"
    if types.is_timestamp(type):
        return "time with a zone" if type.tz else "time without a zone"
    return None if types.is_null(type) else str(type)


def _agreed(one: Any, other: Any, name: str, owner: object) -> Any:
    """What two bits of a column are together."""
    if one is None or other is None or one == other:
        return other if one is None else one
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            n: _agreed(one.get(n), other.get(n), f"{name}.{n}", owner) for n in {**one, **other}
        }
    if isinstance(one, list) and isinstance(other, list):
        return [_agreed(one[0], other[0], f"{name}[]", owner)]
    shown = [kind if isinstance(kind, str) else type(kind).__name__ for kind in (one, other)]
    raise ModelError(
        f"{owner} gives {name!r} as {shown[0]} first and as {shown[1]} later",
        hint="give one type all the time: str(value), or json.dumps(value)",
    )
