"""Catalog in a SQLite file: whoever only looks at it needs the standard library alone.

PyIceberg and SQLAlchemy take longer to import than all tables of a project take to read.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from medallion.adapters.iceberg.address import CATALOG, unusable
from medallion.adapters.iceberg.document import disk, read_table
from medallion.names import TableName
from medallion.ports import Catalog
from medallion.tables import Guarantee, Publication, Table

if TYPE_CHECKING:
    from medallion.adapters.iceberg.blobs import Blobs

IN_ONE_TRANSACTION = Guarantee(
    True,
    "A group of tables is published in one transaction of the catalog's database: readers see all "
    "of it, or nothing.",
)
_WAIT_S = 60
_TABLE = "select 1 from sqlite_master where name = 'iceberg_tables'"
_POINTERS = """
    select table_namespace || '.' || table_name, coalesce(metadata_location, '')
    from iceberg_tables where catalog_name = ?
"""


class SqliteCatalog:
    """The `Catalog` port on a SQLite file. What changes something is left to the `writer`.

    `blobs` reads metadata files that are not on this machine.
    """

    def __init__(self, file: Path, writer: Catalog, blobs: "Blobs | None" = None) -> None:
        self._file = file
        self._writer = writer
        self._blobs = blobs
        self._cache: dict[TableName, tuple[str, Table]] = {}

    def tables(self, names: Iterable[TableName]) -> Mapping[TableName, Table]:
        """Those of the tables that exist, all as of one moment.

        Raises:
            CatalogError, StoreError: the catalog, or the metadata of a table, cannot be read.
        """
        wanted = sorted(set(names))
        pointers = self._pointers() if wanted else {}
        places = {n: pointers[str(n)] for n in wanted if str(n) in pointers}
        if self._blobs:
            known = {location for location, _ in list(self._cache.values())}
            self._blobs.fetch(set(places.values()) - known)
        return {n: self._read(n, location) for n, location in places.items()}

    def prepare(self) -> None:
        """Make sure that the catalog can be written; make an empty one where there is none."""
        self._writer.prepare()

    def location(self, name: TableName) -> str:
        """The folder of a table, existing or not."""
        return self._writer.location(name)

    def guarantee(self) -> Guarantee:
        """What the catalog promises of a group that is published."""
        return IN_ONE_TRANSACTION

    def unfinished(self) -> tuple[str, ...]:
        """None: a publish that was interrupted has moved all tables or none."""
        return ()

    def publish(self, group: Sequence[Publication]) -> None:
        """Move `main` of every table of the group to its audited snapshot, or of none."""
        self._writer.publish(group)

    def note(self, name: TableName, key: str, value: str | None) -> None:
        """Set a property of a table, or remove it."""
        self._writer.note(name, key, value)

    def amend(self, name: TableName, base: int, before: str | None, after: str) -> None:
        """Replace the state of a table whose rows stay as they are, if it still is `before`."""
        self._writer.amend(name, base, before, after)

    def discard(self, names: Iterable[TableName], branch: str) -> None:
        """Drop the branch from those of the tables that have it, with what was noted of it."""
        self._writer.discard(names, branch)

    def _pointers(self) -> dict[str, str]:
        """The metadata files of all tables, as of one read. Looking makes no catalog."""
        # Not `mode=ro`: that leaves the log's files behind, owned by whoever looked last.
        address = f"{self._file.as_uri()}?mode=rw"
        try:
            if not self._file.exists():
                return {}
            with closing(sqlite3.connect(address, timeout=_WAIT_S, uri=True)) as connection:
                made = connection.execute(_TABLE).fetchone()
                return dict(connection.execute(_POINTERS, [CATALOG])) if made else {}
        except (sqlite3.Error, OSError) as error:
            raise unusable(f"sqlite:///{self._file}", error) from error

    def _read(self, name: TableName, location: str) -> Table:
        known = self._cache.get(name)
        if known and known[0] == location:
            return known[1]
        table = read_table(name, location, self._blobs.read if self._blobs else disk)
        self._cache[name] = (location, table)
        return table
