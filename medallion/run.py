"""Run: what a run has come to so far, and what it sees of the tables that its tasks read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medallion.auditing import found
from medallion.evaluation import Means
from medallion.frame import Frame
from medallion.memo import Memo
from medallion.names import TableName, branch_of
from medallion.personal import Unsaid
from medallion.plan import Plan, Task
from medallion.ports import Ports
from medallion.rebase import Written
from medallion.report import Event, Listener, Step, TaskResult
from medallion.survey import Survey
from medallion.tables import Table


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


def frames_of(
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


def pin_of(run: Run, name: TableName, pin: int | None) -> int:
    """The snapshot of an input: as planned, as this run wrote it, or as it stayed."""
    if pin is None and name.is_task:
        pin = run.memos[name].id
    if pin is None:
        written = run.writes.get(name)
        pin = written.snapshot if written else run.plan.tables[name].main
    assert pin is not None
    return pin
