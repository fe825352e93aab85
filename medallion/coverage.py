"""Coverage: how much of a model is built, out of date or missing."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from medallion.model import Model
from medallion.need import Need
from medallion.state import State
from medallion.window import ALL, NONE, Window, Windows


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


def coverage(model: Model, state: State | None, need: Need) -> Coverage:
    """The coverage of a model of that state that has that need."""
    reasons = need.reasons if need.builds else ()
    if need.audits and not need.builds:
        reasons = ("suite changed",)
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
