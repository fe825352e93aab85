"""Changes: the windows in which a table has rows, and those in which it changed.

Manifests tell it, by the partitions of files that were added or removed. Rows are read only of
files that hold more than one window.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from medallion.errors import DefinitionError
from medallion.frame import DataFile, Frame
from medallion.ports import Engine, Store
from medallion.tables import Snapshot, Table
from medallion.window import ALL, NONE, Grain, Windows


@dataclass(slots=True)
class Changes:
    """What is asked of snapshots, which never change; so the answers are remembered."""

    store: Store
    engine: Engine
    _seen: dict[object, Windows] = field(default_factory=dict)

    def since(
        self, table: Table, old: int | None, new: int, column: str, grain: Grain | None
    ) -> Windows:
        """The windows whose files are others in the newer snapshot than in the older one."""
        if old == new:
            return NONE
        steps = _steps(table, old, new)
        if steps is None or (column and table.schema_at(new).column(column) is None):
            return ALL
        if not column or grain is None:
            return ALL if steps else NONE
        key = (table.name, old, new, column, grain)
        if key not in self._seen:
            files = {f.path: f for a, b in steps for f in moved(self.store, table, a, b, column)}
            self._seen[key] = self._windows(table, new, files.values(), column, grain)
        return self._seen[key]

    def rows_in(self, table: Table, snapshot: int, column: str, grain: Grain) -> Windows:
        """The windows in which a table has rows."""
        key = (table.name, snapshot, column, grain)
        if key not in self._seen:
            if table.schema_at(snapshot).column(column) is None:
                raise DefinitionError(
                    f"{table.name} has no column {column!r} yet, its time column",
                    hint=f"medallion build --select {table.name}",
                )
            files = self.store.frame(table, snapshot, column).files
            self._seen[key] = self._windows(table, snapshot, files, column, grain)
        return self._seen[key]

    def _windows(
        self, table: Table, snapshot: int, files: Iterable[DataFile], column: str, grain: Grain
    ) -> Windows:
        """The windows of rows in files; of a file with several, its time column is read."""
        known, unknown = [], []
        for file in files:
            if file.span and grain.ordinal(file.span.first) == grain.ordinal(file.span.past - 1):
                known.append(file.span.cover(grain))
            else:
                unknown.append(file)
        found = Windows.of(known)
        if unknown:
            frame = Frame(table.schema_at(snapshot), tuple(unknown))
            found |= self.engine.windows(frame, column, grain)
        return found


def moved(
    store: Store, table: Table, old: int | None, new: int | None, column: str
) -> Iterator[DataFile]:
    """The files, with their spans, that one of two snapshots has and the other has not."""
    before, after = (
        {f.path: f for f in store.frame(table, s, column).files} if s is not None else {}
        for s in (old, new)
    )
    yield from (f for path, f in (before | after).items() if (path in before) != (path in after))


def _steps(table: Table, old: int | None, new: int) -> list[tuple[int, int]] | None:
    """The pairs of snapshots whose files are to be compared; None where history does not tell.

    A snapshot that only rewrote files (`replace`) is stepped over: its rows are those before it.
    """
    if old is None or old not in table.snapshots or new not in table.snapshots:
        return None
    between: list[Snapshot] = []
    for snapshot in table.lineage(new):
        if snapshot.id == old:
            break
        between.append(snapshot)
    else:
        return [(old, new)]
    if not any(s.operation == "replace" for s in between):
        return [(old, new)]
    steps = [(s.parent, s.id) for s in between if s.operation != "replace"]
    known = [(a, b) for a, b in steps if a is not None and a in table.snapshots]
    return known if len(known) == len(steps) else None
