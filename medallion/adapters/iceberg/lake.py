"""Lake: the metadata of many tables, read from a catalog and committed to it.

PyIceberg commits one table at a time, retries by itself and may clean up after a commit that
landed. Here nothing is retried behind the caller's back and nothing is deleted. A subclass is for
one kind of catalog: `PointerLake` where it keeps the addresses of metadata files, `RestLake` where
its server writes the metadata.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pyiceberg.io import FileIO
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableUpdate

from medallion.adapters.iceberg.disk import DiskIO
from medallion.errors import CatalogError, ConflictError
from medallion.names import TableName
from medallion.tables import Guarantee

_CLOCK_MS = 60_000
IN_TURN = Guarantee(
    False,
    "The tables of a group are published one after the other, in the order they are built, and a "
    "journal says which: readers may see the first of them before the others. What was interrupted "
    "is finished, or put back, by the next command that writes.",
)


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


class Lake(ABC):
    """Tables of one catalog and one warehouse. Safe to use from several threads.

    `io` reads and writes metadata files; a table's own properties have no say in it.
    """

    def __init__(self, warehouse: str, io: FileIO | None = None) -> None:
        self.warehouse = warehouse.rstrip("/")
        self._io = io
        self._cache: dict[TableName, Loaded] = {}
        self._lock = threading.Lock()

    @cached_property
    def io(self) -> FileIO:
        """Reads and writes metadata files."""
        return self._io or DiskIO()

    @property
    @abstractmethod
    def guarantee(self) -> Guarantee:
        """What the catalog promises of a group; several tables in one commit if it is `whole`.

        Raises:
            CatalogError: it has to be asked, and cannot be.
        """

    @property
    @abstractmethod
    def one_look(self) -> bool:
        """Whether `load` sees all tables as of one moment."""

    @abstractmethod
    def prepare(self) -> None:
        """Open the catalog, and make it where there is none.

        Raises:
            CatalogError: it cannot be opened.
            DefinitionError: a library that it needs is not installed, or an option is wrong.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the connections back."""

    def location(self, name: TableName) -> str:
        """The folder of a table."""
        return f"{self.warehouse}/{name.layer}/{name.model}"

    def load(self, names: Iterable[TableName]) -> dict[TableName, Loaded]:
        """Those of the tables that exist, in order.

        Raises:
            CatalogError, StoreError: the catalog, or the metadata of a table, cannot be read.
        """
        wanted = sorted(set(names))
        found = self._load(wanted) if wanted else {}
        self._keep(found)
        return dict(sorted(found.items()))

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
        if len(changes) > 1 and not self.guarantee.whole:
            raise ValueError("this catalog commits one table at a time")
        for change in changes:
            _check_clock(change)
        self._keep(self._commit(changes))

    @abstractmethod
    def _load(self, names: Sequence[TableName]) -> dict[TableName, Loaded]: ...

    @abstractmethod
    def _commit(self, changes: Sequence[Change]) -> Mapping[TableName, Loaded]:
        """Make the changes; what is known of the tables after it."""

    def _keep(self, found: Mapping[TableName, Loaded]) -> None:
        with self._lock:
            self._cache |= found


def _check_clock(change: Change) -> None:
    if change.before is None:
        return
    behind = change.before.metadata.last_updated_ms - time.time_ns() // 1_000_000
    if behind > _CLOCK_MS:
        raise CatalogError(
            f"this clock is {behind // 1000} s behind the last change of {change.name}",
            hint="set the clock; history would be out of order",
        )


def conflict(name: TableName, what: str) -> ConflictError:
    """The error that says how somebody else's change keeps a table from being published."""
    return ConflictError(
        f"{name}: {what}; nothing was published",
        hint="their rows are untouched; run the build again",
    )
