"""Open a frame: each object reads the files through a connection of its own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from medallion.adapters.duckdb.duck import failed, out_of_memory
from medallion.adapters.duckdb.opening import BATCH, loaded, polars
from medallion.adapters.duckdb.parts import parted
from medallion.adapters.duckdb.reading import rows_of
from medallion.errors import DefinitionError, MedallionError, StoreError
from medallion.forms import Form
from medallion.frame import Frame
from medallion.quoting import quote

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
    return _Scan(connect, frame, frame.chosen(columns), where.strip(), limit).opened(form)


@dataclass(frozen=True, slots=True)
class _Scan:
    """Rows of a frame that are to be read: these columns, where that is true, at most so many."""

    connect: Connect
    frame: Frame
    columns: tuple[str, ...]
    where: str = ""
    limit: int | None = None

    def opened(self, form: Form) -> Any:
        match form:
            case Form.ARROW | Form.PANDAS | Form.POLARS:
                return self._loaded(form)
            case Form.BATCHES:
                return self._batches()
            case Form.LAZY:
                return self._lazy()
            case Form.DUCKDB:
                return self._relation(self.connect())
            case Form.DASK if self.limit is None:
                empty = replace(self, limit=0)._loaded(Form.PANDAS)
                return parted(self.frame, self.columns, self.where, empty)
            case Form.DASK:
                raise DefinitionError(f"no limit can be set on {form}", hint="use .head(n)")
            case Form.FRAME if self == _Scan(self.connect, self.frame, self.frame.schema.names):
                return self.frame
        raise DefinitionError(f"a frame cannot be opened as {form}", hint="see: Frame.open")

    def _loaded(self, form: Form) -> Any:
        with self.connect() as connection:
            relation = self._relation(connection)
            try:
                return loaded(relation, form)
            except duckdb.Error as error:
                raise self._problem(error) from error

    def _relation(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        try:
            relation = connection.sql(rows_of(self.frame))
        except duckdb.Error as error:
            raise replace(self, where="")._problem(error) from error
        try:
            if self.where:
                # Alone it must be one expression, and in brackets no more than a condition.
                duckdb.SQLExpression(self.where)
                relation = relation.filter(f"({self.where}\n)")
        except duckdb.Error as error:
            raise self._unfit(error) from error
        relation = relation.project(", ".join(map(quote, self.columns)))
        return relation if self.limit is None else relation.limit(self.limit)

    def _batches(self) -> Any:
        import pyarrow as pa

        connection = self.connect()
        try:
            reader = self._relation(connection).to_arrow_reader(BATCH)
        except duckdb.Error as error:
            raise self._problem(error) from error

        def batches() -> Iterator[Any]:
            try:
                yield from reader
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise self._problem(error) from error
            finally:
                connection.close()

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def _lazy(self) -> Any:
        pl = polars()
        from polars.io.plugins import register_io_source

        def batches(
            columns: list[str] | None, predicate: Any, limit: int | None, _: int | None
        ) -> Iterator[Any]:
            limits = [n for n in (limit, self.limit) if n is not None]
            names = self.columns if columns is None else tuple(columns)
            # The limit comes before the predicate, as Polars means it.
            scan = replace(self, columns=names, limit=min(limits, default=None))
            for batch in scan._batches():
                rows = pl.from_arrow(batch)
                kept = rows if predicate is None else rows.filter(predicate)
                # A few rows would keep all texts of their batch in memory, were they not copied.
                few = 2 * kept.height < rows.height
                yield pl.from_arrow(kept.to_arrow()) if few else kept

        empty = replace(self, limit=0)._loaded(Form.POLARS)
        return register_io_source(batches, schema=empty.schema)

    def _problem(self, error: Exception) -> MedallionError:
        """What an error means that came while the files were read."""
        problem = failed("the rows of a frame", error)
        if isinstance(problem, StoreError) or out_of_memory(error):
            return problem
        if self.where and isinstance(error, duckdb.DataError | duckdb.ProgrammingError):
            return self._unfit(error)
        return StoreError(
            f"a file of the frame cannot be read: {problem.message}",
            hint="open its table again: it may have been written anew",
        )

    def _unfit(self, error: Exception) -> DefinitionError:
        return DefinitionError(
            failed(f"where={self.where!r:.80} does not fit", error).message,
            hint=f"write one condition on its columns: {', '.join(self.frame.schema.names)}",
        )
