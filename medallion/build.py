"""The flow of a run, from a plan to a report. Read it from the top.

Rows are written to the run's branches, audited there, and published group by group. `main` moves in
one place only, `_publish`, and only to snapshots that passed their audit in this run.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from medallion.errors import CatalogError, ConflictError, InfrastructureError
from medallion.evaluation import Evaluation
from medallion.frame import Frame
from medallion.names import TableName, branch_of
from medallion.need import shown_windows
from medallion.plan import Group, Plan, Scope, Task
from medallion.ports import Ports
from medallion.rebase import Written, rebased
from medallion.report import Event, Failure, Listener, Report, State, Step, TaskResult
from medallion.schedule import walk
from medallion.schema import Schema
from medallion.state import state_of
from medallion.suite import Audit
from medallion.survey import Survey
from medallion.table import (
    CODE,
    INPUTS,
    RUN,
    STATE,
    SUITE,
    WINDOWS,
    Draft,
    Publication,
    Table,
    Write,
)

_SHOWN = 500  # characters of a list of windows
_REBASES = 5  # times that others may publish beside a run before it gives up

AUDIT = "medallion.audit."  # a table property, with the branch behind it: what its audit said


def build(
    plan: Plan,
    ports: Ports,
    survey: Survey,
    *,
    lanes: int = 1,
    windows: int = 1,
    listener: Listener = lambda _: None,
) -> Report:
    """Carry out a plan: at most `lanes` models at a time, and of each so many windows.

    Raises:
        DefinitionError: a suite or a model is wrong; nothing was written.
    """
    started = datetime.now(UTC)
    clock = time.perf_counter()
    check(plan, ports)
    if plan.tasks:
        ports.catalog.prepare()
    run = _Run(plan, ports, survey, lanes, windows, listener)
    run.tell(Step.PLANNED, plan.run, tasks=len(plan.tasks))
    for group in plan.groups:
        _build_group(run, group)
    return Report(
        plan.run,
        started.isoformat(timespec="seconds"),
        time.perf_counter() - clock,
        plan.publish,
        (
            *(TaskResult(name, State.FRESH) for name in plan.fresh),
            *(run.results[t.name] for t in plan.tasks),
        ),
        plan.warnings,
        tuple(a for addresses in run.addresses.values() for a in addresses),
    )


def check(plan: Plan, ports: Ports) -> Mapping[TableName, Schema]:
    """Find the mistakes that show before a row is read: in SQL, in sources, in suites.

    Returns the columns of the tables, as far as they are known without a run.
    """
    known = {
        name: table.schema_at(table.main)
        for name, table in plan.tables.items()
        if table.main is not None
    }
    for task in plan.tasks:
        inputs = {name: known[name] for name in task.reads if name in known}
        complete = len(inputs) == len(task.reads)
        columns = ports.engine.columns(task.model, inputs) if complete else None
        known.pop(task.name, None)
        if columns:
            known[task.name] = columns
        if task.suite:
            ports.auditor.check(task.suite, columns)
    return known


@dataclass(slots=True)
class _Run:
    """What a run has come to so far."""

    plan: Plan
    ports: Ports
    survey: Survey
    lanes: int
    windows: int
    listener: Listener
    results: dict[TableName, TaskResult] = field(default_factory=dict)
    writes: dict[TableName, Written] = field(default_factory=dict)
    addresses: dict[TableName, tuple[str, ...]] = field(default_factory=dict)

    @property
    def branch(self) -> str:
        return branch_of(self.plan.run)

    def tell(
        self, step: Step, subject: object, result: TaskResult | None = None, **details: Any
    ) -> None:
        self.listener(Event(step, self.plan.run, str(subject), details, result))


def _build_group(run: _Run, group: Group) -> None:
    tasks = {t.name: t for t in group.tasks}
    if _blocked(run, group):
        run.results |= {name: TaskResult(name, State.SKIPPED) for name in tasks}
        return
    run.results |= walk(
        {name: task.reads for name, task in tasks.items()},
        lambda name: _run_task(run, tasks[name]),
        lambda result: result.ok,
        lambda name: TaskResult(name, State.SKIPPED),
        lanes=run.lanes,
    )
    if run.plan.publish and all(run.results[name].ok for name in tasks):
        _publish(run, group)
    else:
        _keep(run, group)


def _blocked(run: _Run, group: Group) -> bool:
    """Whether something that ended badly keeps the group from being built."""
    bad = {name for name, result in run.results.items() if not result.ok}
    if run.plan.scope is Scope.MODEL:
        return any(name in bad for task in group.tasks for name in task.reads)
    return bool(bad)


def _run_task(run: _Run, task: Task) -> TaskResult:
    """Evaluate, commit to the branch, audit. An error becomes a result."""
    clock = time.perf_counter()
    run.tell(Step.STARTED, task.name)
    try:
        result = _update(run, task)
    except ConflictError as error:
        result = TaskResult(task.name, State.CONFLICTED, failure=Failure.of(error))
    except Exception as error:  # noqa: BLE001  # whatever a model raises is a result of the run
        result = TaskResult(task.name, State.FAILED, failure=Failure.of(error))
    result = replace(result, seconds=time.perf_counter() - clock)
    run.tell(Step.ENDED, task.name, result)
    return result


def _update(run: _Run, task: Task) -> TaskResult:
    """Do what the task needs, now that its inputs are there."""
    ports = run.ports
    tables = ports.catalog.tables([task.name, *task.reads])
    pins = {name: _pin(run, tables, name, pin) for name, pin in task.reads.items()}
    planned = {n: t for n, t in run.plan.tables.items() if n == task.name}
    if None in task.reads.values():
        need = run.survey.need(task.node, {**tables, **planned}, pins, task.request)
        task = replace(task, need=need)
    if task.need.idle:
        return TaskResult(task.name, State.FRESH)
    inputs = {
        name: ports.store.frame(_found(tables, name), pin, run.survey.time_column(task.node, name))
        for name, pin in pins.items()
    }
    if task.need.builds:
        done = _write(run, task, planned.get(task.name), tables, pins, inputs)
        if done is not None:
            return done
    return _settle(run, task, planned[task.name], pins, inputs)


def _pin(run: _Run, tables: Mapping[TableName, Table], name: TableName, pin: int | None) -> int:
    """The snapshot of an input: as planned, as this run wrote it, or as it stayed."""
    if pin is None and name in run.writes:
        return run.writes[name].snapshot
    found = pin if pin is not None else _found(tables, name).main
    assert found is not None
    return found


def _write(
    run: _Run,
    task: Task,
    before: Table | None,
    tables: Mapping[TableName, Table],
    pins: Mapping[TableName, int],
    inputs: Mapping[TableName, Frame],
) -> TaskResult | None:
    """Evaluate, commit to the branch, audit; nothing if the rows turn out to be those there are."""
    ports, need = run.ports, task.need
    location = ports.catalog.location(task.name)
    draft = _draft(task, tables.get(task.name), location, run.plan.run)
    current = None
    if before and before.main is not None and not need.anew:
        current = ports.store.frame(before, before.main)
    evaluation = Evaluation(ports, run.survey, task, inputs, draft, run.windows)
    done = evaluation.run(
        current, lambda n, of: run.tell(Step.EVALUATED, task.name, part=n, parts=of)
    )
    run.addresses[task.name] = done.addresses
    written = done.result
    replaces = None if need.anew else need.replaces | written.replaced
    if replaces is not None and replaces == {f.path for f in written.files} and not need.creates:
        return None
    summary = {
        RUN: run.plan.run,
        CODE: task.code,
        SUITE: task.suite.digest if task.suite else "",
        INPUTS: json.dumps({str(k): v for k, v in sorted(pins.items())}),
    }
    if shown := shown_windows(need, task.model):
        summary[WINDOWS] = ", ".join(shown)[:_SHOWN]
    state = run.survey.new_state(task.node, need, state_of(before), pins)
    write = Write(
        draft,
        run.branch,
        task.base,
        written,
        summary,
        task.model.description,
        replaces,
        state.to_text(),
    )
    result = TaskResult(
        task.name, State.WRITTEN, written.rows, written.bytes, parts=done.parts, reused=done.reused
    )
    return _commit_and_audit(run, task, Written(write, need, pins), result)


def _commit_and_audit(run: _Run, task: Task, written: Written, result: TaskResult) -> TaskResult:
    written = run.writes[task.name] = _commit(run, task, written)
    snapshot = written.snapshot
    run.tell(Step.COMMITTED, task.name, snapshot=snapshot, branch=run.branch)
    tables = run.ports.catalog.tables(written.pins)
    others = {str(n): run.ports.store.frame(tables[n], pin) for n, pin in written.pins.items()}
    audit = audit_snapshot(run.ports, task, snapshot, others)
    run.tell(Step.AUDITED, task.name, passed=audit.passed)
    state = State.WRITTEN if audit.passed else State.REJECTED
    return replace(result, state=state, snapshot=snapshot, audit=audit)


def _commit(run: _Run, task: Task, written: Written) -> Written:
    """Commit to the run's branch; where others built other windows meanwhile, on top of theirs."""
    while True:
        try:
            return replace(written, snapshot=run.ports.store.commit(written.write))
        except ConflictError:
            tables = run.ports.catalog.tables([task.name, *task.reads])
            write = rebased(run.survey, task, written, tables, written.pins)
            if write is None:  # `main` is where it was: it is something else
                raise
            written = replace(written, write=write)


