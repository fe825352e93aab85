"""Self-test: rows that are made to fail, and whether the expectations notice them.

They go to a scratch branch, which is dropped. Readers see nothing of it, and the log keeps nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from medallion.auditing import found, others_of, verdicts_of
from medallion.errors import DefinitionError, ModelError
from medallion.forms import Form
from medallion.frame import Frame
from medallion.graph import Node
from medallion.names import TableName, branch_of
from medallion.ports import Ports
from medallion.spoiled import Row, Spoiling, bad_rows, shown
from medallion.suite import Outcome, Severity, Suite, Verdict
from medallion.tables import RUN, Draft, Table, Write


class Told(StrEnum):
    """What an expectation said of a row that was made to fail it."""

    NOTICED = "noticed"
    TOLERATED = "tolerated"  # it counted the row, and lets so few of them pass
    MISSED = "missed"
    UNTESTED = "untested"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one expectation. `row` are the columns that were changed, `why` says more."""

    table: TableName
    told: Told
    expectation: str = ""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = Severity.CRITICAL
    why: str = ""
    row: Row = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "table": str(self.table),
            "told": self.told,
            "expectation": self.expectation,
            "kwargs": dict(self.kwargs),
            "severity": self.severity,
            "why": self.why,
            "row": dict(self.row),
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """A published table that is tried, and what a trial needs of it."""

    ports: Ports
    node: Node
    suite: Suite
    table: Table
    frame: Frame
    others: Mapping[str, Frame]
    run: str

    def audit(self, suite: Suite, frame: Frame) -> tuple[Verdict, ...]:
        """The verdicts of a suite on some rows of the table, without personal data."""
        return verdicts_of(self.ports.auditor, self.node.model, suite, frame, self.others)


def self_test(
    ports: Ports, node: Node, suite: Suite, tables: Mapping[TableName, Table], run: str
) -> Iterator[Finding]:
    """What each expectation of a published table says of a row that was made to fail it.

    Raises:
        ConflictError: somebody published the table meanwhile.
    """
    table = tables.get(node.name)
    if table is None or table.main is None or not suite:
        why = "it was never published" if suite else "it has no suite"
        yield Finding(node.name, Told.UNTESTED, why=why)
        return
    frame = ports.store.frame(table, table.main)
    trial = Trial(ports, node, suite, table, frame, others_of(ports, node, tables), run)
    ports.auditor.check(suite, frame.schema)
    before = trial.audit(suite, frame)
    for document, verdict in zip(ports.auditor.documents(suite), before, strict=True):
        yield _tried(trial, document, verdict)


def _tried(trial: Trial, document: Mapping[str, Any], before: Verdict) -> Finding:
    """The first row that is noticed decides; else the best that was said."""
    spoiling = bad_rows(document, trial.frame.schema)
    about = (before.expectation, before.kwargs, before.severity)
    if before.outcome is Outcome.ERROR:
        why = f"it cannot be evaluated: {before.detail}"
        return Finding(trial.node.name, Told.UNTESTED, *about, why)
    if not spoiling.rows or not _has_row(trial, spoiling):
        why = "no published row fits it" if spoiling.rows else spoiling.why
        return Finding(trial.node.name, Told.UNTESTED, *about, why)
    suite = Suite(trial.node.name, (("self-test", document),))
    best = Finding(trial.node.name, Told.UNTESTED, *about, spoiling.why)
    for row in spoiling.rows:
        try:
            with scratch(trial, row, spoiling.where) as frame:
                (verdict,) = trial.audit(suite, frame)
        except ModelError as error:  # a value that the column cannot hold
            best = best if best.told is not Told.UNTESTED else _because(best, error.message)
            continue
        told = _told(before, verdict, sure=spoiling.sure)
        if told is Told.NOTICED:
            return Finding(trial.node.name, told, *about, verdict.detail, row)
        if told is not Told.UNTESTED and best.told is not Told.TOLERATED:
            best = Finding(trial.node.name, told, *about, verdict.detail, row)
    return best


def _because(finding: Finding, why: str) -> Finding:
    about = (finding.expectation, finding.kwargs, finding.severity)
    return Finding(finding.table, finding.told, *about, why.partition("\n")[0])


def _told(before: Verdict, after: Verdict, *, sure: bool) -> Told:
    """What a verdict with the bad row says, after one without it."""
    more = after.failing is not None and after.failing > (before.failing or 0)
    if after.outcome is Outcome.ERROR:
        return Told.UNTESTED
    if after.outcome is Outcome.FAILED and (before.outcome is not Outcome.FAILED or more):
        return Told.NOTICED
    if more:
        return Told.TOLERATED
    failed_before = before.outcome is Outcome.FAILED and before.failing is None
    return Told.MISSED if sure and not failed_before else Told.UNTESTED


def _has_row(trial: Trial, spoiling: Spoiling) -> bool:
    """Whether there is a row to copy, where it matters which."""
    if not spoiling.where:
        return True
    try:
        found = trial.ports.engine.open(trial.frame, Form.ARROW, where=spoiling.where, limit=1)
    except DefinitionError:  # a value that is none of the column's type
        return False
    return bool(found.num_rows)


@contextmanager
def scratch(trial: Trial, row: Row, where: str) -> Iterator[Frame]:
    """What readers see, and one more row: on a branch that is dropped, whatever happens."""
    ports, table, model = trial.ports, trial.table, trial.node.model
    draft = Draft(table.name, table.location, trial.run, model.partition_by)
    result = ports.engine.record([row], trial.frame.schema, draft, trial.frame, where)
    branch = branch_of(trial.run)
    try:
        notes = {RUN: trial.run}
        write = Write(draft, branch, table.main, result, notes, replaces=frozenset())
        snapshot = ports.store.commit(write)
        now = found(ports.catalog.tables([table.name]), table.name)
        yield ports.store.frame(now, snapshot, model.time_column)
    finally:
        ports.catalog.discard([table.name], branch)
        ports.files.remove(file.path for file in result.files)


def findings_text(findings: Sequence[Finding]) -> Iterator[str]:
    """A line per expectation, and how many came out how."""
    for finding in findings:
        kwargs = ", ".join(f"{k}={v!r}" for k, v in finding.kwargs.items())
        what = f"{finding.expectation}({kwargs[:120]})" if finding.expectation else ""
        yield f"{finding.told:<10} {finding.table!s:<28} {what}".rstrip()
        row = ", ".join(shown(finding.row)) or "a row that is there already"
        if finding.told in (Told.MISSED, Told.TOLERATED):
            yield f"{'':<11}with {row[:160]}: {finding.why}"
        elif finding.told is Told.UNTESTED:
            yield f"{'':<11}{finding.why}"
    counts = {t: sum(f.told is t for f in findings) for t in Told}
    yield ", ".join(f"{n} {told}" for told, n in counts.items() if n) or "nothing to test"
