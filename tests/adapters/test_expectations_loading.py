"""Suites as they are written: documents, scripts, and what is said of a mistake in them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.adapters.expectations import ExpectationsAuditor, document_of
from medallion.errors import DefinitionError
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.schema import Column, Schema
from medallion.suite import Outcome, Severity, Suite, Verdict

TABLE = TableName.parse("silver.orders")
SCHEMA = Schema((Column("id", "long"), Column("email", "string"), Column("Country", "string")))
PLACE = "expectations/silver/orders.json"


@contextmanager
def opened(frames: Mapping[str, Frame]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        for name, frame in frames.items():
            con.execute(f"create view {name} as from read_parquet({[f.path for f in frame.files]})")
        yield con


def check(suite: Suite, columns: Schema | None = None) -> None:
    ExpectationsAuditor(opened).check(suite, columns)


def written(document: Any) -> Suite:
    return Suite(TABLE, ((PLACE, document),))


def script(text: str) -> Suite:
    return Suite(TABLE, scripts=(("expectations/silver/orders.py", text),))


def audit(suite: Suite, folder: Path) -> tuple[Verdict, ...]:
    path = folder / "orders.parquet"
    with duckdb.connect() as con:
        rows = "select i as id, 'u' || i as email, 'FR' as Country from range(10) t(i)"
        con.execute(f"copy ({rows}) to '{path}' (format parquet)")
    return ExpectationsAuditor(opened).audit(suite, Frame(SCHEMA, (DataFile(str(path), 10, 1),)))


UNIQUE: dict[str, Any] = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}
BETWEEN = "expect_column_values_to_be_between"

# a document, what the message says, what the hint says
MISTAKES: list[tuple[Any, str, str]] = [
    (UNIQUE | {"type": "expect_column_valuse_to_be_unique"},
     "there is no expectation 'expect_column_valuse_to_be_unique'", "to_be_unique?"),
    (UNIQUE | {"type": "ExpectColumnValuesToBeUnique"},
     "there is no expectation 'ExpectColumn", "did you mean expect_column_values_to_be_unique?"),
    (UNIQUE | {"type": "zzz"}, "there is no expectation 'zzz'", ""),
    (UNIQUE | {"kwargs": {"colum": "id"}}, "has no argument 'colum'", "did you mean column?"),
    (UNIQUE | {"kwargs": {}}, "needs the argument 'column'", ""),
    (UNIQUE | {"kwargs": {"column": 5}}, "argument 'column': str type expected", ""),
    (UNIQUE | {"kwargs": {"column": "id", "mostly": 2}}, "argument 'mostly'", ""),
    (UNIQUE | {"kwargs": ["id"]}, "the kwargs of expect_column_values_to_be_unique are not", ""),
    (UNIQUE | {"severity": "fatal"}, "no such severity", "critical, warning, info"),
    (UNIQUE | {"kwarg": {}}, "has no 'kwarg'", "did you mean kwargs?"),
    (UNIQUE | {"other": {}}, "has no 'other'", "type, kwargs, severity, meta"),
    ({"kwargs": {"column": "id"}}, "has no type", '"type": "expect_'),
    ("expect_column_values_to_be_unique", "is an object", ""),
    ({"expectations": []}, "has no expectations", "write at least one"),
    ({"name": "orders", "expectations": [UNIQUE, UNIQUE | {"kwargs": {}}]},
     "orders.json, expectation 2: expect_column_values_to_be_unique needs", ""),
    ({"type": BETWEEN, "kwargs": {"column": "id", "min_value": {"$PARAMETER": "x"}}},
     "'min_value' is a parameter", "write its value"),
    ({"type": BETWEEN, "kwargs": {"column": "id", "min_value": 1, "row_condition": "id > 5"}},
     "only DataFrames understand", '{"type": "comparison"'),
    ({"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "id", "type_": "INTEGR"}},
     "there is no type 'INTEGR'", "DuckDB type"),
    ({"type": "expect_column_values_to_be_in_type_list",
      "kwargs": {"column": "id", "type_list": ["INTEGER", "NUMBERS"]}},
     "there is no type 'NUMBERS'", "DuckDB type"),
    ({"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select 1"}},
     "does not read the rows of this table", "{batch}"),
    ({"type": "expect_query_results_to_match_comparison",
      "kwargs": {"base_query": "select 1", "comparison_query": "select 1",
                 "comparison_data_source_name": "here"}},
     "does not read the rows of this table", "{batch}"),
    (UNIQUE | {"kwargs": {"column": "id", "condition_parser": "pandas", "row_condition": "id > 5"}},
     "only DataFrames understand", "Column("),
    ({"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "{batch} {"}},
     "malformed brace", ""),
]  # fmt: skip

# Great Expectations takes these, and they hold for any rows.
POINTLESS: list[tuple[str, dict[str, Any]]] = [
    (BETWEEN, {"column": "id"}),
    ("expect_column_mean_to_be_between", {"column": "id"}),
    ("expect_column_value_lengths_to_be_between", {"column": "email"}),
    ("expect_table_row_count_to_be_between", {}),
    ("expect_table_column_count_to_be_between", {}),
    ("expect_column_values_to_be_in_set", {"column": "id", "value_set": []}),
    ("expect_column_values_to_not_be_in_set", {"column": "id", "value_set": []}),
    ("expect_column_distinct_values_to_contain_set", {"column": "id", "value_set": []}),
    ("expect_column_pair_values_to_be_in_set",
     {"column_A": "id", "column_B": "email", "value_pairs_set": []}),
    ("expect_column_values_to_match_regex", {"column": "email"}),
    ("expect_column_values_to_match_regex_list", {"column": "email", "regex_list": []}),
    ("expect_column_values_to_be_in_type_list", {"column": "id", "type_list": None}),
    ("expect_table_columns_to_match_set", {"column_set": None}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": None}),
    ("expect_column_kl_divergence_to_be_less_than", {"column": "id", "threshold": 0.1}),
    ("expect_column_kl_divergence_to_be_less_than",
     {"column": "id", "partition_object": {"values": [1], "weights": [1]}}),
    ("expect_column_quantile_values_to_be_between",
     {"column": "id", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[None, None]]}}),
]  # fmt: skip


@pytest.mark.parametrize(("document", "message", "hint"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_the_next_step(
    document: Any, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        check(written(document))
    assert caught.value.message.startswith(PLACE)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("type", "kwargs"), POINTLESS)
def test_an_expectation_that_cannot_fail_is_refused(type: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=f"{PLACE}: {type}"):
        check(written({"type": type, "kwargs": kwargs}))


def test_a_suite_without_anything_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"suite of silver\.orders has no expectations"):
        check(Suite(TABLE))


COMPARED = {"type": "comparison", "column": {"name": "cuntry"}, "operator": "==", "parameter": "FR"}


@pytest.mark.parametrize(
    ("type", "kwargs", "name", "hint"),
    [
        ("expect_column_values_to_be_unique", {"column": "emial"}, "emial", "did you mean email?"),
        ("expect_column_values_to_be_unique", {"column": "country"}, "country", "mean Country?"),
        ("expect_column_values_to_be_unique", {"column": "zzz"}, "zzz", "has id, email, Country"),
        ("expect_column_pair_values_to_be_equal",
         {"column_A": "id", "column_B": "ide"}, "ide", "id?"),
        ("expect_compound_columns_to_be_unique", {"column_list": ["id", "mail"]}, "mail", "email?"),
        ("expect_table_columns_to_match_set", {"column_set": ["id", "mail"]}, "mail", "email?"),
        (BETWEEN, {"column": "id", "min_value": 0, "row_condition": COMPARED}, "cuntry", "try?"),
        (BETWEEN, {"column": "id", "min_value": 0,
                   "row_condition": {"type": "or", "conditions": [COMPARED, COMPARED]}},
         "cuntry", "Country?"),
        (BETWEEN, {"column": "id", "min_value": 0, "row_condition": 'col("cuntry") == "FR"',
                   "condition_parser": "great_expectations"}, "cuntry", "Country?"),
    ],
)  # fmt: skip
def test_a_column_that_the_table_has_not_is_told_where_columns_are_known(
    type: str, kwargs: dict[str, Any], name: str, hint: str
) -> None:
    suite = written({"type": type, "kwargs": kwargs})
    check(suite)
    with pytest.raises(DefinitionError, match=f"{PLACE}: {type} names '{name}'") as caught:
        check(suite, SCHEMA)
    assert caught.value.hint.endswith(hint)


@pytest.mark.parametrize(
    ("type", "kwargs"),
    [
        ("expect_column_values_to_be_unique", {"column": "Country"}),
        ("expect_column_to_exist", {"column": "gone"}),
        ("expect_table_columns_to_match_set", {"column_set": ["gone"], "exact_match": False}),
        ("expect_table_row_count_to_equal", {"value": 1}),
    ],
)
def test_a_column_may_be_missing_where_that_is_the_question(
    type: str, kwargs: dict[str, Any]
) -> None:
    check(written({"type": type, "kwargs": kwargs}), SCHEMA)


def test_a_whole_file_of_great_expectations_is_read(tmp_path: Path) -> None:
    file = {
        "name": "orders",
        "id": "8b0dbd2e-6c5c-4d1e-9c39-2f1c7b1c8b1c",
        "meta": {"great_expectations_version": "1.24.1"},
        "notes": None,
        "expectations": [
            UNIQUE | {"id": "c6d6", "meta": {"by": "me"}, "severity": "warning", "notes": "keys"},
            {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 10}, "meta": None},
        ],
    }
    verdicts = audit(written(file), tmp_path)
    assert [v.outcome for v in verdicts] == [Outcome.PASSED, Outcome.PASSED]
    assert [v.severity for v in verdicts] == [Severity.WARNING, Severity.CRITICAL]


SCRIPTS = {
    "a list of objects": """
