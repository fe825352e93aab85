"""Plan: what a run would do and why, as data. `plan` prints it, `build` carries it out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from medallion.errors import ConflictError, DefinitionError
from medallion.graph import Graph, Node
from medallion.model import Model
from medallion.names import TableName
from medallion.suite import Suite
from medallion.table import CODE, Snapshot, Table


class Scope(StrEnum):
    """What is published together, and blocked together."""

    LAYER = "layer"
    MODEL = "model"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Task:
    """One model in one plan.

    `reads` pins the snapshot of each input; None stands for the one that this run writes.
    """

    model: Model
    suite: Suite
    code: str
    base: int | None
    reads: Mapping[TableName, int | None]
    reason: str

    @property
    def name(self) -> TableName:
        """The table that is written."""
        return self.model.name


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that are published in one step."""

    name: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The groups of a run in their order, the tables as they were found, and what to warn of."""

    run: str
    groups: tuple[Group, ...]
    tables: Mapping[TableName, Table]
    publish: bool = True
    scope: Scope = Scope.LAYER
    warnings: tuple[str, ...] = ()

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
                            "reads": {str(k): v for k, v in t.reads.items()},
                            "expectations": len(t.suite.documents),
                        }
                        for t in group.tasks
                    ],
                }
                for group in self.groups
            ],
            "warnings": list(self.warnings),
        }


def make_plan(
    run: str,
    graph: Graph,
    selected: Collection[TableName],
    tables: Mapping[TableName, Table],
    suites: Mapping[TableName, Suite],
    codes: Mapping[TableName, str],
    *,
    publish: bool = True,
    scope: Scope = Scope.LAYER,
    replace_foreign: bool = False,
) -> Plan:
    """The plan that builds the selected models on the tables as they are.

    Raises:
        DefinitionError: an input is neither selected nor published.
        ConflictError: another writer changed a table, and `replace_foreign` was not said.
    """
    tasks = []
    for node in graph:
        if node.name in selected:
            table = tables.get(node.name)
            if table and not replace_foreign:
                _refuse_foreign(table)
            code, suite = codes[node.name], suites[node.name]
            tasks.append(
                Task(
                    node.model,
                    suite,
                    code,
                    table.main if table else None,
                    {name: _pin(node, name, selected, tables) for name in node.reads},
                    _reason(table, code),
                )
            )
    warnings = tuple(
        f"{t.name} has no suite: nothing will be audited" for t in tasks if not t.suite
    )
    return Plan(run, _groups(tasks, scope), tables, publish, scope, warnings)


def _pin(
    node: Node,
    name: TableName,
    selected: Collection[TableName],
    tables: Mapping[TableName, Table],
) -> int | None:
    if name in selected:
        return None
    table = tables.get(name)
    if table is None or table.main is None:
        raise DefinitionError(
            f"{node.name} reads {name}, which was never published",
            hint=f"medallion build --select +{node.name}",
        )
    return table.main


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
            f"{snapshot.summary.get('added-records', '0')} rows added); "
            "a build would drop their rows",
            hint=f"replace them: medallion build --select {table.name} --full-refresh",
        )


def _reason(table: Table | None, code: str) -> str:
    if table is None or table.main is None:
        return "new"
    last = next((s for s in table.lineage(table.main) if s.run), None)
    if last is None or last.summary.get(CODE) == code:
        return "rebuild"
    return "code changed"


def _groups(tasks: Iterable[Task], scope: Scope) -> tuple[Group, ...]:
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        name = {Scope.LAYER: str(task.name.layer), Scope.MODEL: str(task.name)}.get(scope, "run")
        groups.setdefault(name, []).append(task)
    return tuple(Group(name, tuple(members)) for name, members in groups.items())
