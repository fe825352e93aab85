"""Rows of a table where another engine left files of deletes: merged before DuckDB reads them."""

from pathlib import Path
from typing import Any

from pyiceberg.io import FileIO
from pyiceberg.table import StaticTable
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from medallion.adapters.iceberg.blobs import BlobIO
from medallion.adapters.iceberg.lake import Lake
from medallion.frame import DataFile, Frame
from medallion.schema import Schema


def merged(
    metadata: TableMetadata, lake: Lake, snapshot: Snapshot, schema: Schema, spill: Path
) -> Frame:
    """The rows of a snapshot without the deleted ones, batch by batch into one file of `spill`.

    A snapshot never changes, so a file that is there is used again.
    """
    import pyarrow.parquet as pq
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    target = spill / f"{metadata.table_uuid}-{snapshot.snapshot_id}.parquet"
    if not target.exists():
        spill.mkdir(parents=True, exist_ok=True)
        io = _arrow_io(lake.io)
        table = StaticTable(("", ""), metadata, metadata.location, io, catalog=None)  # type: ignore[arg-type]
        scan = table.scan(snapshot_id=snapshot.snapshot_id)
        arrow = schema_to_pyarrow(scan.projection(), include_field_ids=True)
        partial = target.with_suffix(".partial")
        with pq.ParquetWriter(partial, arrow, compression="zstd") as writer:
            for batch in scan.to_arrow_batch_reader():
                writer.write_batch(batch.cast(arrow))
        partial.replace(target)
    rows = pq.read_metadata(target).num_rows
    return Frame(schema, (DataFile(str(target), rows, target.stat().st_size),))


def _arrow_io(io: FileIO) -> FileIO:
    """PyIceberg's way to files of rows: those of this machine, or those of the store."""
    from pyarrow import PythonFile
    from pyarrow.fs import FSSpecHandler, PyFileSystem
    from pyiceberg.io.pyarrow import PyArrowFileIO

    class Handler(FSSpecHandler):  # type: ignore[misc]  # pyarrow has no types
        """Does not ask whether a file is there before it is opened."""

        def open_input_file(self, path: str) -> Any:
            return PythonFile(self.fs.open(path, "rb"), mode="r")

    made = PyArrowFileIO()
    if isinstance(io, BlobIO):
        files = PyFileSystem(Handler(io.files))
        made.fs_by_scheme = lambda *_: files
    return made
