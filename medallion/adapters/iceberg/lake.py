"""Lake: the metadata of many tables, read at one moment and committed in one transaction.

PyIceberg commits one table at a time, retries by itself and may clean up after a commit that
landed. Here nothing is retried behind the caller's back and nothing is deleted: metadata files are
written first, then one database transaction moves every pointer by compare-and-swap, or none.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, ValidationError
from pyiceberg.io import FileIO
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table.locations import load_location_provider
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableUpdate, update_table_metadata
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from medallion.adapters.iceberg.address import CATALOG, unreadable
from medallion.adapters.iceberg.blobs import BlobIO
from medallion.adapters.iceberg.database import Database, broken, gave_way, parsed
from medallion.adapters.iceberg.disk import DiskIO
from medallion.errors import CatalogError, ConflictError, StoreError
from medallion.names import Layer, TableName

_CLOCK_MS = 60_000


class Moved(Exception):
    """A table's metadata is no longer what the change was made on; nothing was committed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A table's metadata and the file it was read from."""

    metadata: TableMetadata
    location: str


@dataclass(frozen=True, slots=True)
class Change:
    """Updates of one table, decided on `before`; None where the table is created from `initial`."""

    name: TableName
    before: Loaded | None
    updates: tuple[TableUpdate, ...]
    initial: TableMetadata | None = None


class Lake:
    """Tables of one SQL catalog and one warehouse. Safe to use from several threads."""

    def __init__(self, uri: str, warehouse: str, io: FileIO | None = None) -> None:
        self._url = parsed(uri)
        self._io = io
        self.warehouse = warehouse.rstrip("/")
        self._cache: dict[TableName, Loaded] = {}
        self._lock = threading.Lock()

    @cached_property
    def io(self) -> FileIO:
        """Reads and writes metadata files. A table's own properties have no say in it."""
        return self._io or DiskIO()

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

    def location(self, name: TableName) -> str:
        """The folder of a table."""
        return f"{self.warehouse}/{name.layer}/{name.model}"

    def load(self, names: Iterable[TableName]) -> dict[TableName, Loaded]:
        """Those of the tables that exist, as of one read of the catalog."""
        wanted = set(names)
        pointers = self._pointers(wanted) if wanted else {}
        if isinstance(self.io, BlobIO):
            known = {loaded.location for loaded in list(self._cache.values())}
            self.io.blobs.fetch(set(pointers.values()) - known)
        return {name: self._read(name, location) for name, location in sorted(pointers.items())}

    def recall(self, name: TableName) -> Loaded | None:
        """The table as it was last seen; the catalog is not asked."""
        with self._lock:
            return self._cache.get(name)

    def commit(self, changes: Sequence[Change]) -> None:
        """Make all the changes, or none.

        Raises:
            Moved: another commit came first.
            CatalogError, StoreError: it is certain that nothing was committed, or the catalog
                could not be asked.
        """
        staged = {c.name: self._stage(c) for c in sorted(changes, key=lambda c: c.name)}
        before = {c.name: c.before.location if c.before else None for c in changes}
        try:
            self._swap(before, staged)
        except Moved:
            raise
        except Exception as error:
            # The answer may be lost although the commit landed: the catalog knows.
            if not self._landed(staged):
                raise self._translated(error) from error
        with self._lock:
            self._cache |= staged

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
            return Database(self._url, self.warehouse)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            raise broken(self._url, error) from error

    def _translated(self, error: Exception) -> Exception:
        if isinstance(error, OSError):
            return StoreError(
                f"the warehouse {self.warehouse} failed: {error}",
                hint="check warehouse in [tool.medallion] of pyproject.toml",
            )
        return broken(self._url, error) if isinstance(error, SQLAlchemyError) else error

    def _pointers(
        self, names: Iterable[TableName], *, settled: bool = False
    ) -> dict[TableName, str]:
        """The metadata files of tables, as of one read; `settled` waits for commits under way."""
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

    def _read(self, name: TableName, location: str) -> Loaded:
        cached = self.recall(name)
        if cached and cached.location == location:
            return cached
        try:
            metadata = FromInputFile.table_metadata(self.io.new_input(location))
        except (OSError, ValueError, ValidationError) as error:
            raise unreadable(name, location, error) from error
        loaded = Loaded(metadata, location)
        with self._lock:
            self._cache[name] = loaded
        return loaded

    def _stage(self, change: Change) -> Loaded:
        before = change.before
        metadata = before.metadata if before else change.initial
        assert metadata is not None
        behind = metadata.last_updated_ms - time.time_ns() // 1_000_000
        if before and behind > _CLOCK_MS:
            raise CatalogError(
                f"this clock is {behind // 1000} s behind the last change of {change.name}",
                hint="set the clock; history would be out of order",
            )
        after = update_table_metadata(
            metadata, change.updates, metadata_location=before.location if before else None
        )
        version = SqlCatalog._parse_metadata_version(before.location) + 1 if before else 0
        provider = load_location_provider(after.location, {})
        location = provider.new_table_metadata_file_location(version)
        try:
            ToOutputFile.table_metadata(after, self.io.new_output(location))
        except OSError as error:
            raise self._translated(error) from error
        return Loaded(after, location)

    def _landed(self, staged: Mapping[TableName, Loaded]) -> bool:
        """Whether each table is, or has been, what was staged.

        A server may still be committing when the connection to it is lost: it holds the rows then.
        """
        for name, loaded in staged.items():
            pointer = self._pointers([name], settled=True).get(name)
            now = self._read(name, pointer) if pointer else None
            log = [entry.metadata_file for entry in now.metadata.metadata_log] if now else []
            if now is None or loaded.location not in (now.location, *log):
                return False
        return True

    def _swap(
        self, before: Mapping[TableName, str | None], staged: Mapping[TableName, Loaded]
    ) -> None:
        self.prepare()
        self._ensure_namespaces({name.layer for name, old in before.items() if old is None})
        try:
            with Session(self._catalog.engine) as session:
                for name, loaded in staged.items():
                    self._swap_one(session, name, before[name], loaded.location)
                session.commit()
        except DBAPIError as error:
            if gave_way(error):
                raise Moved(min(staged)) from error
            raise

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


def conflict(name: TableName, what: str) -> ConflictError:
    """The error that says how somebody else's change keeps a table from being published."""
    return ConflictError(
        f"{name}: {what}; nothing was published",
        hint="their rows are untouched; run the build again",
    )
