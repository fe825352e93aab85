"""What every auditor promises."""

from collections.abc import Mapping
from typing import Any

import pytest
from conformance.world import TRIPS, ZONES, World, rows

from medallion.errors import DefinitionError
from medallion.frame import Frame
from medallion.suite import Outcome, Severity, Suite, Verdict

PASSED, FAILED, VACUOUS = Outcome.PASSED, Outcome.FAILED, Outcome.VACUOUS

NOT_NULL = "expect_column_values_to_not_be_null"
UNIQUE = "expect_column_values_to_be_unique"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
COMPOUND = "expect_compound_columns_to_be_unique"
ROW_COUNT = "expect_table_row_count_to_be_between"

EACH: tuple[tuple[str, dict[str, Any]], ...] = (
    (NOT_NULL, {"column": "id"}),
    (UNIQUE, {"column": "id"}),
    (BETWEEN, {"column": "fare", "min_value": 0, "max_value": 10}),
    (IN_SET, {"column": "zone", "value_set": ["a", "b"]}),
    (COMPOUND, {"column_list": ["id", "zone"]}),
    (ROW_COUNT, {"min_value": 2, "max_value": 3}),
)
GOOD = rows((1, 0.0, "a"), (2, 10.0, "b"), (3, None, None))
BAD = rows((1, 1.5, "a"), (1, 10.5, "a"), (2, -1.0, "c"), (None, 1.5, "b"))


def suite(*documents: tuple[str, Mapping[str, Any]], **more: Any) -> Suite:
    return Suite(
        TRIPS,
        tuple(
            (f"trips.json:{i}", {"type": type, "kwargs": kwargs, **more})
            for i, (type, kwargs) in enumerate(documents, start=1)
        ),
    )


def audit(
    world: World, query: str, *documents: tuple[str, Mapping[str, Any]], **more: Any
) -> tuple[Verdict, ...]:
    return world.ports.auditor.audit(suite(*documents, **more), world.frame(query))


def test_rows_that_keep_what_is_demanded_pass(world: World) -> None:
    verdicts = audit(world, GOOD, *EACH)

    assert [v.outcome for v in verdicts] == [PASSED] * len(EACH)
    assert [v.failing for v in verdicts] == [0, 0, 0, 0, 0, None]
    assert not any(v.blocks for v in verdicts)


def test_there_is_one_verdict_per_expectation_in_their_order(world: World) -> None:
    for order in (EACH, EACH[::-1]):
        verdicts = audit(world, BAD, *order)

        assert [(v.expectation, v.kwargs) for v in verdicts] == list(order)


def test_rows_that_fail_are_counted_and_some_are_shown(world: World) -> None:
    verdicts = audit(world, BAD, *EACH)

    assert [v.outcome for v in verdicts] == [FAILED] * len(EACH)
    assert [v.failing for v in verdicts] == [1, 2, 2, 1, 2, None]
    assert [sorted(v.sample, key=str) for v in verdicts] == [
        [None],
        [1],
        [-1.0, 10.5],
        ["c"],
        [{"id": 1, "zone": "a"}],
        [],
    ]
    assert all(v.detail for v in verdicts)
    assert all(v.blocks for v in verdicts)


def test_keys_name_the_failing_rows(world: World) -> None:
    """A key that the table does not have names nothing."""
    verdicts = world.ports.auditor.audit(
        suite(EACH[2]), world.frame(BAD), keys=("id", "nobody", "zone")
    )

    sample = sorted(verdicts[0].sample, key=str)
    assert sample == [{"id": 1, "zone": "a"}, {"id": 2, "zone": "c"}]


def test_of_many_failing_rows_a_few_are_shown(world: World) -> None:
    many = rows(*((i, -1.0 - i, "a") for i in range(30)))
    (verdict,) = audit(world, many, EACH[2])

    assert verdict.failing == 30
    assert 1 <= len(verdict.sample) <= 10


@pytest.mark.parametrize("expectation", EACH[:-1], ids=lambda e: e[0])
def test_what_was_judged_on_no_row_is_no_pass(
    world: World, expectation: tuple[str, Mapping[str, Any]]
) -> None:
    (verdict,) = audit(world, rows(), expectation)

    assert (verdict.outcome, verdict.failing) == (VACUOUS, None)
    assert verdict.detail
    assert verdict.blocks


