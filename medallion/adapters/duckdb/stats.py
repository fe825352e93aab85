"""What COPY's RETURN_STATS tells of a file's columns."""

from collections.abc import Iterator, Mapping

from medallion.adapters.duckdb.types import parts
from medallion.quoting import quote
from medallion.schema import Column, Schema
from medallion.tables import ColumnStats


def parse_stats(stats: Mapping[str, Mapping[str, str]], schema: Schema) -> dict[int, ColumnStats]:
    """The statistics by field id, of the columns and inner fields that hold values themselves.

    `stats` is the `column_statistics` of one file. A column with a NaN has no bounds: they would be
    those of its other values, and a reader could take them for those of all.
    """
    return {
        id: _column(stats[name])
        for column in schema
        for name, id in _leaves(column, ())
        if name in stats
    }


def _leaves(column: Column, outer: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    path = (*outer, quote(column.name))
    inner = parts(column.type)
    if not inner:
        yield ".".join(path), column.id
    for part in inner:
        yield from _leaves(part, path)


def _column(said: Mapping[str, str]) -> ColumnStats:
    bounded = said.get("nan_count", "0") == "0"
    return ColumnStats(
        bytes=int(said["column_size_bytes"]),
        values=int(said["num_values"]),
        nulls=int(said["null_count"]),
        lower=said.get("min") if bounded else None,
        upper=said.get("max") if bounded else None,
    )
