"""Pointers in a SQL database: one transaction moves those of many tables, or none."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import IcebergTables
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from medallion.adapters.iceberg.address import CATALOG
from medallion.adapters.iceberg.database import Database, broken, gave_way, parsed
from medallion.adapters.iceberg.lake import Moved
from medallion.adapters.iceberg.pointers import Swap
from medallion.adapters.iceberg.sqlite import IN_ONE_TRANSACTION
from medallion.names import Layer, TableName


class SqlPointers:
    """The `Pointers` of a database, in the tables of PyIceberg's SQL catalog."""

    guarantee = IN_ONE_TRANSACTION
    one_look = True

    def __init__(self, uri: str, warehouse: str) -> None:
        self._url = parsed(uri)
        self._warehouse = warehouse

    def prepare(self) -> None:
        """Open the catalog, and make it where there is none.

        Raises:
            CatalogError: it cannot be opened.
            DefinitionError: the driver of its database is not installed.
        """
        try:
            if self._file:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            self._catalog.make()
        except (SQLAlchemyError, OSError) as error:
            raise broken(self._url, error) from error

    def locations(
        self, names: Collection[TableName], *, settled: bool = False
    ) -> dict[TableName, str]:
        """The metadata files of those tables that exist, as of one read.

        A server may still be committing when the connection to it is lost: it holds the rows then,
        and `settled` waits for them.
        """
        wanted = {(str(n.layer), n.model): n for n in names}
        columns = (
            IcebergTables.table_namespace,
            IcebergTables.table_name,
            IcebergTables.metadata_location,
        )
        query = select(*columns).where(
            IcebergTables.catalog_name == CATALOG,
            IcebergTables.table_namespace.in_([str(layer) for layer in Layer]),
        )
        if settled:
            models = [model for _, model in wanted]
            query = query.where(IcebergTables.table_name.in_(models)).with_for_update()
        try:
            if not self._exists():
                return {}
            with Session(self._catalog.engine) as session:
                rows = session.execute(query).all()
        except SQLAlchemyError as error:
            raise broken(self._url, error) from error
        return {wanted[r[0], r[1]]: str(r[2]) for r in rows if (r[0], r[1]) in wanted}

    def swap(self, swaps: Mapping[TableName, Swap]) -> None:
        """Replace the addresses in one transaction.

        Raises:
            Moved: one is not what it was; nothing was replaced.
        """
        self._ensure_namespaces({name.layer for name, swap in swaps.items() if not swap.before})
        try:
            with Session(self._catalog.engine) as session:
                for name, swap in swaps.items():
                    old = swap.before.location if swap.before else None
                    self._swap_one(session, name, old, swap.after.location)
                session.commit()
        except DBAPIError as error:
            if gave_way(error):
                raise Moved(min(swaps)) from error
            raise

    def told(self, error: Exception, name: TableName) -> Exception:  # noqa: ARG002  # of all tables
        """What an error of a swap means."""
        return broken(self._url, error) if isinstance(error, SQLAlchemyError) else error

    def close(self) -> None:
        """Give the connections back."""
        if "_catalog" in self.__dict__:
            self._catalog.engine.dispose()

    def _exists(self) -> bool:
        """Whether there is a catalog to ask. Looking must not make an empty one."""
        return (self._file is None or self._file.exists()) and self._catalog.there

    @property
    def _file(self) -> Path | None:
        """The file of a SQLite catalog; None for another kind."""
        sqlite = self._url.get_backend_name() == "sqlite" and self._url.database
        return Path(str(self._url.database)) if sqlite else None

    @cached_property
    def _catalog(self) -> Database:
        try:
            return Database(self._url, self._warehouse)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            raise broken(self._url, error) from error

    def _swap_one(self, session: Session, name: TableName, old: str | None, new: str) -> None:
        if old is None:
            row = self._catalog._create_table_row(str(name.layer), name.model, new)
            try:
                session.execute(insert(IcebergTables).values(**row))
            except IntegrityError:
                raise Moved(name) from None
            return
        swapped: Any = session.execute(
            update(IcebergTables)
            .where(
                IcebergTables.catalog_name == CATALOG,
                IcebergTables.table_namespace == str(name.layer),
                IcebergTables.table_name == name.model,
                IcebergTables.metadata_location == old,
            )
            .values(metadata_location=new, previous_metadata_location=old)
        )
        if swapped.rowcount != 1:
            raise Moved(name)

    def _ensure_namespaces(self, layers: Iterable[Layer]) -> None:
        for layer in sorted(set(layers) - self._catalog.namespaces):
            # Another run may create it at the same time.
            with suppress(NamespaceAlreadyExistsError, IntegrityError):
                self._catalog.create_namespace(str(layer))
            self._catalog.namespaces.add(layer)
