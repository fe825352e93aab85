"""What an expectation says when there is nothing to judge."""

from typing import Any

import pytest
from support.audits import ROWS, Write, audit, compared, document

from medallion.suite import Outcome

NONE_SUCH = compared("id", "<", 0)
NO_ROWS = f"{ROWS} where false"
NULLS = {"column": "note"}

# Each passes in Great Expectations alone, or would if it were taken at its word.
ON_NOTHING: list[tuple[str, str, dict[str, Any]]] = [
    (NO_ROWS, "expect_column_values_to_not_be_null", {"column": "id"}),
    (NO_ROWS, "expect_column_values_to_be_null", {"column": "id"}),
    (NO_ROWS, "expect_column_values_to_be_between", {"column": "id", "min_value": 0}),
    (NO_ROWS, "expect_column_values_to_be_unique", {"column": "id"}),
    (NO_ROWS, "expect_compound_columns_to_be_unique", {"column_list": ["id", "shop"]}),
    (NO_ROWS, "expect_column_distinct_values_to_be_in_set", {"column": "id", "value_set": [1]}),
    (NO_ROWS, "expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "shop"}),
    (NO_ROWS, "expect_column_unique_value_count_to_be_between", {"column": "id", "max_value": 9}),
    (NO_ROWS, "unexpected_rows_expectation",
     {"unexpected_rows_query": "select * from {batch} where id < 0"}),
    (NO_ROWS, "expect_query_results_to_match_comparison",
     {"base_query": "select id from {batch}", "comparison_data_source_name": "here",
      "comparison_query": "select 1 where false"}),
    (ROWS, "expect_column_values_to_be_between", {"column": "blank", "min_value": 0}),
    (ROWS, "expect_column_values_to_be_in_set", NULLS | {"value_set": ["a"]}),
    (ROWS, "expect_column_values_to_not_be_in_set", NULLS | {"value_set": ["a"]}),
    (ROWS, "expect_column_values_to_match_regex", NULLS | {"regex": "^a$"}),
    (ROWS, "expect_column_values_to_be_unique", NULLS),
    (ROWS, "expect_column_value_lengths_to_equal", NULLS | {"value": 3}),
    (ROWS, "expect_column_values_to_be_json_parseable", NULLS),
    (ROWS, "expect_column_distinct_values_to_be_in_set", NULLS | {"value_set": ["a"]}),
    (ROWS, "expect_column_max_to_be_between", {"column": "blank", "min_value": 0}),
    (ROWS, "expect_column_pair_values_a_to_be_greater_than_b",
     {"column_A": "note", "column_B": "state"}),
    (ROWS, "expect_column_pair_values_a_to_be_greater_than_b",
     {"column_A": "even", "column_B": "odd"}),
    (ROWS, "expect_compound_columns_to_be_unique", {"column_list": ["note", "shop"]}),
    (ROWS, "expect_multicolumn_sum_to_equal", {"column_list": ["even", "odd"], "sum_total": 1}),
    (ROWS, "expect_column_values_to_not_be_null", {"column": "id", "row_condition": NONE_SUCH}),
    (ROWS, "expect_column_values_to_be_unique", {"column": "shop", "row_condition": NONE_SUCH}),
    (ROWS, "expect_column_max_to_be_between",
     {"column": "id", "max_value": 5, "row_condition": NONE_SUCH}),
    (ROWS, "expect_column_values_to_be_between",
     {"column": "amount", "min_value": 0, "row_condition": compared("id", "<", 3)}),
    (ROWS, "expect_column_values_to_be_between", {"column": "id", "min_value": 99, "mostly": 0}),
    (ROWS, "expect_column_values_to_be_unique", {"column": "shop", "mostly": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "type", "kwargs"), ON_NOTHING)
def test_a_pass_on_nothing_is_no_pass(
    write: Write, rows: str, type: str, kwargs: dict[str, Any]
) -> None:
    (verdict,) = audit(write(rows), document(type, **kwargs))
    assert verdict.outcome is Outcome.VACUOUS
    assert verdict.blocks
    assert "there is no row" in verdict.detail or "mostly is 0" in verdict.detail


@pytest.mark.parametrize("meta", [{"medallion": {"allow_vacuous": True}}, {"allow_vacuous": True}])
@pytest.mark.parametrize(("rows", "type", "kwargs"), ON_NOTHING[::4])
def test_a_pass_on_nothing_can_be_allowed(
    write: Write, meta: dict[str, Any], rows: str, type: str, kwargs: dict[str, Any]
) -> None:
    (verdict,) = audit(write(rows), document(type, **kwargs) | {"meta": meta})
    assert verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("rows", "type", "kwargs"),
    [
        (NO_ROWS, "expect_table_row_count_to_equal", {"value": 0}),
        (NO_ROWS, "expect_table_column_count_to_equal", {"value": 9}),
        (NO_ROWS, "expect_column_to_exist", {"column": "id"}),
        (NO_ROWS, "expect_column_type_to_be", {"column": "id", "type_": "BIGINT"}),
        (NO_ROWS, "expect_column_values_to_be_of_type", {"column": "id", "type_": "BIGINT"}),
        (ROWS, "expect_column_values_to_be_null", NULLS),
        (ROWS, "expect_column_values_to_be_of_type", NULLS | {"type_": "VARCHAR"}),
        (ROWS, "expect_table_row_count_to_equal", {"value": 0, "row_condition": NONE_SUCH}),
        (ROWS, "expect_column_proportion_of_non_null_values_to_be_between",
         NULLS | {"max_value": 0}),
    ],
)  # fmt: skip
def test_what_is_not_about_values_needs_none(
    write: Write, rows: str, type: str, kwargs: dict[str, Any]
) -> None:
    (verdict,) = audit(write(rows), document(type, **kwargs))
    assert verdict.outcome is Outcome.PASSED, verdict.detail


def test_a_column_of_nulls_fails_to_be_without_nulls(write: Write) -> None:
    (verdict,) = audit(write(), document("expect_column_values_to_not_be_null", **NULLS))
    assert (verdict.outcome, verdict.failing) == (Outcome.FAILED, 20)
