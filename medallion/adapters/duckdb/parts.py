"""Dask: a frame as one, part by part, and one taken back part by part."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medallion.adapters.duckdb.opening import missing
from medallion.forms import Form
from medallion.frame import Frame

_PART_BYTES = 64 * 2**20  # smaller files are opened several at a time


def parted(frame: Frame, columns: Sequence[str], where: str, empty: Any) -> Any:
    """A Dask DataFrame of the frame's rows, of the types of the `empty` one."""
    try:
        import dask.dataframe
    except ImportError as error:
        raise missing("dask") from error
    from_map: Any = dask.dataframe.from_map
    parts = [replace(frame, files=files) for files in _together(frame)]
    return from_map(_read, parts or [frame], list(columns), where, meta=empty)


def spilled(value: Any, owner: object, spill: Path, arrow: Callable[[Any, object], Any]) -> Any:
    """A reader of a Dask DataFrame's rows: each part is computed and put on disk by itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    spill.mkdir(parents=True, exist_ok=True)
    path = spill / f"dask-{uuid.uuid4().hex}.parquet"
    writer = None
    for part in value.to_delayed():
        table = arrow(part.compute(scheduler="synchronous"), owner)
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema)
        writer.write_table(table.cast(writer.schema))
    assert writer
    writer.close()
    file = pq.ParquetFile(path)
    return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())


def _read(part: Frame, columns: list[str], where: str) -> Any:
    return part.open(Form.PANDAS, columns=columns, where=where)


def _together(frame: Frame) -> list[tuple[Any, ...]]:
    """The frame's files, small ones together."""
    groups: list[tuple[Any, ...]] = []
    size = _PART_BYTES
    for file in frame.files:
        if size + file.bytes > _PART_BYTES:
            groups.append(())
            size = 0
        groups[-1] = (*groups[-1], file)
        size += file.bytes
    return groups
