"""Publish tables one after the other, so that in the end all of a group moved, or none.

A journal is written before the first table moves, and removed after the last. Whoever finds one
finishes it: forward if every table can be moved or was, else back. Why any number may do so at
once, and beside the one who wrote it:

* A step is a compare-and-swap on the refs of one table. Forward needs `main` at the base and the
  branch at the audited snapshot, and takes the branch away: it happens once, whoever does it.
* Back leaves no table from which forward is possible: `main` returns to the base, and the branch
  points to a copy of the snapshot, with the same rows and another id. That holds for tables that
  were not moved yet as well, so one who wakes up late, or a request that arrives late, moves none.
* Back needs `main` at the very snapshot, which is never published again under that id: no later
  publish can be undone by somebody who is late.
* Back is begun only where a table cannot be moved, which stays so: nobody else can have gone
  forward to the end. It goes in the opposite order: what readers see is the first tables of the
  group, or all, or none, each of them audited.
* What others have built on a table that was moved is theirs: that table stays where it is.
"""

from collections.abc import Callable, Sequence
from functools import partial

from pyiceberg.io import FileIO
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    RemoveSnapshotRefUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSpecUpdate,
    TableUpdate,
)
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from medallion.adapters.iceberg.appending import is_done, moved_on, withdrawn_entry
from medallion.adapters.iceberg.journal import Journal, Journals, Move, move_of
from medallion.adapters.iceberg.lake import Change, Lake, Moved, conflict
from medallion.adapters.iceberg.moves import noted, ref_at
from medallion.adapters.iceberg.snapshot import copied
from medallion.errors import CatalogError, ConflictError, InfrastructureError, StoreError
from medallion.names import MAIN, TableName
from medallion.tables import Publication

Decide = Callable[[TableMetadata | None], tuple[TableUpdate, ...]]


def persistently(attempt: Callable[[], None]) -> None:
    """Repeat an attempt while other commits come first, with growing, random pauses."""
    try:
        for trial in Retrying(
            retry=retry_if_exception_type(Moved),
            wait=wait_random_exponential(multiplier=0.02, max=2),
            stop=stop_after_attempt(30),
            reraise=True,
        ):
            with trial:
                attempt()
    except Moved as moved:
        raise conflict(moved.args[0], "others commit to it all the time") from moved


