"""A database that tests fill, and how they read it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, create_engine

from medallion.adapters.databases import mysql
from medallion.adapters.databases.reader import DatabaseReader
from medallion.extract import Query, Span

WAYS = {"fast": DatabaseReader(), "slow": DatabaseReader(slow=True)}


@contextmanager
def server(address: str) -> Iterator[Engine]:
    """Somebody who fills the database."""
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def run(engine: Engine, *statements: str) -> None:
    """Do the statements as they are written, whatever they hold."""
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def read(address: str, way: str = "fast", span: Span | None = None, **query: Any) -> pa.Table:
    """The rows of a query."""
    return WAYS[way].batches(Query(address, **query), span).read_all()


def many() -> int:
    """How many rows a table has at least that is read the fast way."""
    return mysql._FEW * 2


def end_others(engine: Engine) -> None:
    """End every other connection to the database."""
    engine.dispose()  # one that is kept may have been ended
    if engine.dialect.name == "postgresql":
        run(
            engine,
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()",
        )
        return
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "select id from information_schema.processlist"
            " where db = database() and id <> connection_id()"
        )
        for (number,) in found.fetchall():
            with suppress(Exception):  # it has just ended
                connection.exec_driver_sql(f"kill {number}")
