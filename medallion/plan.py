"""Plan: what a run would do and why, as data. `plan` prints it, `build` carries it out."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from medallion.declaration import Strategy
from medallion.errors import ConflictError, DefinitionError
from medallion.graph import Graph, Node
from medallion.memo import Memo
from medallion.model import Model
from medallion.names import TableName
from medallion.need import Need, Request, gone_warning, need_dict
from medallion.suite import Suite
from medallion.tables import Snapshot, Table
from medallion.window import NONE, Windows


class Scope(StrEnum):
    """What is published together, and blocked together."""

    LAYER = "layer"
    MODEL = "model"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Task:
    """One model in one plan, and what it needs as far as that is known before the run.

    `reads` pins the snapshot of each input; None stands for what the run comes to, for an input
    that is in the plan as well. So does `references` for the tables that its foreign keys refer to.
    """

    node: Node
    suite: Suite
    code: str
    base: int | None
    reads: Mapping[TableName, int | None]
    request: Request = field(default_factory=Request)
    need: Need = field(default_factory=Need)
    references: Mapping[TableName, int | None] = field(default_factory=dict)

    @property
    def after(self) -> Mapping[TableName, int | None]:
        """The snapshots of all that must be there before it: what it reads or refers to."""
        return {**self.references, **self.reads}

    @property
    def moves(self) -> bool:
        """Whether it may give its table new rows, or new columns."""
        need = self.need
        return need.builds or need.reshapes or None in self.reads.values()

    @property
    def divides(self) -> bool:
        """Whether rows of its table may fail an audit, and go to the table beside it."""
        audited = self.need.audits or None in self.references.values()
        return audited and self.model.quarantines

    @property
    def model(self) -> Model:
        """The model that is built."""
        return self.node.model

    @property
    def name(self) -> TableName:
        """The table that is written."""
        return self.node.name

    @property
    def tables(self) -> tuple[TableName, ...]:
        """The names of what is written: its table, and that of rows that are put aside."""
        aside = self.model.aside
        return (self.name, aside) if aside else (self.name,)

    @property
    def part(self) -> str:
        """What a part of it is called."""
        return "item" if self.model.each else "window"

    @property
    def reason(self) -> str:
        """Why it is in the plan."""
        awaited = [str(name) for name, pin in self.after.items() if pin is None]
        if self.need.reasons:
            return ", ".join(self.need.reasons)
        if self.need.replays:
            return "its rows and those put aside are judged again"
        if self.need.rechecks:
            return f"{self.need.rechecks}: audit only"
        if self.need.settles:
            accepts = self.request.forward_only
            return "accept its code for what is built" if accepts else "note that it is up to date"
        if None not in self.reads.values():
            return f"audit only, if {' or '.join(awaited)} changes"
        return f"if {' or '.join(awaited)} changes it"


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that are published in one step."""

    name: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The groups of a run in their order, the tables as they were found, and what to warn of.

    `fresh` are the selected models that are up to date, `memos` the results of tasks that are good.
    """

    run: str
    groups: tuple[Group, ...]
    tables: Mapping[TableName, Table]
    publish: bool = True
    scope: Scope = Scope.LAYER
    warnings: tuple[str, ...] = ()
    fresh: tuple[TableName, ...] = ()
    memos: Mapping[TableName, Memo] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks in their order."""
        return tuple(t for g in self.groups for t in g.tasks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "publish": self.publish,
            "groups": [
                {
                    "name": group.name,
                    "tasks": [
                        {
                            "table": str(t.name),
                            "reason": t.reason,
                            **need_dict(t.need, t.model),
                            "reads": {str(k): v for k, v in t.reads.items()},
                            "expectations": len(t.suite.documents),
                        }
                        for t in group.tasks
                    ],
                }
                for group in self.groups
            ],
            "fresh": [str(name) for name in self.fresh],
            "warnings": list(self.warnings),
        }


Look = Callable[[Node, Mapping[TableName, int], Request, Mapping[TableName, Windows]], Need]


