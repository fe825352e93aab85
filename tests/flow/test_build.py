"""Whole builds of small projects on real SQLite and real files."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.projects import plain_table, rows, sql_model, suite, write

from medallion import Form, Project
from medallion.errors import ConflictError, DefinitionError, ModelError, RaisedError
from medallion.report import State, Step

NOT_NULL = suite(("expect_column_values_to_not_be_null", {"column": "id"}))


def orders(root: Path, query: str, declaration: str = "", **files: str) -> Path:
    """A project of one silver model that reads nothing."""
    return write(
        root, {"models/orders.py": sql_model("silver", "orders", query, declaration), **files}
    )


def test_a_table_has_the_models_comment_and_its_columns_comments(tmp_path: Path) -> None:
    model = '''
        from medallion import *

        @silver()
        def orders() -> SQL:
            """One row per order.

            Columns:
                id: given by the shop
            """
            return "select 1 as id"
    '''
    write(tmp_path, {"models/orders.py": model})
    with Project.load(tmp_path) as project:
        assert project.build().ok

    table = plain_table(tmp_path, "silver.orders")
    assert table.properties["comment"] == "One row per order."
    assert table.schema().find_field("id").doc == "given by the shop"


def test_a_rejected_layer_stays_on_its_branch_with_its_verdict(tmp_path: Path) -> None:
    root = orders(
        tmp_path,
        "select null::int as id union all select 1",
        **{"expectations/silver/orders.json": NOT_NULL},
    )
    with Project.load(root) as project:
        report = project.build()
        branches = project.branches()

        assert report.exit_code == 1
        assert report["silver.orders"].state is State.REJECTED
        assert [b.state for b in branches] == ["rejected"]
        assert project.query(
            "select count(*) as n from silver.orders", branch=report.run
        ).to_pylist() == [{"n": 2}]
        with pytest.raises(DefinitionError, match="never published"):
            project.query("select * from silver.orders")
        with pytest.raises(ConflictError, match="did not pass its audit"):
            project.publish(report.run)
        project.discard(report.run)
        assert project.branches() == ()
    assert plain_table(root, "silver.orders").current_snapshot() is None


def test_what_was_left_on_branches_is_published_later(tmp_path: Path) -> None:
    root = orders(tmp_path, "select 1 as id", **{"expectations/silver/orders.json": NOT_NULL})
    with Project.load(root) as project:
        report = project.build(publish=False)
        assert report.exit_code == 0
        assert plain_table(root, "silver.orders").current_snapshot() is None
        project.publish(report.run)
        assert rows(root, "silver.orders") == [{"id": 1}]
        with pytest.raises(DefinitionError, match="has no branches"):
            project.publish(report.run)


def test_a_branch_is_not_published_under_another_suite_than_it_was_audited_by(
    tmp_path: Path,
) -> None:
    root = orders(tmp_path, "select 1 as id", **{"expectations/silver/orders.json": NOT_NULL})
    with Project.load(root) as project:
        run = project.build(publish=False).run
    stricter = suite(("expect_column_values_to_be_between", {"column": "id", "min_value": 5}))
    write(root, {"expectations/silver/orders.json": stricter})
    with Project.load(root) as project:
        with pytest.raises(ConflictError, match="suite changed"):
            project.publish(run)
        assert not project.audit(branch=run)[0].passed
        with pytest.raises(ConflictError, match="did not pass"):
            project.publish(run)
    write(root, {"expectations/silver/orders.json": NOT_NULL})
    with Project.load(root) as project:
        assert project.audit(branch=run)[0].passed
        project.publish(run)
    assert rows(root, "silver.orders") == [{"id": 1}]


def test_a_branch_is_not_published_when_main_moved_since(tmp_path: Path) -> None:
    root = orders(tmp_path, "select 1 as id")
    with Project.load(root) as project:
        run = project.build(publish=False).run
        project.build()
        with pytest.raises(ConflictError, match="main moved"):
            project.publish(run)
        assert [b.state for b in project.branches()] == ["passed, superseded"]


@pytest.mark.parametrize(
    ("scope", "published"),
    [
        ("layer", {"bronze.a"}),
        ("model", {"bronze.a", "silver.good", "gold.of_good"}),
        ("run", set()),
    ],
)
def test_a_rejected_model_blocks_its_layer_its_descendants_or_the_run(
    tmp_path: Path, scope: str, published: set[str]
) -> None:
    write(
        tmp_path,
        {
            "models/a.py": sql_model("bronze", "a", "select 1 as id"),
            "models/good.py": sql_model("silver", "good", "select * from bronze.a"),
            "models/bad.py": sql_model("silver", "bad", "select null::int as id from bronze.a"),
            "models/of_good.py": sql_model("gold", "of_good", "select * from silver.good"),
            "models/of_bad.py": sql_model("gold", "of_bad", "select * from silver.bad"),
            "expectations/silver/bad.json": NOT_NULL,
        },
    )
    with Project.load(tmp_path, publish=scope) as project:
        report = project.build()

        assert report.exit_code == 1
        assert {str(r.table) for r in report.results if r.state is State.PUBLISHED} == published
        assert report["gold.of_bad"].state is State.SKIPPED
        assert {str(n) for n, t in project.tables().items() if t.main is not None} == published


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_a_failed_warning_is_reported_and_published(tmp_path: Path, severity: str) -> None:
    mild = suite(
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "id"},
            "severity": severity,
        }
    )
    root = orders(
        tmp_path,
        "select null::int as id union all select 1",
        **{"expectations/silver/orders.json": mild},
    )
    with Project.load(root) as project:
        report = project.build()

    assert report.exit_code == 0
    audit = report["silver.orders"].audit
    assert audit
    assert [(v.outcome, v.failing) for v in audit.verdicts] == [("failed", 1)]
    assert len(rows(root, "silver.orders")) == 2


def test_failing_rows_are_named_by_the_models_key(tmp_path: Path) -> None:
    negative = suite(("expect_column_values_to_be_between", {"column": "fare", "min_value": 0}))
    root = orders(
        tmp_path,
        "select i as id, if(i = 3, -1, 1) as fare from range(10) t(i)",
        "unique_key='id'",
        **{"expectations/silver/orders.json": negative},
    )
    with Project.load(root) as project:
        audit = project.build()["silver.orders"].audit

    assert audit
    failed = [v for v in audit.verdicts if v.outcome == "failed"]
    assert [(v.failing, v.sample) for v in failed] == [(1, ({"id": 3},))]


def test_a_key_that_is_not_unique_is_rejected(tmp_path: Path) -> None:
    root = orders(tmp_path, "select 1 as id union all select 1", "unique_key='id'")
    with Project.load(root) as project:
        assert project.build().exit_code == 1


@pytest.mark.only_on("local", because="it looks at the files of the warehouse")
def test_a_masked_column_is_never_written_in_clear(tmp_path: Path) -> None:
    root = orders(
        tmp_path,
        "select 'secret-licence' as licence, 'secret-note' as note union all select null, null",
        "mask={'licence': hashed('salt'), 'note': redacted()}",
    )
    with Project.load(root) as project:
        project.build()
    written = b"".join(p.read_bytes() for p in root.rglob("*") if p.is_file() and p.suffix != ".py")

    assert b"secret" not in written
    assert sorted(str(r["note"]) for r in rows(root, "silver.orders")) == ["***", "None"]
    hashed = hashlib.sha256(b"saltsecret-licence").hexdigest()
    assert {r["licence"] for r in rows(root, "silver.orders")} == {hashed, None}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("1 as id", "1 as id, 'x' as note", {"id": 1, "note": "x"}),
        ("1 as id, 2 as gone", "1 as id", {"id": 1}),
        ("1 as id", "1::bigint as id", {"id": 1}),
        ("1::bigint as id", "1 as id", {"id": 1}),
        ("1.5::decimal(5,2) as id", "1.5::decimal(9,2) as id", {"id": 1.5}),
        ("1.5::float as id", "1.5::double as id", {"id": 1.5}),
        ("{'a': 1} as id", "{'a': 1, 'b': 'x'} as id", {"id": {"a": 1, "b": "x"}}),
    ],
)
def test_columns_are_added_dropped_and_widened(
    tmp_path: Path, first: str, second: str, expected: dict[str, object]
) -> None:
    for columns in (first, second):
        orders(tmp_path, f"select {columns}")
        with Project.load(tmp_path) as project:
            assert project.build().ok

    assert rows(tmp_path, "silver.orders") == [expected]


def test_a_renamed_column_keeps_its_field_id(tmp_path: Path) -> None:
    orders(tmp_path, "select 1 as id, 2 as old")
    with Project.load(tmp_path) as project:
        project.build()
    before = plain_table(tmp_path, "silver.orders").schema().find_field("old").field_id
    orders(tmp_path, "select 1 as id, 2 as new", "renamed={'new': 'old'}")
    for _ in range(2):
        with Project.load(tmp_path) as project:
            assert project.build().ok

    assert plain_table(tmp_path, "silver.orders").schema().find_field("new").field_id == before


def test_a_column_whose_type_changes_is_refused_and_main_stays(tmp_path: Path) -> None:
    orders(tmp_path, "select 1 as id")
    with Project.load(tmp_path) as project:
        project.build()
    orders(tmp_path, "select 'one' as id")
    with Project.load(tmp_path) as project:
        report = project.build()

    failure = report["silver.orders"].failure
    assert failure
    assert "'id' changes from int to string" in failure.message
    assert rows(tmp_path, "silver.orders") == [{"id": 1}]


def test_a_changed_partition_spec_comes_with_the_data(tmp_path: Path) -> None:
    orders(
        tmp_path,
        "select i as id, date '2026-01-30' + i::int as day from range(4) t(i)",
        "partition_by=month('day')",
    )
    with Project.load(tmp_path) as project:
        project.build()
    orders(
        tmp_path,
        "select i as id, date '2026-01-30' + i::int as day from range(4) t(i)",
        "partition_by=[day('day'), bucket('id', 2)]",
    )
    with Project.load(tmp_path) as project:
        assert {r.state for r in project.build().results} == {State.FRESH}  # the rows are the same
        run = project.build(publish=False, full_refresh=True).run
        assert [f.name for f in plain_table(tmp_path, "silver.orders").spec().fields] == [
            "day_month"
        ]
        project.publish(run)

    table = plain_table(tmp_path, "silver.orders")
    assert [f.name for f in table.spec().fields] == ["day_day", "id_bucket"]
    assert table.scan(row_filter="day = '2026-02-01'").to_arrow().num_rows == 1
    assert len(rows(tmp_path, "silver.orders")) == 4


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select 1 as a, 2 as a", "two columns 'a' and 'a'"),
        ("select 1 as a, 2 as A", "two columns 'a' and 'A'"),
        ("select null as a", "NULL"),
        ("select interval 1 day as a", "INTERVAL"),
    ],
)
def test_columns_that_a_table_cannot_have_are_told_before_anything_is_written(
    tmp_path: Path, query: str, told: str
) -> None:
    orders(tmp_path, query)
    with Project.load(tmp_path) as project, pytest.raises(DefinitionError, match=told):
        project.build()
    assert not (tmp_path / "warehouse/silver").exists()


def test_odd_names_of_columns_are_kept(tmp_path: Path) -> None:
    names = ["Mixed Case", "select", 'say "hi"', "a.b", "ümlaut", "1st", "x=y/z"]
    query = ", ".join(f'{i} as "{n.replace(chr(34), chr(34) * 2)}"' for i, n in enumerate(names))
    orders(tmp_path, f"select {query}", "partition_by=bucket('Mixed Case', 2)")
    write(tmp_path, {"models/copy.py": sql_model("gold", "copy", "select * from silver.orders")})
    with Project.load(tmp_path) as project:
        assert project.build().ok
        expected = dict(zip(names, range(len(names)), strict=True))

        assert project.query("select * from gold.copy").to_pylist() == [expected]
        assert rows(tmp_path, "silver.orders") == [expected]


def test_a_model_without_rows_publishes_an_empty_table(tmp_path: Path) -> None:
    orders(
        tmp_path,
        "select 1 as id, date '2026-01-01' as day where false",
        "partition_by=month('day')",
    )
    write(
        tmp_path,
        {"models/copy.py": sql_model("gold", "copy", "select count(*) as n from silver.orders")},
    )
    with Project.load(tmp_path) as project:
        assert project.build().ok
    assert rows(tmp_path, "silver.orders") == []
    assert rows(tmp_path, "gold.copy") == [{"n": 0}]


def test_a_rebuilt_table_that_lost_all_rows_is_empty(tmp_path: Path) -> None:
    """The old rows do not stay because the new result has none."""
    orders(tmp_path, "select 1 as id")
    with Project.load(tmp_path) as project:
        project.build()
    orders(tmp_path, "select 1 as id where false")
    with Project.load(tmp_path) as project:
        assert project.build().ok
    assert rows(tmp_path, "silver.orders") == []


def test_tables_can_be_read_as_of_a_snapshot_or_a_time(tmp_path: Path) -> None:
    for id in (1, 2):
        orders(tmp_path, f"select {id} as id")
        with Project.load(tmp_path) as project:
            project.build()
    with Project.load(tmp_path) as project:
        new, old = project.history("silver.orders")
        moment = datetime.fromtimestamp(old.timestamp_ms / 1000, UTC).isoformat()
        for at in (str(old.id), moment):
            assert project.query("select id from silver.orders", at=at).to_pylist() == [{"id": 1}]
        with pytest.raises(DefinitionError, match="had no rows"):
            project.query("select id from silver.orders", at="2001-01-01")
        assert new.summary["medallion.code"] != old.summary["medallion.code"]


def test_a_model_may_be_pandas_arrow_polars_duckdb_or_batches(tmp_path: Path) -> None:
    models = """
        from collections.abc import Iterator
        import duckdb
        import pandas as pd
        import polars as pl
        import pyarrow as pa
        from medallion import *

        @bronze()
        def numbers() -> SQL:
            return (
                "select i::int as i, if(i % 3 = 0, null, i * 10) as tens, 'n' || i as name"
                " from range(9) t(i)"
            )

        @silver()
        def a_pandas(rows: pd.DataFrame = ref("bronze.numbers")) -> pd.DataFrame:
            return rows[rows["i"] > 4]

        @silver()
        def b_arrow(rows: pa.Table = ref("bronze.numbers")) -> pa.Table:
            return rows.slice(0, 2)

        @silver()
        def c_polars(rows: pl.DataFrame = ref("bronze.numbers")) -> pl.DataFrame:
            return rows.filter(pl.col("i") < 3)

        @silver()
        def d_lazy(rows: pl.LazyFrame = ref("bronze.numbers")) -> pl.LazyFrame:
            return rows.filter(pl.col("i") < 4)

        @silver()
        def e_duckdb(
            rows: duckdb.DuckDBPyRelation = ref("bronze.numbers")
        ) -> duckdb.DuckDBPyRelation:
            return rows.filter("i < 5")

        @silver()
        def f_batches(
            rows: pa.RecordBatchReader = ref("bronze.numbers")
        ) -> Iterator[pa.RecordBatch]:
            for batch in rows:
                yield batch.slice(0, 1)

        @silver()
        def g_reader(rows: pa.RecordBatchReader = ref("bronze.numbers")) -> pa.RecordBatchReader:
            return rows

        @silver()
        def h_frame(rows: Frame = ref("bronze.numbers")) -> Frame:
            return rows

        @gold()
        def counts(
            a: pa.Table = ref("silver.a_pandas"), b: pd.DataFrame = ref("silver.b_arrow")
        ) -> pa.Table:
            return pa.table({"a": [a.num_rows], "b": [len(b)]})
    """
    write(tmp_path, {"models/all.py": models})
    with Project.load(tmp_path) as project:
        report = project.build()
        assert report.ok, [r.failure for r in report.results if r.failure]
        counts = {str(r.table): r.rows for r in report.results}
        frame = project.table("silver.a_pandas")

        assert counts == {
            "bronze.numbers": 9, "silver.a_pandas": 4, "silver.b_arrow": 2, "silver.c_polars": 3,
            "silver.d_lazy": 4, "silver.e_duckdb": 5, "silver.f_batches": 1, "silver.g_reader": 9,
            "silver.h_frame": 9, "gold.counts": 1,
        }  # fmt: skip
        assert sorted(frame["i"]) == [5, 6, 7, 8]
        assert frame["tens"].isna().sum() == 1
        assert project.table("silver.a_pandas", form=Form.POLARS).height == 4
    types = {
        f.name: str(f.field_type) for f in plain_table(tmp_path, "silver.a_pandas").schema().fields
    }
    assert types == {"i": "int", "tens": "long", "name": "string"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 7", "int, which is no form of rows"),
        ("return pd.DataFrame()", "gives no columns"),
        ("return pd.DataFrame({1: [2]})", "a column named 1"),
        ("return pd.DataFrame([[1, 2]], columns=['a', 'a'])", "two columns 'a' and 'a'"),
        ("return pd.DataFrame({'a': [1, 'x']})", "mixed values"),
        ("raise ValueError('out of tea')", "raised ValueError: out of tea (models/bad.py:6)"),
    ],
)
def test_a_python_model_that_gives_no_table_fails_alone(
    tmp_path: Path, body: str, told: str
) -> None:
    imports = "import pandas as pd\nfrom medallion import *\n\n"
    model = f"{imports}@silver()\ndef bad() -> pd.DataFrame:\n    {body}\n"
    write(tmp_path, {"models/bad.py": model})
    with Project.load(tmp_path) as project:
        report = project.build()

    failure = report["silver.bad"].failure
    assert failure
    assert failure.kind in {ModelError.__name__, RaisedError.__name__}
    assert told in failure.message.replace(f"{tmp_path}/", "")
    assert report.exit_code == 1


def test_a_query_sees_its_inputs_and_no_file(tmp_path: Path) -> None:
    orders(tmp_path, "select 1 as id")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with Project.load(tmp_path) as project:
        project.build()
        for text in (
            f"select * from read_csv('{tmp_path}/secret.csv')",
            "select * from glob('/etc/*')",
        ):
            with pytest.raises(DefinitionError, match="reaches outside"):
                project.query(text)


def test_two_projects_work_in_one_process(tmp_path: Path) -> None:
    one, two = (
        orders(tmp_path / "one", "select 1 as id"),
        orders(tmp_path / "two", "select 2 as id"),
    )
    with Project.load(one) as first, Project.load(two) as second:
        assert first.build().ok
        assert second.build().ok
        assert first.table("silver.orders")["id"].tolist() == [1]
        assert second.table("silver.orders")["id"].tolist() == [2]
        assert first.build().ok


@pytest.mark.only_on("local", because="it looks at the files of the warehouse")
def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    orders(tmp_path, "select 1 as id")
    with Project.load(tmp_path) as project:
        project.build()
    assert sorted(p.name for p in (tmp_path / "warehouse").iterdir()) == [
        ".cache",
        ".runs",
        "_medallion",
        "catalog.db",
        "silver",
    ]


FLAKY = """
    from pathlib import Path

    import pyarrow as pa

    from medallion import *

    TRIES = Path({root!r}) / "tries"

    @bronze(retries=2)
    def rates() -> pa.Table:
        tries = TRIES.read_text() if TRIES.exists() else ""
        TRIES.write_text(tries + "x")
        if len(tries) < {failures}:
            raise {error}
        return pa.table({{"rate": [1.5]}})
