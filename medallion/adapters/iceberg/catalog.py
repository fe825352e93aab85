"""Catalog: list tables and move their refs."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableUpdate

from medallion.adapters.iceberg.appending import moved_on
from medallion.adapters.iceberg.journal import Journals
from medallion.adapters.iceberg.lake import Change, Lake, Loaded, conflict
from medallion.adapters.iceberg.metadata import table_of
from medallion.adapters.iceberg.moves import amended, drop, forget, noted
from medallion.adapters.iceberg.publishing import Steps, persistently
from medallion.errors import CatalogError
from medallion.names import MAIN, TableName
from medallion.tables import Guarantee, Publication, Table

_LOOKS = 20


class IcebergCatalog:
    """The `Catalog` port on a lake.

    A lake that commits one table at a time needs `journals` to publish groups. Helper tasks have
    their folders below `results`; those of tables are in the lake.
    """

    def __init__(self, lake: Lake, journals: Journals | None = None, results: str = "") -> None:
        self._lake = lake
        self._results = results or lake.warehouse
        self._steps = Steps(lake, journals) if journals else None

    def prepare(self) -> None:
        """Make sure that the catalog can be written; make an empty one where there is none.

        A publish that was interrupted is finished, or put back.
        """
        self._lake.prepare()
        self._finish()

    def tables(self, names: Iterable[TableName]) -> Mapping[TableName, Table]:
        """Those of the tables that exist, all as of one moment."""
        return {n: table_of(n, loaded.metadata) for n, loaded in self._seen(set(names)).items()}

    def location(self, name: TableName) -> str:
        """The folder of a table, existing or not."""
        if name.is_task:
            return f"{self._results}/{name.layer}/{name.model}"
        return self._lake.location(name)

    def guarantee(self) -> Guarantee:
        """What the catalog promises of a group that is published."""
        return self._lake.guarantee

    def unfinished(self) -> tuple[str, ...]:
        """The runs whose publish was interrupted, or is under way."""
        return self._steps.unfinished() if self._steps else ()

    def publish(self, group: Sequence[Publication]) -> None:
        """Move `main` of every table of the group to its audited snapshot, or of none."""
        self._finish()
        by_name = {p.table: p for p in group}
        if self._steps and len(by_name) > 1 and not self._lake.guarantee.whole:
            self._steps.publish(group)
            return
        if gone := by_name.keys() - self._lake.load(by_name).keys():
            raise conflict(min(gone), "it does not exist")
        io = self._lake.io
        self._commit(by_name, lambda name, meta: moved_on(by_name[name], meta, io))

    def note(self, name: TableName, key: str, value: str | None) -> None:
        """Set a property of a table, or remove it."""
        self._commit([name], lambda _, meta: noted(meta, key, value))

    def amend(self, name: TableName, base: int, before: str | None, after: str) -> None:
        """Replace the state of a table whose rows stay as they are."""
        if not self._lake.load([name]):
            raise conflict(name, "it does not exist")
        self._commit([name], lambda _, meta: amended(name, meta, base, before, after))

    def discard(self, names: Iterable[TableName], branch: str) -> None:
        """Drop the branch from those of the tables that have it, with what was noted of it."""
        if branch == MAIN:
            raise ValueError("main is not discarded")
        self._finish()
        wanted = list(names)
        whole = len(wanted) < 2 or self._lake.guarantee.whole
        for batch in [wanted] if whole else [[name] for name in wanted]:
            self._commit(
                batch,
                lambda _, meta: (*drop(meta, branch), *forget(meta, branch)),
            )

    def _finish(self) -> None:
        if self._steps:
            self._steps.finish()

    def _seen(self, names: set[TableName]) -> Mapping[TableName, Loaded]:
        """The tables as of one moment, as far as readers see them.

        Where each is read on its own: `main` of all of them was the same before and after.
        """
        seen = self._lake.load(names)
        if self._lake.one_look or len(names) < 2:
            return seen
        for _ in range(_LOOKS):
            before, seen = seen, self._lake.load(names)
            if _mains(before) == _mains(seen):
                return seen
        raise CatalogError(
            "others publish all the time: the tables could not be seen as of one moment",
            hint="try again in a while",
        )

    def _commit(
        self,
        names: Iterable[TableName],
        decide: Callable[[TableName, TableMetadata], tuple[TableUpdate, ...]],
    ) -> None:
        """Decide on the tables as they are and commit; look again if one moved meanwhile."""
        wanted = tuple(names)

        def attempt() -> None:
            loaded = self._lake.load(wanted)
            changes = [
                Change(name, table, updates)
                for name, table in loaded.items()
                if (updates := decide(name, table.metadata))
            ]
            if changes:
                self._lake.commit(changes)

        persistently(attempt)


def _mains(seen: Mapping[TableName, Loaded]) -> dict[TableName, int | None]:
    return {n: loaded.metadata.current_snapshot_id for n, loaded in seen.items()}