def make_plan(
    run: str,
    graph: Graph,
    requests: Mapping[TableName, Request],
    tables: Mapping[TableName, Table],
    suites: Mapping[TableName, Suite],
    codes: Mapping[TableName, str],
    look: Look,
    *,
    publish: bool = True,
    scope: Scope = Scope.LAYER,
) -> Plan:
    """The plan that brings the requested models up to date on the tables as they are.

    `look` says what a model needs when its inputs are at those snapshots and those windows of them
    are still to come.

    Raises:
        DefinitionError: an input or a reference is neither requested nor published.
        ConflictError: another writer changed a table, and no full refresh was asked for.
    """
    tasks: dict[TableName, Task] = {}
    fresh: list[TableName] = []
    memos: dict[TableName, Memo] = {}
    warnings: list[str] = []
    for node in graph:
        if (request := requests.get(node.name)) is None:
            continue
        table = tables.get(node.name)
        if table and not request.full_refresh:
            _refuse_foreign(table)
        known = {n: t.main for n in node.after if (t := tables.get(n)) and t.main is not None}
        known |= {n: memos[n].id for n in node.reads if n in memos}
        pins = {name: _pin(node, name, tasks, known) for name in node.reads}
        refs = {name: _pin(node, name, tasks, known) for name in node.references}
        coming = {name: _coming(tasks[name]) for name, pin in pins.items() if pin is None}
        need = look(node, known, request, coming)
        if need.idle and None not in (*pins.values(), *refs.values()):
            fresh.append(node.name)
            if need.memo:
                memos[node.name] = need.memo
            if need.arrivals and need.arrivals.gone:
                warnings.append(gone_warning(node.name, need.arrivals.gone))
            continue
        base = table.main if table else None
        code, suite = codes[node.name], suites[node.name]
        tasks[node.name] = Task(node, suite, code, base, pins, request, need, refs)
    return Plan(
        run,
        _groups(tasks.values(), scope),
        tables,
        publish,
        scope,
        (*warnings, *_warnings(tasks.values())),
        tuple(fresh),
        memos,
    )


def _warnings(tasks: Iterable[Task]) -> Iterator[str]:
    for task in tasks:
        if not task.suite and not task.name.is_task:
            yield f"{task.name} has no suite: nothing will be audited"
        if task.need.arrivals and task.need.arrivals.gone:
            yield gone_warning(task.name, task.need.arrivals.gone)
        history = task.model.history
        if history and history.snapshots and task.need.anew and not task.need.creates:
            yield f"{task.name} is made of snapshots: a full refresh forgets its history"


def _coming(task: Task) -> Windows:
    """The windows in which a task changes its table, as far as that can be known before."""
    partly = task.need.arrivals is not None or task.model.strategy is Strategy.MERGE
    return NONE if partly and not task.need.anew else task.need.filled


def _pin(
    node: Node,
    name: TableName,
    tasks: Mapping[TableName, Task],
    known: Mapping[TableName, int],
) -> int | None:
    if name in tasks and (tasks[name].moves or tasks[name].divides):
        return None
    if name not in known:
        does = "reads" if name in node.reads else "references"
        raise DefinitionError(
            f"{node.name} {does} {name}, which was never published",
            hint=f"medallion build --select +{node.name}",
        )
    return known[name]


def foreign(table: Table) -> Snapshot | None:
    """The newest change that another writer made to `main` since it was last published, if any.

    A snapshot that only rewrote files (`replace`, as compaction does) changed nothing.
    """
    for snapshot in table.lineage(table.main):
        if snapshot.run:
            return None
        if snapshot.operation != "replace":
            return snapshot
    return None


def _refuse_foreign(table: Table) -> None:
    snapshot = foreign(table)
    if snapshot:
        raise ConflictError(
            f"another writer changed {table.name} (snapshot {snapshot.id}, {snapshot.operation}, "
            f"added rows: {snapshot.summary.get('added-records', '0')}); "
            "a build would drop their rows",
            hint=f"replace them: medallion build --select {table.name} --full-refresh",
        )


def _groups(tasks: Collection[Task], scope: Scope) -> tuple[Group, ...]:
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        if not task.name.is_task:
            name = {Scope.LAYER: task.name.layer, Scope.MODEL: task.name}.get(scope, "run")
            groups.setdefault(str(name), []).append(task)
    # A helper task is done with the first group that reads it, before what reads it.
    for task in reversed([t for t in tasks if t.name.is_task]):
        readers = (n for n, members in groups.items() if any(task.name in m.reads for m in members))
        groups.setdefault(next(readers, "task"), []).insert(0, task)
    return tuple(Group(name, tuple(members)) for name, members in groups.items())