import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column
expectations = [
    gxe.ExpectColumnValuesToBeUnique(column="id", severity="info"),
    gxe.ExpectColumnValuesToBeBetween(
        column="id", max_value=5, row_condition=(Column("id") > 4) & (Column("Country") == "FR")
    ),
]
""",
    "a list of documents": """
expectations = [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}, "severity": "info"},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "id", "max_value": 5,
     "row_condition": {"type": "comparison", "column": {"name": "id"}, "operator": ">",
     "parameter": 4}}},
]
""",
    "a suite": """
import great_expectations as gx
import great_expectations.expectations as gxe
suite = gx.ExpectationSuite("orders", expectations=[
    gxe.ExpectColumnValuesToBeUnique(column="id", severity="info")])
suite.add_expectation(gxe.ExpectColumnValuesToBeBetween(column="id", min_value=0, max_value=5,
    row_condition='col("id") > 4', condition_parser="great_expectations"))
""",
}


@pytest.mark.filterwarnings("ignore:.*row_condition parameter:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*condition_parser parameter:DeprecationWarning")
@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_gives_expectations(tmp_path: Path, text: str) -> None:
    check(script(text), SCHEMA)
    unique, between = audit(script(text), tmp_path)
    assert (unique.outcome, unique.severity) == (Outcome.PASSED, Severity.INFO)
    assert (between.outcome, between.failing) == (Outcome.FAILED, 4)
    json.dumps(between.kwargs)


def test_documents_come_before_scripts(tmp_path: Path) -> None:
    suite = Suite(TABLE, ((PLACE, UNIQUE),), (("orders.py", SCRIPTS["a list of objects"]),))
    assert [v.severity for v in audit(suite, tmp_path)] == ["critical", "info", "critical"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "orders.py defines no expectations"),
        ("expectations = []", "orders.py defines no expectations"),
        ("\nraise KeyError('oops')", "orders.py:2: KeyError: 'oops'"),
        ("def f():\n    return 1 / 0\n\nf()", "orders.py:2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)", "orders.py:2: SystemExit: 3"),
        ("import json\njson.loads('{')", "orders.py:2: JSONDecodeError: Expecting"),
        ("expectations = [", "orders.py:1: SyntaxError"),
        ("expectations = [5]", "orders.py, expectation 1: 5 is not an expectation"),
        ("expectations = 'all'", "orders.py, expectation 1: 'all' is not an expectation"),
        ("expectations = [{'type': 'x', 'kwargs': {'value_set': {1}}}]",
         "expectation 1: Object of type set is not JSON"),
        ("expectations = [{'type': 'x'}]", "expectation 1: there is no expectation 'x'"),
        ("import great_expectations.expectations as gxe\n"
         "expectations = [gxe.ExpectColumnValuesToBeUnique(columm='id')]",
         "orders.py:2: ValidationError"),
        ("import great_expectations.expectations as gxe\n"
         "expectations = [gxe.ExpectColumnMeanToBeBetween(column='id')]",
         "expectation 1: expect_column_mean_to_be_between: without a bound"),
        ("import great_expectations.expectations as gxe\n"
         "expectations = [gxe.UnexpectedRowsExpectation(unexpected_rows_query='select 1')]",
         "expectation 1: unexpected_rows_expectation: the query does not read"),
        ("import great_expectations.expectations as gxe\n"
         "expectations = [gxe.ExpectColumnValuesToBeIncreasing(column='id')]",
         "expectation 1: expect_column_values_to_be_increasing: cannot be checked"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_script_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        check(script(text))
    assert message in caught.value.message
    assert caught.value.message.startswith("expectations/silver/orders.py")


def test_a_script_is_run_once_for_all_audits(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
with open({str(log)!r}, "a") as log:
    log.write("x")
expectations = [{UNIQUE!r}]
"""
    auditor = ExpectationsAuditor(opened)
    for _ in range(3):
        auditor.check(script(text), SCHEMA)
    assert log.read_text() == "x"


