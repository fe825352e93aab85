"""Plans, reports and the rest as text."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from core.examples import RUN_ID, audit, graph, named, snapshot, suite, verdict
from core.examples import table as lake_table

from medallion.branches import find_branches
from medallion.diff import Diff
from medallion.errors import ConflictError, ModelError
from medallion.need import Need, Request
from medallion.plan import Plan, make_plan
from medallion.render import (
    as_json,
    audit_text,
    branches_text,
    diff_text,
    failure_text,
    plan_text,
    report_text,
    result_line,
    rows_text,
    table,
    verdict_lines,
)
from medallion.report import Failure, Report, State, TaskResult
from medallion.resources import shown_size
from medallion.suite import Outcome, Severity
from medallion.window import ALL

RUN = f"run-{RUN_ID}"


def result(name: str, state: State, **more: Any) -> TaskResult:
    """The outcome of one task."""
    return TaskResult(named(name), state, **more)


def report(*results: TaskResult, published: bool = True, warnings: tuple[str, ...] = ()) -> str:
    """The text of a report."""
    return report_text(
        Report(RUN_ID, "2026-11-21T02:00:00+00:00", 1.25, published, results, warnings)
    )


def lines(text: str) -> list[str]:
    """The lines of a text that starts below its first quote."""
    return text.strip("\n").splitlines()


GRAPH = graph({"bronze.trips": [], "silver.trips": ["bronze.trips"], "silver.zones": []})
EXPECT: Mapping[str, Any] = {"type": "expect", "kwargs": {}}


def plan(*, publish: bool = True, empty: bool = False) -> Plan:
    """A plan of three models; one has no suite."""
    return make_plan(
        RUN_ID,
        GRAPH,
        {} if empty else {n.name: Request() for n in GRAPH},
        {named("bronze.trips"): lake_table("bronze.trips", snapshot(1))},
        {n.name: suite(str(n.name), *[EXPECT] * (n.name.layer != "bronze")) for n in GRAPH},
        {n.name: "c0" for n in GRAPH},
        lambda *_: Need(ALL, ALL, ("new",), filled=ALL),
        publish=publish,
    )


def test_a_plan_is_told_group_by_group() -> None:
    assert plan_text(plan()) == "\n".join(
        [
            "bronze: 1 to build, published together",
            "  bronze.trips  new",
            "silver: 2 to build, published together",
            "  silver.zones  new",
            "  silver.trips  new",
            "warning: bronze.trips has no suite: nothing will be audited",
        ]
    )


def test_a_plan_that_publishes_nothing_says_so() -> None:
    assert lines(plan_text(plan(publish=False)))[0] == "bronze: 1 to build, not published"


def test_an_empty_plan_is_nothing_to_do() -> None:
    assert plan_text(plan(empty=True)) == "nothing to do"


PUBLISHED = result(
    "bronze.trips", State.PUBLISHED, rows=1200, snapshot=1, audit=audit("bronze.trips", verdict())
)
WRITTEN = result("silver.zones", State.WRITTEN, rows=34, snapshot=3)
FAILS = verdict(
    Outcome.FAILED, detail="2 of 3 rows fail (66.7 %)", failing=2, sample=(None, 1, 2, 3)
)
REJECTED = result(
    "silver.trips",
    State.REJECTED,
    rows=7,
    snapshot=2,
    audit=audit("silver.trips", verdict(), FAILS),
)
SKIPPED = result("gold.tips", State.SKIPPED)
DONE = (PUBLISHED, WRITTEN, REJECTED)


def test_a_run_that_published_everything_says_so_in_a_line() -> None:
    assert report(PUBLISHED) == f"run {RUN_ID}: 1 of 1 tables, 1,200 rows, 1.2 s"


def test_a_run_with_nothing_to_do_says_so() -> None:
    fresh = result("bronze.trips", State.FRESH)
    assert report() == "nothing to do: 0 tables up to date, 1.2 s"
    assert report(fresh) == "nothing to do: 1 table up to date, 1.2 s"
    assert report(PUBLISHED, fresh) == (
        f"run {RUN_ID}: 1 of 1 tables, 1,200 rows, 1.2 s; 1 table up to date"
    )


def test_a_rejected_table_says_what_failed_what_readers_see_and_what_to_do() -> None:
    assert lines(report(PUBLISHED, WRITTEN, REJECTED, SKIPPED)) == lines(f"""
