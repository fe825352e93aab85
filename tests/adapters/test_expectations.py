"""Verdicts: what passes, what fails, what cannot be evaluated, and what is told of it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.audits import Write, audit, compared, document, opened, suite

from medallion.adapters.expectations import ExpectationsAuditor
from medallion.errors import DefinitionError
from medallion.frame import Frame
from medallion.suite import Outcome, Severity


@pytest.mark.parametrize("severity", Severity)
def test_the_severity_decides_whether_a_failure_blocks(write: Write, severity: Severity) -> None:
    failing = document("expect_column_values_to_be_unique", column="shop")
    (verdict,) = audit(write(), failing | {"severity": severity.value})
    assert (verdict.outcome, verdict.severity) == (Outcome.FAILED, severity)
    assert verdict.blocks == (severity is Severity.CRITICAL)


def test_what_cannot_be_evaluated_is_an_error_and_the_others_get_their_verdicts(
    write: Write,
) -> None:
    verdicts = audit(
        write(),
        document("expect_column_values_to_not_be_null", column="id"),
        document("expect_column_values_to_not_be_null", column="gone"),
        document("expect_column_mean_to_be_between", column="state", min_value=0),
        document("expect_column_values_to_match_regex", column="state", regex="("),
        document(
            "unexpected_rows_expectation", unexpected_rows_query="select * from {batch} where"
        ),
        document("expect_column_max_to_be_between", column="id", max_value=19),
        document("expect_column_values_to_be_unique", column="missing"),
        document("expect_table_row_count_to_equal_other_table", other_table_name="silver.gone"),
    )
    error, passed = Outcome.ERROR, Outcome.PASSED
    outcomes = [passed, error, error, error, error, passed, error, error]
    assert [v.outcome for v in verdicts] == outcomes
    assert all(v.blocks == (v.outcome is error) for v in verdicts)
    told = [v.detail for v in verdicts if v.outcome is error]
    assert all(t and "\n" not in t and "sqlalche.me" not in t for t in told)
    for word, detail in zip(
        ("gone", "DOUBLE", "(", "syntax", "missing", "gone"), told, strict=True
    ):
        assert word in detail


def test_verdicts_come_in_the_order_written(write: Write) -> None:
    documents = [
        document("expect_column_values_to_be_unique", column="shop"),
        document("expect_table_row_count_to_equal", value=20),
        document("expect_column_values_to_be_unique", column="id"),
        document("expect_column_mean_to_be_between", column="shop", max_value=0),
        document("expect_column_values_to_be_unique", column="shop"),
    ]
    verdicts = audit(write(), *documents)
    assert [(v.expectation, v.kwargs) for v in verdicts] == [
        (d["type"], d["kwargs"]) for d in documents
    ]


def test_details_are_short_and_for_people(write: Write) -> None:
    verdicts = audit(
        write(),
        document("expect_column_values_to_be_in_set", column="state", value_set=["good"]),
        document("expect_column_values_to_not_be_null", column="id"),
        document("expect_column_mean_to_be_between", column="id", max_value=5),
        document("expect_column_values_to_be_between", column="amount", max_value=189),
        document("unexpected_rows_expectation", unexpected_rows_query="select 1 from {batch}"),
        document("expect_column_to_exist", column="gone"),
    )
    assert [v.detail for v in verdicts] == [
        "4 of 20 rows fail (20.0 %)",
        "20 rows",
        "observed 9.5",
        "1 of 17 rows fails (5.9 %)",
        "the query gives 20 rows",
        "it does not hold",
    ]


def test_mostly_lets_a_share_fail_and_still_tells_of_it(write: Write) -> None:
    kwargs = {"column": "state", "value_set": ["good"], "mostly": 0.8}
    (verdict,) = audit(write(), document("expect_column_values_to_be_in_set", **kwargs))
    assert (verdict.outcome, verdict.failing) == (Outcome.PASSED, 4)


def test_a_query_may_join_other_tables_and_hold_any_sql(write: Write) -> None:
    shops = write("select 1 as shop union all select 2", "shops")
    verdicts = audit(
        write(),
        document(
            "unexpected_rows_expectation",
            unexpected_rows_query="""
              with b as (select * from {batch} where email like '%1%')  -- '12:30' and {{}} too
              select b.id, s.shop from b anti join silver.shops s using (shop) order by b.id;
            """,
        ),
        document(
            "unexpected_rows_expectation",
            unexpected_rows_query="select id from {batch} b anti join silver.shops s using (shop)",
        ),
        others={"silver.shops": shops},
    )
    assert verdicts[0].outcome is Outcome.ERROR  # s.shop is not there after an anti join
    assert (verdicts[1].failing, len(verdicts[1].sample)) == (10, 5)
    assert set(verdicts[1].sample[0]) == {"id"}


def test_compared_queries_are_compared_to_the_last_row(write: Write) -> None:
    frame = write("select i as id from range(1000) t(i)")
    other = write("select case i when 900 then -1 else i end as id from range(1000) t(i)", "other")
    kwargs = {
        "base_query": "select id from {batch} order by id",
        "comparison_data_source_name": "here",
        "comparison_query": "select id from silver.other order by id",
    }
    type = "expect_query_results_to_match_comparison"
    (verdict,) = audit(frame, document(type, **kwargs), others={"silver.other": other})
    assert (verdict.outcome, verdict.detail) == (Outcome.FAILED, "1 difference")
    large = write("select i as id from range(20000) t(i)", "large")
    (verdict,) = audit(large, document(type, **kwargs), others={"silver.other": large})
    assert verdict.outcome is Outcome.ERROR
    assert "aggregate" in verdict.detail


def test_files_are_pruned_by_the_same_verdicts(write: Write) -> None:
    frame = write("""select i as id, i % 7 as n, nullif(i % 3, 0) as m,
      case when i = 777 then 'nan'::double else 1 end as x from range(200000) t(i)""")
    many = Frame(frame.schema, frame.files * 20)
    documents = [
        document("expect_column_values_to_be_between", column="n", max_value=5),
        document("expect_column_values_to_not_be_null", column="m"),
        document("expect_column_values_to_be_between", column="x", max_value=9),
        document("expect_column_max_to_be_between", column="n", max_value=6),
        document("expect_column_pair_values_to_be_equal", column_A="n", column_B="m"),
        document("expect_column_values_to_be_in_set", column="m", value_set=[1],
                 row_condition=compared("n", "==", 0)),
    ]  # fmt: skip
    few, repeated = audit(frame, *documents), audit(many, *documents)
    assert [v.outcome for v in few] == [v.outcome for v in repeated]
    assert few[2].failing == 1  # a NaN is above every bound
    assert [v.failing and v.failing * 20 for v in few] == [v.failing for v in repeated]


def test_threads_share_an_auditor(write: Write) -> None:
    auditor = ExpectationsAuditor(opened)
    frames = {n: write(f"select i as id from range({n}) t(i)", f"t{n}") for n in range(1, 9)}
    documents = [
        document("expect_column_values_to_be_between", column="id", min_value=1),
        document("expect_column_values_to_be_unique", column="id"),
        document("expect_column_sum_to_be_between", column="id", min_value=0),
        document("expect_column_values_to_be_between", column="id", max_value=-1,
                 row_condition='col("id") >= 0', condition_parser="great_expectations"),
    ]  # fmt: skip

    def one(n: int) -> None:
        size = n % 8 + 1
        written = suite(
            *documents[n % 2 :], document("expect_table_row_count_to_equal", value=size)
        )
        auditor.check(written, frames[size].schema)
        verdicts = auditor.audit(written, frames[size], keys=["id"])
        total = next(v for v in verdicts if "sum" in v.expectation)
        assert total.detail == f"observed {size * (size - 1) // 2}"
        assert verdicts[-1].outcome is Outcome.PASSED
        assert verdicts[-2].failing == size
        assert verdicts[-2].sample == tuple({"id": i} for i in range(min(size, 5)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(80)))


def test_nothing_heavy_is_imported_before_the_first_suite() -> None:
    script = """
