"""Rows that are made to fail an expectation."""

from decimal import Decimal
from typing import Any

import pytest

from medallion.schema import Column, Schema
from medallion.spoiled import bad_rows

SCHEMA = Schema(
    tuple(
        Column(name, type, id)
        for id, (name, type) in enumerate(
            {
                "id": "long",
                "fare": "decimal(8, 2)",
                "zone": "string",
                "day": "date",
                "paid": "boolean",
                "parts": "long",
            }.items(),
            1,
        )
    )
)


def first(type: str, **kwargs: Any) -> Any:
    """What the first row changes."""
    return bad_rows({"type": type, "kwargs": kwargs}, SCHEMA).rows[0]


@pytest.mark.parametrize(
    ("type", "kwargs", "row"),
    [
        ("values_to_not_be_null", {"column": "zone"}, {"zone": None}),
        ("values_to_be_null", {"column": "id"}, {"id": -(2**62)}),
        ("values_to_be_between", {"column": "id", "max_value": 5}, {"id": Decimal(6)}),
        ("values_to_be_between", {"column": "id", "min_value": 5}, {"id": Decimal(4)}),
        ("values_to_be_between", {"column": "zone", "max_value": "m"}, {"zone": "m~"}),
        (
            "values_to_be_between",
            {"column": "day", "min_value": "2019-01-01"},
            {"day": "0001-01-01"},
        ),
        ("values_to_be_in_set", {"column": "id", "value_set": [1, 9]}, {"id": Decimal(10)}),
        ("values_to_be_in_set", {"column": "paid", "value_set": [True]}, {"paid": False}),
        ("values_to_not_be_in_set", {"column": "zone", "value_set": ["x"]}, {"zone": "x"}),
        ("values_to_be_unique", {"column": "id"}, {}),
        ("value_lengths_to_equal", {"column": "zone", "value": 2}, {"zone": "xxx"}),
        ("values_to_match_regex", {"column": "zone", "regex": "^~"}, {"zone": ""}),
        ("values_to_not_match_regex", {"column": "zone", "regex": "^ab+$"}, {"zone": "ab"}),
        ("values_to_match_like_pattern", {"column": "zone", "like_pattern": "~%"}, {"zone": ""}),
        (
            "values_to_not_match_like_pattern",
            {"column": "zone", "like_pattern": "a%"},
            {"zone": "a"},
        ),
        (
            "pair_values_a_to_be_greater_than_b",
            {"column_A": "id", "column_B": "parts"},
            {"id": -(2**62), "parts": 2**62},
        ),
    ],
)
def test_a_row_is_what_the_expectation_forbids(
    type: str, kwargs: dict[str, Any], row: dict[str, Any]
) -> None:
    assert first(f"expect_column_{type}", **kwargs) == row


def test_of_a_foreign_key_one_that_is_not_there() -> None:
    assert first("foreign_key", column="id", references="silver.zones") == {"id": Decimal(1)}
    assert first("foreign_key", column="zone", references="silver.zones")["zone"].startswith("~")


def test_a_sum_is_missed_by_one() -> None:
    kwargs = {"column_list": ["id", "parts"], "sum_total": 9}
    assert first("expect_multicolumn_sum_to_equal", **kwargs) == {"id": Decimal(10), "parts": 0}


@pytest.mark.parametrize(
    ("type", "kwargs", "why"),
    [
        ("expect_table_row_count_to_equal", {"value": 3}, "about the table's columns"),
        ("expect_column_to_exist", {"column": "id"}, "about the table's columns"),
        (
            "expect_column_values_to_be_of_type",
            {"column": "id", "type_": "BIGINT"},
            "type of the column",
        ),
        ("expect_column_values_to_not_be_null", {"column": "gone"}, "no column 'gone'"),
        (
            "expect_column_values_to_be_in_set",
            {"column": "paid", "value_set": [True, False]},
            "no value of 'paid'",
        ),
    ],
)
def test_where_no_row_can_be_made_it_is_told_why(
    type: str, kwargs: dict[str, Any], why: str
) -> None:
    found = bad_rows({"type": type, "kwargs": kwargs}, SCHEMA)
    assert found.rows == ()
    assert why in found.why


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        (
            {"type": "comparison", "column": {"name": "zone"}, "operator": "==", "parameter": "a'"},
            "\"zone\" = 'a'''",
        ),
        (
            {"type": "comparison", "column": {"name": "id"}, "operator": "IN", "parameter": [1, 2]},
            '"id" in (1, 2)',
        ),
        (
            {"type": "nullity", "column": {"name": "day"}, "is_null": False},
            '"day" is not null',
        ),
        (
            {
                "type": "or",
                "conditions": [
                    {"type": "nullity", "column": {"name": "day"}, "is_null": True},
                    {"type": "nullity", "column": {"name": "id"}, "is_null": False},
                ],
            },
            '("day" is null) or ("id" is not null)',
        ),
        ('col("id") > 3', '"id" > 3'),
        ('col("zone") == "x"', "\"zone\" = 'x'"),
        ('col("id").notNull()', '"id" is not null'),
    ],
)
def test_the_row_is_copied_from_one_that_meets_the_condition(condition: Any, where: str) -> None:
    kwargs = {"column": "parts", "row_condition": condition}
    found = bad_rows({"type": "expect_column_values_to_not_be_null", "kwargs": kwargs}, SCHEMA)
    assert found.where == where
    assert found.sure


def test_a_row_that_may_leave_the_condition_proves_nothing() -> None:
    kwargs = {"column": "id", "max_value": 3, "row_condition": 'col("id") > 1'}
    document = {"type": "expect_column_values_to_be_between", "kwargs": kwargs}
    assert not bad_rows(document, SCHEMA).sure
    kwargs["row_condition"] = "something else"
    assert not bad_rows(document, SCHEMA).sure
