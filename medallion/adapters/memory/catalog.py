"""Catalog: tables in memory, and their refs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from medallion.adapters.memory.lake import MemoryLake
from medallion.errors import ConflictError
from medallion.names import MAIN, TableName
from medallion.tables import COMMENT, STATE, STATE_OF, Guarantee, Publication, Table


class MemoryCatalog:
    """The `Catalog` port on a lake in memory."""

    def __init__(self, lake: MemoryLake) -> None:
        self._lake = lake

    def prepare(self) -> None:
        """Nothing: the lake is there."""

    def tables(self, names: Iterable[TableName]) -> Mapping[TableName, Table]:
        """Those of the tables that exist, all as of one moment."""
        wanted = sorted(set(names))
        with self._lake.lock:
            return {n: self._lake.tables[n] for n in wanted if n in self._lake.tables}

    def location(self, name: TableName) -> str:
        """The folder of a table, existing or not."""
        return self._lake.location(name)

    def guarantee(self) -> Guarantee:
        """What the catalog promises of a group that is published."""
        return Guarantee(True, "A group of tables is published in one step.")

    def unfinished(self) -> tuple[str, ...]:
        """None: nothing outlives the process."""
        return ()

    def publish(self, group: Sequence[Publication]) -> None:
        """Move `main` of every table of the group to its audited snapshot, or of none."""
        with self._lake.lock:
            tables = self._lake.tables
            tables |= {
                p.table: self._appended(p, tables.get(p.table))
                if p.appends
                else _fast_forward(p, tables.get(p.table))
                for p in group
            }

    def _appended(self, publication: Publication, table: Table | None) -> Table:
        """The table with the files that the snapshot added, whatever others have added to it."""
        branch, given = publication.branch, publication.snapshot
        if table is None or table.refs.get(branch) != given or table.main == publication.base:
            done = table is not None and table.refs.get(branch) != given
            return table if table and done else _fast_forward(publication, table)
        now, before = self._lake.files[table.main or 0], self._lake.files.get(publication.base or 0)
        added = [f for f in self._lake.files[given] if f not in (before or ())]
        snapshot = replace(table.snapshots[given], id=next(self._lake.ids), parent=table.main)
        self._lake.files[snapshot.id] = (*now, *added)
        left = _without(table, branch)
        return replace(
            left,
            refs={**left.refs, MAIN: snapshot.id},
            snapshots={**left.snapshots, snapshot.id: snapshot},
        )

    def note(self, name: TableName, key: str, value: str | None) -> None:
        """Set a property of a table, or remove it. Nothing where the table does not exist."""
        with self._lake.lock:
            if table := self._lake.tables.get(name):
                self._lake.tables[name] = noted(table, {key: value})

    def amend(self, name: TableName, base: int, before: str | None, after: str) -> None:
        """Replace the state of a table whose rows stay as they are."""
        with self._lake.lock:
            table = self._lake.tables.get(name)
            if table is None or table.main != base or table.properties.get(STATE) != before:
                raise _conflict(name, "its state changed since the run was planned")
            self._lake.tables[name] = noted(table, {STATE: after, STATE_OF: str(table.main)})

    def discard(self, names: Iterable[TableName], branch: str) -> None:
        """Drop the branch from those of the tables that have it, with what was noted of it."""
        if branch == MAIN:
            raise ValueError("main is not discarded")
        with self._lake.lock:
            for name in names:
                if table := self._lake.tables.get(name):
                    self._lake.tables[name] = _without(table, branch)


def _fast_forward(publication: Publication, table: Table | None) -> Table:
    """The table with `main` on the audited snapshot and without the branch.

    Raises:
        ConflictError: `main` is not the base, or the branch not the audited snapshot.
    """
    name, branch, audited = publication.table, publication.branch, publication.snapshot
    if table is None:
        raise _conflict(name, "it does not exist")
    if audited in {s.id for s in table.lineage(table.main)}:
        return _without(table, branch)
    head = table.refs.get(branch)
    if head != audited:
        raise _conflict(name, f"its branch {branch} is at {head}, and {audited} was audited")
    if table.main != publication.base:
        raise _conflict(name, f"main moved from {publication.base} to {table.main}")
    if table.main not in {None, *(s.id for s in table.lineage(audited))}:
        raise _conflict(name, f"main (snapshot {table.main}) is no ancestor of {audited}")
    snapshot, left = table.snapshots[audited], _without(table, branch)
    assert snapshot.schema_id is not None
    state = table.properties.get(f"{STATE}.{branch}")
    notes = {
        "comment": snapshot.summary.get(COMMENT),
        STATE: state,
        STATE_OF: None if state is None else str(audited),
    }
    moved = replace(left, refs={**left.refs, MAIN: audited}, current_schema=snapshot.schema_id)
    return noted(moved, notes)


def noted(table: Table, notes: Mapping[str, str | None]) -> Table:
    """The table with these properties set or, where the value is None, removed."""
    properties = {k: v for k, v in {**table.properties, **notes}.items() if v is not None}
    return replace(table, properties=properties)


def _without(table: Table, branch: str) -> Table:
    """The table without the branch and what was noted of it."""
    return replace(
        table,
        refs={ref: id for ref, id in table.refs.items() if ref != branch},
        properties={k: v for k, v in table.properties.items() if not k.endswith(f".{branch}")},
    )


def _conflict(name: TableName, reason: str) -> ConflictError:
    return ConflictError(f"{name} was not published: {reason}", hint="build again")