def _settle(
    run: _Run,
    task: Task,
    table: Table,
    pins: Mapping[TableName, int],
    inputs: Mapping[TableName, Frame],
) -> TaskResult:
    """Note that rows which stay as they are are up to date, after an audit by a changed suite."""
    assert table.main is not None
    result = TaskResult(task.name, State.FRESH)
    if task.need.audits:
        others = {str(name): frame for name, frame in inputs.items()}
        audit = audit_snapshot(run.ports, task, table.main, others)
        run.tell(Step.AUDITED, task.name, passed=audit.passed)
        result = TaskResult(task.name, State.AUDITED, snapshot=table.main, audit=audit)
        if not audit.passed:
            return replace(result, state=State.REJECTED, snapshot=None)
    if run.plan.publish:
        state = run.survey.new_state(task.node, task.need, state_of(table), pins)
        before = table.properties.get(STATE)
        try:
            run.ports.catalog.amend(task.name, table.main, before, state.to_text())
        except ConflictError:
            if task.need.settles or task.need.audits:
                raise  # somebody waits for it; else the next build notes the same
    return result


def _found(tables: Mapping[TableName, Table], name: TableName) -> Table:
    if name not in tables:
        raise CatalogError(f"{name} was dropped since the run was planned", hint="build again")
    return tables[name]


