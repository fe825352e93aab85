"""What a run did: results, verdicts and events, as data."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from medallion.errors import MedallionError, ModelError
from medallion.hiding import masked
from medallion.names import TableName
from medallion.suite import Audit, Outcome


class State(StrEnum):
    """How a task ended, or how far it has come."""

    WRITTEN = "written"  # on the run's branch, audited, not published
    PUBLISHED = "published"
    DONE = "done"  # a helper task, whose result is kept
    FRESH = "fresh"  # nothing to do
    AUDITED = "audited"  # its rows stayed, under a new suite
    REJECTED = "rejected"  # by its audit
    FAILED = "failed"
    SKIPPED = "skipped"  # something it needed did not come about
    CONFLICTED = "conflicted"  # somebody else moved the table


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, kept as data."""

    kind: str
    message: str
    hint: str
    exit_code: int

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """The failure that an exception stands for; a foreign one counts as the model's."""
        if not isinstance(error, MedallionError):
            error = ModelError(f"{type(error).__name__}: {error}")
        return cls(type(error).__name__, error.message, error.hint, error.exit_code)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The outcome of one task: what it wrote, and what its audit said.

    `parts` counts the windows or items that were built, `reused` those that an earlier run had
    finished; `part` is what one of them is called. `quarantined` counts rows that were put aside,
    `rules` how many of them failed which, `returned` those that came home. `removed` counts those
    that deduplication left out.
    """

    table: TableName
    state: State
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    snapshot: int | None = None
    audit: Audit | None = None
    failure: Failure | None = None
    parts: int = 0
    reused: int = 0
    part: str = "window"
    quarantined: int = 0
    removed: int = 0
    warnings: tuple[str, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    returned: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with its rows: they are there, or only to be published."""
        good = (State.WRITTEN, State.PUBLISHED, State.DONE, State.FRESH, State.AUDITED)
        return self.state in good


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a run. `kept` are the addresses of results that a rerun would find."""

    run: str
    started: str
    seconds: float
    published: bool
    results: tuple[TaskResult, ...]
    warnings: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every task did what the plan said."""
        return all(r.ok for r in self.results)

    @property
    def exit_code(self) -> int:
        """0 done, 1 the pipeline said no, 2 wrong definition, 3 conflict, 4 the world failed."""
        codes = [r.failure.exit_code for r in self.results if r.failure]
        return max(codes, default=0 if self.ok else 1)

    def __getitem__(self, table: str) -> TaskResult:
        return {str(r.table): r for r in self.results}[table]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "run": self.run,
            "started": self.started,
            "seconds": round(self.seconds, 3),
            "ok": self.ok,
            "exit_code": self.exit_code,
            "results": [result_dict(r) for r in self.results],
            "warnings": list(self.warnings),
        }


def result_dict(result: TaskResult) -> dict[str, Any]:
    """A result as plain values, fit for JSON."""
    audit = result.audit
    return {
        "table": str(result.table),
        "state": result.state,
        "rows": result.rows,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "snapshot": result.snapshot,
        "parts": result.parts,
        "reused": result.reused,
        "quarantined": result.quarantined,
        "rules": dict(result.rules),
        "returned": result.returned,
        "removed": result.removed,
        "audit": audit and audit_dict(audit),
        "failure": asdict(result.failure) if result.failure else None,
    }


def audit_dict(audit: Audit) -> dict[str, Any]:
    """An audit as plain values, fit for JSON."""
    return {
        "table": str(audit.table),
        "snapshot": audit.snapshot,
        "suite": audit.suite,
        "rows": audit.rows,
        "passed": audit.passed,
        "verdicts": [
            {
                "expectation": v.expectation,
                "kwargs": dict(v.kwargs),
                "severity": v.severity,
                "outcome": v.outcome,
                "detail": masked(v.detail),
                "failing": v.failing,
                "sample": list(v.sample),
            }
            for v in audit.verdicts
        ],
    }


def counted(audit: Audit) -> str:
    """`12 passed, 1 failed`: the verdicts of an audit in a few words."""
    counts = {o: sum(v.outcome is o for v in audit.verdicts) for o in Outcome}
    return ", ".join(f"{n} {o}" for o, n in counts.items() if n) or "no expectations"


class Step(StrEnum):
    """The steps of a run that an event can tell of."""

    PLANNED = "planned"
    STARTED = "started"
    RETRYING = "retrying"
    PRINTED = "printed"
    EVALUATED = "evaluated"
    FAILED = "failed"
    COMMITTED = "committed"
    AUDITED = "audited"
    ENDED = "ended"
    PUBLISHING = "publishing"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run. `subject` is a table or a group of tables."""

    step: Step
    run: str
    subject: str
    details: Mapping[str, Any]
    result: TaskResult | None = None


Listener = Callable[[Event], None]