silver.trips: its audit failed
  failed   critical  expect_id(column="id")
           2 of 3 rows fail (66.7 %)
           such as null; 1; 2

run {RUN_ID}: 2 of 4 tables, 1,234 rows, 1.2 s
published bronze.trips; of the others readers see what they saw before
the rows are on branch {RUN}:
  look: medallion query "select * from silver.trips" --branch {RUN}
        medallion diff silver.trips --branch {RUN}
  drop: medallion discard {RUN_ID}
""")


def test_a_failed_model_says_why_and_has_no_branch() -> None:
    failure = Failure.of(ModelError("it broke", hint="mend it"))
    failed = result("bronze.trips", State.FAILED, failure=failure)
    assert lines(report(failed, SKIPPED)) == lines(f"""
bronze.trips: it broke
  mend it

run {RUN_ID}: 0 of 2 tables, 0 rows, 1.2 s
published nothing; readers see what they saw before
""")


def test_a_conflict_says_what_moved_and_keeps_the_rows() -> None:
    failure = Failure.of(ConflictError("main moved", hint="build again"))
    conflict = result(
        "silver.trips", State.CONFLICTED, snapshot=2, failure=failure, audit=audit("silver.trips")
    )
    told = lines(report(PUBLISHED, conflict))
    assert told[:2] == ["silver.trips: main moved", "  build again"]
    assert f"the rows are on branch {RUN}:" in told
    assert "published bronze.trips; of the others readers see what they saw before" in told


def test_a_run_that_was_not_to_publish_says_how_to() -> None:
    assert lines(report(WRITTEN, published=False)) == lines(f"""
run {RUN_ID}: 1 of 1 tables, 34 rows, 1.2 s
on branch {RUN}, not published
  publish it: medallion publish {RUN_ID}
""")


WARNS = verdict(Outcome.FAILED, Severity.WARNING, detail="1 of 3 rows fails")


@pytest.mark.parametrize("state", [State.PUBLISHED, State.WRITTEN])
def test_an_audit_that_passed_with_remarks_tells_them(state: State) -> None:
    remarked = result("silver.trips", state, snapshot=2, audit=audit("silver.trips", WARNS))
    told = lines(report(remarked, published=state is State.PUBLISHED))
    assert told[:3] == [
        f"silver.trips: {state} with remarks",
        '  failed   warning   expect_id(column="id")',
        "           1 of 3 rows fails",
    ]


def test_a_report_ends_with_its_warnings() -> None:
    told = report(PUBLISHED, warnings=("silver.trips has no suite",))
    assert lines(told)[0] == "warning: silver.trips has no suite"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            result("bronze.a", State.PUBLISHED, rows=1200, bytes=34_567, seconds=1.234),
            "published bronze.a 1,200 rows 34.6 kB 1.23 s",
        ),
        (PUBLISHED, "published bronze.trips 1,200 rows 0 B 0.00 s 1 passed"),
        (REJECTED, "rejected silver.trips 7 rows 0 B 0.00 s 1 passed, 1 failed"),
        (result("gold.tips", State.FAILED, seconds=2.0), "failed gold.tips"),
        (
            result("silver.a", State.DONE, rows=2, removed=1, quarantined=3),
            "done silver.a 2 rows 0 B 0.00 s 1 duplicate removed 3 quarantined",
        ),
        (
            result("silver.a", State.DONE, rows=2, removed=1200),
            "done silver.a 2 rows 0 B 0.00 s 1,200 duplicates removed",
        ),
        (SKIPPED, "skipped gold.tips what it needs did not come about"),
    ],
)
def test_a_result_is_one_line(given: TaskResult, words: str) -> None:
    assert result_line(given).split() == words.split()


def test_the_lines_of_results_are_aligned() -> None:
    told = [result_line(r) for r in DONE]
    assert len({line.index(" rows ") for line in told}) == 1
    assert len({line.index(str(r.table)[:6]) for line, r in zip(told, DONE, strict=True)}) == 1


def test_an_audit_tells_every_verdict() -> None:
    assert lines(audit_text(audit("silver.trips", verdict(), WARNS, rows=1200))) == lines("""