class Steps:
    """Publishes groups on a lake that commits one table at a time."""

    def __init__(self, lake: Lake, journals: Journals) -> None:
        self._lake = lake
        self._journals = journals

    def publish(self, group: Sequence[Publication]) -> None:
        """Move every table of the group, in its order, or in the end none.

        Raises:
            ConflictError: one cannot be moved; those that were are back where they were.
            CatalogError: it is unfinished; `finish` goes on.
        """
        moves = self._decided(group)
        if len(moves) < 2:
            self._forward(group)
            return
        journal = self._journals.begin(moves)
        self._carry_out(journal, partial(self._forward, group))

    def finish(self) -> None:
        """Finish what others left, forward or back.

        Raises:
            CatalogError: that is not possible now.
        """
        for journal in self._journals.left():
            try:
                self._carry_out(journal, partial(self._resumed, journal))
            except ConflictError:
                continue  # it is back where it was

    def unfinished(self) -> tuple[str, ...]:
        """The runs whose publish has not ended."""
        return tuple(sorted({journal.run for journal in self._journals.left()}))

    def _decided(self, group: Sequence[Publication]) -> list[Move]:
        """The moves of those tables that are not there yet; all others can be moved."""
        loaded = self._lake.load(p.table for p in group)
        moves = []
        for publication in group:
            found = loaded.get(publication.table)
            if found is None:
                raise conflict(publication.table, "it does not exist")
            if not is_done(publication, found.metadata):
                if not publication.appends:
                    moved_on(publication, found.metadata, self._lake.io)
                moves.append(move_of(publication, found.metadata))
        return moves

    def _resumed(self, journal: Journal) -> None:
        group = [move.to for move in journal.moves]
        self._decided(group)
        self._forward(group)

    def _forward(self, group: Sequence[Publication]) -> None:
        for publication in group:
            self._commit(publication.table, partial(_forward, publication, self._lake.io))

    def _carry_out(self, journal: Journal, forward: Callable[[], None]) -> None:
        try:
            if journal.back:
                self._back(journal)
            else:
                try:
                    forward()
                except ConflictError as error:
                    self._turned(journal, error)
        except InfrastructureError as error:
            raise _unfinished(journal, error) from error
        try:
            self._journals.end(journal)
        except StoreError:
            return  # whoever finds it sees that all is done

    def _turned(self, journal: Journal, error: ConflictError) -> None:
        """Go back, and say why."""
        turned = self._journals.turn(journal)
        kept = self._back(turned) if turned else []
        if turned:
            self._journals.end(turned)
        said = f"{error.message}; tables that had been moved were put back"
        if kept:
            said += f", but for {', '.join(map(str, kept))}, which others have built on"
        raise ConflictError(said, hint=error.hint) from error

    def _back(self, journal: Journal) -> list[TableName]:
        """Undo every move; the tables that stay because others went on from there."""
        kept = []
        for move in reversed(journal.moves):
            name = move.to.table
            try:
                self._commit(name, partial(withdrawn, move, self._lake.io))
            except ConflictError as error:
                raise CatalogError(error.message) from error
            now = self._lake.load([name]).get(name)
            if now and not move.to.appends and is_done(move.to, now.metadata):
                kept.append(name)
        return kept

    def _commit(self, name: TableName, decide: Decide) -> None:
        def attempt() -> None:
            loaded = self._lake.load([name]).get(name)
            if updates := decide(loaded.metadata if loaded else None):
                assert loaded is not None
                self._lake.commit([Change(name, loaded, updates)])

        persistently(attempt)


def _forward(
    to: Publication, io: FileIO, metadata: TableMetadata | None
) -> tuple[TableUpdate, ...]:
    if metadata is None:
        raise conflict(to.table, "it does not exist")
    return moved_on(to, metadata, io)


def withdrawn(move: Move, io: FileIO, metadata: TableMetadata | None) -> tuple[TableUpdate, ...]:
    """The updates after which the audited snapshot is not published, and cannot be any more.

    Its rows stay to be looked at: the branch has a copy. None where others went on from there, or
    dropped the branch or the table.
    """
    to = move.to
    if metadata is not None and to.appends:
        return withdrawn_entry(to, metadata)
    if metadata is None or (to.base is not None and metadata.snapshot_by_id(to.base) is None):
        return ()
    main, head = metadata.refs.get(MAIN), metadata.refs.get(to.branch)
    audited = metadata.snapshot_by_id(to.snapshot)
    moved = main is not None and main.snapshot_id == to.snapshot
    waits = head is not None and head.snapshot_id == to.snapshot
    if audited is None or not (moved or waits):
        return ()
    updates: list[TableUpdate] = []
    if head is None or waits:
        copy = copied(metadata, io, audited)
        updates += [AddSnapshotUpdate(snapshot=copy), ref_at(to.branch, copy.snapshot_id, head)]
    if not moved:
        return tuple(updates)
    if metadata.current_schema_id != move.schema:
        updates.append(SetCurrentSchemaUpdate(schema_id=move.schema))
    if metadata.default_spec_id != move.spec:
        updates.append(SetDefaultSpecUpdate(spec_id=move.spec))
    if to.base is None:
        updates.append(RemoveSnapshotRefUpdate(ref_name=MAIN))
    else:
        updates.append(ref_at(MAIN, to.base, main))
    for key, value in move.properties.items():
        updates += noted(metadata, key, value)
    return tuple(updates)


def _unfinished(journal: Journal, error: InfrastructureError) -> CatalogError:
    what = "is being put back" if journal.back else "is unfinished"
    names = ", ".join(str(move.to.table) for move in journal.moves)
    return CatalogError(
        f"the publish of run {journal.run} {what} ({names}): {error.message}",
        hint=f"the next command that writes goes on with it; {error.hint}",
    )
