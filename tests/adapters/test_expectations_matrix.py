"""Every core expectation of Great Expectations, on a good and on a bad table."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from medallion.adapters.expectations import ExpectationsAuditor
from medallion.errors import DefinitionError
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.schema import Column, Schema
from medallion.suite import Outcome, Severity, Suite, Verdict

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED

GOOD = """
select
  i::bigint as id,
  (hash(i) % 100)::integer as customer_id,
  'o-' || lpad(i::varchar, 9, '0') as order_ref,
  'u' || i || '@example.com' as email,
  (1 + (i * 7919) % 100000 / 100.0)::decimal(12, 2) as amount,
  ((i * 7919) % 1000)::double as score,
  (1 + i % 20)::integer as qty,
  ['new', 'paid', 'shipped', 'returned'][1 + i % 4] as status,
  ['FR', 'DE', 'US', 'JP', 'BR'][1 + i % 5] as country,
  i % 3 = 0 as is_gift,
  date '2026-01-01' + (i % 365)::integer as order_date,
  timestamp '2026-01-01' + to_seconds(i) as created_at,
  timestamp '2026-01-01' + to_seconds(i + 60) as updated_at,
  '{"k": ' || (i % 10) || '}' as payload,
  '2026-02-' || lpad((1 + i % 28)::varchar, 2, '0') as date_text,
  null::varchar as note
from range(1000) t(i)
"""
BAD = f"""
select * replace (
  case when id % 10 = 0 then null else email end as email,
  case when id % 100 = 1 then 1 else id end as id,
  case when id % 50 = 2 then 'zzz' else status end as status,
  case when id % 50 = 3 then 'not json' else payload end as payload,
  case when id % 50 = 4 then 'not a date' else date_text end as date_text,
  case when id = 5 then 1e9 else score end as score,
  case when id = 6 then 21 else qty end as qty,
  case when id = 7 then created_at - interval 1 hour else updated_at end as updated_at,
  case when id % 100 = 8 then 'bad' else order_ref end as order_ref)
