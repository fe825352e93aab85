"""Open frames as what outlives the call: readers, relations, lazy queries."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb

from medallion.adapters.duckdb.duck import failed
from medallion.adapters.duckdb.opening import BATCH, loaded, polars
from medallion.adapters.duckdb.parts import parted
from medallion.adapters.duckdb.quoting import quote
from medallion.adapters.duckdb.reading import rows_of
from medallion.errors import DefinitionError, MedallionError, StoreError
from medallion.forms import Form
from medallion.frame import Frame

Connect = Callable[[], duckdb.DuckDBPyConnection]


def scanned(
    connect: Connect,
    frame: Frame,
    form: Form,
    columns: Sequence[str] | None = None,
    where: str = "",
    limit: int | None = None,
) -> Any:
    """The rows of a frame in that form. `connect` gives a connection that nobody else has.

    Raises:
        DefinitionError: there is no such column or form, or `where` is no condition.
        StoreError: a file cannot be read.
    """
    names = frame.chosen(columns)
    rows = f"select {', '.join(map(quote, names))} from ({rows_of(frame)})"
    if where:
        rows += f" where (\n{where}\n)"
    if limit is not None:
        rows += f" limit {int(limit)}"
    connection = connect()
    try:
        relation = _bound(connection, rows)
        match form:
            case Form.FRAME:
                return frame
            case Form.DUCKDB:
                return relation
            case Form.BATCHES:
                return _reader(connection, relation)
            case Form.LAZY:
                return _lazy(connect, rows, loaded(relation.limit(0), Form.POLARS))
            case Form.DASK:
                return parted(frame, names, where, loaded(relation.limit(0), Form.PANDAS))
            case Form.ARROW | Form.PANDAS | Form.POLARS:
                return loaded(relation, form)
    except duckdb.Error as error:
        raise _told(error, where) from error
    raise DefinitionError(f"a frame cannot be opened as {form}", hint="see: Frame.open")


def _bound(connection: duckdb.DuckDBPyConnection, text: str) -> duckdb.DuckDBPyRelation:
    if len(connection.extract_statements(text)) != 1:
        raise DefinitionError("where is more than a condition", hint='write: where="fare > 10"')
    return connection.sql(text)


def _reader(connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation) -> Any:
    """The rows as they are asked for; the connection is given back after the last of them."""
    import pyarrow as pa

    reader = relation.to_arrow_reader(BATCH)

    def batches() -> Iterator[Any]:
        try:
            yield from reader
        finally:
            connection.close()

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _lazy(connect: Connect, rows: str, empty: Any) -> Any:
    """A lazy query that reads when it is run, the columns that it needs, some rows at a time."""
    pl = polars()
    from polars.io.plugins import register_io_source

    def source(
        wanted: list[str] | None, predicate: Any, count: int | None, _: int | None
    ) -> Iterator[Any]:
        names = wanted or empty.columns
        text = f"select {', '.join(map(quote, names))} from ({rows})"
        if count is not None:
            text += f" limit {count}"
        with connect() as connection:
            for batch in connection.sql(text).to_arrow_reader(BATCH):
                part = pl.from_arrow(batch)
                yield part if predicate is None else part.filter(predicate)

    return register_io_source(source, schema=empty.schema)


def _told(error: duckdb.Error, where: str) -> MedallionError:
    problem = failed("the frame", error)
    if isinstance(error, duckdb.IOException):
        return StoreError(
            f"a file of the frame cannot be read: {problem.message}",
            hint="open its table again: it may have been written anew",
        )
    if isinstance(problem, StoreError) or isinstance(error, duckdb.OutOfMemoryException):
        return problem
    return DefinitionError(f"where={where!r:.80} does not fit: {problem.message}")
