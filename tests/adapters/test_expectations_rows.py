"""The condition of the rows that failed selects as many rows as were counted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.audits import audit, compared, document, opened, written

from medallion.adapters.expectations.literals import literal
from medallion.frame import Frame
from medallion.suite import Outcome

ROWS = r"""
select * from (values
  (1, 'it''s', date '2019-01-01', timestamptz '2019-01-01 10:00+00', 1.10::decimal(9, 2),
   0.1::float, 0.1::double, true, null::int, 'a\b%?:x'),
  (2, 'b', date '2019-02-01', timestamptz '2019-02-01 10:00+00', 2.10, 0.2, 0.2, false, 2, 'zz'),
  (2, null, date '2019-03-01', timestamptz '2019-03-01 10:00+00', 3.10, 0.3, 0.3, true, 3, 'q'),
  (4, 'dd', null, null, null, null, null, null, null, null)
) t(id, name, day, moment, price, part, share, flag, other, txt)
"""
BETWEEN, IN_SET = "expect_column_values_to_be_between", "expect_column_values_to_be_in_set"
UNIQUE, COMPOUND = "expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"


def cases() -> Iterator[tuple[int, str, dict[str, Any]]]:
    """How many rows fail, the type of expectation and its arguments."""
    yield 2, IN_SET, {"column": "name", "value_set": ["b", "q?", "it's not"]}
    yield 1, "expect_column_values_to_not_be_in_set", {"column": "name", "value_set": ["it's"]}
    yield 1, IN_SET, {"column": "flag", "value_set": [True]}
    yield 1, IN_SET, {"column": "price", "value_set": [1.1, 3.1]}
    yield 3, IN_SET, {"column": "id", "value_set": [1]}
    yield 2, BETWEEN, {"column": "day", "min_value": "2019-01-15", "max_value": "2019-02-15"}
    yield 1, BETWEEN, {"column": "moment", "max_value": "2019-02-01 10:00:00"}
    yield 1, BETWEEN, {"column": "price", "min_value": 1.11}
    yield 2, BETWEEN, {"column": "part", "max_value": 0.2}
    yield 2, BETWEEN, {"column": "share", "min_value": 0.3}
    yield 3, BETWEEN, {"column": "id", "min_value": -5, "max_value": 1}
    yield 1, BETWEEN, {"column": "id", "max_value": 1, "row_condition": compared("name", "!=", "b")}
    yield 2, "expect_column_values_to_be_null", {"column": "other"}
    yield 2, "expect_column_values_to_not_be_null", {"column": "other"}
    yield 2, "expect_column_values_to_match_regex", {"column": "txt", "regex": r"^a\\b%\?"}
    yield 1, "expect_column_values_to_not_match_regex", {"column": "txt", "regex": r"\?:x|'"}
    yield (
        2,
        "expect_column_values_to_match_regex_list",
        {"column": "txt", "regex_list": ["^z", "'"]},
    )
    yield 2, "expect_column_values_to_match_like_pattern", {"column": "txt", "like_pattern": "z%"}
    yield 2, "expect_column_value_lengths_to_equal", {"column": "txt", "value": 2}
    yield 2, UNIQUE, {"column": "id"}
    yield 2, UNIQUE, {"column": "id", "row_condition": compared("share", ">", 0)}
    yield 2, COMPOUND, {"column_list": ["id", "other_flag"]}
    pair = {"column_A": "id", "column_B": "other"}
    yield 3, "expect_column_pair_values_to_be_equal", pair
    yield 2, "expect_column_pair_values_a_to_be_greater_than_b", pair
    pairs = {**pair, "value_pairs_set": [[1, 2]]}
    yield 3, "expect_column_pair_values_to_be_in_set", pairs
    several = {"column_list": ["id", "other"]}
    yield 1, "expect_multicolumn_sum_to_equal", {**several, "sum_total": 4}
    yield 1, "expect_select_column_values_to_be_unique_within_record", several
    yield 3, "expect_column_values_to_be_json_parseable", {"column": "txt"}


def selected(frame: Frame, where: str) -> int:
    """How many rows a condition selects, of the view as it is called in it."""
    with opened({"batch": frame}) as con:
        con.execute("set TimeZone = 'UTC'")
        rows = con.execute(f"select count(*) from (from batch) as batch where (\n{where}\n)")
        (number,) = rows.fetchall()[0]
        return int(number)


def test_a_condition_selects_the_rows_that_were_counted(tmp_path: Path) -> None:
    frame = written(f"select *, id % 2 as other_flag from ({ROWS})", tmp_path / "rows.parquet")
    wanted = list(cases())
    verdicts = audit(frame, *(document(type, **kwargs) for _, type, kwargs in wanted))
    for (number, type, kwargs), verdict in zip(wanted, verdicts, strict=True):
        assert (verdict.outcome, verdict.failing) == (Outcome.FAILED, number), (type, kwargs)
        assert selected(frame, verdict.rows) == number, (type, kwargs, verdict.rows)


def test_what_is_not_about_rows_or_passes_has_no_condition(tmp_path: Path) -> None:
    frame = written(ROWS, tmp_path / "rows.parquet")
    verdicts = audit(
        frame,
        document("expect_column_max_to_be_between", column="id", max_value=1),
        document(
            "unexpected_rows_expectation",
            unexpected_rows_query="select * from {batch} where id > 1",
        ),
        document(BETWEEN, column="id", max_value=9),
        document(BETWEEN, column="id", max_value=1, mostly=0.1),
    )
    assert [v.rows for v in verdicts] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("value", "type"),
    [
        (None, '"NULL"'),
        (True, "BOOLEAN"),
        (-7, "INTEGER"),
        (2**40, "BIGINT"),
        (0.1, "DOUBLE"),
        (float("inf"), "DOUBLE"),
        (Decimal("-1.50"), "DECIMAL(3,2)"),
        ("O'Hare \\ ? %", "VARCHAR"),
        (b"a'\x00", "BLOB"),
        (date(2026, 1, 2), "DATE"),
        (datetime(2026, 1, 2, 3, 4, 5, 6), "TIMESTAMP"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE"),
        (time(1, 2, 3), "TIME"),
        (timedelta(days=-1, microseconds=5), "INTERVAL"),
        ([1, 2], "INTEGER[]"),
    ],
)
def test_a_value_is_written_as_it_is_given(value: Any, type: str) -> None:
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        same, found = con.execute(
            f"select {literal(value)} is not distinct from ?, typeof({literal(value)})", [value]
        ).fetchall()[0]
    assert (same, found) == (True, type)


def test_what_sql_has_no_word_for_is_not_written() -> None:
    with pytest.raises(TypeError, match="cannot be written as SQL"):
        literal(object())