import sys
from medallion.adapters.expectations import ExpectationsAuditor, document_of
ExpectationsAuditor(None)
print([m for m in ("great_expectations", "sqlalchemy", "pandas") if m in sys.modules])
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_a_first_suite_leaves_the_process_as_it_was_and_prints_nothing(tmp_path: Path) -> None:
    script = f"""
import contextlib, logging, warnings
import duckdb
from medallion.adapters.expectations import ExpectationsAuditor
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.schema import Column, Schema
from medallion.suite import Suite
path = {str(tmp_path / "t.parquet")!r}
duckdb.sql("select 1 as id, null as note").write_parquet(path)

@contextlib.contextmanager
def opened(frames):
    with duckdb.connect() as con:
        con.execute(f"create view batch as from '{{path}}'")
        yield con

def document(type, **kwargs):
    return "s.json", {{"type": type, "kwargs": kwargs}}

before = list(warnings.filters), warnings.showwarning
suite = Suite(TableName.parse("gold.t"), (
    document("expect_column_values_to_not_be_null", column="id"),
    document("expect_column_mean_to_be_between", column="gone", min_value=1),
    document("expect_column_values_to_match_regex", column="id", regex="("),
    document("expect_column_stdev_to_be_between", column="id", min_value=1),
    document("expect_column_kl_divergence_to_be_less_than", column="id", threshold=1,
             partition_object={{"values": [2], "weights": [1]}}),
    document("unexpected_rows_expectation", unexpected_rows_query="oops {{batch}}"),
    document("expect_column_max_to_be_between", column="id", min_value=1,
             row_condition='col("id") > 0', condition_parser="great_expectations"),
))
frame = Frame(Schema((Column("id", "int"),)), (DataFile(path, 1, 1),))
auditor = ExpectationsAuditor(opened)
auditor.check(suite, None)
assert len(auditor.audit(suite, frame)) == 7
assert (list(warnings.filters), warnings.showwarning) == before
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_a_wrong_suite_is_refused_by_an_audit_too(write: Write) -> None:
    with pytest.raises(DefinitionError):
        audit(write(), document("expect_column_valuse_to_be_unique", column="id"))