@pytest.mark.parametrize("expectation", EACH[1:-1], ids=lambda e: e[0])
def test_what_was_judged_on_nulls_alone_is_no_pass(
    world: World, expectation: tuple[str, Mapping[str, Any]]
) -> None:
    (verdict,) = audit(world, rows((None, None, None), (None, None, None)), expectation)

    assert (verdict.outcome, verdict.failing) == (VACUOUS, None)


def test_nulls_and_no_rows_are_judged_by_what_is_about_them(world: World) -> None:
    (nulls,) = audit(world, rows((None, None, None)), EACH[0])
    (few,) = audit(world, rows(), EACH[5])
    (none,) = audit(world, rows(), (ROW_COUNT, {"max_value": 3}))

    assert (nulls.outcome, nulls.failing) == (FAILED, 1)
    assert (few.outcome, none.outcome) == (FAILED, PASSED)


@pytest.mark.parametrize("meta", [{"allow_vacuous": True}, {"medallion": {"allow_vacuous": True}}])
def test_a_pass_on_nothing_can_be_allowed(world: World, meta: dict[str, Any]) -> None:
    empty = audit(world, rows(), *EACH[:-1], meta=meta)
    failing = audit(world, BAD, *EACH[:-1], meta=meta)

    assert {v.outcome for v in empty} == {PASSED}
    assert {v.outcome for v in failing} == {FAILED}


def test_a_share_of_the_rows_may_fail(world: World) -> None:
    """`mostly` is a share of the rows that were judged; with 0 nothing is judged."""
    half, more, none = (
        audit(world, BAD, (BETWEEN, {**EACH[2][1], "mostly": mostly}))[0]
        for mostly in (0.5, 0.75, 0)
    )

    assert (half.outcome, half.failing) == (PASSED, 2)
    assert (more.outcome, more.failing) == (FAILED, 2)
    assert none.outcome is VACUOUS


def test_only_what_is_critical_blocks(world: World) -> None:
    severities = [
        audit(world, BAD, EACH[0], severity=severity)[0]
        for severity in ("critical", "warning", "info")
    ]

    assert [v.severity for v in severities] == list(Severity)
    assert [v.outcome for v in severities] == [FAILED] * 3
    assert [v.blocks for v in severities] == [True, False, False]
    assert audit(world, GOOD, EACH[0])[0].severity is Severity.CRITICAL


def test_what_cannot_be_evaluated_is_an_error_and_blocks(world: World) -> None:
    """The others are evaluated, and the severity does not matter."""
    wrong = (NOT_NULL, {"column": "nobody"})
    verdicts = audit(world, GOOD, EACH[0], wrong, EACH[1], severity="info")

    assert [v.outcome for v in verdicts] == [PASSED, Outcome.ERROR, PASSED]
    assert [v.blocks for v in verdicts] == [False, True, False]
    assert "nobody" in verdicts[1].detail


def test_a_suite_file_is_taken_as_a_whole(world: World) -> None:
    document = {"expectations": [{"type": t, "kwargs": k} for t, k in EACH]}
    whole = Suite(TRIPS, (("trips.json", document),))

    verdicts = world.ports.auditor.audit(whole, world.frame(GOOD))

    assert [v.expectation for v in verdicts] == [type for type, _ in EACH]


def test_other_tables_may_be_beside(world: World) -> None:
    verdicts = world.ports.auditor.audit(
        suite(*EACH), world.frame(GOOD), others={"silver.zones": world.frame(BAD)}
    )

    assert [v.outcome for v in verdicts] == [PASSED] * len(EACH)


