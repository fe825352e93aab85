"""Expectations are given a row that they should not let pass."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from support.flows import build
from support.projects import plain_table, rows, sql_model, suite, warehouse, write

from medallion import Project
from medallion.frame import Frame
from medallion.graph import Node
from medallion.names import TableName
from medallion.selftest import Finding, Told, Trial, findings_text, scratch

ROWS = """
select i::bigint as id, 1000 - i as parts, (i * 1.5)::decimal(8, 2) as fare,
  case when i % 2 = 0 then 'left' else 'right' end as zone, null::varchar as note,
  '{"a": 1}' as body, '2019-01-01' as said, date '2019-01-01' + i::int as day, i > 3 as paid,
  i % 2 as bit, [i, i] as pair
from range(1, 11) t(i)
"""
ON = {"column": "id"}
NOTICED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("expect_column_values_to_not_be_null", {"column": "fare"}),
    ("expect_column_values_to_be_null", {"column": "note"}),
    ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0, "max_value": 99}),
    ("expect_column_values_to_be_between", {"column": "day", "min_value": "2018-01-01"}),
    ("expect_column_values_to_be_in_set", {"column": "zone", "value_set": ["left", "right"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "zone", "value_set": ["up"]}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "bit", "value_set": [0, 1]}),
    ("expect_column_distinct_values_to_equal_set", {"column": "bit", "value_set": [0, 1]}),
    ("expect_column_values_to_be_unique", ON),
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "zone"]}),
    (
        "expect_select_column_values_to_be_unique_within_record",
        {"column_list": ["id", "parts"]},
    ),
    ("expect_column_value_lengths_to_be_between", {"column": "zone", "min_value": 4}),
    ("expect_column_value_lengths_to_equal", {"column": "said", "value": 10}),
    ("expect_column_values_to_match_regex", {"column": "zone", "regex": "^[a-z]+$"}),
    ("expect_column_values_to_not_match_regex", {"column": "zone", "regex": "^up+$"}),
    ("expect_column_values_to_match_regex_list", {"column": "zone", "regex_list": ["ft$", "ht$"]}),
    ("expect_column_values_to_not_match_regex_list", {"column": "zone", "regex_list": ["up"]}),
    ("expect_column_values_to_match_like_pattern", {"column": "said", "like_pattern": "2019-%"}),
    ("expect_column_values_to_not_match_like_pattern", {"column": "zone", "like_pattern": "u_%"}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "parts", "column_B": "bit"},
    ),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["id", "parts"], "sum_total": 1000}),
    ("expect_column_values_to_be_json_parseable", {"column": "body"}),
    (
        "expect_column_values_to_match_strftime_format",
        {"column": "said", "strftime_format": "%Y-%m-%d"},
    ),
    ("expect_column_max_to_be_between", {"column": "parts", "max_value": 1000}),
    ("expect_column_min_to_be_between", {"column": "parts", "min_value": 0}),
    ("expect_column_mean_to_be_between", {"column": "parts", "min_value": 0, "max_value": 1000}),
    ("expect_column_sum_to_be_between", {"column": "parts", "max_value": 10**5}),
    ("expect_column_stdev_to_be_between", {"column": "parts", "max_value": 100}),
    (
        "unexpected_rows_expectation",
        {"unexpected_rows_query": "select * from {batch} where parts < 0"},
    ),
)
CONDITION = {
    "type": "comparison",
    "column": {"name": "zone"},
    "operator": "==",
    "parameter": "left",
}


def tried(root: Path, *documents: dict[str, Any]) -> tuple[Finding, ...]:
    """What is found of these expectations of a table of ten rows."""
    write(root, {"models/orders.py": sql_model("silver", "orders", ROWS)})
    write(root, {"expectations/silver/orders.json": suite(*documents)})
    build(root)
    with Project.load(root) as loaded:
        return loaded.self_test()


def test_each_kind_of_expectation_notices_its_bad_row(tmp_path: Path) -> None:
    found = tried(tmp_path, *({"type": type, "kwargs": kwargs} for type, kwargs in NOTICED))

    quiet = [(f.expectation, f.told, f.why) for f in found if f.told is not Told.NOTICED]
    assert quiet == []
    assert len(found) == len(NOTICED)
    assert len(rows(tmp_path, "silver.orders")) == 10
    table = plain_table(tmp_path, "silver.orders")
    assert list(table.refs()) == ["main"]
    with Project.load(tmp_path) as loaded:
        assert loaded.branches() == ()
        assert len(loaded.history("silver.orders")) == 1
        assert len(loaded.audits()) == 1


def test_what_lets_a_bad_row_pass_is_told(tmp_path: Path) -> None:
    between = "expect_column_values_to_be_between"
    found = tried(
        tmp_path,
        {"type": between, "kwargs": {"column": "id", "max_value": 99, "mostly": 0.5}},
        {"type": between, "kwargs": {"column": "id", "max_value": 99}, "severity": "warning"},
        {
            "type": between,
            "kwargs": {"column": "parts", "max_value": 5000, "row_condition": CONDITION},
        },
        {"type": "expect_column_median_to_be_between", "kwargs": {"column": "id", "max_value": 99}},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
        {
            "type": "unexpected_rows_expectation",
            "kwargs": {"unexpected_rows_query": "select * from {batch} where id = 77 and false"},
        },
    )

    assert [f.told for f in found] == [
        Told.TOLERATED,
        Told.NOTICED,
        Told.NOTICED,
        Told.UNTESTED,
        Told.UNTESTED,
        Told.UNTESTED,
    ]
    text = "\n".join(findings_text(found))
    assert "1 of 11 rows fails" in text
    assert "one row does not decide it" in text


def test_a_self_test_that_is_left_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """As Ctrl-C leaves it: while the bad row is on its branch."""
    tried(tmp_path, {"type": "expect_column_values_to_be_unique", "kwargs": ON})
    store, folder = warehouse(tmp_path)
    before = set(store.glob(f"{folder}/silver/orders/data/*.parquet"))
    with Project.load(tmp_path) as loaded:
        node = loaded.graph[TableName.parse("silver.orders")]
        with suppress(KeyboardInterrupt), trial(loaded, node) as frame:
            assert frame.rows == 11
            assert [b.rows for b in loaded.branches()] == [11]
            raise KeyboardInterrupt
        assert loaded.branches() == ()
    assert set(store.glob(f"{folder}/silver/orders/data/*.parquet")) == before


def trial(loaded: Project, node: Node) -> AbstractContextManager[Frame]:
    """The rows that readers see, and one of them twice, on a branch."""
    table = loaded.tables()[node.name]
    assert table.main is not None
    frame = loaded.ports.store.frame(table, table.main)
    suite = loaded.definition.suites[node.name]
    run = "20261121t020000-a1b2c3"
    return scratch(Trial(loaded.ports, node, suite, table, frame, {}, run), {}, "")


def test_a_foreign_key_is_tried_against_a_table_that_the_model_does_not_read(
    tmp_path: Path,
) -> None:
    key = "columns={'zone': column(references='silver.zones.zone')}"
    text = sql_model("silver", "trips", "select 1 as id, 'left' as zone", key)
    zones = sql_model("silver", "zones", "select 'left' as zone")
    build(write(tmp_path, {"models/trips.py": text, "models/zones.py": zones}))
    with Project.load(tmp_path) as project:
        (finding,) = project.self_test("silver.trips")
    assert (finding.expectation, finding.told) == ("foreign_key", Told.NOTICED)