def test_an_expectation_of_ones_own_may_be_defined_in_a_script(tmp_path: Path) -> None:
    text = """
import great_expectations.expectations as gxe
class ExpectSmallNumbers(gxe.ExpectColumnMaxToBeBetween):
    column: str = "id"
    max_value: int = 8
expectations = [ExpectSmallNumbers()]
"""
    (verdict,) = audit(script(text), tmp_path)
    assert (verdict.expectation, verdict.outcome) == ("expect_small_numbers", Outcome.FAILED)
    assert verdict.detail == "observed 9"


def test_an_object_and_its_document_say_the_same(tmp_path: Path) -> None:
    gxe = pytest.importorskip("great_expectations.expectations")
    conditions = pytest.importorskip("great_expectations.expectations.row_conditions")
    expectation = gxe.ExpectColumnValuesToBeInSet(
        column="email",
        value_set={"u1"},
        mostly=0.5,
        severity="warning",
        meta={"medallion": {"allow_vacuous": True}},
        row_condition=(conditions.Column("id") < 3) & conditions.Column("Country").is_not_null(),
    )
    document = document_of(expectation)
    assert document["type"] == "expect_column_values_to_be_in_set"
    assert (document["severity"], document["meta"]) == (
        "warning",
        {"medallion": {"allow_vacuous": True}},
    )
    assert document == json.loads(json.dumps(document))
    (verdict,) = audit(written(document), tmp_path)
    assert (verdict.failing, verdict.severity) == (2, Severity.WARNING)
    assert verdict.kwargs == document["kwargs"]


def test_only_an_expectation_has_a_document() -> None:
    with pytest.raises(DefinitionError, match="not an expectation"):
        document_of({"type": "expect_column_to_exist"})


@given(st.text("abcdefghijklmnopqrstuvwxyz_ABC 0123456789", max_size=60))
def test_a_word_that_is_no_type_is_refused_whatever_it_is(word: str) -> None:
    with pytest.raises(DefinitionError):
        check(written({"type": f"{word}?", "kwargs": {"column": "id"}}))
