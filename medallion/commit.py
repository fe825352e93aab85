"""Commit: what a task wrote, as a snapshot of the run's branch, and the audit of that."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from medallion.address import inside
from medallion.auditing import audit_snapshot
from medallion.errors import ConflictError, StoreError
from medallion.hiding import masked
from medallion.names import TableName
from medallion.need import shown_windows
from medallion.plan import Task
from medallion.quarantine import Settled, quarantine_of
from medallion.rebase import Written, rebased
from medallion.report import State, Step, TaskResult
from medallion.run import Run, frames_of
from medallion.state import state_of
from medallion.tables import CODE, INPUTS, RUN, SUITE, WINDOWS, Draft, Result, Table, Write

T = TypeVar("T")

_SHOWN = 500  # characters of a list of windows


def own_draft(task: Task, table: Table | None, location: str, run: str) -> Draft:
    """Where the files of a task's own table go.

    Raises:
        StoreError: the table lies outside of the warehouse.
    """
    warehouse = location.removesuffix(f"/{task.name.layer}/{task.name.model}")
    if table and not inside(table.location, warehouse):
        raise StoreError(
            f"{task.name} is at {table.location}, and the warehouse is {warehouse}",
            hint="set warehouse to where the catalog's tables are, or begin with another catalog",
        )
    model = task.model
    draft = Draft(task.name, location, run, model.partition_by, renamed=model.renamed)
    keeps = not task.need.anew and not model.dimension
    return replace(draft.upon(table), keeps=keeps) if table else draft


def own_write(
    run: Run,
    task: Task,
    before: Table | None,
    draft: Draft,
    result: Result,
    pins: Mapping[TableName, int],
    *,
    always: bool,
) -> Write | None:
    """The commit of what was evaluated; None if the rows turn out to be those there are.

    `always` says that something else moves with it.
    """
    need = task.need
    replaces = None if need.anew else need.replaces | result.replaced
    same = replaces is not None and replaces == {f.path for f in result.files}
    if same and not need.creates and not always:
        return None
    summary = {
        RUN: run.plan.run,
        CODE: task.code,
        SUITE: task.suite.digest if task.suite else "",
        INPUTS: json.dumps({str(k): v for k, v in sorted(pins.items()) if k in task.reads}),
    }
    if shown := shown_windows(need, task.model):
        summary[WINDOWS] = masked(", ".join(shown))[:_SHOWN]
    cursor = result.cursor if need.read else None
    state = run.survey.new_state(task.node, need, state_of(before), pins, cursor).to_text()
    comment = masked(task.model.description)
    return Write(draft, run.branch, task.base, result, summary, comment, replaces, state)


def commit_and_audit(run: Run, task: Task, written: Written, result: TaskResult) -> TaskResult:
    """Make what was evaluated a snapshot of the run's branch, and audit that."""
    if task.model.quarantines:
        return _divide_and_audit(run, task, written, result)
    written = _persistently(run, task, written, partial(_commit, run))
    run.writes[task.name] = written
    snapshot = written.snapshot
    run.tell(Step.COMMITTED, task.name, snapshot=snapshot, branch=run.branch)
    tables = run.ports.catalog.tables(written.pins)
    others = {str(n): f for n, f in frames_of(run, task, tables, written.pins).items()}
    audit = audit_snapshot(run.ports, task, snapshot, others)
    run.tell(Step.AUDITED, task.name, passed=audit.passed)
    state = State.WRITTEN if audit.passed else State.REJECTED
    return replace(result, state=state, snapshot=snapshot, audit=audit)


def _divide_and_audit(run: Run, task: Task, written: Written, result: TaskResult) -> TaskResult:
    """The same with rows that fail in a table of their own; on top of others' windows."""
    tables = run.ports.catalog.tables(written.pins)
    others = {str(n): f for n, f in frames_of(run, task, tables, written.pins).items()}

    def committed(snapshot: int) -> None:
        run.tell(Step.COMMITTED, task.name, snapshot=snapshot, branch=run.branch)

    def attempt(whole: Written) -> Settled:
        return quarantine_of(run.ports, task, whole, others).settle(committed)

    settled = _persistently(run, task, written, attempt)
    run.tell(Step.AUDITED, task.name, passed=settled.passed)
    if settled.changed and settled.written.snapshot:
        run.writes[task.name] = settled.written
    return settled.told(result)


def _commit(run: Run, written: Written) -> Written:
    """Commit to the run's branch what a task wrote, and what it put aside."""
    store, aside = run.ports.store, written.aside
    snapshot = store.commit(written.write)
    beside = store.commit(aside) if aside else None
    return replace(written, snapshot=snapshot, aside_snapshot=beside)


def _persistently(run: Run, task: Task, written: Written, attempt: Callable[[Written], T]) -> T:
    """What the attempt gives; where others built other windows meanwhile, on top of theirs."""
    while True:
        try:
            return attempt(written)
        except ConflictError:
            tables = run.ports.catalog.tables([*written.tables, *task.after])
            again = rebased(run.survey, task, written, tables, written.pins)
            if again is None:  # `main` is where it was: it is something else
                raise
            written = again
