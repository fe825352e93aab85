"""Suites of expectations, and verdicts."""

from dataclasses import replace
from typing import Any

import pytest
from core.examples import audit, named, suite, verdict

from medallion.suite import Outcome, Severity, Suite, Verdict

NULL = {"type": "not_null", "kwargs": {"column": "id"}}
UNIQUE = {"type": "unique", "kwargs": {"column": "id"}}


def at(place: str, *documents: Any, script: str | None = None) -> Suite:
    """A suite that was written at one place."""
    scripts = () if script is None else ((f"{place}.py", script),)
    return Suite(named("silver.a"), tuple((place, d) for d in documents), scripts)


def test_the_digest_does_not_tell_where_a_suite_was_written() -> None:
    assert at("x", NULL, script="y").digest == at("z", NULL, script="y").digest


def test_the_digest_does_not_tell_the_order_of_keys() -> None:
    assert at("x", dict(reversed(NULL.items()))).digest == at("x", NULL).digest


@pytest.mark.parametrize(
    "other",
    [
        at("x"),
        at("x", UNIQUE),
        at("x", NULL, NULL),
        at("x", NULL | {"severity": "warning"}),
        at("x", NULL, script=""),
        at("x", script=str(NULL)),
    ],
)
def test_the_digest_tells_what_a_suite_says(other: Suite) -> None:
    assert other.digest != at("x", NULL).digest


def test_a_suite_without_expectations_is_none() -> None:
    assert not at("x")
    assert at("x", NULL)
    assert at("x", script="EXPECTATIONS = []")
    assert suite("silver.a", NULL, UNIQUE)


BLOCKS = {
    (Outcome.PASSED, Severity.CRITICAL): False,
    (Outcome.PASSED, Severity.WARNING): False,
    (Outcome.PASSED, Severity.INFO): False,
    (Outcome.FAILED, Severity.CRITICAL): True,
    (Outcome.FAILED, Severity.WARNING): False,
    (Outcome.FAILED, Severity.INFO): False,
    (Outcome.VACUOUS, Severity.CRITICAL): True,
    (Outcome.VACUOUS, Severity.WARNING): False,
    (Outcome.VACUOUS, Severity.INFO): False,
    (Outcome.ERROR, Severity.CRITICAL): True,
    (Outcome.ERROR, Severity.WARNING): True,
    (Outcome.ERROR, Severity.INFO): True,
}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("severity", Severity)
def test_a_verdict_blocks_by_outcome_and_severity(outcome: Outcome, severity: Severity) -> None:
    assert verdict(outcome, severity).blocks is BLOCKS[outcome, severity]


def test_a_verdict_tells_no_values_of_columns_that_it_is_to_be_silent_about() -> None:
    pair = {"column_A": "id", "column_B": "email"}
    rows = ({"id": 1, "email": "a"}, {"email": "b"})
    given = Verdict("x", pair, Severity.CRITICAL, Outcome.FAILED, "1 of 2 rows", 1, rows)

    assert given.without(["email"]).sample == ({"id": 1},)
    assert replace(given, sample=("a",)).without(["email"]).sample == ()
    assert given.without(["email"]).detail == "1 of 2 rows"
    assert (
        "observed" not in replace(given, failing=None, detail="observed b").without(["id"]).detail
    )
    assert given.without(["name"]) == given


def test_an_audit_passes_if_no_verdict_blocks() -> None:
    warned = verdict(Outcome.FAILED, Severity.WARNING)
    assert audit("silver.a").passed
    assert audit("silver.a", verdict(), warned).passed
    assert not audit("silver.a", verdict(), warned, verdict(Outcome.FAILED)).passed
