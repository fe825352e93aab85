"""Great Expectations' execution engine over an open DuckDB connection: one batch, the view `batch`.

Its metrics are asked for by `resolution`; this module knows which rows a metric is about.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import duckdb
import sqlalchemy as sa

from medallion.adapters.expectations.dialect import Types, engine_over
from medallion.adapters.expectations.library import SqlAlchemyBatchData, SqlAlchemyExecutionEngine

BATCH = "batch"


class MedallionDuckDBEngine(SqlAlchemyExecutionEngine):
    """Finds every SQL metric of Great Expectations by inheritance, and those of `metrics` by name.

    `prune` says that counting with WHERE is cheaper than counting in an aggregate: DuckDB then
    skips the row groups whose statistics rule a row out, and opens every file once more for it.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, *, prune: bool = True) -> None:
        super().__init__(engine=engine_over(con))
        self.con = con
        self.prune = prune
        self.dialect_module: Any = Types()
        batch = SqlAlchemyBatchData(execution_engine=self, table_name=BATCH)
        self.table = batch.selectable
        self.load_batch_data(BATCH, batch)

    @contextmanager
    def get_connection(self) -> Generator[sa.Connection, None, None]:
        """Keep one connection: the inherited method releases it before it fetches."""
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> Any:
        """The rows a metric is about: the batch, or another table as `layer.model`, filtered."""
        other = domain_kwargs.get("table")
        if other in (None, BATCH):
            return super().get_domain_records(domain_kwargs)
        schema, _, name = other.rpartition(".")
        return sa.Table(name, sa.MetaData(), schema=schema or None)

    def where(self, domain_kwargs: dict[str, Any]) -> "sa.ColumnElement[bool] | None":
        """The condition that makes the rows of a domain out of those of the batch, if there is one.

        Raises:
            LookupError: the domain is not made of rows of the batch.
        """
        rows = self.get_domain_records(domain_kwargs)
        clauses = []
        while rows is not self.table:
            rows = getattr(rows, "element", rows)  # a subquery or alias: the select in it
            if not isinstance(rows, sa.Select) or len(rows.get_final_froms()) != 1:
                raise LookupError(str(domain_kwargs))
            if rows.whereclause is not None:
                clauses.append(rows.whereclause)
            rows = rows.get_final_froms()[0]
        return sa.and_(*clauses) if clauses else None

    def close(self) -> None:
        """Let go of the connection, which stays open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()
