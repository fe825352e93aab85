"""Which rows count, and which of the failing ones are shown."""

import json
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audits import Write, audit, compared, document

from medallion.frame import DataFile, Frame
from medallion.schema import Column, Schema
from medallion.suite import Outcome

CONDITIONS = [
    compared("shop", "==", 1),
    compared("email", "IN", ["u1", "u5", "u9", "u13", "u17"]),
    {"type": "and", "conditions": [compared("shop", ">", 0), compared("shop", "<", 2)]},
    {"type": "or", "conditions": [compared("id", "IN", [1, 5]), compared("id", "IN", [9, 13, 17])]},
]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(
    ("type", "kwargs", "failing"),
    [
        ("expect_column_values_to_be_between", {"column": "id", "max_value": 9}, 2),
        ("expect_column_values_to_be_unique", {"column": "shop"}, 5),
        ("expect_compound_columns_to_be_unique", {"column_list": ["shop", "state"]}, 4),
        ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "shop"}, 4),
    ],
)
def test_a_row_condition_chooses_the_rows_that_count_and_those_of_the_sample(
    write: Write, condition: Any, type: str, kwargs: dict[str, Any], failing: int
) -> None:
    (verdict,) = audit(
        write(), document(type, **kwargs, row_condition=condition), keys=["id", "shop"]
    )
    assert verdict.failing == failing
    assert verdict.detail.startswith(f"{failing} of 5 rows")
    assert len(verdict.sample) == failing
    assert all(row["shop"] == 1 for row in verdict.sample)


@pytest.mark.parametrize("aggregate", ["min", "max", "mean", "median", "sum"])
def test_a_row_condition_chooses_the_rows_of_an_aggregate(write: Write, aggregate: str) -> None:
    (number,) = {"min": {1}, "max": {17}, "mean": {9}, "median": {9}, "sum": {45}}[aggregate]
    type = f"expect_column_{aggregate}_to_be_between"
    bounds = {"column": "id", "min_value": number, "max_value": number}
    verdicts = audit(
        write(),
        document(type, **bounds, row_condition=CONDITIONS[0]),
        document(type, **bounds, row_condition=compared("shop", "==", 2)),
    )
    assert [v.outcome for v in verdicts] == [Outcome.PASSED, Outcome.FAILED]


def test_a_condition_as_text_is_understood_without_a_warning(write: Write) -> None:
    kwargs = {"row_condition": 'col("shop") == 1', "condition_parser": "great_expectations"}
    (verdict,) = audit(
        write(), document("expect_column_values_to_be_between", column="id", max_value=9, **kwargs)
    )
    assert (verdict.failing, verdict.detail) == (2, "2 of 5 rows fail (40.0 %)")


def test_a_sample_is_five_different_keys_of_failing_rows(write: Write) -> None:
    (verdict,) = audit(
        write(),
        document("expect_column_values_to_be_between", column="amount", max_value=0),
        keys=["id", "state"],
    )
    assert verdict.failing == 17
    assert len(verdict.sample) == 5
    assert len({row["id"] for row in verdict.sample}) == 5
    assert all(set(row) == {"id", "state"} and row["id"] >= 3 for row in verdict.sample)


def test_without_keys_a_sample_is_the_values_that_failed(write: Write) -> None:
    verdicts = audit(
        write(),
        document("expect_column_values_to_be_in_set", column="state", value_set=["good"]),
        document("expect_column_values_to_be_unique", column="shop"),
        document("expect_column_pair_values_to_be_equal", column_A="shop", column_B="shop"),
        document("expect_compound_columns_to_be_unique", column_list=["shop", "state"]),
        keys=["not_a_column"],
    )
    assert verdicts[0].sample == ("bad",)
    assert set(verdicts[1].sample) == {0, 1, 2, 3}
    assert verdicts[2].sample == ()
    assert all(set(row) == {"shop", "state"} for row in verdicts[3].sample)


def test_a_sample_of_any_type_is_json(write: Write) -> None:
    row = """select 1.50::decimal(9, 2) as number, 'nan'::double as nan, date '2026-01-02' as day,
      timestamp '2026-01-02 03:04:05' as at, timestamptz '2026-01-02 03:04:05+00' as at_utc,
      time '03:04:05' as clock, uuid() as uuid, 'x'::blob as bytes, [1, null] as list,
      {'a': 1.5::decimal(2, 1)} as struct, map {'k': 1} as map, interval 1 day as span,
      170141183460469231731687303715884105727::hugeint as huge, repeat('x', 1000) as long"""
    names = [c.name for c in write(row).schema]
    verdicts = audit(
        write(row),
        *(document("expect_column_values_to_be_null", column=name) for name in names),
        document("unexpected_rows_expectation", unexpected_rows_query="select * from {batch}"),
    )
    samples = {n: v.sample[0] for n, v in zip(names, verdicts, strict=False)}
    assert json.loads(json.dumps(samples, allow_nan=False)) == samples
    assert (samples["number"], samples["nan"], samples["day"]) == ("1.50", "nan", "2026-01-02")
    assert samples["at_utc"] == "2026-01-02T03:04:05+00:00"
    assert (samples["list"], samples["struct"]) == ([1, None], {"a": "1.5"})
    assert len(samples["long"]) == 200
    json.dumps(verdicts[-1].sample, allow_nan=False)


