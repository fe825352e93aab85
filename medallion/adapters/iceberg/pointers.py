"""Lake of a catalog that keeps, for each table, the address of its metadata file.

Metadata files are written first; then every address is replaced by compare-and-swap.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table.locations import load_location_provider
from pyiceberg.table.update import update_table_metadata

from medallion.adapters.iceberg.address import unreadable
from medallion.adapters.iceberg.blobs import BlobIO
from medallion.adapters.iceberg.lake import Change, Lake, Loaded, Moved
from medallion.errors import StoreError
from medallion.names import TableName
from medallion.tables import Guarantee


@dataclass(frozen=True, slots=True)
class Swap:
    """The address of one table is to be `after`'s instead of `before`'s; None where it is new."""

    before: Loaded | None
    after: Loaded


class Pointers(Protocol):
    """A service that keeps the addresses of metadata files."""

    guarantee: Guarantee
    one_look: bool  # whether `locations` sees all tables as of one moment

    def prepare(self) -> None:
        """Open the catalog, and make it where there is none."""
        ...

    def locations(
        self, names: Collection[TableName], *, settled: bool = False
    ) -> dict[TableName, str]:
        """The metadata files of those tables that exist; `settled` waits for commits under way."""
        ...

    def swap(self, swaps: Mapping[TableName, Swap]) -> None:
        """Replace the addresses, all or none.

        Raises:
            Moved: it is certain that one is not `before`'s, and that nothing was replaced.
        """
        ...

    def told(self, error: Exception, name: TableName) -> Exception:
        """What an error of a swap means that did not take place; `Moved` for a conflict."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class PointerLake(Lake):
    """The `Lake` of such a service."""

    def __init__(self, pointers: Pointers, warehouse: str, io: FileIO | None = None) -> None:
        super().__init__(warehouse, io)
        self._pointers = pointers

    @property
    def guarantee(self) -> Guarantee:
        """What the catalog promises of a group."""
        return self._pointers.guarantee

    @property
    def one_look(self) -> bool:
        """Whether `load` sees all tables as of one moment."""
        return self._pointers.one_look

    def prepare(self) -> None:
        """Open the catalog, and make it where there is none."""
        self._pointers.prepare()

    def close(self) -> None:
        """Give the connections back."""
        self._pointers.close()

    def _load(self, names: Sequence[TableName]) -> dict[TableName, Loaded]:
        pointers = self._pointers.locations(names)
        if isinstance(self.io, BlobIO):
            known = {loaded.location for name in names if (loaded := self.recall(name))}
            self.io.blobs.fetch(set(pointers.values()) - known)
        return {name: self._read(name, location) for name, location in pointers.items()}

    def _commit(self, changes: Sequence[Change]) -> Mapping[TableName, Loaded]:
        # By name: transactions that lock the same rows lock them in the same order.
        staged = {
            change.name: Swap(change.before, self._stage(change))
            for change in sorted(changes, key=lambda change: change.name)
        }
        try:
            self._pointers.prepare()
            self._pointers.swap(staged)
        except Moved:
            raise
        except Exception as error:
            # The answer may be lost, or be that to a repetition, although the commit landed: the
            # catalog knows.
            if not self._landed(staged):
                raise self._pointers.told(error, min(staged)) from error
        return {name: swap.after for name, swap in staged.items()}

    def _read(self, name: TableName, location: str) -> Loaded:
        cached = self.recall(name)
        if cached and cached.location == location:
            return cached
        try:
            metadata = FromInputFile.table_metadata(self.io.new_input(location))
        except (OSError, ValueError, ValidationError) as error:
            raise unreadable(name, location, error) from error
        return Loaded(metadata, location)

    def _stage(self, change: Change) -> Loaded:
        before = change.before
        metadata = before.metadata if before else change.initial
        assert metadata is not None
        after = update_table_metadata(
            metadata, change.updates, metadata_location=before.location if before else None
        )
        version = MetastoreCatalog._parse_metadata_version(before.location) + 1 if before else 0
        provider = load_location_provider(after.location, {})
        location = provider.new_table_metadata_file_location(version)
        try:
            ToOutputFile.table_metadata(after, self.io.new_output(location))
        except OSError as error:
            raise StoreError(
                f"the warehouse {self.warehouse} failed: {error}",
                hint="check warehouse in [tool.medallion] of pyproject.toml",
            ) from error
        return Loaded(after, location)

    def _landed(self, staged: Mapping[TableName, Swap]) -> bool:
        """Whether each table is, or has been, what was staged."""
        for name, swap in staged.items():
            pointer = self._pointers.locations([name], settled=True).get(name)
            now = self._read(name, pointer) if pointer else None
            log = [entry.metadata_file for entry in now.metadata.metadata_log] if now else []
            if now is None or swap.after.location not in (now.location, *log):
                return False
        return True
