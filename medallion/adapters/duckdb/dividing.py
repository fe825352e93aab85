"""Divide rows by conditions: only files that hold a row of the wrong side are written again."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import duckdb

from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.reading import rows_of
from medallion.division import (
    ASIDE_AT,
    ASIDE_INPUTS,
    ASIDE_RUN,
    RULES,
    Dividing,
    Division,
    aside_schema,
)
from medallion.frame import DataFile, Frame
from medallion.quoting import literal, quote
from medallion.schema import Schema
from medallion.tables import Draft, WrittenFile

Write = Callable[[duckdb.DuckDBPyConnection, Sequence[str], Schema, Draft], tuple[WrittenFile, ...]]

_FILE, _BAD, _OLD = "_divided_file", "divided_bad", "divided_old"


def divided(connection: duckdb.DuckDBPyConnection, given: Dividing, write: Write) -> Division:
    """Divide the rows on a connection that has them as the view `batch`; `write` writes rows."""
    work = _Work(connection, given)
    work.judge()
    given.check(work.counts())
    touched = work.touched()
    if not touched:
        return Division()
    found = tuple(f for f in given.batch.files if f.path in touched)
    schema = given.batch.schema
    good = write(connection, [work.good(found)], schema, given.draft)
    beside = aside_schema(schema, given.draft.table)
    bad = write(connection, [work.bad(touched)], beside, given.aside)
    return Division(touched, good, bad, work.rules(), work.returned(found))


@dataclass(slots=True)
class _Work:
    """The statements of one division."""

    connection: duckdb.DuckDBPyConnection
    given: Dividing

    @property
    def names(self) -> str:
        """The columns of the table."""
        return ", ".join(quote(c.name) for c in self.given.batch.schema)

    @property
    def home(self) -> str:
        """The condition that a file is one of the table's own."""
        paths = ", ".join(literal(f.path) for f in self.given.before.files)
        return f"{_FILE} not in ({paths})" if paths else "true"

    @property
    def fails(self) -> str:
        """The condition that a row fails something; NULL where nothing says so."""
        return " or ".join(f"(\n{where}\n)" for where in self.given.rules.values()) or "false"

    def rows(self, frame: Frame) -> str:
        """The rows of some of the files, called as the view of them all."""
        return f"({rows_of(frame, named=_FILE)}) as batch"

    def judge(self) -> None:
        """Note the rows that fail, and which rules."""
        each = [
            f"case when (\n{where}\n) then {literal(rule)} end"
            for rule, where in self.given.rules.items()
        ]
        rules = f"list_filter([{', '.join(each)}]::varchar[], lambda r: r is not null)"
        columns = f"{self.names}, {_FILE}, {rules} as {RULES}"
        rows = f"select {columns} from {self.rows(self.given.batch)} where {self.fails}"
        run(self.connection, f"create or replace temp table {_BAD} as {rows}")

    def counts(self) -> dict[str, int]:
        """How many rows fail of each file of the table's own."""
        query = f"select {_FILE}, count(*) from {_BAD} where {self.home} group by all"
        return {str(path): int(str(n)) for path, n in run(self.connection, query)}

    def rules(self) -> dict[str, int]:
        """How many of them fail each rule."""
        each = f"select unnest({RULES}) as rule from {_BAD} where {self.home}"
        query = f"select rule, count(*) as n from ({each}) group by all order by n desc, rule"
        return {str(rule): int(str(n)) for rule, n in run(self.connection, query)}

    def returned(self, files: tuple[DataFile, ...]) -> int:
        """How many rows of these files were aside and fail nothing."""
        were = {f.path for f in self.given.before.files}
        aside = {f.path: f.rows for f in files if f.path in were}
        if not aside:
            return 0
        paths = ", ".join(map(literal, aside))
        query = f"select count(*) from {_BAD} where {_FILE} in ({paths})"
        [(bad,)] = run(self.connection, query)
        return sum(aside.values()) - int(str(bad))

    def touched(self) -> frozenset[str]:
        """The files with a row that is on the wrong side, or fails other rules than before."""
        there = {f.path for f in self.given.batch.files}
        aside = tuple(f for f in self.given.before.files if f.path in there)
        queries = [f"select {_FILE} from {_BAD} where {self.home}"]
        if aside:
            # One below the other in either direction: no row, or the same row as often.
            columns = f"{self.names}, {_FILE}, {RULES}"
            old = f"select {columns} from ({self._stored(aside)})"
            new = f"select {columns} from {_BAD} where not ({self.home})"
            queries += [
                f"select {_FILE} from (({old}) except all ({new}))",
                f"select {_FILE} from (({new}) except all ({old}))",
            ]
        found = run(self.connection, " union ".join(queries))
        return frozenset(str(row[0]) for row in found)

    def good(self, files: tuple[DataFile, ...]) -> str:
        """The rows of these files that fail nothing."""
        rows = self.rows(replace(self.given.batch, files=files))
        return f"select {self.names} from {rows} where not coalesce({self.fails}, false)"

    def bad(self, touched: Iterable[str]) -> str:
        """The rows of these files that fail, with what is told of them.

        What is aside already with the same values keeps what was told of it.
        """
        given, paths = self.given, ", ".join(map(literal, touched))
        told = {ASIDE_RUN: given.draft.run, ASIDE_INPUTS: given.inputs, ASIDE_AT: given.now}
        new = {name: literal(text) for name, text in told.items()}
        rows = f"select * from {_BAD} where {_FILE} in ({paths})"
        if given.before.files:
            least = ", ".join(f"arg_min({n}, {ASIDE_AT}) as {n}" for n in new)
            old = f"select {self._key()} as _key, {least} from ({self._stored()}) group by all"
            run(self.connection, f"create or replace temp table {_OLD} as {old}")
            rows = (
                f"select b.*, o.* from ({rows}) b left join {_OLD} o on {self._key('b')} = o._key"
            )
            new = {name: f"coalesce({name}, {value})" for name, value in new.items()}
        stamps = ", ".join(f"{value} as {name}" for name, value in new.items())
        cast = f"* replace ({ASIDE_AT}::timestamptz as {ASIDE_AT})"
        return f"select {cast} from (select {self.names}, {RULES}, {stamps} from ({rows}))"

    def _key(self, alias: str = "") -> str:
        """A row as one value, in which NULL equals NULL."""
        of = f"{alias}." if alias else ""
        names = (c.name for c in self.given.batch.schema)
        return f"{{{', '.join(f'{literal(n)}: {of}{quote(n)}' for n in names)}}}"

    def _stored(self, files: tuple[DataFile, ...] | None = None) -> str:
        """What is aside, as its columns are called now."""
        schema = aside_schema(self.given.batch.schema, self.given.draft.table)
        frame = replace(self.given.before, schema=schema)
        if files is not None:
            frame = replace(frame, files=files)
        return rows_of(frame, named=_FILE)