silver.trips: passed, snapshot 7, 1,200 rows, 1 passed, 1 failed
  passed   critical  expect_id(column="id")
  failed   warning   expect_id(column="id")
           1 of 3 rows fails
""")
    assert audit_text(audit("silver.trips", FAILS)).startswith("silver.trips: REJECTED, snapshot 7")


def test_a_sample_is_shown_of_failed_rows_alone() -> None:
    error = verdict(Outcome.ERROR, detail="no such column", sample=(1,))
    assert verdict_lines(error)[1:] == ["           no such column"]
    passed = verdict(detail="3 rows", sample=(1,))
    assert len(verdict_lines(passed)) == 1


def test_long_arguments_of_an_expectation_are_cut() -> None:
    wide = verdict(Outcome.FAILED)
    many = type(wide)(wide.expectation, {"set": list(range(1000))}, wide.severity, wide.outcome)
    assert len(verdict_lines(many)[0]) < 200


def test_columns_are_aligned_and_whole_numbers_to_the_right() -> None:
    rows = [("a", 1, None, 1.5), ("long", 1000, 20, 2.25), ("é", -3, 5, None)]
    assert table(rows, ("name", "n", "count", "x")) == "\n".join(
        [
            "name     n  count  x",
            "a        1   NULL  1.5",
            "long  1000     20  2.25",
            "é       -3      5  NULL",
        ]
    )


def test_a_table_may_have_no_header_or_no_rows() -> None:
    assert table([("a", "b"), ("cc", "d")]) == "a   b\ncc  d"
    assert table([], ("name", "n")) == "name  n"
    assert table([]) == ""


def test_text_from_data_stays_in_its_cell() -> None:
    assert table([("a\nb", 1), ("\x1b[2J\r", 2)]) == "a\\nb       1\n\\x1b[2J\\r  2"


@pytest.mark.parametrize(
    ("bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2_000_000_000, "2.0 GB"),
        (3_100_000_000_000, "3.1 TB"),
        (4_000_000_000_000_000, "4,000.0 TB"),
    ],
)
def test_a_size_has_one_unit(bytes: int, text: str) -> None:
    assert shown_size(bytes) == text


def test_a_failure_ends_with_the_next_step() -> None:
    assert failure_text(Failure.of(ModelError("no"))) == "no"
    assert failure_text(Failure.of(ModelError("no", hint="do"))) == "no\n  do"


def test_json_has_a_word_for_everything() -> None:
    assert json.loads(as_json({"day": date(2026, 11, 21), "name": "é"})) == {
        "day": "2026-11-21",
        "name": "é",
    }
    assert "é" in as_json("é")


def test_branches_are_listed_with_what_can_be_done() -> None:
    found = lake_table(
        "silver.trips",
        snapshot(1),
        snapshot(2, 1, **{"total-records": "7"}),
        main=1,
        **{RUN: 2},
    )
    assert lines(branches_text(find_branches([found])))[:2] == [
        "run                     table         rows  state",
        f"{RUN_ID}  silver.trips     7  unaudited",
    ]
    assert branches_text([]) == "no run has left a branch"


def test_a_difference_is_told_by_columns_and_rows() -> None:
    diff = Diff(
        named("silver.trips"),
        before=None,
        after=9,
        columns_added=("a", "b"),
        columns_removed=(),
        columns_changed=("c: int -> long",),
        rows_before=0,
        rows_after=1200,
        rows_added=1200,
        rows_removed=0,
        sample_added=({"a": date(2026, 11, 21)},),
        sample_removed=(),
    )
    assert lines(diff_text(diff)) == lines("""
silver.trips: snapshot none -> 9
rows     0 -> 1,200   +1,200 -0
columns added: a, b
columns changed: c: int -> long
+ {"a": "2026-11-21"}
""")


@pytest.mark.parametrize(
    ("more", "said"), [(False, "2 rows"), (True, "the first 2 rows; --limit 0 for all")]
)
def test_rows_are_a_table_that_says_if_there_are_more(more: bool, said: str) -> None:
    rows: list[dict[str, Any]] = [{"b": 1, "a": "x"}, {"b": 20, "a": None}]
    assert lines(rows_text(["a", "b"], rows, more=more)) == [
        "a      b",
        "x      1",
        "NULL  20",
        said,
    ]
