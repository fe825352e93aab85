"""Update: one table brought up to date on the run's branch: evaluated, committed, audited."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from medallion.aside import check_refused, draft_of, write_of
from medallion.auditing import audit_snapshot
from medallion.commit import commit_and_audit, own_draft, own_write
from medallion.conformity import promised
from medallion.errors import ConflictError
from medallion.evaluation import Done, Evaluated, Evaluation, Told
from medallion.frame import Frame
from medallion.memo import Memo
from medallion.names import TableName
from medallion.outside import reads_outside
from medallion.personal import check_given
from medallion.plan import Task
from medallion.rebase import Written
from medallion.report import State, Step, TaskResult
from medallion.run import Run, frames_of, pin_of
from medallion.state import state_of
from medallion.tables import (
    STATE,
    Draft,
    Part,
    Result,
    Table,
    part_dict,
)


def update(run: Run, task: Task) -> TaskResult:
    """Do what the task needs, now that its inputs are there."""
    ports = run.ports
    tables = ports.catalog.tables([*task.tables, *task.after])
    pins = {name: pin_of(run, name, pin) for name, pin in task.after.items()}
    planned = {n: t for n, t in run.plan.tables.items() if n == task.name}
    if None in task.after.values():
        need = run.survey.need(task.node, {**tables, **planned}, pins, task.request)
        task = replace(task, need=need)
    if task.need.idle:
        if task.need.memo:
            run.memos[task.name] = task.need.memo
        return TaskResult(task.name, State.FRESH)
    inputs = frames_of(run, task, tables, {name: pins[name] for name in task.reads})
    if task.need.memo:
        return _memorize(run, task, task.need.memo, inputs)
    result, before, cursor = TaskResult(task.name, State.FRESH), planned.get(task.name), None
    if task.need.builds:
        written, result, cursor = _built(run, task, before, tables, inputs, pins)
        if written is not None:
            return commit_and_audit(run, task, written, result)
    elif task.need.reshapes:
        return commit_and_audit(run, task, _as_it_is(run, task, planned[task.name], pins), result)
    return _settle(run, task, planned[task.name], pins, tables, result, cursor)


def _as_it_is(
    run: Run, task: Task, table: Table, pins: Mapping[TableName, int], cursor: str | None = None
) -> Written:
    """The rows as they are, with the columns that their contract makes of them."""
    assert table.main is not None
    task = replace(task, need=replace(task.need, anew=False, replaces=frozenset()))
    draft = own_draft(task, table, run.ports.catalog.location(task.name), run.plan.run)
    schema = promised(task.model.columns, table.schema_at(table.main))
    same = Result(schema, (), cursor=cursor or "")
    write = own_write(run, task, table, draft, same, pins, always=True)
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
    draft = own_draft(task, tables.get(task.name), location, run.plan.run)
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
    write = own_write(
        run, task, before, draft, found, pins, always=beside is not None or task.need.reshapes
    )
    if write is None:
        return None, result, found.cursor if task.need.read else None
    written = Written(write, task.need, pins, aside=beside)
    return written, replace(result, rows=found.rows, bytes=found.bytes), None


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
            # Each row goes where it belongs now, and so does each that is aside.
            rows = _as_it_is(run, task, table, pins, cursor)
            result = commit_and_audit(run, task, rows, result)
        else:
            others = {str(n): frame for n, frame in frames_of(run, task, tables, pins).items()}
            audit = audit_snapshot(run.ports, task, table.main, others)
            run.tell(Step.AUDITED, task.name, passed=audit.passed)
            result = replace(result, state=State.AUDITED, snapshot=table.main, audit=audit)
            if not audit.passed:
                result = replace(result, state=State.REJECTED, snapshot=None)
        if result.state is not State.AUDITED:
            return result
    if run.plan.publish:
        known = state_of(table)
        state = run.survey.new_state(task.node, task.need, known, pins, cursor)
        state = replace(state, aside=state.aside and (known is None or known.aside))
        before, after = table.properties.get(STATE), state.to_text()
        if task.need.replays and before == after:
            return result
        try:
            run.ports.catalog.amend(task.name, table.main, before, after)
        except ConflictError:
            if task.request.forward_only or task.need.audits or cursor:
                raise  # somebody waits for it; else the next build notes the same
    return result