def audit_snapshot(ports: Ports, task: Task, snapshot: int, others: Mapping[str, Any]) -> Audit:
    """Audit a snapshot of a task's table, read back from where it was committed."""
    table = _found(ports.catalog.tables([task.name]), task.name)
    frame = ports.store.frame(table, snapshot)
    verdicts = (
        ports.executor.submit(
            ports.auditor.audit, task.suite, frame, keys=task.model.unique_key, others=others
        ).result()
        if task.suite
        else ()
    )
    return Audit(task.name, snapshot, task.suite.digest if task.suite else "", frame.rows, verdicts)


def _draft(task: Task, table: Table | None, location: str, run: str) -> Draft:
    if table is None:
        return Draft(task.name, location, run, task.model.partition_by, renamed=task.model.renamed)
    return Draft(
        task.name,
        table.location,
        run,
        task.model.partition_by,
        table.schema_at(table.main) if table.main is not None else None,
        tuple(table.schemas.values()),
        table.last_column_id,
        task.model.renamed,
        keeps=not task.need.anew,
    )


def _publish(run: _Run, group: Group) -> None:
    """Move `main` of every table of the group to its audited snapshot, all in one step."""
    tasks = [t for t in group.tasks if run.results[t.name].state is State.WRITTEN]
    if not tasks:
        return
    run.tell(Step.PUBLISHING, group.name)
    try:
        _publish_rebased(run, tasks)
    except (ConflictError, InfrastructureError) as error:
        state = State.CONFLICTED if isinstance(error, ConflictError) else State.FAILED
        for task in tasks:
            run.results[task.name] = replace(
                run.results[task.name], state=state, failure=Failure.of(error)
            )
        return
    if any(not run.results[t.name].ok for t in tasks):  # the audit of a rebased table said no
        _keep(run, group)
        return
    for task in tasks:
        run.results[task.name] = replace(run.results[task.name], state=State.PUBLISHED)
    run.tell(Step.PUBLISHED, group.name, tables=[str(t.name) for t in tasks])


def _publish_rebased(run: _Run, tasks: Sequence[Task]) -> None:
    """Publish; where somebody built other windows of a table meanwhile, on top of theirs."""
    for attempt in range(_REBASES + 1):
        try:
            return run.ports.catalog.publish(
                [
                    Publication(t.name, run.branch, w.write.base, w.snapshot)
                    for t in tasks
                    for w in [run.writes[t.name]]
                ]
            )
        except ConflictError:
            if attempt == _REBASES or not _rebase(run, tasks):
                raise
        if any(not run.results[t.name].ok for t in tasks):
            return None
    return None


def _rebase(run: _Run, tasks: Sequence[Task]) -> bool:
    """Commit and audit anew what others published beside; False if nothing can be rebased.

    Raises:
        ConflictError: they built the same windows.
    """
    moved = False
    ours = {written.snapshot: name for name, written in run.writes.items()}
    for task in tasks:
        tables = run.ports.catalog.tables([task.name, *task.reads])
        written = run.writes[task.name]
        # An input of the same group may have been rebased a moment ago.
        pins = {
            name: run.writes[name].snapshot if pin in ours and name in run.writes else pin
            for name, pin in written.pins.items()
        }
        write = rebased(run.survey, task, written, tables, pins)
        if write is not None:
            moved = True
            again = Written(write, written.need, pins)
            result = run.results[task.name]
            run.results[task.name] = _commit_and_audit(run, task, again, result)
    return moved


def _keep(run: _Run, group: Group) -> None:
    """Note on each table what its audit said, for whoever publishes or looks later."""
    for task in group.tasks:
        audit = run.results[task.name].audit
        if audit is not None and task.name in run.writes:
            run.ports.catalog.note(task.name, AUDIT + run.branch, verdict_note(audit))


def verdict_note(audit: Audit) -> str:
    """An audit as a table property: which snapshot, which suite, what came out."""
    failed = [f"{v.expectation}: {v.outcome}" for v in audit.verdicts if v.blocks]
    return json.dumps(
        {"snapshot": audit.snapshot, "suite": audit.suite, "passed": audit.passed, "blocks": failed}
    )


def noted(table: Table, branch: str) -> Mapping[str, Any] | None:
    """What `verdict_note` kept for a branch."""
    text = table.properties.get(AUDIT + branch)
    return json.loads(text) if text else None
