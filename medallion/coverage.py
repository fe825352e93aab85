"""Coverage: how much of a model is built, out of date or missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from medallion.errors import DefinitionError
from medallion.graph import Node
from medallion.memo import Memo
from medallion.model import Model
from medallion.names import TableName
from medallion.need import Need
from medallion.state import State, state_of
from medallion.survey import Survey
from medallion.tables import Table
from medallion.window import ALL, NONE, Window, Windows

Tables = Mapping[TableName, Table]


@dataclass(frozen=True, slots=True)
class Coverage:
    """`built` and `gaps` are ranges of time; `stale` and `missing` count windows that have rows.

    A gap is a range between built ones that was never built.
    """

    reasons: tuple[str, ...] = ()
    built: Windows = NONE
    gaps: Windows = NONE
    stale: int = 0
    missing: int = 0

    def __str__(self) -> str:
        if not self.reasons and self.built in (ALL, NONE):
            return "up to date"
        if self.built in (ALL, NONE) and not self.stale + self.missing:
            return ", ".join(self.reasons)
        counts = [f"{n} {what}" for n, what in ((self.stale, "stale"), (self.missing, "missing"))]
        told = [text for text, n in zip(counts, (self.stale, self.missing), strict=True) if n]
        if self.built not in (ALL, NONE):
            told.insert(0, f"built {self.built}")
        if self.gaps:
            told.append(f"gap{'s' * (len(self.gaps.ranges) > 1)} {self.gaps}")
        return "; ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "reasons": list(self.reasons),
            "built": [str(w) for w in self.built.ranges],
            "gaps": [str(w) for w in self.gaps.ranges],
            "stale": self.stale,
            "missing": self.missing,
        }


def seen_coverage(survey: Survey, node: Node, tables: Tables) -> Coverage:
    """The coverage of a model, seen from what is published of its inputs."""
    pins = seen_pins(survey, node, tables)
    if not pins.keys() >= set(node.reads):
        tasks = [str(name) for name in node.reads if name.is_task and name not in pins]
        return Coverage((f"if {' or '.join(tasks)} changes it",) if tasks else ())
    try:
        need = survey.need(node, tables, pins)
    except DefinitionError as error:  # nothing says which windows it has
        return Coverage((error.message,))
    return coverage(node.model, state_of(tables.get(node.name)), need)


def seen_pins(survey: Survey, node: Node, tables: Tables) -> dict[TableName, int]:
    """What is published of the inputs of a model, and what is kept of its tasks."""
    pins = {n: t.main for n in node.after if (t := tables.get(n)) and t.main is not None}
    for name in node.reads:
        memo = seen_memo(survey, name, tables) if name.is_task else None
        if memo and memo.result:
            pins[name] = memo.id
    return pins


def seen_memo(survey: Survey, name: TableName, tables: Tables) -> Memo | None:
    """What is kept of a task for what is published of its inputs; None where one is not there."""
    node = survey.graph[name]
    pins = seen_pins(survey, node, tables)
    return survey.memo(node, pins) if len(pins) == len(node.reads) else None


def coverage(model: Model, state: State | None, need: Need) -> Coverage:
    """The coverage of a model of that state that has that need."""
    reasons = need.reasons if need.builds else ()
    if need.rechecks and not need.builds:
        reasons = (need.rechecks,)
    if state is None or model.grain is None or need.filled == ALL:
        return Coverage(reasons, state.built if state else NONE)
    ranges = state.built.ranges
    gaps = Windows.of(Window(a.past, b.first) for a, b in pairwise(ranges))
    return Coverage(
        reasons,
        state.built,
        gaps,
        (need.filled & need.stale).count(model.grain),
        (need.filled - state.built).count(model.grain),
    )
