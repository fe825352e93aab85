"""A small SQLAlchemy dialect over an open DuckDB connection that belongs to somebody else.

The connection is borrowed: it is never closed, and no transaction is begun, committed or rolled
back. Great Expectations needs three things of a dialect: running a statement, quoting, and types.
"""

import functools
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer
from sqlalchemy.pool import StaticPool

from medallion.adapters.expectations.library import quiet
from medallion.adapters.expectations.literals import literal


def fetched(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """All rows of the statement that a connection executed last."""
    types = [str(column[1]) for column in con.description or ()]
    if not any("TIME ZONE" in type for type in types):
        return con.fetchall()
    # DuckDB needs a package it does not depend on to read these as Python; Arrow needs none. It
    # warns that this copies the rows, which are few.
    with quiet():
        table = con.to_arrow_table()
    assert table is not None
    columns = [column.to_pylist() for column in table.columns]
    for i, type in enumerate(types):
        if type == "HUGEINT":  # a decimal in Arrow
            columns[i] = [value if value is None else int(value) for value in columns[i]]
    return list(zip(*columns, strict=True))


class _Cursor:
    """Fetches at once: a result that is still open would block the next statement."""

    arraysize = 1

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self._rows: Iterator[Any] = iter(())

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._con.execute(sql, list(parameters))
        columns = self._con.description or ()
        self.description = [(c[0], *[None] * 6) for c in columns] or None
        self._rows = iter(fetched(self._con) if columns else ())

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(islice(self._rows, size or self.arraysize))

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def close(self) -> None:
        self._rows = iter(())


class _Connection:
    """What SQLAlchemy takes for a connection of its own."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def cursor(self) -> _Cursor:
        return _Cursor(self._con)

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...


class _DBAPI:
    """DuckDB's errors under the names that the Python database API gives them."""

    paramstyle = "qmark"
    threadsafety = 1
    apilevel = "2.0"
    Error = duckdb.Error
    DatabaseError = duckdb.DatabaseError
    OperationalError = duckdb.OperationalError
    ProgrammingError = duckdb.ProgrammingError
    InterfaceError = duckdb.Error
    InternalError = duckdb.InternalError
    IntegrityError = duckdb.IntegrityError
    DataError = duckdb.DataError
    NotSupportedError = duckdb.NotSupportedError


class _Quoted(PGIdentifierPreparer):
    """Quotes every name: Great Expectations marks some as not to be quoted."""

    def quote(self, ident: str, force: Any = None) -> str:  # noqa: ARG002 - SQLAlchemy's signature
        return self.quote_identifier(ident)


class _Written(PGCompiler):
    """Writes values into a statement as DuckDB takes those that it is given beside it."""

    def render_literal_value(self, value: Any, type_: Any) -> str:  # noqa: ARG002 - SQLAlchemy's signature
        return literal(value)


class DuckDBDialect(PGDialect):
    """DuckDB speaks PostgreSQL's SQL; what a driver does is replaced."""

    name = "duckdb"
    driver = "borrowed"
    supports_statement_cache = True
    preparer = _Quoted
    statement_compiler = _Written
    default_paramstyle = "qmark"

    @classmethod
    def import_dbapi(cls) -> Any:
        """The stand-in for a driver."""
        return _DBAPI

    def initialize(self, connection: sa.Connection) -> None:  # noqa: ARG002 - SQLAlchemy's signature
        """Ask the server nothing: all that PostgreSQL's dialect would ask for is known."""
        self.default_schema_name = "main"
        self.server_version_info = (15,)

    def get_isolation_level(self, *_: Any) -> Any:
        """No transaction is ever begun here."""
        return "AUTOCOMMIT"


sa.dialects.registry.register("medallion_duckdb", __name__, "DuckDBDialect")


def engine_over(con: duckdb.DuckDBPyConnection) -> sa.Engine:
    """A SQLAlchemy engine all of whose connections are `con`."""
    return sa.create_engine(
        "medallion_duckdb://", creator=lambda: _Connection(con), poolclass=StaticPool
    )


# duckdb.sqltype asks the connection that all threads share.
_LOCK = threading.Lock()


@functools.cache
def type_class(canonical: str) -> type[Any]:
    """The SQLAlchemy class for a DuckDB type as DuckDB itself writes it."""
    wider = type_class("DECIMAL") if canonical.startswith("DECIMAL(") else sa.types.UserDefinedType
    body = {"cache_ok": True, "get_col_spec": lambda _self, **_: canonical}
    return type(canonical, (wider,), body)


@functools.cache
def type_named(name: str) -> type[Any]:
    """The SQLAlchemy class for a DuckDB type; aliases (`text`, `long`) give the same class.

    `decimal` without a precision stands for decimals of any precision.

    Raises:
        duckdb.Error: DuckDB has no such type.
    """
    if name.upper() in ("DECIMAL", "NUMERIC"):
        return type_class("DECIMAL")
    with _LOCK:
        return type_class(str(duckdb.sqltype(name)))


class Types:
    """What Great Expectations takes for the dialect's module: types by name, and a marker.

    The marker picks the spelling of a regular-expression match. Dremio's is DuckDB's:
    `regexp_matches(value, regex)`, a partial match. PostgreSQL's `~` was a full match in DuckDB
    before 2.0.
    """

    __name__ = "duckdb"
    DremioDialect = True

    def __getattr__(self, name: str) -> type[Any]:
        try:
            return type_named(name)
        except duckdb.Error:
            raise AttributeError(name) from None
