"""Update: one table brought up to date on the run's branch: evaluated, committed, audited."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from medallion.address import inside
from medallion.aside import check_refused, draft_of, write_of
from medallion.auditing import audit_snapshot, found
from medallion.conformity import promised
from medallion.errors import ConflictError, StoreError
from medallion.evaluation import Done, Evaluated, Evaluation, Means, Told
from medallion.frame import Frame
from medallion.hiding import masked
from medallion.memo import Memo
from medallion.names import TableName, branch_of
from medallion.need import shown_windows
from medallion.outside import reads_outside
from medallion.personal import Unsaid, check_given
from medallion.plan import Plan, Task
from medallion.ports import Ports
from medallion.quarantine import quarantine_of
from medallion.rebase import Written, rebased
from medallion.report import Event, Listener, State, Step, TaskResult
from medallion.state import state_of
from medallion.survey import Survey
from medallion.tables import (
    CODE,
    INPUTS,
    RUN,
    STATE,
    SUITE,
    WINDOWS,
    Draft,
    Part,
    Result,
    Table,
    Write,
    part_dict,
)

_SHOWN = 500  # characters of a list of windows


@dataclass(slots=True)
class Run:
    """What a run has come to so far."""

    plan: Plan
    means: Means
    listener: Listener
    results: dict[TableName, TaskResult] = field(default_factory=dict)
    writes: dict[TableName, Written] = field(default_factory=dict)
    addresses: dict[TableName, tuple[str, ...]] = field(default_factory=dict)
    memos: dict[TableName, Memo] = field(default_factory=dict)
    unsaid: Unsaid = field(default_factory=dict)

    @property
    def survey(self) -> Survey:
        """What is looked at to find what models need."""
        return self.means.survey

    @property
    def ports(self) -> Ports:
        """What the run has of the world."""
        return self.means.ports

    @property
    def branch(self) -> str:
        """The branch that the run writes to."""
        return branch_of(self.plan.run)

    def tell(
        self, step: Step, subject: object, result: TaskResult | None = None, **details: Any
    ) -> None:
        """Tell the listener of a step."""
        self.listener(Event(step, self.plan.run, str(subject), details, result))


def update(run: Run, task: Task) -> TaskResult:
    """Do what the task needs, now that its inputs are there."""
    ports = run.ports
    tables = ports.catalog.tables([*task.tables, *task.after])
    pins = {name: _pin(run, name, pin) for name, pin in task.after.items()}
    planned = {n: t for n, t in run.plan.tables.items() if n == task.name}
    if None in task.after.values():
        need = run.survey.need(task.node, {**tables, **planned}, pins, task.request)
        task = replace(task, need=need)
    if task.need.idle:
        if task.need.memo:
            run.memos[task.name] = task.need.memo
        return TaskResult(task.name, State.FRESH)
    inputs = _inputs(run, task, tables, {name: pins[name] for name in task.reads})
    if task.need.memo:
        return _memorize(run, task, task.need.memo, inputs)
    result, before, cursor = TaskResult(task.name, State.FRESH), planned.get(task.name), None
    if task.need.builds:
        written, result, cursor = _built(run, task, before, tables, inputs, pins)
        if written is not None:
            return commit_and_audit(run, task, written, result)
    elif task.need.reshapes:
        return commit_and_audit(run, task, _reshaped(run, task, planned[task.name], pins), result)
    return _settle(run, task, planned[task.name], pins, tables, result, cursor)


def _reshaped(run: Run, task: Task, table: Table, pins: Mapping[TableName, int]) -> Written:
    """The rows as they are, with the columns that their contract makes of them."""
    assert table.main is not None
    draft = _draft(task, table, run.ports.catalog.location(task.name), run.plan.run)
    schema = promised(task.model.columns, table.schema_at(table.main))
    task = replace(task, need=replace(task.need, anew=False, replaces=frozenset()))
    write = _write(run, task, table, draft, Result(schema, ()), pins, always=True)
    assert write is not None
    return Written(write, task.need, pins)


def _built(
    run: Run,
    task: Task,
    before: Table | None,
    tables: Mapping[TableName, Table],
    inputs: Mapping[TableName, Frame],
    pins: Mapping[TableName, int],
) -> tuple[Written | None, TaskResult, str | None]:
    """What is to be committed of the task's rows, if they are others than before.

    The last is where the next build goes on to read, where it does.
    """
    ports, aside = run.ports, task.model.aside
    kept = tables.get(aside) if aside else None
    location = ports.catalog.location(task.name)
    draft = _draft(task, tables.get(task.name), location, run.plan.run)
    draft = replace(draft, aside=draft_of(ports, run.plan.run, task, kept))
    # What is built in any case is found by this run alone; so is what may be another by now.
    anew = task.request.full_refresh or reads_outside(task.model)
    # One that was found under another contract was not held against this one.
    salt = f"{run.plan.run if anew else ''}{task.suite.contract}"
    done = _evaluate(run, task, before, draft, inputs, salt, kept)
    found = replace(done.result, schema=promised(task.model.columns, done.result.schema))
    check_refused(task.model, found)
    check_given(task.model, found.schema, run.unsaid.get(task.name, {}))
    result = TaskResult(
        task.name,
        State.FRESH,
        parts=done.parts,
        reused=done.reused,
        part=task.part,
        quarantined=found.refused,
        removed=found.removed,
        warnings=tuple(f"{task.name}: {remark}" for remark in found.remarks),
    )
    beside = write_of(ports, run.branch, task, kept, draft, found)
    write = _write(
        run, task, before, draft, found, pins, always=beside is not None or task.need.reshapes
    )
    if write is None:
        return None, result, found.cursor if task.need.read else None
    written = Written(write, task.need, pins, aside=beside)
    return written, replace(result, rows=found.rows, bytes=found.bytes), None


def _inputs(
    run: Run, task: Task, tables: Mapping[TableName, Table], pins: Mapping[TableName, int]
) -> dict[TableName, Frame]:
    """The rows of the pinned tables, or some of them by window."""
    return {
        name: run.memos[name].frame
        if name.is_task
        else run.ports.store.frame(
            found(tables, name), pin, run.survey.time_column(task.node, name)
        )
        for name, pin in pins.items()
    }


def _memorize(run: Run, task: Task, memo: Memo, inputs: Mapping[TableName, Frame]) -> TaskResult:
    """Compute the rows of a helper task, and keep them as its result."""
    location = run.ports.catalog.location(task.name)
    salt = f"{memo.salt} {run.plan.run if task.request.full_refresh else ''}".strip()
    done = _evaluate(run, task, None, Draft(task.name, location, run.plan.run), inputs, salt)
    memo = replace(memo, result=replace(done.result, finished=time.time()))
    run.ports.files.write(memo.address, memo.text)
    run.memos[task.name] = memo
    rows, size = done.result.rows, done.result.bytes
    return TaskResult(
        task.name, State.DONE, rows, size, parts=done.parts, reused=done.reused, part=task.part
    )


def _pin(run: Run, name: TableName, pin: int | None) -> int:
    """The snapshot of an input: as planned, as this run wrote it, or as it stayed."""
    if pin is None and name.is_task:
        pin = run.memos[name].id
    if pin is None:
        written = run.writes.get(name)
        pin = written.snapshot if written else run.plan.tables[name].main
    assert pin is not None
    return pin


def _evaluate(
    run: Run,
    task: Task,
    before: Table | None,
    draft: Draft,
    inputs: Mapping[TableName, Frame],
    salt: str,
    aside: Table | None = None,
) -> Evaluated:
    def tell(step: Step, of: Part, **details: Any) -> None:
        run.tell(step, task.name, **part_dict(of), **details)

    def evaluated(done: Done, number: int, parts: int) -> None:
        counts = {"rows": done.result.rows, "bytes": done.result.bytes, "reused": done.reused}
        counts |= {"removed": done.result.removed} if done.result.removed else {}
        seconds = round(done.seconds, 3)
        tell(Step.EVALUATED, done.part, part=number, parts=parts, **counts, seconds=seconds)

    told = Told(
        evaluated,
        lambda part, error: tell(Step.FAILED, part, why=error.message),
        lambda part, retry, pause, why: tell(
            Step.RETRYING, part, retry=retry, pause=round(pause, 3), why=why
        ),
        lambda part, line: tell(Step.PRINTED, part, line=line),
    )
    done = Evaluation(run.means, task, inputs, draft, before, told, salt, aside).run()
    run.addresses[task.name] = done.addresses
    return done


def _write(
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
    written = run.writes[task.name] = _commit(run, task, written)
    snapshot = written.snapshot
    run.tell(Step.COMMITTED, task.name, snapshot=snapshot, branch=run.branch)
    tables = run.ports.catalog.tables(written.pins)
    others = {str(n): f for n, f in _inputs(run, task, tables, written.pins).items()}
    audit = audit_snapshot(run.ports, task, snapshot, others)
    run.tell(Step.AUDITED, task.name, passed=audit.passed)
    state = State.WRITTEN if audit.passed else State.REJECTED
    return replace(result, state=state, snapshot=snapshot, audit=audit)


def _divide_and_audit(run: Run, task: Task, written: Written, result: TaskResult) -> TaskResult:
    """The same with rows that fail in a table of their own; on top of others' windows."""
    tables = run.ports.catalog.tables(written.pins)
    others = {str(n): f for n, f in _inputs(run, task, tables, written.pins).items()}

    def committed(snapshot: int) -> None:
        run.tell(Step.COMMITTED, task.name, snapshot=snapshot, branch=run.branch)

    while True:
        try:
            settled = quarantine_of(run.ports, task, written, others).settle(committed)
            break
        except ConflictError:
            tables = run.ports.catalog.tables([task.name, *task.after])
            again = rebased(run.survey, task, written, tables, written.pins)
            if again is None:
                raise
            written = again
    run.tell(Step.AUDITED, task.name, passed=settled.passed)
    if settled.changed and settled.written.snapshot:
        run.writes[task.name] = settled.written
    return settled.told(result)


