"""Suites of expectations, and the verdicts of an audit, as data.

A suite is kept as the documents it was written as (Great Expectations' JSON). Whether a type of
expectation exists, and what its arguments are, only the auditor knows.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from medallion.names import TableName


class Severity(StrEnum):
    """What a failed expectation does: `critical` blocks publishing, the others are reported."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Suite:
    """What must hold for the rows of one table.

    `documents` are expectations as JSON objects, each with the place it was written at; `scripts`
    are Python files (path, text) that the auditor runs to get more of them. `contract` is what the
    table's columns must be, which no audit says: with another one the table is looked at again.
    """

    table: TableName
    documents: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    scripts: tuple[tuple[str, str], ...] = ()
    contract: str = ""

    @property
    def digest(self) -> str:
        """A hash of what the suite says; the place it says it at does not count."""
        said: list[Any] = [[d for _, d in self.documents], [text for _, text in self.scripts]]
        said += [self.contract] if self.contract else []
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def count(self) -> int:
        """How many expectations its documents hold."""
        return sum(len(_inner(d)) for _, d in self.documents)

    @property
    def guards(self) -> bool:
        """Whether one of its documents keeps rows from being published when it fails."""
        inner = (d for _, document in self.documents for d in _inner(document))
        return any((d.get("severity") or Severity.CRITICAL) == Severity.CRITICAL for d in inner)

    def __bool__(self) -> bool:
        return bool(self.documents or self.scripts)


def _inner(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The expectations of a document, which may be a whole suite."""
    several = None if "type" in document else document.get("expectations")
    return [document] if several is None else several


class Outcome(StrEnum):
    """How an expectation came out. Only `PASSED` is a pass."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # it could not be evaluated
    VACUOUS = "vacuous"  # it was evaluated on nothing: no row, only NULLs, a condition without rows


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one expectation.

    `failing` counts the rows that failed it, where it is about rows; `sample` holds keys or values
    of some of them; `detail` is the observed value or the reason, for people. `rows` is a condition
    in SQL for the rows that failed, over the view `batch` of them all; nothing where there is none.
    """

    expectation: str
    kwargs: Mapping[str, Any]
    severity: Severity
    outcome: Outcome
    detail: str = ""
    failing: int | None = None
    sample: tuple[Any, ...] = ()
    rows: str = field(default="", compare=False, repr=False)

    def without(self, columns: Collection[str]) -> "Verdict":
        """The same without values of these columns.

        >>> email = {"column": "email"}
        >>> seen = Verdict("x", email, Severity.INFO, Outcome.FAILED, "1 of 2", 1, ("a@b.c",))
        >>> seen.without({"email"}).sample, seen.without({"name"}).sample
        ((), ('a@b.c',))
        """
        named = {n for value in self.kwargs.values() for n in _names(value)}
        rows = [s for s in self.sample if isinstance(s, Mapping)]
        kept = [{k: v for k, v in row.items() if k not in columns} for row in rows]
        sample = tuple(row for row in kept if row) if rows else self.sample
        # A query may give them under any name.
        asked = any(_mentions(n, c) for n in named.difference(columns) for c in columns)
        if named.isdisjoint(columns) and not asked:
            return replace(self, sample=sample)
        detail = self.detail if self.failing is not None else "not shown: it is personal data"
        return replace(self, sample=sample if rows and not asked else (), detail=detail)

    @property
    def blocks(self) -> bool:
        """Whether this keeps the rows from being published.

        What could not be evaluated blocks at any severity: nobody knows what it would have said.
        """
        match self.outcome:
            case Outcome.PASSED:
                return False
            case Outcome.ERROR:
                return True
        return self.severity is Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Audit:
    """The verdicts of a suite on one snapshot of a table."""

    table: TableName
    snapshot: int
    suite: str
    rows: int
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing keeps the snapshot from being published."""
        return not any(v.blocks for v in self.verdicts)


def _names(value: Any) -> Iterator[str]:
    """The texts that an argument of an expectation holds: columns may be among them."""
    match value:
        case str():
            yield value
        case list() | tuple():
            for item in value:
                yield from _names(item)


def _mentions(text: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", text, re.IGNORECASE) is not None