def test_a_suite_without_mistakes_is_found_good(world: World) -> None:
    frame = world.frame(GOOD)

    world.ports.auditor.check(suite(*EACH), frame.schema)
    world.ports.auditor.check(suite((NOT_NULL, {"column": "nobody"})), None)

    assert world.ports.auditor.audit(suite(*EACH), frame)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"type": "expect_column_values_to_be_nice", "kwargs": {"column": "id"}}, "to_be_nice"),
        ({"type": UNIQUE, "kwargs": {"column": "id", "colour": "red"}}, "no argument 'colour'"),
        ({"type": UNIQUE, "kwargs": {}}, "needs the argument 'column'"),
        ({"type": BETWEEN, "kwargs": {"column": "id"}}, "min_value"),
        ({"type": IN_SET, "kwargs": {"column": "id", "value_set": []}}, "value_set"),
        ({"type": UNIQUE, "kwargs": {"column": "id"}, "severity": "dire"}, "no such severity"),
        ({"type": UNIQUE, "kwargs": {"column": "nobody"}}, "names 'nobody'"),
        ({"type": "foreign_key", "kwargs": {"column": "zone"}}, "needs the argument 'references'"),
        ({"type": COMPOUND, "kwargs": {"column_list": ["id", "nobody"]}}, "names 'nobody'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_in_a_suite_show_without_rows(
    world: World, document: dict[str, Any], told: str
) -> None:
    """The error says where the mistake was written."""
    columns = world.frame(rows()).schema
    wrong = Suite(TRIPS, (("trips.json:3", document),))

    with pytest.raises(DefinitionError, match=rf"^trips\.json:3.*{told}"):
        world.ports.auditor.check(wrong, columns)


def test_a_suite_that_demands_nothing_is_a_mistake(world: World) -> None:
    with pytest.raises(DefinitionError, match=r"silver\.trips"):
        world.ports.auditor.check(Suite(TRIPS), None)


def test_a_column_that_a_file_is_too_old_for_is_judged_as_null(world: World) -> None:
    frame = world.frame("select cast(1 as bigint) as id")
    wider = Frame(world.frame(GOOD).schema, frame.files)
    verdicts = world.ports.auditor.audit(
        suite(EACH[0], EACH[2], (NOT_NULL, {"column": "zone"})), wider
    )

    assert [v.outcome for v in verdicts] == [PASSED, VACUOUS, FAILED]


KEY = ("foreign_key", {"column": "zone", "references": "silver.zones.zone"})


def refer(world: World, query: str, zones: str | None, **more: Any) -> Verdict:
    """The verdict on rows that refer to zones, where there are such."""
    others = {} if zones is None else {str(ZONES): world.frame(zones, ZONES)}
    [verdict] = world.ports.auditor.audit(
        suite(KEY, **more), world.frame(query), keys=("id",), others=others
    )
    return verdict


def test_a_value_that_the_other_table_lacks_fails(world: World) -> None:
    trips = rows((1, 0.0, "a"), (2, 0.0, "c"), (3, 0.0, "c"), (4, 0.0, None))
    lost = refer(world, trips, rows((1, 0.0, "a"), (2, 0.0, "a"), (3, 0.0, None)))

    assert (lost.expectation, lost.kwargs) == KEY
    assert (lost.outcome, lost.failing, lost.sample) == (FAILED, 2, ("c",))
    found = refer(world, trips, rows((1, 0.0, "c"), (2, 0.0, "a")))
    assert (found.outcome, found.failing, found.sample) == (PASSED, 0, ())


def test_nothing_that_refers_is_no_pass_and_no_table_is_an_error(world: World) -> None:
    nothing, zones = rows((1, 0.0, None)), rows((1, 0.0, "a"))

    assert refer(world, nothing, zones).outcome is VACUOUS
    assert refer(world, nothing, zones, meta={"allow_vacuous": True}).outcome is PASSED
    assert refer(world, zones, None).outcome is Outcome.ERROR


def test_a_table_may_refer_to_itself(world: World) -> None:
    key = ("foreign_key", {"column": "zone", "references": "silver.trips.zone"})
    [verdict] = audit(world, GOOD, key)
    assert verdict.outcome is PASSED


def test_the_documents_of_a_suite_say_what_its_verdicts_are_of(world: World) -> None:
    given = suite(*EACH, severity="warning")
    documents = world.ports.auditor.documents(given)

    verdicts = world.ports.auditor.audit(given, world.frame(GOOD))
    assert [(d["type"], d["kwargs"], d["severity"]) for d in documents] == [
        (v.expectation, v.kwargs, v.severity) for v in verdicts
    ]
    again = Suite(TRIPS, tuple(("again", document) for document in documents))
    assert world.ports.auditor.audit(again, world.frame(GOOD)) == verdicts