def _commit(run: Run, task: Task, written: Written) -> Written:
    """Commit to the run's branch; where others built other windows meanwhile, on top of theirs."""
    while True:
        try:
            store, aside = run.ports.store, written.aside
            snapshot = store.commit(written.write)
            beside = store.commit(aside) if aside else None
            return replace(written, snapshot=snapshot, aside_snapshot=beside)
        except ConflictError:
            tables = run.ports.catalog.tables([*written.tables, *task.after])
            again = rebased(run.survey, task, written, tables, written.pins)
            if again is None:  # `main` is where it was: it is something else
                raise
            written = again


def _settle(
    run: Run,
    task: Task,
    table: Table,
    pins: Mapping[TableName, int],
    tables: Mapping[TableName, Table],
    result: TaskResult,
    cursor: str | None,
) -> TaskResult:
    """Note that rows which stay as they are are up to date, after an audit if they need one."""
    assert table.main is not None
    if task.need.audits:
        if task.model.quarantines:
            result = _judge_again(run, task, table, pins, result, cursor)
        else:
            others = {str(n): frame for n, frame in _inputs(run, task, tables, pins).items()}
            audit = audit_snapshot(run.ports, task, table.main, others)
            run.tell(Step.AUDITED, task.name, passed=audit.passed)
            result = replace(result, state=State.AUDITED, snapshot=table.main, audit=audit)
            if not audit.passed:
                result = replace(result, state=State.REJECTED, snapshot=None)
        if result.state is not State.AUDITED:
            return result
    if run.plan.publish:
        state = run.survey.new_state(task.node, task.need, state_of(table), pins, cursor)
        before, after = table.properties.get(STATE), state.to_text()
        if task.need.replays and before == after:
            return result
        try:
            run.ports.catalog.amend(task.name, table.main, before, after)
        except ConflictError:
            if task.request.forward_only or task.need.audits or cursor:
                raise  # somebody waits for it; else the next build notes the same
    return result


def _judge_again(
    run: Run,
    task: Task,
    table: Table,
    pins: Mapping[TableName, int],
    result: TaskResult,
    cursor: str | None,
) -> TaskResult:
    """Judge the rows that stay, and those that are aside: each goes where it belongs now."""
    assert table.main is not None
    task = replace(task, need=replace(task.need, anew=False, replaces=frozenset()))
    draft = _draft(task, table, table.location, run.plan.run)
    same = Result(table.schema_at(table.main), (), cursor=cursor or "")
    write = _write(run, task, table, draft, same, pins, always=True)
    assert write
    return commit_and_audit(run, task, Written(write, task.need, pins), result)


def _draft(task: Task, table: Table | None, location: str, run: str) -> Draft:
    warehouse = location.removesuffix(f"/{task.name.layer}/{task.name.model}")
    if table and not inside(table.location, warehouse):
        raise StoreError(
            f"{task.name} is at {table.location}, and the warehouse is {warehouse}",
            hint="set warehouse to where the catalog's tables are, or begin with another catalog",
        )
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
        keeps=not task.need.anew and not task.model.dimension,
    )
