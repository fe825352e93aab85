"""Quarantine: rows that fail the suite go to a table beside the model's, and the rest is published.

Both tables together are what the model gave. What is built anew takes the place of what either had;
then all of it is judged, and divided. So a row that failed comes home when it no longer does, and
what is built bit by bit is divided as what is built from scratch.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from medallion.auditing import audit_snapshot, judged
from medallion.division import Dividing, Division, aside_schema, failing, rule_of
from medallion.errors import QuarantineError
from medallion.frame import DataFile, Frame
from medallion.partition import Transform
from medallion.plan import Task
from medallion.ports import Ports
from medallion.rebase import Written
from medallion.report import Failure, State, TaskResult
from medallion.state import keeps_aside
from medallion.suite import Audit
from medallion.tables import CODE, INPUTS, RUN, Draft, Result, Table, Write, WrittenFile

_ROUNDS = 20  # divisions after the first: rows may refer to rows that go
_SLACK = 1e-9  # of a share of rows


@dataclass(frozen=True, slots=True)
class Settled:
    """What was committed and audited in the end; with an `error` it was not let through.

    So many rows were `refused` that were not aside before, and of the rules so many failed each;
    `returned` came home. `changed` says that there is something to publish.
    """

    written: Written
    audit: Audit
    changed: bool
    refused: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)
    returned: int = 0
    error: QuarantineError | None = None

    @property
    def passed(self) -> bool:
        """Whether it can be published."""
        return self.audit.passed and self.error is None

    def told(self, result: TaskResult) -> TaskResult:
        """The outcome of the task with what came of it here."""
        rows = self.written.write.result.rows if self.changed else 0
        stays = self.passed or self.changed
        state = State.WRITTEN if self.changed else State.AUDITED
        return replace(
            result,
            state=state if self.passed else State.REJECTED,
            rows=rows,
            snapshot=(self.written.snapshot or None) if stays else None,
            audit=self.audit,
            failure=Failure.of(self.error) if self.error else None,
            quarantined=self.refused,
            rules=self.rules,
            returned=self.returned,
        )


@dataclass(slots=True)
class Quarantine:
    """The division of what a task is about to write.

    `write` is of its table and `aside` of that beside it, as they would be committed now. `own` are
    the files of its table on `main`, `before` what is aside there, `left` what of that stays.
    `fresh` are the paths of files of this build. `others` are the tables that the suite may read.
    """

    ports: Ports
    task: Task
    whole: Written
    write: Write
    aside: Write
    own: Mapping[str, DataFile]
    before: Frame
    left: tuple[DataFile, ...]
    fresh: set[str]
    others: Mapping[str, Frame]
    every: int = 0  # rows of the table before they are divided
    refused: Counter[bool] = field(default_factory=Counter)  # of fresh files, and of others
    rules: Counter[str] = field(default_factory=Counter)
    returned: int = 0
    snapshots: tuple[int, int | None] = (0, None)

    def settle(self, committed: Callable[[int], None]) -> Settled:
        """Commit what does not fail, and what does beside it, and audit that.

        Raises:
            ConflictError: `main` moved meanwhile.
        """
        task, audit = self.task, Audit(self.task.name, 0, "", 0)
        self.every = sum(f.rows for f in self.files)
        try:
            if self.left:  # judged with the others, before anything is committed
                files = (*self.files, *self.left)
                audit = self._judged(files)
                self._divide(audit, files)
            for again in reversed(range(_ROUNDS + 1)):
                self._commit(committed)
                audit = audit_snapshot(self.ports, task, self.snapshots[0], self.others)
                if audit.passed or not again or not failing(audit):
                    break
                self._divide(audit, self.files)
        except QuarantineError as error:
            return Settled(self.written, audit, self.changed, error=error)
        return Settled(
            self.written,
            audit,
            self.changed,
            self.refused.total(),
            dict(self.rules),
            self.returned,
        )

    @property
    def files(self) -> tuple[DataFile, ...]:
        """The files of the table, as they are about to be."""
        write, new = self.write, {f.path: f for f in self.write.result.files}
        stay = {} if write.replaces is None else {**self.own}
        for path in (*(write.replaces or ()), *new):
            stay.pop(path, None)
        return (*stay.values(), *new.values())

    @property
    def changed(self) -> bool:
        """Whether anything of either table is another than on `main`."""
        write = self.write
        moves = write.replaces is None or bool(write.replaces or write.result.files)
        return moves or self.sets_aside or write.base is None or self.task.need.reshapes

    @property
    def sets_aside(self) -> bool:
        """Whether the table beside it changes."""
        return bool(self.aside.replaces or self.aside.result.files)

    @property
    def written(self) -> Written:
        """What is committed."""
        snapshot, beside = self.snapshots
        aside = self.aside if self.sets_aside else None
        return replace(
            self.whole,
            write=self.write,
            snapshot=snapshot,
            aside=aside,
            aside_snapshot=beside if aside else None,
            undivided=self.whole,
        )

    def _commit(self, committed: Callable[[int], None]) -> None:
        """Commit both; where nothing changes, what is on `main` is what it would be."""
        if not self.changed:
            assert self.write.base is not None
            self.snapshots = (self.write.base, None)
            return
        store = self.ports.store
        snapshot = store.commit(self.write)
        self.snapshots = (snapshot, store.commit(self.aside) if self.sets_aside else None)
        committed(snapshot)

    def _judged(self, files: tuple[DataFile, ...]) -> Audit:
        """What the suite says of all rows, those that are aside among them."""
        frame = Frame(self.write.result.schema, files)
        return judged(self.ports, self.task, frame, self.others)

    def _divide(self, audit: Audit, files: tuple[DataFile, ...]) -> None:
        """Divide the rows of these files as an audit of them says."""
        given = Dividing(
            Frame(self.write.result.schema, files),
            failing(audit),
            self.others,
            self.write.draft,
            self.aside.draft,
            self.before,
            self.write.summary.get(INPUTS, "{}"),
            datetime.now(UTC).isoformat(),
            partial(self._check, audit),
        )
        division = self.ports.engine.divide(given)
        self.rules.update(division.rules)
        self.returned += division.returned
        if division.touched & self.fresh:
            self.fresh |= {f.path for f in division.good}
        self.write = _divided(self.write, division, division.good, self.own)
        there = {f.path: f for f in self.before.files}
        self.aside = _divided(self.aside, division, division.bad, there)

    def _check(self, audit: Audit, counts: Mapping[str, int]) -> None:
        """Whether so many rows may go aside: of those of this build, and of all of the table."""
        for path, number in counts.items():
            self.refused[path in self.fresh] += number
        limit, name = self.task.model.max_quarantine, self.task.name
        built = self.whole.write.result.rows
        for number, rows in ((self.refused[True], built), (self.refused.total(), self.every)):
            if rows and number > limit * rows + _SLACK:
                share = f"{'fails' if number == 1 else 'fail'} ({100 * number / rows:.3g} %)"
                raise QuarantineError(
                    f"{name}: {number:,} of {rows:,} rows {share}, and "
                    f"max_quarantine={limit:g} lets {100 * limit:.3g} % go; {_worst(audit)}",
                    hint="mend the rows or the rule, or allow more",
                )


def quarantine_of(
    ports: Ports, task: Task, whole: Written, others: Mapping[str, Frame]
) -> Quarantine:
    """The division of what a task is about to write; files of both tables may be replaced by it.

    Raises:
        ModelError: a column has the name of one of the table beside it.
    """
    name, column, store, write = task.model.aside, task.model.time_column, ports.store, whole.write
    assert name
    tables = ports.catalog.tables(task.tables)
    table, beside = tables.get(task.name), tables.get(name)
    own = store.frame(table, write.base, column).files if table and write.base is not None else ()
    if beside and write.branch in beside.refs:  # of an attempt on what `main` was before
        ports.catalog.discard([name], write.branch)
    there = store.frame(beside, beside.main, column).files if beside and beside.main else ()
    schema = aside_schema(write.result.schema, task.name)
    stale = write.replaces is None or not keeps_aside(table)
    gone = {f.path for f in there if stale or f.path in (write.replaces or ())}
    if write.replaces is not None:
        write = replace(write, replaces=write.replaces - gone)
    return Quarantine(
        ports,
        task,
        whole,
        write,
        _aside(ports, task, write, beside, Result(schema, ()), frozenset(gone)),
        {file.path: file for file in own},
        Frame(schema, there),
        tuple(f for f in there if f.path not in gone),
        {f.path for f in write.result.files},
        others,
    )


def _aside(
    ports: Ports,
    task: Task,
    write: Write,
    beside: Table | None,
    result: Result,
    replaces: frozenset[str],
) -> Write:
    name, grain = task.model.aside, task.model.grain
    assert name
    location = beside.location if beside else ports.catalog.location(name)
    by = (Transform(grain.value, task.model.time_column),) if grain else ()
    return Write(
        Draft(name, location, write.draft.run, by),
        write.branch,
        beside.main if beside else None,
        result,
        {RUN: write.draft.run, CODE: task.code},
        f"rows of {task.name} that fail its suite",
        replaces,
    )


def _divided(
    write: Write, division: Division, files: tuple[WrittenFile, ...], own: Mapping[str, DataFile]
) -> Write:
    """The same with files in the place of those that were touched."""
    kept = (f for f in write.result.files if f.path not in division.touched)
    result = replace(write.result, files=(*kept, *files))
    if write.replaces is None:
        return replace(write, result=result)
    gone = write.replaces | (division.touched & own.keys())
    return replace(write, result=result, replaces=gone)


def _worst(audit: Audit) -> str:
    """The rule that most rows fail, and one of them."""
    rules = [v for v in audit.verdicts if v.blocks and v.rows]
    worst = max(rules, key=lambda v: v.failing or 0)
    sample = f", such as {worst.sample[0]}" if worst.sample else ""
    return f"{worst.failing or 0:,} fail {rule_of(worst)}{sample}"
