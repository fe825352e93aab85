"""The SQL that reads a frame's files."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from medallion.adapters.duckdb.times import in_window
from medallion.adapters.duckdb.types import duckdb_type, reading
from medallion.frame import Frame
from medallion.quoting import literal, quote
from medallion.schema import Schema


def rows_of(frame: Frame, *, named: bool | str = False) -> str:
    """A query of the frame's rows. Columns are found by field id, a missing one is NULL.

    `named` adds the column `filename`, or one of another name.
    """
    if not frame.files:
        return no_rows(frame.schema)
    paths = ", ".join(literal(f.path) for f in frame.files)
    file = named if isinstance(named, str) else "filename"
    columns = ", ".join([*(quote(c.name) for c in frame.schema), *[quote(file)] * bool(named)])
    options = f"{reading(frame.schema)}, hive_partitioning = false"
    if file != "filename":
        options += f", filename = {literal(file)}"
    rows = f"select {columns} from read_parquet([{paths}], {options})"
    if frame.within:
        rows += f" where {in_window(frame.schema, *frame.within)}"
    return rows


def no_rows(schema: Schema) -> str:
    """A query of the columns and no row."""
    columns = ", ".join(f"null::{duckdb_type(c.type)} as {quote(c.name)}" for c in schema)
    return f"select {columns} where false"


def together(texts: Sequence[str]) -> str:
    """One query of the rows of several, whose columns are joined by name."""
    return " union all by name ".join(f"({text})" for text in texts) if texts[1:] else texts[0]


def watched(schema: Any, batches: Iterable[Any], late: list[Exception]) -> Any:
    """The same batches as an Arrow reader; what raises while they are read is added to `late`.

    DuckDB makes a text of it.
    """
    import pyarrow as pa

    def watching() -> Iterator[Any]:
        try:
            yield from batches
        except Exception as error:
            late.append(error)
            raise

    return pa.RecordBatchReader.from_batches(schema, watching())
