"""What the log of audits keeps, and what it proves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from core.examples import IDS, named, verdict

from medallion.audits import LOG, SCHEMA, UNAUDITED, Entry, audit_rows, entries
from medallion.hiding import hide
from medallion.names import Layer
from medallion.proof import Proven, proof, proof_text
from medallion.suite import Audit, Outcome, Severity, Suite
from medallion.tables import RUN, Snapshot, Table

ORDERS = named("silver.orders")
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
RUN_ID = "20261121t020000-a1b2c3"
DOCUMENTS: tuple[tuple[str, dict[str, Any]], ...] = tuple(
    ("orders.json", {"type": t, "kwargs": {}}) for t in ("a", "b")
)
SUITE = Suite(ORDERS, DOCUMENTS)


def read(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as they come back from a table."""
    return [row | {"audited_at": datetime.fromisoformat(row["audited_at"])} for row in rows]


def judged(*outcomes: Outcome, snapshot: int = 7, digest: str = SUITE.digest) -> Audit:
    verdicts = tuple(
        replace(verdict(outcome), expectation=type)
        for type, outcome in zip("ab", outcomes, strict=False)
    )
    return Audit(ORDERS, snapshot, digest, 10, verdicts)


def logged(*audits: Audit) -> tuple[Entry, ...]:
    """The log after these audits, one an hour."""
    return entries(
        row
        for hour, given in enumerate(audits)
        for row in read(audit_rows(RUN_ID, NOW + timedelta(hours=hour), given, 1))
    )


def published(*snapshots: Snapshot) -> Table:
    last = snapshots[-1].id
    known = {s.id: s for s in snapshots}
    return Table(ORDERS, "", "", {0: IDS}, 0, 1, {"main": last}, known, {})


def version(id: int, parent: int | None = None, run: str | None = RUN_ID, **more: Any) -> Snapshot:
    return Snapshot(id, parent, more.get("operation", "append"), 0, 0, {RUN: run} if run else {})


def test_there_is_a_row_per_verdict_with_all_columns() -> None:
    rows = audit_rows(RUN_ID, NOW, judged(Outcome.PASSED, Outcome.FAILED), 6, "2026-11")

    assert [(r["number"], r["expectation"], r["verdict"]) for r in rows] == [
        (1, "a", "passed"),
        (2, "b", "failed"),
    ]
    assert all(set(row) == set(SCHEMA.names) for row in rows)
    assert {(r["base"], r["snapshot"], r["windows"]) for r in rows} == {(6, 7, "2026-11")}


def test_rows_that_no_suite_judges_are_logged_as_such() -> None:
    (row,) = audit_rows(RUN_ID, NOW, Audit(ORDERS, 7, "", 10, ()), None)

    assert (row["verdict"], row["suite"], row["expectation"]) == (UNAUDITED, None, None)
    (entry,) = entries(read([row]))
    assert entry.passed
    assert not entry.proves(SUITE)


def test_no_secret_is_in_a_row() -> None:
    hide("correct-horse")
    seen = replace(verdict(Outcome.FAILED), detail="saw correct-horse\0", sample=("correct-horse",))
    (row,) = audit_rows(RUN_ID, NOW, Audit(ORDERS, 7, "x", 1, (seen,)), None)

    assert row["observed"] == "saw ***"
    assert row["sample"] == '["***"]'


def test_audits_come_back_newest_first() -> None:
    log = logged(judged(Outcome.PASSED, Outcome.FAILED), judged(Outcome.PASSED, Outcome.PASSED))

    assert [entry.passed for entry in log] == [True, False]
    assert [v["expectation"] for v in log[1].blocking] == ["b"]


@pytest.mark.parametrize(
    ("outcome", "severity", "passed"),
    [
        (Outcome.FAILED, Severity.CRITICAL, False),
        (Outcome.FAILED, Severity.WARNING, True),
        (Outcome.VACUOUS, Severity.CRITICAL, False),
        (Outcome.ERROR, Severity.INFO, False),
    ],
)
def test_the_log_blocks_as_the_audit_did(
    outcome: Outcome, severity: Severity, passed: bool
) -> None:
    given = Audit(ORDERS, 7, "x", 1, (replace(verdict(outcome), severity=severity),))

    assert given.passed is passed
    (entry,) = logged(given)
    assert entry.passed is passed


GOOD = judged(Outcome.PASSED, Outcome.PASSED)


@pytest.mark.parametrize(
    ("table", "audits", "state", "why", "next"),
    [
        (published(version(7)), [GOOD], Proven.PROVEN, "", ""),
        (
            published(version(7), version(8, 7, None, operation="replace")),
            [GOOD],
            Proven.PROVEN,
            "",
            "",
        ),
        (
            published(version(7), version(8, 7, None)),
            [GOOD],
            Proven.UNPROVEN,
            "another writer made snapshot 8",
            "--record",
        ),
        (published(version(7)), [], Proven.UNPROVEN, "no audit of it was kept", "--record"),
        (
            published(version(7)),
            [judged(Outcome.PASSED, Outcome.PASSED, digest="older")],
            Proven.UNPROVEN,
            "another suite (older)",
            "build",
        ),
        (
            published(version(7)),
            [judged(Outcome.PASSED)],
            Proven.UNPROVEN,
            "and not all",
            "--record",
        ),
        (
            published(version(7)),
            [GOOD, judged(Outcome.PASSED, Outcome.FAILED)],
            Proven.UNPROVEN,
            "its last audit failed: b",
            "medallion audit silver.orders",
        ),
        (
            published(version(7)),
            [judged(Outcome.PASSED, Outcome.FAILED), GOOD],
            Proven.PROVEN,
            "",
            "",
        ),
        (None, [], Proven.UNPUBLISHED, "never published", "build"),
    ],
)
def test_a_proof_says_what_is_missing_and_what_mends_it(
    table: Table | None, audits: list[Audit], state: Proven, why: str, next: str
) -> None:
    found = proof(ORDERS, table, SUITE, logged(*audits))

    assert found.state is state
    assert why in found.why
    assert next in found.next
    assert bool(found.next) == bool(next)
    assert str(ORDERS) in "\n".join(proof_text([found]))


def test_a_table_without_a_suite_is_told_as_such() -> None:
    assert proof(ORDERS, published(version(7)), Suite(ORDERS), ()).state is Proven.NO_SUITE


def test_a_suite_with_a_script_has_more_expectations_than_its_documents() -> None:
    scripted = Suite(ORDERS, DOCUMENTS[:1], (("orders.py", "..."),))
    (entry,) = logged(judged(Outcome.PASSED, Outcome.PASSED, digest=scripted.digest))
    (less,) = logged(judged(Outcome.PASSED, digest=scripted.digest))

    assert entry.proves(scripted)
    assert not less.proves(scripted)


def test_the_log_is_no_model() -> None:
    assert str(LOG) == "_medallion.audits"
    assert LOG.layer is Layer.MEDALLION
    assert sorted([LOG, ORDERS])[-1] == LOG


@pytest.mark.parametrize(
    ("documents", "guards"),
    [
        ([{"type": "a"}], True),
        ([{"type": "a", "severity": "critical"}], True),
        ([{"type": "a", "severity": "warning"}, {"type": "a", "severity": "info"}], False),
        ([{"expectations": [{"type": "a", "severity": "info"}, {"type": "a"}]}], True),
    ],
)
def test_a_suite_guards_with_one_critical_expectation(
    documents: list[dict[str, Any]], guards: bool
) -> None:
    given = Suite(ORDERS, tuple(("x", d) for d in documents))
    assert given.guards is guards
