"""Reads databases: the types from their catalogs, the rows by the fastest way that is right."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from medallion.adapters.databases.address import parse
from medallion.adapters.databases.conversion import converted, text_array
from medallion.adapters.databases.mysql import MySQL
from medallion.adapters.databases.planned import Plan, Planned
from medallion.adapters.databases.postgres import PostgreSQL
from medallion.adapters.databases.spans import condition, ranges, shown
from medallion.errors import MedallionError, SourceError
from medallion.extract import Dirty, Query, Span, unheard
from medallion.schema import Schema


class DatabaseReader:
    """Reads tables and queries of MySQL, MariaDB and PostgreSQL; a `medallion.extract.Database`.

    `resolve` fills in the `${NAME}` of a text. `slow` has all rows read by pymysql or a cursor,
    never by connectorx or COPY. Rows that come faster than they are taken wait in files below
    `spill`.

    One read is one statement, and sees the rows of one moment. With `parallel` it is several: on
    PostgreSQL they share a snapshot; on MySQL each sees its own moment, and rows whose keys come
    after the greatest one at the start are left for the next read.

    Zero dates of MySQL (0000-00-00) read as NULL; `dirty` hears the name of the column and
    how many rows of a batch have one. Other dates that no calendar has are errors.
    """

    def __init__(
        self,
        resolve: Callable[[str], str] = str,
        *,
        slow: bool = False,
        spill: Path | None = None,
    ) -> None:
        self._resolve = resolve
        self._slow = slow
        self._spill = spill

    def schema(self, query: Query) -> Schema:
        """The columns that the rows have; see `Database.schema`."""
        return self._source(query).plan(query).schema

    def greatest(self, query: Query, column: str) -> str | None:
        """The greatest value of a column; see `Database.greatest`."""
        source = self._source(query)
        plan = source.plan(replace(query, columns=(column,)))
        found = plan.ordered(column)
        (value,) = self._ends(source, plan, found, ("MAX",), "")
        return value

    def nulls(self, query: Query, column: str) -> bool:
        """Whether a row has no value there; see `Database.nulls`."""
        source = self._source(query)
        plan = source.plan(replace(query, columns=(column,)))
        lacking = source.lacking(plan.column(column))
        sql = f"SELECT CASE WHEN EXISTS (SELECT 1 FROM {plan.rows} WHERE {lacking}) THEN 1 END"
        return source.one(plan.what, sql)[0] is not None

    def batches(self, query: Query, span: Span | None = None, dirty: Dirty = unheard) -> Any:
        """The rows, a few megabytes at a time; see `Database.batches`."""
        source = self._source(query)
        plan = source.plan(query)
        where = ""
        if span and (span.least is not None or span.past is not None):
            bounded = source.plan(replace(query, columns=(span.column,))).ordered(span.column)
            where = condition(span, bounded, source.name(span.column), source.text)
        rows = self._rows(source, plan, where, query.parallel, dirty)
        return pa.RecordBatchReader.from_batches(plan.arrow, rows)

    def _source(self, query: Query) -> MySQL | PostgreSQL:
        address = parse(query.address, self._resolve)
        if address.kind == "mysql":
            return MySQL(address, slow=self._slow, spill=self._spill)
        return PostgreSQL(address, slow=self._slow)

    def _rows(
        self, source: MySQL | PostgreSQL, plan: Plan, where: str, parallel: int, dirty: Dirty
    ) -> Iterator[Any]:
        if parallel == 1 or plan.key is None:
            yield from self._converted(source, plan, [where], dirty)
            return
        with source.snapshot(plan.what) as same:
            ranges = self._ranges(same, plan, where, parallel)
            yield from self._converted(same, plan, ranges, dirty)

    def _ranges(
        self, source: MySQL | PostgreSQL, plan: Plan, where: str, parallel: int
    ) -> Sequence[str]:
        assert plan.key
        least, greatest = self._ends(source, plan, plan.key, ("MIN", "MAX"), where)
        if least is None or greatest is None:
            return [where]
        name = source.name(plan.key.name)
        spans = [
            condition(span, plan.key, name, source.text)
            for span in ranges(plan.key, least, greatest, parallel)
        ]
        return [f"({where}) AND {span}" if where else span for span in spans]

    def _ends(
        self,
        source: MySQL | PostgreSQL,
        plan: Plan,
        column: Planned,
        aggregates: Sequence[str],
        where: str,
    ) -> list[str | None]:
        wanted = ", ".join(source.value(column, a) for a in aggregates)
        under = f" WHERE {where}" if where else ""
        row = source.one(plan.what, f"SELECT {wanted} FROM {plan.rows}{under}")
        ends = []
        for text in row:
            alone = replace(plan, columns=(column,))
            batch = pa.RecordBatch.from_arrays([text_array(text)], [column.name])
            value = converted(alone, batch, unheard).column(0)[0].as_py()
            ends.append(shown(value))
        return ends

    def _converted(
        self, source: MySQL | PostgreSQL, plan: Plan, conditions: Sequence[str], dirty: Dirty
    ) -> Iterator[Any]:
        """All rows, by the fast way, or by the slow one if the fast one fails at the beginning."""
        count = 0
        try:
            ways = source.ways(plan)
            for read in ways:
                try:
                    for batch in read(plan, conditions):
                        given = converted(plan, batch, dirty)
                        count += given.num_rows
                        yield given
                except MedallionError:
                    if count or read == ways[-1]:
                        raise
                else:
                    return
        except MedallionError as error:
            told = f"{error.message}; {count:,} rows had come"
            raise SourceError(told, hint=error.hint) from error