ODD = ["a%b", 'q"uote', "A b", "select", "co:lon", "d.ot", "q?m", "Größe", "batch", "x'y", "{z}"]


@pytest.mark.parametrize("name", ODD)
def test_a_column_may_have_any_name(write: Write, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    frame = write(f"select i as id, i % 5 as {quoted}, 'it''s' as said from range(10) t(i)")
    failing = audit(
        frame,
        document("expect_column_values_to_be_between", column=name, max_value=3),
        document("expect_column_values_to_be_unique", column=name),
        document("expect_compound_columns_to_be_unique", column_list=[name, "said"]),
        document("expect_column_pair_values_to_be_equal", column_A=name, column_B="id"),
        document("expect_column_values_to_not_be_in_set", column="said", value_set=["it's"],
                 row_condition=compared(name, "==", 4)),
        keys=[name],
    )  # fmt: skip
    assert [v.failing for v in failing] == [2, 10, 10, 5, 2]
    assert failing[0].sample == ({name: 4},)
    (mean,) = audit(frame, document("expect_column_mean_to_be_between", column=name, max_value=2))
    assert mean.outcome is Outcome.PASSED


Number = st.none() | st.integers(0, 4)
JUDGED: list[tuple[dict[str, Any], Callable[[Any, Any], bool], Callable[[Any, Any], bool]]] = [
    (document("expect_column_values_to_not_be_null", column="a"),
     lambda a, b: True, lambda a, b: a is None),
    (document("expect_column_values_to_be_null", column="a"),
     lambda a, b: True, lambda a, b: a is not None),
    (document("expect_column_values_to_be_between", column="a", min_value=1, max_value=3),
     lambda a, b: a is not None, lambda a, b: not 1 <= a <= 3),
    (document("expect_column_values_to_be_in_set", column="b", value_set=[1, 2]),
     lambda a, b: b is not None, lambda a, b: b not in (1, 2)),
    (document("expect_column_values_to_be_between", column="a", min_value=2,
              row_condition=compared("b", ">=", 2)),
     lambda a, b: a is not None and b is not None and b >= 2, lambda a, b: a < 2),
    (document("expect_column_values_to_not_be_null", column="a",
              row_condition=compared("b", "<", 3)),
     lambda a, b: b is not None and b < 3, lambda a, b: a is None),
    (document("expect_column_pair_values_a_to_be_greater_than_b", column_A="a", column_B="b",
              or_equal=True, ignore_row_if="either_value_is_missing"),
     lambda a, b: a is not None and b is not None, lambda a, b: a < b),
]  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(Number, Number), min_size=1, max_size=9), large=st.booleans())
def test_what_is_judged_and_what_fails_is_counted_as_by_hand(
    rows: list[tuple[int | None, int | None]], large: bool
) -> None:
    values = ", ".join(f"({a}::int, {b}::int)" for a, b in rows).replace("None", "null")
    schema = Schema((Column("a", "int"), Column("b", "int")))
    with TemporaryDirectory() as folder, duckdb.connect() as con:
        con.execute(f"copy (select * from (values {values}) t(a, b)) to '{folder}/t.parquet'")
        # A file that claims many rows is one that is worth pruning.
        claimed = 10**6 if large else len(rows)
        frame = Frame(schema, (DataFile(f"{folder}/t.parquet", claimed, 1),))
        verdicts = audit(frame, *(d for d, _, _ in JUDGED))
    for verdict, (_, judged, fails) in zip(verdicts, JUDGED, strict=True):
        seen = [(a, b) for a, b in rows if judged(a, b)]
        failing = [row for row in seen if fails(*row)]
        if not seen:
            assert verdict.outcome is Outcome.VACUOUS
            continue
        assert verdict.failing == len(failing)
        assert verdict.outcome is (Outcome.FAILED if failing else Outcome.PASSED)
        share = f"{len(failing)} of {len(seen)} row"
        assert verdict.detail.startswith(share if failing else f"{len(seen)} row")
