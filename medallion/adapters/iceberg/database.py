"""Database of a catalog: its address, its tables, and what its errors mean."""

from contextlib import suppress
from typing import Any

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from sqlalchemy import URL, event, inspect, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from medallion.adapters.iceberg.address import CATALOG, CHECK, unusable
from medallion.errors import CatalogError, DefinitionError, MedallionError
from medallion.names import Layer

_TABLES = 2  # of a catalog
_TOO_LONG = "the path of a metadata file has at most 1000 characters there: shorten the warehouse's"
_GAVE_WAY = {"40001", "40P01"}  # serialization failure, deadlock


class Database(SqlCatalog):
    """PyIceberg's catalog; its tables are made when somebody writes, not when somebody looks."""

    def __init__(self, url: URL, warehouse: str) -> None:
        self.namespaces: set[Layer] = set()
        self._there = self._made = False
        # A server may have closed a connection that was idle while models ran.
        ping = "false" if url.get_backend_name() == "sqlite" else "true"
        uri = url.render_as_string(hide_password=False)
        super().__init__(CATALOG, uri=uri, warehouse=warehouse, pool_pre_ping=ping)

    @property
    def there(self) -> bool:
        """Whether somebody has made its tables."""
        self._there = self._there or inspect(self.engine).has_table(IcebergTables.__tablename__)
        return self._there

    def make(self) -> None:
        """Make its tables where there are none."""
        if self._made:
            return
        if self.engine.dialect.name != "sqlite":
            self.engine.connect().close()  # who cannot be reached is not asked again and again
        for _ in range(_TABLES):
            # Another run may make the same tables at the same moment, one after the other.
            with suppress(OperationalError, ProgrammingError, IntegrityError):
                super()._init_catalog()
                break
        else:
            super()._init_catalog()
        self._made = True

    def _init_catalog(self) -> None:
        if settings := _SETTINGS.get(self.engine.dialect.name):
            event.listen(self.engine, "connect", settings)


def _sqlite(connection: Any, _: object) -> None:
    connection.execute("PRAGMA busy_timeout = 60000")
    connection.execute("PRAGMA journal_mode = WAL")  # so that readers never wait


def _postgresql(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SET lock_timeout = '60s'")
    cursor.close()
    connection.commit()


_SETTINGS = {"sqlite": _sqlite, "postgresql": _postgresql}


def parsed(uri: str) -> URL:
    """The address of a database.

    Raises:
        CatalogError: it is none.
    """
    try:
        url = make_url(uri)
    except (SQLAlchemyError, ValueError):
        # Not `from`: what cannot be told apart may be a password.
        raise CatalogError(
            "the catalog's address is none that SQLAlchemy knows", hint=CHECK
        ) from None
    if "@" in (url.host or ""):
        raise CatalogError(
            "the catalog's address has more than one @", hint="write %40 for an @ in its password"
        )
    return url


def broken(url: URL, error: Exception) -> MedallionError:
    """The error of a database that cannot be used. It never shows a password."""
    # Options may hold passwords as well.
    shown = url.set(query={}).render_as_string(hide_password=True)
    if isinstance(error, ModuleNotFoundError):
        hint = f"install {error.name}"
        if url.get_backend_name() == "postgresql":
            hint = (
                "pip install 'medallion[postgres]', and begin the address: postgresql+psycopg2://"
            )
        return DefinitionError(
            f"the catalog {shown} needs {error.name}, which is not installed", hint=hint
        )
    hint = _TOO_LONG if isinstance(error, DataError) else CHECK
    return unusable(shown, getattr(error, "orig", None) or error, hint)


def gave_way(error: DBAPIError) -> bool:
    """Whether a transaction was rolled back because of another one; it may be tried again."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return code in _GAVE_WAY
