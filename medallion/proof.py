"""Proof: whether what readers see of a table was audited by the suite as it is now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from medallion.audits import Entry
from medallion.names import TableName
from medallion.suite import Suite
from medallion.tables import Table


class Proven(StrEnum):
    """What can be said of a table."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    NO_SUITE = "no suite"
    UNPUBLISHED = "unpublished"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the log proves of one table; `next` is the command that mends it."""

    table: TableName
    state: Proven
    snapshot: int | None = None
    why: str = ""
    next: str = ""
    entry: Entry | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "table": str(self.table),
            "state": self.state,
            "snapshot": self.snapshot,
            "why": self.why,
            "next": self.next,
            "audit": self.entry and self.entry.to_dict(),
        }


def proof(name: TableName, table: Table | None, suite: Suite, log: Sequence[Entry]) -> Proof:
    """The proof of one table. The entries are newest first; only what they say of it counts."""
    main = table.main if table else None
    if table is None or main is None:
        build = f"medallion build --select +{name}"
        return Proof(name, Proven.UNPUBLISHED, None, "it was never published", build)
    if not suite:
        return Proof(name, Proven.NO_SUITE, main, "it has no suite: nothing proves its rows")
    same = set(_same(table))
    audits = [entry for entry in log if entry.table == name and entry.snapshot in same]
    current = next((entry for entry in audits if entry.suite == suite.digest), None)
    if current is None:
        return _unaudited(name, table, main, audits)
    if not current.proves(suite):
        why = f"the log has {len(current.verdicts)} verdicts of its suite, and not all"
        return Proof(name, Proven.UNPROVEN, main, why, _audit(name), current)
    if not current.passed:
        failed = ", ".join(v["expectation"] for v in current.blocking)
        why = f"its last audit failed: {failed}"
        return Proof(name, Proven.UNPROVEN, main, why, f"medallion audit {name}", current)
    return Proof(name, Proven.PROVEN, main, entry=current)


def proof_text(proofs: Sequence[Proof]) -> Iterator[str]:
    """A line per table, with the next command where one is missing."""
    width = max((len(str(p.table)) for p in proofs), default=0)
    for found in proofs:
        told = found.why
        if found.state is Proven.PROVEN and found.entry:
            entry = found.entry
            told = f"{len(entry.verdicts)} verdicts of suite {entry.suite}, run {entry.run}"
        yield f"{found.state:<11} {found.table!s:<{width}}  {told}".rstrip()
        if found.next:
            yield f"{'':<11} {'':<{width}}  {found.next}"
    counts = {s: sum(p.state is s for p in proofs) for s in Proven}
    yield ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "no models"


def _same(table: Table) -> Iterator[int]:
    """The snapshots with the rows that readers see: `main`, and those before a mere rewriting."""
    for snapshot in table.lineage(table.main):
        yield snapshot.id
        if snapshot.operation != "replace":
            return


def _unaudited(name: TableName, table: Table, main: int, audits: Sequence[Entry]) -> Proof:
    foreign = table.snapshots[main].run is None  # a build would refuse to drop its rows
    if audits:
        before = audits[0].suite or "none"
        why = f"it was audited by another suite ({before})"
        mend = _audit(name) if foreign else f"medallion build --select {name}"
        return Proof(name, Proven.UNPROVEN, main, why, mend, audits[0])
    if foreign:
        why = f"another writer made snapshot {main}, and no audit of it was kept"
        return Proof(name, Proven.UNPROVEN, main, why, _audit(name))
    return Proof(name, Proven.UNPROVEN, main, "no audit of it was kept", _audit(name))


def _audit(name: TableName) -> str:
    return f"medallion audit {name} --record"
