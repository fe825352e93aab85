"""The flow of a run, from a plan to a report. Read it from the top.

Rows are written to the run's branches, audited there, and published group by group. `main` moves in
one place only, `_publish`, and only to snapshots that passed their audit in this run.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from medallion.auditing import AUDIT, verdict_note
from medallion.commit import commit_and_audit
from medallion.conforming import check_keys
from medallion.errors import ConflictError, MedallionError
from medallion.evaluation import Means
from medallion.names import TableName
from medallion.personal import check_personal
from medallion.plan import Group, Plan, Scope, Task
from medallion.ports import Ports
from medallion.promises import check_promises
from medallion.rebase import rebased
from medallion.recording import recorded
from medallion.report import Failure, Listener, Report, State, Step, TaskResult
from medallion.run import Run
from medallion.schedule import walk
from medallion.schema import Schema
from medallion.suite import Audit, Verdict
from medallion.tables import Publication
from medallion.update import update

_REBASES = 5  # times that others may publish beside a run before it gives up


def build(
    plan: Plan,
    means: Means,
    *,
    listener: Listener = lambda _: None,
) -> Report:
    """Carry out a plan.

    Raises:
        DefinitionError: a suite or a model is wrong; nothing was written.
    """
    started = datetime.now(UTC)
    clock = time.perf_counter()
    known = check(plan, means.ports)
    unsaid = check_personal(means.survey.graph, known, {task.name for task in plan.tasks})
    if plan.tasks:
        means.ports.catalog.prepare()
    run = Run(plan, means, listener, memos=dict(plan.memos), unsaid=unsaid)
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
        (*plan.warnings, *(w for t in plan.tasks for w in run.results[t.name].warnings)),
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
    known |= {name: memo.frame.schema for name, memo in plan.memos.items()}
    for task in plan.tasks:
        inputs = {name: known[name] for name in task.reads if name in known}
        complete = len(inputs) == len(task.reads)
        columns = ports.engine.columns(task.model, inputs) if complete else None
        known.pop(task.name, None)
        if columns:
            known[task.name] = columns
            check_keys(task.model, columns, known)
        if task.suite:
            ports.auditor.check(task.suite, columns)
        stays = None if columns or task.moves else plan.tables.get(task.name)
        kept = stays.schema_at(stays.main) if stays and stays.main is not None else None
        check_promises(task.model, task.suite, known, kept)
    return known


def _build_group(run: Run, group: Group) -> None:
    tasks = {t.name: t for t in group.tasks}
    if _blocked(run, group):
        run.results |= {name: TaskResult(name, State.SKIPPED) for name in tasks}
        return
    run.results |= walk(
        {name: task.after for name, task in tasks.items()},
        lambda name: _run_task(run, tasks[name]),
        lambda result: result.ok,
        lambda name: TaskResult(name, State.SKIPPED),
        run.means.rules,
        lambda name: tasks[name].model.tags,
    )
    if run.plan.publish and all(run.results[name].ok for name in tasks):
        _publish(run, group)
    else:
        _keep(run, group)


def _blocked(run: Run, group: Group) -> bool:
    """Whether something that ended badly keeps the group from being built."""
    bad = {name for name, result in run.results.items() if not result.ok}
    if run.plan.scope is Scope.MODEL:
        return any(name in bad for task in group.tasks for name in task.after)
    return bool(bad)


def _run_task(run: Run, task: Task) -> TaskResult:
    """Evaluate, commit to the branch, audit. An error becomes a result."""
    clock = time.perf_counter()
    run.tell(Step.STARTED, task.name)
    try:
        result = update(run, task)
    except ConflictError as error:
        result = TaskResult(task.name, State.CONFLICTED, failure=Failure.of(error))
    except Exception as error:  # noqa: BLE001  # whatever a model raises is a result of the run
        result = TaskResult(task.name, State.FAILED, failure=Failure.of(error))
    result = replace(result, seconds=time.perf_counter() - clock)
    run.tell(Step.ENDED, task.name, result)
    return result


def _publish(run: Run, group: Group) -> None:
    """Move `main` of every table of the group to its audited snapshot, all in one step."""
    tasks = [t for t in group.tasks if run.results[t.name].state is State.WRITTEN]
    if not tasks:
        _record(run, group)
        return
    run.tell(Step.PUBLISHING, group.name)
    try:
        published = _publish_rebased(run, group, tasks)
    except MedallionError as error:
        state = State.CONFLICTED if isinstance(error, ConflictError) else State.FAILED
        for task in tasks:
            run.results[task.name] = replace(
                run.results[task.name], state=state, failure=Failure.of(error)
            )
        return
    if not published:
        _keep(run, group)
        return
    for task in tasks:
        run.results[task.name] = replace(run.results[task.name], state=State.PUBLISHED)
    run.tell(Step.PUBLISHED, group.name, tables=[str(t.name) for t in tasks])


def _publish_rebased(run: Run, group: Group, tasks: Sequence[Task]) -> bool:
    """Publish; where somebody built other windows of a table meanwhile, on top of theirs.

    False if the audit of a rebased table said no.
    """
    for left in reversed(range(_REBASES + 1)):
        writes = {t.name: run.writes[t.name] for t in tasks}
        try:
            moves = [p for w in writes.values() for p in w.publications(run.branch)]
            run.ports.catalog.publish([*moves, *_recorded(run, group)])
            break
        except ConflictError:
            if not left or not _rebase(run, tasks):
                raise
        if not all(run.results[name].ok for name in writes):
            return False
    return True


def _rebase(run: Run, tasks: Sequence[Task]) -> bool:
    """Commit and audit anew what others published beside; False if nothing can be rebased.

    Raises:
        ConflictError: they built the same windows.
    """
    moved = False
    ours = {written.snapshot for written in run.writes.values()}
    for task in tasks:
        written = run.writes[task.name]
        written = written.undivided or written
        tables = run.ports.catalog.tables([*written.tables, *task.after])
        # An input of the same group may have been rebased a moment ago.
        pins = {
            name: run.writes[name].snapshot if pin in ours else pin
            for name, pin in written.pins.items()
        }
        again = rebased(run.survey, task, written, tables, pins)
        if again is not None:
            moved = True
            result = run.results[task.name]
            run.results[task.name] = commit_and_audit(run, task, again, result)
    return moved


def _recorded(run: Run, group: Group) -> list[Publication]:
    """What publishes the verdicts of the group's audits, in the log."""
    audits = [(name, run.results[name].audit) for name in (t.name for t in group.tasks)]
    notes = {name: written.write.summary for name, written in run.writes.items()}
    given = [(audit, notes.get(name, {})) for name, audit in audits if audit]
    return recorded(run.ports, run.plan.run, given)


