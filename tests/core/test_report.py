"""What a run did, as data."""

import json
from typing import Any

import pytest
from core.examples import RUN_ID, audit, named, verdict

from medallion.errors import (
    CatalogError,
    ConflictError,
    DefinitionError,
    MedallionError,
    ModelError,
    SourceError,
)
from medallion.report import Failure, Report, State, TaskResult, counted
from medallion.suite import Outcome, Severity


def result(name: str, state: State, error: Exception | None = None, **more: Any) -> TaskResult:
    """The outcome of one task."""
    failure = Failure.of(error) if error else None
    return TaskResult(named(name), state, failure=failure, **more)


def report(*results: TaskResult) -> Report:
    """A run with these results."""
    return Report(RUN_ID, "2026-11-21T02:00:00+00:00", 1.23456, True, results, ("careful",))


PUBLISHED = result("bronze.a", State.PUBLISHED)
REJECTED = result("silver.b", State.REJECTED, audit=audit("silver.b", verdict(Outcome.FAILED)))
SKIPPED = result("gold.c", State.SKIPPED)
FAILED = result("silver.d", State.FAILED, ModelError("no"))
CONFLICTED = result("silver.e", State.CONFLICTED, ConflictError("moved"))
WRONG = result("silver.f", State.FAILED, DefinitionError("wrong"))
BROKEN = result("silver.g", State.FAILED, SourceError("missing"))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([PUBLISHED], 0),
        ([result("bronze.a", State.WRITTEN)], 0),
        ([PUBLISHED, REJECTED, SKIPPED], 1),
        ([FAILED], 1),
        ([SKIPPED], 1),
        ([WRONG, FAILED], 2),
        ([CONFLICTED, FAILED, REJECTED], 3),
        ([PUBLISHED, CONFLICTED, BROKEN, SKIPPED], 4),
    ],
)
def test_the_exit_code_is_that_of_the_worst(results: list[TaskResult], code: int) -> None:
    assert report(*results).exit_code == code
    assert report(*results).ok is (code == 0)


GOOD = {State.WRITTEN, State.PUBLISHED, State.DONE, State.FRESH, State.AUDITED}


@pytest.mark.parametrize("state", State)
def test_a_result_is_ok_if_its_rows_can_be_published(state: State) -> None:
    assert result("bronze.a", state).ok is (state in GOOD)


@pytest.mark.parametrize("error", [CatalogError("gone", hint="look"), ModelError("no")])
def test_a_failure_keeps_what_an_error_says(error: MedallionError) -> None:
    failure = Failure.of(error)
    assert failure.kind == type(error).__name__
    assert (failure.message, failure.hint) == (error.message, error.hint)
    assert failure.exit_code == error.exit_code


def test_a_foreign_exception_is_the_models() -> None:
    assert Failure.of(ZeroDivisionError("by zero")) == Failure(
        "ModelError", "ZeroDivisionError: by zero", "", 1
    )


def test_a_report_gives_a_result_by_its_table() -> None:
    assert report(PUBLISHED, REJECTED)["silver.b"] is REJECTED
    with pytest.raises(KeyError, match=r"silver\.x"):
        report(PUBLISHED)["silver.x"]


def test_a_report_is_plain_values() -> None:
    failed = verdict(
        Outcome.FAILED, Severity.WARNING, detail="2 of 3", failing=2, sample=({"id": 1}, None)
    )
    written = result(
        "bronze.a",
        State.WRITTEN,
        rows=3,
        bytes=99,
        seconds=0.12345,
        snapshot=7,
        audit=audit("bronze.a", verdict(), failed),
    )
    told = report(written, CONFLICTED).to_dict()
    again = json.loads(json.dumps(told))
    results = again.pop("results")
    assert again == {
        "run": RUN_ID,
        "started": "2026-11-21T02:00:00+00:00",
        "seconds": 1.235,
        "ok": False,
        "exit_code": 3,
        "warnings": ["careful"],
    }
    verdicts = results[0]["audit"].pop("verdicts")
    assert results[0] == {
        "table": "bronze.a",
        "state": "written",
        "rows": 3,
        "bytes": 99,
        "seconds": 0.123,
        "snapshot": 7,
        "parts": 0,
        "reused": 0,
        "quarantined": 0,
        "rules": {},
        "returned": 0,
        "removed": 0,
        "audit": {
            "table": "bronze.a",
            "snapshot": 7,
            "suite": "5u1te",
            "rows": 3,
            "passed": True,
        },
        "failure": None,
    }
    assert verdicts[1] == {
        "expectation": "expect_id",
        "kwargs": {"column": "id"},
        "severity": "warning",
        "outcome": "failed",
        "detail": "2 of 3",
        "failing": 2,
        "sample": [{"id": 1}, None],
    }
    assert results[1]["state"] == "conflicted"
    assert results[1]["audit"] is None
    assert results[1]["failure"] == {
        "kind": "ConflictError",
        "message": "moved",
        "hint": "",
        "exit_code": 3,
    }


def test_an_audit_is_counted_in_a_few_words() -> None:
    verdicts = [verdict(o) for o in (Outcome.ERROR, Outcome.PASSED, Outcome.FAILED, Outcome.PASSED)]
    assert counted(audit("silver.a", *verdicts)) == "2 passed, 1 failed, 1 error"
    assert counted(audit("silver.a")) == "no expectations"