"""


@pytest.mark.parametrize(
    ("failures", "error", "tries", "state"),
    [
        (2, "ConnectionError('refused')", "xxx", State.PUBLISHED),
        (9, "ConnectionError('refused')", "xxx", State.FAILED),
        (9, "KeyError('rate')", "x", State.FAILED),
    ],
)
def test_a_model_is_tried_again_after_a_failure_that_may_pass(
    tmp_path: Path, failures: int, error: str, tries: str, state: State
) -> None:
    text = FLAKY.format(root=str(tmp_path), failures=failures, error=error)
    write(tmp_path, {"models/bronze/rates.py": text})
    seen: list[str] = []
    with Project.load(tmp_path) as project:
        report = project.build(
            listener=lambda e: seen.append(e.details["why"]) if e.step is Step.RETRYING else None
        )

    assert report["bronze.rates"].state is state
    assert (tmp_path / "tries").read_text() == tries
    assert len(seen) == len(tries) - 1
    assert all("ConnectionError: refused" in why for why in seen)


def test_a_project_that_was_closed_can_be_used_again(tmp_path: Path) -> None:
    """Also to look into files of months for their days, which takes the engine before a run."""
    query = "select i as id, date '2026-01-01' + i::int as day from range(40) t(i)"
    orders(tmp_path, query, "time_column='day', partition_by=month('day')")
    by_day = "time_column='day', partition_by=day('day')"
    days = sql_model("gold", "days", "select * from silver.orders", by_day)
    write(tmp_path, {"models/days.py": days})
    project = Project.load(tmp_path)
    assert project.build()["gold.days"].parts == 40
    project.close()
    assert project.build("silver.orders", full_refresh=True).ok
    assert project.build()["gold.days"].parts == 40
    project.close()