def _record(run: Run, group: Group) -> None:
    """Keep what the audits of a group said of which no table is published."""
    try:
        if entry := _recorded(run, group):
            run.ports.catalog.publish(entry)
    except MedallionError as error:  # it ends as it would without the log
        name = group.tasks[0].name
        warning = f"what the audits of {group.name} said could not be kept: {error.message}"
        result = run.results[name]
        run.results[name] = replace(result, warnings=(*result.warnings, warning))


def _keep(run: Run, group: Group) -> None:
    """Note on each table what its audit said, for whoever publishes or looks later."""
    _record(run, group)
    for task in group.tasks:
        audit = run.results[task.name].audit
        written = run.writes.get(task.name)
        if audit is None or written is None:
            continue
        audit = replace(audit, verdicts=(*audit.verdicts, *_objections(run, group, task)))
        run.ports.catalog.note(task.name, AUDIT + run.branch, verdict_note(audit))
        if written.aside and written.aside_snapshot is not None:
            name = written.aside.draft.table
            passed = Audit(name, written.aside_snapshot, "", written.aside.result.rows, ())
            run.ports.catalog.note(name, AUDIT + run.branch, verdict_note(passed))


def _objections(run: Run, group: Group, to: Task) -> Iterator[Verdict]:
    """What keeps a table from being published: the rows that refer to it, and stay as they are."""
    for task in group.tasks:
        audit = run.results[task.name].audit
        if audit and to.name in task.references and task.name not in run.writes:
            yield from (v for v in audit.verdicts if v.blocks)
