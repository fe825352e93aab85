"""Audits: the log of every verdict, as rows of a table that medallion keeps for itself.

There is one row per expectation that was judged, and one for rows that no suite judges.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from medallion.hiding import masked
from medallion.names import Layer, TableName
from medallion.schema import Column, Schema
from medallion.suite import Audit, Outcome, Severity, Suite

LOG = TableName(Layer.MEDALLION, "audits")
UNAUDITED = "unaudited"  # in place of an outcome, where there is no suite
ABOUT = "every verdict on every table: what was expected, what was seen, and whether it held"

_COLUMNS = (
    ("run", "string", "the run that audited"),
    ("audited_at", "timestamptz", "when"),
    ("table_name", "string", "the table, as layer.model"),
    ("snapshot", "long", "the snapshot that was audited"),
    ("base", "long", "the snapshot that readers saw then"),
    ("row_count", "long", "how many rows the snapshot has"),
    ("windows", "string", "the windows that the run built"),
    ("suite", "string", "the digest of the suite; NULL where there is none"),
    ("number", "long", "the place of the expectation in its suite, from 1"),
    ("expectation", "string", "the type of the expectation"),
    ("kwargs", "string", "its arguments, as JSON"),
    ("severity", "string", "critical, warning or info"),
    ("verdict", "string", "passed, failed, error or vacuous; unaudited where there is no suite"),
    ("observed", "string", "what was seen, for people"),
    ("failing", "long", "how many rows failed"),
    ("sample", "string", "keys or values of some of them, as JSON"),
)
SCHEMA = Schema(tuple(Column(name, type, doc=doc) for name, type, doc in _COLUMNS))


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log says of one audit: its verdicts, each as a row of the log."""

    run: str
    audited_at: datetime
    table: TableName
    snapshot: int
    suite: str
    verdicts: tuple[Mapping[str, Any], ...]

    @property
    def blocking(self) -> tuple[Mapping[str, Any], ...]:
        """The verdicts that keep rows from being published."""
        return tuple(v for v in self.verdicts if _blocks(v["verdict"], v["severity"]))

    @property
    def passed(self) -> bool:
        """Whether nothing kept the snapshot from being published."""
        return not self.blocking

    def proves(self, suite: Suite) -> bool:
        """Whether every expectation of that suite was judged."""
        if self.suite != suite.digest:
            return False
        numbers = sorted(v["number"] or 0 for v in self.verdicts)
        whole = numbers == list(range(1, len(numbers) + 1))
        least = suite.count + bool(suite.scripts)
        return whole and (len(numbers) >= least if suite.scripts else len(numbers) == least)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "run": self.run,
            "audited_at": self.audited_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "snapshot": self.snapshot,
            "suite": self.suite or None,
            "passed": self.passed,
            "verdicts": [_plain(v) for v in self.verdicts],
        }


def audit_rows(
    run: str, now: datetime, audit: Audit, base: int | None, windows: str = ""
) -> list[dict[str, Any]]:
    """The rows of an audit that was done at that time. No secret is in them."""
    about: dict[str, Any] = {
        "run": run,
        "audited_at": now.astimezone(UTC).isoformat(),
        "table_name": str(audit.table),
        "snapshot": audit.snapshot,
        "base": base,
        "row_count": audit.rows,
        "windows": windows or None,
        "suite": audit.suite or None,
    }
    nothing = dict.fromkeys((c.name for c in SCHEMA if c.name not in about), None)
    if not audit.verdicts:
        return [about | nothing | {"verdict": UNAUDITED}]
    return [
        about
        | {
            "number": number,
            "expectation": v.expectation,
            "kwargs": _json(dict(v.kwargs)),
            "severity": str(v.severity),
            "verdict": str(v.outcome),
            "observed": _text(v.detail) or None,
            "failing": v.failing,
            "sample": _json(list(v.sample)) if v.sample else None,
        }
        for number, v in enumerate(audit.verdicts, 1)
    ]


def entries(rows: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """The audits that rows of the log tell of, newest first."""

    def audit(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return (row["audited_at"], row["run"], row["table_name"], row["snapshot"])

    found = [_entry(list(together)) for _, together in groupby(sorted(rows, key=audit), key=audit)]
    return tuple(reversed(found))


def _entry(rows: Sequence[Mapping[str, Any]]) -> Entry:
    first = rows[0]
    name = TableName.parse(first["table_name"])
    verdicts = tuple(sorted(rows, key=lambda row: row["number"] or 0))
    at, suite = first["audited_at"], first["suite"] or ""
    return Entry(first["run"], at, name, first["snapshot"], suite, verdicts)


def _blocks(verdict: str, severity: str | None) -> bool:
    if verdict in (Outcome.PASSED, UNAUDITED):
        return False
    return verdict == Outcome.ERROR or severity == Severity.CRITICAL


def _plain(verdict: Mapping[str, Any]) -> dict[str, Any]:
    names = ("expectation", "severity", "verdict", "observed", "failing")
    read = {k: json.loads(verdict[k]) if verdict[k] else None for k in ("kwargs", "sample")}
    return {k: verdict[k] for k in names} | read


def _json(value: Any) -> str:
    return masked(json.dumps(value, default=str))


def _text(text: str) -> str:
    """The text without secrets, as a file can hold it."""
    return masked(text).replace("\0", "").encode(errors="replace").decode()