from ({GOOD})
"""
COLUMNS = (
    ("id", "long"), ("customer_id", "int"), ("order_ref", "string"), ("email", "string"),
    ("amount", "decimal(12, 2)"), ("score", "double"), ("qty", "int"), ("status", "string"),
    ("country", "string"), ("is_gift", "boolean"), ("order_date", "date"),
    ("created_at", "timestamp"), ("updated_at", "timestamp"), ("payload", "string"),
    ("date_text", "string"), ("note", "string"),
)  # fmt: skip
NAMES = [name for name, _ in COLUMNS]
SCHEMA = Schema(tuple(Column(name, type, i) for i, (name, type) in enumerate(COLUMNS, start=1)))
STATUSES = ["new", "paid", "shipped", "returned"]
TABLE = TableName.parse("silver.orders")

PAIRS = [[status, gift] for status in STATUSES for gift in (True, False)]

Outcomes = tuple[Outcome, Outcome, int | None]
HOLDS: Outcomes = (PASSED, PASSED, None)
HOLDS_FOR_ROWS: Outcomes = (PASSED, PASSED, 0)
BREAKS: Outcomes = (PASSED, FAILED, None)
NEVER: Outcomes = (FAILED, FAILED, None)


def breaks(rows: int) -> Outcomes:
    """Holds on the good table; so many rows of the bad one fail."""
    return PASSED, FAILED, rows


def never(rows: int) -> Outcomes:
    """Fails on both; so many rows of the bad one do."""
    return FAILED, FAILED, rows


CASES: list[tuple[str, Outcomes, dict[str, Any]]] = [
    ("expect_column_distinct_values_to_be_in_set", BREAKS,
     {"column": "status", "value_set": STATUSES}),
    ("expect_column_distinct_values_to_contain_set", HOLDS,
     {"column": "status", "value_set": ["new", "paid"]}),
    ("expect_column_distinct_values_to_contain_set", NEVER,
     {"column": "status", "value_set": ["gone"]}),
    ("expect_column_distinct_values_to_equal_set", BREAKS,
     {"column": "status", "value_set": STATUSES}),
    ("expect_column_kl_divergence_to_be_less_than", BREAKS,
     {"column": "status", "threshold": 0.1, "partition_object": {"values": STATUSES,
      "weights": [0.25, 0.25, 0.25, 0.25]}}),
    ("expect_column_kl_divergence_to_be_less_than", HOLDS,
     {"column": "score", "threshold": 0.1, "partition_object": {"bins": [0, 250, 500, 750, 1004],
      "weights": [0.25, 0.25, 0.25, 0.25]}, "internal_weight_holdout": 0.01,
      "tail_weight_holdout": 0.01}),
    ("expect_column_max_to_be_between", BREAKS,
     {"column": "score", "min_value": 900, "max_value": 1100}),
    ("expect_column_max_to_be_between", HOLDS,
     {"column": "created_at", "min_value": "2026-01-01", "max_value": "2027-01-01"}),
    ("expect_column_mean_to_be_between", HOLDS,
     {"column": "amount", "min_value": 400, "max_value": 600}),
    ("expect_column_mean_to_be_between", BREAKS,
     {"column": "score", "min_value": 400, "max_value": 600}),
    ("expect_column_median_to_be_between", HOLDS,
     {"column": "amount", "min_value": 450, "max_value": 550}),
    ("expect_column_median_to_be_between", NEVER, {"column": "amount", "min_value": 900}),
    ("expect_column_min_to_be_between", HOLDS, {"column": "id", "min_value": 0, "max_value": 0}),
    ("expect_column_min_to_be_between", NEVER, {"column": "id", "min_value": 5}),
    ("expect_column_most_common_value_to_be_in_set", HOLDS,
     {"column": "country", "value_set": ["FR", "DE"], "ties_okay": True}),
    ("expect_column_most_common_value_to_be_in_set", NEVER,
     {"column": "country", "value_set": ["CH"], "ties_okay": True}),
    ("expect_column_pair_values_a_to_be_greater_than_b", breaks(1),
     {"column_A": "updated_at", "column_B": "created_at"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", never(999),
     {"column_A": "created_at", "column_B": "updated_at"}),
    ("expect_column_pair_values_to_be_equal", HOLDS_FOR_ROWS, {"column_A": "id", "column_B": "id"}),
    ("expect_column_pair_values_to_be_equal", never(1000), {"column_A": "id", "column_B": "qty"}),
    ("expect_column_pair_values_to_be_in_set", breaks(20),
     {"column_A": "status", "column_B": "is_gift", "value_pairs_set": PAIRS}),
    ("expect_column_proportion_of_non_null_values_to_be_between", BREAKS,
     {"column": "email", "min_value": 0.99}),
    ("expect_column_proportion_of_unique_values_to_be_between", BREAKS,
     {"column": "id", "min_value": 1, "max_value": 1}),
    ("expect_column_quantile_values_to_be_between", HOLDS,
     {"column": "amount", "quantile_ranges": {"quantiles": [0.1, 0.5, 0.9],
      "value_ranges": [[50, 150], [450, 550], [850, None]]}}),
    ("expect_column_quantile_values_to_be_between", NEVER,
     {"column": "amount", "quantile_ranges": {"quantiles": [0.1], "value_ranges": [[900, None]]}}),
    ("expect_column_stdev_to_be_between", BREAKS,
     {"column": "score", "min_value": 200, "max_value": 400}),
    ("expect_column_sum_to_be_between", BREAKS,
     {"column": "qty", "min_value": 9000, "max_value": 10500}),
    ("expect_column_to_exist", HOLDS, {"column": "qty"}),
    ("expect_column_to_exist", NEVER, {"column": "quantity"}),
    ("expect_column_type_to_be", HOLDS, {"column": "qty", "type_": "INTEGER"}),
    ("expect_column_type_to_be", HOLDS, {"column": "amount", "type_": "decimal"}),
    ("expect_column_type_to_be", NEVER, {"column": "qty", "type_": "string"}),
    ("expect_column_unique_value_count_to_be_between", BREAKS,
     {"column": "status", "min_value": 4, "max_value": 4}),
    ("expect_column_value_lengths_to_be_between", breaks(10),
     {"column": "order_ref", "min_value": 5}),
    ("expect_column_value_lengths_to_equal", breaks(10), {"column": "order_ref", "value": 11}),
    ("expect_column_value_z_scores_to_be_less_than", breaks(1),
     {"column": "score", "threshold": 4, "double_sided": True}),
    ("expect_column_values_to_be_between", breaks(1),
     {"column": "score", "min_value": 0, "max_value": 2000}),
    ("expect_column_values_to_be_between", HOLDS_FOR_ROWS,
     {"column": "order_date", "min_value": "2026-01-01", "max_value": "2026-12-31"}),
    ("expect_column_values_to_be_between", never(10),
     {"column": "created_at", "min_value": "2026-01-01T00:00:10"}),
    ("expect_column_values_to_be_between", HOLDS_FOR_ROWS,
     {"column": "amount", "min_value": 0, "max_value": 1001}),
    ("expect_column_values_to_be_in_set", breaks(20), {"column": "status", "value_set": STATUSES}),
    ("expect_column_values_to_be_in_set", HOLDS_FOR_ROWS,
     {"column": "is_gift", "value_set": [True, False]}),
    ("expect_column_values_to_be_in_type_list", HOLDS,
     {"column": "qty", "type_list": ["INTEGER", "BIGINT"]}),
    ("expect_column_values_to_be_in_type_list", NEVER,
     {"column": "qty", "type_list": ["VARCHAR", "DATE"]}),
    ("expect_column_values_to_be_json_parseable", breaks(20), {"column": "payload"}),
    ("expect_column_values_to_be_null", never(900), {"column": "email"}),
    ("expect_column_values_to_be_null", HOLDS_FOR_ROWS, {"column": "note"}),
    ("expect_column_values_to_be_of_type", HOLDS, {"column": "qty", "type_": "INTEGER"}),
    ("expect_column_values_to_be_of_type", HOLDS, {"column": "status", "type_": "VARCHAR"}),
    ("expect_column_values_to_be_of_type", NEVER, {"column": "created_at", "type_": "DATE"}),
    ("expect_column_values_to_be_unique", breaks(10), {"column": "id"}),
    ("expect_column_values_to_match_like_pattern", breaks(10),
     {"column": "order_ref", "like_pattern": "o-%"}),
    ("expect_column_values_to_match_like_pattern_list", breaks(20),
     {"column": "status", "like_pattern_list": ["%e%", "paid"], "match_on": "any"}),
    ("expect_column_values_to_match_regex", breaks(20), {"column": "status", "regex": "a|e"}),
    ("expect_column_values_to_match_regex", breaks(10),
     {"column": "order_ref", "regex": "^o-\\d{9}$"}),
    ("expect_column_values_to_match_regex_list", breaks(20),
     {"column": "status", "regex_list": ["^n", "^p", "^s", "^r"], "match_on": "any"}),
    ("expect_column_values_to_match_strftime_format", breaks(20),
     {"column": "date_text", "strftime_format": "%Y-%m-%d"}),
    ("expect_column_values_to_not_be_in_set", breaks(20),
     {"column": "status", "value_set": ["zzz"]}),
    ("expect_column_values_to_not_be_null", breaks(100), {"column": "email"}),
    ("expect_column_values_to_not_be_outliers", breaks(1),
     {"column": "score", "method": "iqr", "multiplier": 1.5}),
    ("expect_column_values_to_not_be_outliers", breaks(1),
     {"column": "score", "method": "std", "multiplier": 4}),
    ("expect_column_values_to_not_match_like_pattern", breaks(20),
     {"column": "status", "like_pattern": "zz%"}),
    ("expect_column_values_to_not_match_like_pattern_list", breaks(20),
     {"column": "status", "like_pattern_list": ["zz%", "q%"]}),
    ("expect_column_values_to_not_match_regex", breaks(20), {"column": "status", "regex": "zz"}),
    ("expect_column_values_to_not_match_regex_list", breaks(20),
     {"column": "status", "regex_list": ["zz", "q"]}),
    ("expect_compound_columns_to_be_unique", HOLDS_FOR_ROWS, {"column_list": ["id", "order_ref"]}),
    ("expect_compound_columns_to_be_unique", breaks(10), {"column_list": ["id", "country"]}),
    ("expect_multicolumn_sum_to_equal", never(1000),
     {"column_list": ["qty", "customer_id"], "sum_total": -1}),
    ("expect_multicolumn_sum_to_equal", HOLDS_FOR_ROWS,
     {"column_list": ["id", "qty"], "sum_total": 1, "row_condition": {"type": "comparison",
      "column": {"name": "order_ref"}, "operator": "==", "parameter": "o-000000000"}}),
    ("expect_multicolumn_values_to_be_equal", HOLDS_FOR_ROWS, {"column_list": ["qty", "qty"]}),
    ("expect_multicolumn_values_to_be_equal", never(1000), {"column_list": ["id", "qty"]}),
    ("expect_query_results_to_match_comparison", BREAKS,
     {"base_query": "select status, count(*) as n from {batch} group by 1",
      "comparison_data_source_name": "any",
      "comparison_query": "select status, count(*) as n from silver.good group by 1"}),
    ("expect_select_column_values_to_be_unique_within_record", HOLDS_FOR_ROWS,
     {"column_list": ["status", "country"]}),
    ("expect_select_column_values_to_be_unique_within_record", never(1000),
     {"column_list": ["qty", "qty"]}),
    ("expect_table_column_count_to_be_between", HOLDS, {"min_value": 16, "max_value": 16}),
    ("expect_table_column_count_to_be_between", NEVER, {"min_value": 17}),
    ("expect_table_column_count_to_equal", HOLDS, {"value": 16}),
    ("expect_table_column_count_to_equal", NEVER, {"value": 17}),
    ("expect_table_columns_to_match_ordered_list", HOLDS, {"column_list": NAMES}),
    ("expect_table_columns_to_match_ordered_list", NEVER, {"column_list": NAMES[::-1]}),
    ("expect_table_columns_to_match_set", HOLDS,
     {"column_set": ["id", "qty"], "exact_match": False}),
    ("expect_table_columns_to_match_set", NEVER, {"column_set": ["id", "qty"]}),
    ("expect_table_row_count_to_be_between", HOLDS, {"min_value": 1, "max_value": 1000}),
    ("expect_table_row_count_to_be_between", NEVER, {"min_value": 1001}),
    ("expect_table_row_count_to_equal", HOLDS, {"value": 1000}),
    ("expect_table_row_count_to_equal", NEVER, {"value": 1}),
    ("expect_table_row_count_to_equal_other_table", HOLDS, {"other_table_name": "silver.good"}),
    ("expect_table_row_count_to_equal_other_table", NEVER, {"other_table_name": "silver.few"}),
    ("unexpected_rows_expectation", breaks(20),
     {"unexpected_rows_query": "select * from {batch} where status = 'zzz'"}),
    ("unexpected_rows_expectation", breaks(1),
     {"unexpected_rows_query": "select status from {batch} group by 1 having count(*) < 50"}),
    ("unexpected_rows_expectation", breaks(20), {"unexpected_rows_query":
     "select * from {batch} b anti join silver.good g on b.status = g.status"}),
]  # fmt: skip
REFUSED = {
    "expect_column_values_to_be_increasing": {"column": "id"},
    "expect_column_values_to_be_decreasing": {"column": "id"},
    "expect_column_values_to_be_dateutil_parseable": {"column": "date_text"},
    "expect_column_values_to_match_json_schema": {"column": "payload", "json_schema": {}},
    "expect_multicolumn_values_to_be_unique": {"column_list": ["id", "country"]},
}


@contextmanager
def opened(frames: Mapping[str, Frame]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as con:
        con.execute("create schema silver")
        for name, frame in frames.items():
            files = [f.path for f in frame.files]
            con.execute(f"create view {name} as select * from read_parquet({files})")
        yield con


def frame(folder: Path, name: str, select: str) -> Frame:
    path = folder / f"{name}.parquet"
    with duckdb.connect() as con:
        con.execute(f"copy ({select}) to '{path}' (format parquet)")
        (rows,) = con.execute(f"select count(*) from '{path}'").fetchall()[0]
    return Frame(SCHEMA, (DataFile(str(path), rows, path.stat().st_size),))


Verdicts = Mapping[str, tuple[Verdict, ...]]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """The whole matrix as one suite on either table, asked by WHERE and by aggregates."""
    folder = tmp_path_factory.mktemp("matrix")
    good, bad = frame(folder, "good", GOOD), frame(folder, "bad", BAD)
    others = {"silver.good": good, "silver.few": frame(folder, "few", f"{GOOD} limit 3")}
    suite = Suite(TABLE, tuple(("s.json", {"type": t, "kwargs": k}) for t, _, k in CASES))
    auditor = ExpectationsAuditor(opened)
    auditor.check(suite, None)
    frames = {"good": good, "bad": bad}
    # A file that claims many rows is one that is worth pruning.
    for name, small in (("good", good), ("bad", bad)):
        large = DataFile(small.files[0].path, 10**6, 1)
        frames[f"{name} pruned"] = Frame(SCHEMA, (large,))
    return {name: auditor.audit(suite, f, others=others) for name, f in frames.items()}


@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=[f"{case[0]}-{i}" for i, case in enumerate(CASES)]
)
def test_an_expectation_comes_out_as_its_rows_are(verdicts: Verdicts, number: int) -> None:
    type, (good, bad, failing), kwargs = CASES[number]
    for name, found in verdicts.items():
        verdict = found[number]
        assert (verdict.expectation, verdict.kwargs) == (type, kwargs)
        expected = good if name.startswith("good") else bad
        assert verdict.outcome is expected, (name, verdict.detail)
        assert verdict.severity is Severity.CRITICAL
        assert verdict.detail
        if name.startswith("bad"):
            assert verdict.failing == failing, name
            assert failing is None or bool(verdict.sample) == bool(failing)
        json.dumps([verdict.kwargs, verdict.sample, verdict.failing])


def test_pruning_changes_no_verdict(verdicts: Verdicts) -> None:
    for name in ("good", "bad"):
        for plain, pruned in zip(verdicts[name], verdicts[f"{name} pruned"], strict=True):
            assert plain.outcome is pruned.outcome
            assert (plain.failing, plain.detail) == (pruned.failing, pruned.detail)


@pytest.mark.parametrize("type", REFUSED)
def test_an_expectation_without_sql_is_refused_with_an_alternative(type: str) -> None:
    suite = Suite(TABLE, (("orders.json", {"type": type, "kwargs": REFUSED[type]}),))
    with pytest.raises(DefinitionError, match=f"orders.json: {type} cannot be checked") as caught:
        ExpectationsAuditor(opened).check(suite, None)
    assert "use " in caught.value.hint or "write " in caught.value.hint


def test_the_matrix_covers_every_core_expectation() -> None:
    gxe = pytest.importorskip("great_expectations.expectations")
    from great_expectations.util import camel_to_snake

    core = {
        camel_to_snake(name)
        for name, value in vars(gxe).items()
        if isinstance(value, type) and issubclass(value, gxe.Expectation)
    } - {"expectation"}
    assert core == {type for type, *_ in CASES} | set(REFUSED)
    assert len(core) >= 60


def test_the_matrix_has_a_pass_and_a_failure_of_every_type() -> None:
    outcomes: dict[str, set[Outcome]] = {}
    for type, (good, bad, _), _ in CASES:
        outcomes.setdefault(type, set()).update((good, bad))
    assert {t for t, found in outcomes.items() if found != {PASSED, FAILED}} == set()
