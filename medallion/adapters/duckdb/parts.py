"""A frame as a Dask DataFrame, and rows taken back from one, a part at a time."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medallion.adapters.duckdb.opening import missing
from medallion.errors import DefinitionError, ModelError
from medallion.forms import Form
from medallion.frame import DataFile, Frame, Reader
from medallion.schema import Schema
from medallion.window import Window

_PART = 32_000_000  # bytes on disk: smaller files are read together


@dataclass(frozen=True, slots=True)
class _Part:
    """Reads files of a frame as pandas. It goes to other processes, as its reader does."""

    reader: Reader
    schema: Schema
    within: tuple[str, Window] | None
    columns: tuple[str, ...]
    where: str

    def __call__(self, files: tuple[DataFile, ...]) -> Any:
        frame = Frame(self.schema, files, self.within, self.reader)
        return frame.open(Form.PANDAS, columns=self.columns, where=self.where)

    def __dask_tokenize__(self) -> str:
        """What the rows of given files depend on."""
        return repr((self.schema, self.within, self.columns, self.where))


def parted(frame: Frame, columns: tuple[str, ...], where: str, empty: Any) -> Any:
    """The frame's rows as a Dask DataFrame of the types of the `empty` one, read by its reader.

    Raises:
        DefinitionError: the frame has no reader, or Dask is not installed.
    """
    dask = _dask()
    if frame.reader is None:
        raise DefinitionError(
            f"this frame has no reader, so it cannot be opened as {Form.DASK}",
            hint="get it with `Project.table(..., form=Form.FRAME)`",
        )
    read = _Part(frame.reader, frame.schema, frame.within, columns, where)
    parts = list(_together(frame.files)) or [()]
    # The types are to be those of one pandas DataFrame of all the rows.
    with dask.config.set({"dataframe.convert-string": False}):
        return dask.dataframe.from_map(read, parts, meta=empty)


def spilled(value: Any, owner: object, spill: Path, arrow: Callable[[Any, object], Any]) -> Any:
    """The rows of a Dask DataFrame as a reader of Arrow batches.

    All parts are computed in one go, so that no work is done twice, and kept on disk: no more of
    them are in memory than are being computed, or read. `arrow` makes a table of a part.

    Raises:
        ModelError: the columns of two parts do not fit together.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    dask = _dask()
    spill.mkdir(parents=True, exist_ok=True)

    def kept(part: Any) -> str:
        path = str(spill / f"part-{uuid.uuid4().hex}.parquet")
        pq.write_table(_plain(arrow(part, owner)), path)
        return path

    paths = dask.compute(*(dask.delayed(kept)(part) for part in value.to_delayed()))
    empty = _plain(arrow(value._meta, owner)).schema
    try:
        # A part in which a column has no value may not tell its type; another one may.
        found = [pq.read_schema(path).remove_metadata() for path in paths]
        schema = pa.unify_schemas([empty, *found], promote_options="permissive")
    except pa.ArrowException as error:
        raise ModelError(f"{owner} gives parts that do not fit together: {error}") from error

    def batches() -> Iterator[Any]:
        for path in paths:
            yield from pq.read_table(path).select(schema.names).cast(schema).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _dask() -> Any:
    try:
        import dask
        import dask.dataframe  # it has requirements of its own
    except ImportError as error:
        raise missing("dask") from error
    return dask


def _together(files: Sequence[DataFile]) -> Iterator[tuple[DataFile, ...]]:
    part: list[DataFile] = []
    for file in files:
        if part and sum(f.bytes for f in part) + file.bytes > _PART:
            yield tuple(part)
            part = []
        part.append(file)
    if part:
        yield tuple(part)


def _plain(table: Any) -> Any:
    """The table with its categories as values: those of another part may be others."""
    import pyarrow as pa

    fields = [
        f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f
        for f in table.schema
    ]
    return table.cast(pa.schema(fields))
