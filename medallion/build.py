"""The flow of a run, from a plan to a report. Read it from the top.

Rows are written to the run's branches, audited there, and published group by group. `main` moves in
one place only, `_publish`, and only to snapshots that passed their audit in this run.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from medallion.errors import CatalogError, ConflictError, InfrastructureError
from medallion.names import TableName, branch_of
from medallion.plan import Group, Plan, Scope, Task
from medallion.ports import Ports
from medallion.report import Event, Failure, Listener, Report, State, Step, TaskResult
from medallion.schedule import walk
from medallion.schema import Schema
from medallion.suite import Audit
from medallion.table import (
    CODE,
    INPUTS,
    RUN,
    SUITE,
    Draft,
    Publication,
    Table,
    Write,
)

AUDIT = "medallion.audit."  # a table property, with the branch behind it: what its audit said


def build(
    plan: Plan, ports: Ports, *, lanes: int = 1, listener: Listener = lambda _: None
) -> Report:
    """Carry out a plan.

    Raises:
        DefinitionError: a suite or a model is wrong; nothing was written.
    """
    started = datetime.now(UTC)
    clock = time.perf_counter()
    check(plan, ports)
    ports.catalog.prepare()
    run = _Run(plan, ports, lanes, listener)
    run.tell(Step.PLANNED, plan.run, tasks=len(plan.tasks))
    for group in plan.groups:
        _build_group(run, group)
    return Report(
        plan.run,
        started.isoformat(timespec="seconds"),
        time.perf_counter() - clock,
        plan.publish,
        tuple(run.results[t.name] for t in plan.tasks),
        plan.warnings,
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
    lanes: int
    listener: Listener
    results: dict[TableName, TaskResult] = field(default_factory=dict)
    snapshots: dict[TableName, int] = field(default_factory=dict)

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
        result = _write_and_audit(run, task)
    except ConflictError as error:
        result = TaskResult(task.name, State.CONFLICTED, failure=Failure.of(error))
    except Exception as error:  # noqa: BLE001  # whatever a model raises is a result of the run
        result = TaskResult(task.name, State.FAILED, failure=Failure.of(error))
    result = replace(result, seconds=time.perf_counter() - clock)
    run.tell(Step.ENDED, task.name, result)
    return result


def _write_and_audit(run: _Run, task: Task) -> TaskResult:
    ports, plan = run.ports, run.plan
    tables = ports.catalog.tables([task.name, *task.reads])
    pins = {
        name: pin if pin is not None else run.snapshots[name] for name, pin in task.reads.items()
    }
    inputs = {name: ports.store.frame(_found(tables, name), pin) for name, pin in pins.items()}
    draft = _draft(task, tables.get(task.name), ports.catalog.location(task.name), plan.run)

    written = ports.executor.submit(ports.engine.evaluate, task.model, inputs, draft).result()
    run.tell(Step.EVALUATED, task.name, rows=written.rows, bytes=written.bytes)

    summary = {
        RUN: plan.run,
        CODE: task.code,
        SUITE: task.suite.digest if task.suite else "",
        INPUTS: json.dumps({str(k): v for k, v in sorted(pins.items())}),
    }
    write = Write(draft, run.branch, task.base, written, summary, task.model.description)
    snapshot = ports.store.commit(write)
    run.snapshots[task.name] = snapshot
    run.tell(Step.COMMITTED, task.name, snapshot=snapshot, branch=run.branch)

    audit = audit_snapshot(ports, task, snapshot, {str(k): f for k, f in inputs.items()})
    run.tell(Step.AUDITED, task.name, passed=audit.passed)
    state = State.WRITTEN if audit.passed else State.REJECTED
    return TaskResult(task.name, state, written.rows, written.bytes, 0.0, snapshot, audit)


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
    )


def _publish(run: _Run, group: Group) -> None:
    """Move `main` of every table of the group to its audited snapshot, all in one step."""
    run.tell(Step.PUBLISHING, group.name)
    publications = [
        Publication(t.name, run.branch, t.base, run.snapshots[t.name]) for t in group.tasks
    ]
    try:
        run.ports.catalog.publish(publications)
    except (ConflictError, InfrastructureError) as error:
        state = State.CONFLICTED if isinstance(error, ConflictError) else State.FAILED
        for task in group.tasks:
            run.results[task.name] = replace(
                run.results[task.name], state=state, failure=Failure.of(error)
            )
        return
    for task in group.tasks:
        run.results[task.name] = replace(run.results[task.name], state=State.PUBLISHED)
    run.tell(Step.PUBLISHED, group.name, tables=[str(t.name) for t in group.tasks])


def _keep(run: _Run, group: Group) -> None:
    """Note on each table what its audit said, for whoever publishes or looks later."""
    for task in group.tasks:
        audit = run.results[task.name].audit
        if audit is not None:
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
