"""What is wrong with an expectation that Great Expectations accepts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from medallion.adapters.expectations.dialect import type_named
from medallion.adapters.expectations.library import Expectation, PassThroughCondition

_ORDER = "rows have no order; write an UnexpectedRowsExpectation with lag() over (order by ...)"
_WITHOUT_SQL = {
    "expect_column_values_to_be_increasing": _ORDER,
    "expect_column_values_to_be_decreasing": _ORDER,
    "expect_column_values_to_be_dateutil_parseable": (
        "use expect_column_values_to_match_strftime_format with the format you expect"
    ),
    "expect_column_values_to_match_json_schema": (
        "use expect_column_values_to_be_json_parseable, and an UnexpectedRowsExpectation with "
        "json_extract() for what must be in it"
    ),
    "expect_multicolumn_values_to_be_unique": "use expect_compound_columns_to_be_unique",
}
# With one of these empty or left out, an expectation holds for any rows.
_NEEDED = (
    "value_set", "value_pairs_set", "regex", "regex_list", "like_pattern", "like_pattern_list",
    "type_list", "column_set", "column_list", "threshold", "partition_object",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong, and the next step."""

    message: str
    hint: str = ""


def without_sql(type: str) -> str | None:
    """What to use instead of an expectation that only DataFrames have; None for the others."""
    return _WITHOUT_SQL.get(type)


def objection(expectation: Expectation) -> Objection | None:
    """The first thing that is wrong with an expectation, None if it can be checked and can fail."""
    if alternative := without_sql(expectation.expectation_type):
        return Objection("cannot be checked here", alternative)
    return (
        _parameter(expectation)
        or _condition(expectation)
        or _type(expectation)
        or _empty(expectation)
    )


def _parameter(expectation: Expectation) -> Objection | None:
    for name in expectation.__fields__:
        value = getattr(expectation, name)
        if isinstance(value, Mapping) and "$PARAMETER" in value:
            return Objection(
                f"argument {name!r} is a parameter, which nobody gives", "write its value"
            )
    return None


def _condition(expectation: Expectation) -> Objection | None:
    if isinstance(getattr(expectation, "row_condition", None), PassThroughCondition):
        return Objection(
            "the row_condition is text that only DataFrames understand",
            'write it as {"type": "comparison", "column": {"name": "country"}, "operator": "==", '
            '"parameter": "FR"}, or in Python as Column("country") == "FR"',
        )
    return None


def _type(expectation: Expectation) -> Objection | None:
    one = getattr(expectation, "type_", None)
    for name in [one] if isinstance(one, str) else getattr(expectation, "type_list", None) or []:
        try:
            type_named(name)
        except duckdb.Error:
            return Objection(
                f"there is no type {name!r}", "use a DuckDB type, e.g. VARCHAR, BIGINT"
            )
    return None


def _empty(expectation: Expectation) -> Objection | None:
    fields = expectation.__fields__
    for name in _NEEDED:
        if name in fields and (
            _missing(getattr(expectation, name)) or _left_out(expectation, name)
        ):
            return Objection(f"without {name!r} it holds for any rows", f"give it a {name}")
    bounds = [getattr(expectation, b) for b in ("min_value", "max_value") if b in fields]
    if bounds == [None, None] and "threshold" not in fields:
        return Objection("without a bound it holds for any rows", "give min_value or max_value")
    ranges = getattr(expectation, "quantile_ranges", None)
    wanted = dict(ranges or {}).get("value_ranges", ())
    if ranges is not None and all(bound is None for pair in wanted for bound in pair):
        return Objection("without a bound it holds for any rows", "give it value_ranges")
    return None


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, list | set | tuple | str) and not value)


def _left_out(expectation: Expectation, name: str) -> bool:
    # `regex` has a default that matches everything.
    return name == "regex" and name not in expectation.__fields_set__
