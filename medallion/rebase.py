"""Rebase: put the windows that a run built on top of what others published meanwhile."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from medallion.changes import moved
from medallion.errors import ConflictError
from medallion.names import TableName
from medallion.need import Need, need_of_windows
from medallion.plan import Task
from medallion.state import state_of
from medallion.survey import Survey
from medallion.tables import Publication, Table, Write
from medallion.window import Windows


@dataclass(frozen=True, slots=True)
class Written:
    """What a run committed of one table: for which need, from which snapshots of its inputs.

    `aside` is what it put aside of the rows, in a table of their own. `undivided` is what it was
    before rows that fail were put aside.
    """

    write: Write
    need: Need
    pins: Mapping[TableName, int]
    snapshot: int = 0
    aside: Write | None = None
    aside_snapshot: int | None = None
    undivided: "Written | None" = None

    @property
    def tables(self) -> tuple[TableName, ...]:
        """The names of what is written."""
        return tuple(w.draft.table for w in (self.write, self.aside) if w)

    def publications(self, branch: str) -> Iterator[Publication]:
        """What is published of it in one step."""
        yield Publication(self.write.draft.table, branch, self.write.base, self.snapshot)
        if self.aside and self.aside_snapshot is not None:
            aside = self.aside
            yield Publication(aside.draft.table, branch, aside.base, self.aside_snapshot)


def rebased(
    survey: Survey,
    task: Task,
    written: Written,
    tables: Mapping[TableName, Table],
    pins: Mapping[TableName, int],
) -> Written | None:
    """The same files on `main` as it is now; None where `main` and the inputs did not move.

    Raises:
        ConflictError: somebody changed the same windows, or more than windows.
    """
    table, write = tables.get(task.name), written.write
    if table is None:
        raise _conflict(task.name, "it was dropped")
    if table.main == write.base and pins == written.pins:
        return None
    state = state_of(table)
    if (
        write.replaces is None
        or not survey.by_window(task.node)
        or state is None
        or (state.code != task.code and not task.request.forward_only)
    ):
        raise _conflict(task.name, "main moved since this run began")
    theirs = moved(survey.ports.store, table, write.base, table.main, task.model.time_column)
    spans = {file.span for file in theirs}
    met = [s for s in spans if s is None or written.need.windows.meets(s)]
    if met:
        shown = Windows.of(s for s in met if s)
        raise _conflict(task.name, f"another run built windows {shown} meanwhile")
    changed = survey.changes(task.node, tables, state.inputs, pins)
    stale = need_of_windows(task.model, state, task.code, changed, task.request).stale
    need = replace(written.need, stale=stale)
    settled = survey.new_state(task.node, need, state, pins)
    aside = written.aside
    if aside:
        there = tables.get(aside.draft.table)
        aside = replace(aside, base=there.main if there else None)
    write = replace(write, base=table.main, state=settled.to_text())
    return replace(written, write=write, pins=pins, aside=aside)


def _conflict(name: TableName, what: str) -> ConflictError:
    return ConflictError(
        f"{name}: {what}; nothing was published",
        hint="run it again: it builds on what is there now",
    )
