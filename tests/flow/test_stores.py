"""A warehouse in S3 gives the rows that one on disk gives, whatever the store does meanwhile."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from support.aws import Aws
from support.faulty import FAULTS, faulty
from support.flows import land, states
from support.forms import TABLES, lake
from support.projects import suite, write

from medallion import Form, Project
from medallion.adapters.files.once import Once
from medallion.adapters.files.stores import Stores
from medallion.adapters.files.view import View
from medallion.adapters.iceberg.blobs import BlobIO
from medallion.adapters.iceberg.merged import merged
from medallion.adapters.iceberg.opening import opened
from medallion.errors import InfrastructureError, StoreError
from medallion.names import TableName
from medallion.report import State
from medallion.wiring import connect

LATE = ((7, "2019-01-02 09:00:00"), (8, "2019-02-01 09:00:00"))


def project(root: Path, warehouse: str, options: str = "") -> Path:
    """The project of all forms, with its warehouse there."""
    settings = f'[tool.medallion]\nwarehouse = "{warehouse}"\n{options}'
    return lake(write(root, {"pyproject.toml": settings}))


def contents(project: Project) -> dict[str, Any]:
    """The rows of all tables, but for when they landed."""
    return {
        name: sorted(
            (
                {k: v for k, v in row.items() if k != "_loaded_at"}
                for row in project.query(f"from {name}").to_pylist()
            ),
            key=repr,
        )
        for name in TABLES
    }


def lives(root: Path, **settings: Any) -> list[dict[str, Any]]:
    """Build, land more, build again; backfill; what was there each time."""
    found = []
    with Project.load(root, workers=2, **settings) as project:
        for number, late in enumerate((*LATE, None)):
            report = project.build()
            assert report.ok, [(str(r.table), r.failure) for r in report.results]
            assert number == 0 or states(report)["task.numbers"] is State.FRESH
            found.append(contents(project))
            if late:
                land(root, f"late{late[0]}", [late])
        assert not project.plan().tasks
        reports = project.backfill("silver.events", "2019-01-01", "2019-01-02", downstream=True)
        assert all(report.ok for report in reports)
        found.append(contents(project))
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What is there on disk."""
    return lives(project(tmp_path_factory.mktemp("local"), "warehouse"))


@pytest.mark.parametrize("executor", ["local", "processes", "dask"])
def test_a_warehouse_in_s3_gives_the_rows_of_one_on_disk(
    tmp_path: Path, aws: Aws, expected: list[dict[str, Any]], executor: str
) -> None:
    bucket = aws.bucket()
    root = project(tmp_path, f"s3://{bucket}/lakes/first")

    assert lives(root, executor=executor) == expected

    assert {key.split("/")[1] for key in aws.keys(bucket)} == {"first"}
    # Nothing of a table is on this machine.
    assert {p.name for p in (root / "warehouse").iterdir()} - {".spill"} <= {
        ".cache",
        ".runs",
        "catalog.db",
        "catalog.db-shm",
        "catalog.db-wal",
    }


@pytest.mark.parametrize("seed", [3])
def test_a_store_that_fails_now_and_then_loses_and_doubles_nothing(
    tmp_path: Path, aws: Aws, expected: list[dict[str, Any]], seed: int
) -> None:
    with faulty(aws.endpoint, seed=seed, delay=1.5) as proxy:
        options = f'[tool.medallion.stores."s3://"]\nendpoint = "{proxy.address}"\ntimeout = 1\n'
        root = project(tmp_path, f"s3://{aws.bucket()}/lake", options)
        found = []
        for late in (*LATE, None):
            proxy.share = 0.1
            persistently(root)
            proxy.share = 0
            with Project.load(root) as calm:
                found.append(contents(calm))
            if late:
                land(root, f"late{late[0]}", [late])
    assert found == expected[:3]
    assert set(proxy.done) == {*FAULTS, "none"}


def persistently(root: Path) -> None:
    """Build until it comes through; what fails says that it is the store's fault."""
    for _ in range(4):
        failures = tried(root)
        if not failures:
            return
        assert all("s3://" in failure for failure in failures)
    raise AssertionError(f"it never came through: {failures}")


def tried(root: Path) -> list[str]:
    """Build; what failed."""
    try:
        with Project.load(root, workers=2) as project:
            return [str(r.failure) for r in project.build().results if r.failure]
    except InfrastructureError as error:
        return [str(error)]


RATES = """
    import pandas as pd
    from medallion import *

    @task
    def rates() -> pd.DataFrame:
        return pd.DataFrame({"currency": ["EUR", "USD"], "rate": [1.0, 1.1]})

    @gold
    def prices(rates: pd.DataFrame = ref("task.rates")) -> pd.DataFrame:
        return rates.assign(price=rates["rate"] * 10)
"""
SUITE = {
    "models/all.py": RATES,
    "expectations/gold/prices.json": suite(
        ("expect_column_values_to_not_be_null", {"column": "price"})
    ),
}


def small(root: Path, bucket: str, options: str = "") -> Path:
    """A project of a task and an audited model, in a bucket."""
    settings = f'[tool.medallion]\nwarehouse = "s3://{bucket}/lake"\n{options}'
    return write(root, {"pyproject.toml": settings, **SUITE})


def test_what_nobody_uses_is_removed_from_a_store(tmp_path: Path, aws: Aws) -> None:
    bucket = aws.bucket()
    with Project.load(small(tmp_path, bucket)) as project:
        assert project.build().ok
        time.sleep(1.1)  # a store tells times in seconds
        assert project.sweep_results().results == 0
        counted = project.sweep_results(0, dry=True)
        assert (counted.results, counted.files) == (1, 1)
        assert project.sweep_results(0) == counted
        assert project.sweep_results(0).results == 0
        assert len(project.query("from gold.prices")) == 2
        assert not [key for key in aws.keys(bucket) if key.startswith("lake/task/rates/data/")]
        assert states(project.build(full_refresh=True))["task.rates"] is State.DONE


def test_who_has_pyiceberg_alone_reads_the_same_rows(tmp_path: Path, aws: Aws) -> None:
    with Project.load(small(tmp_path, aws.bucket())) as project:
        assert project.build().ok
        ours = project.query("from gold.prices order by currency").to_pylist()
    catalog = SqlCatalog(
        "medallion",
        **{"uri": f"sqlite:///{tmp_path}/warehouse/catalog.db", "s3.endpoint": aws.endpoint},
    )
    table = catalog.load_table("gold.prices")
    assert table.location().startswith("s3://")
    assert sorted(table.scan().to_arrow().to_pylist(), key=lambda r: r["currency"]) == ours
    catalog.engine.dispose()


def test_rows_that_duckdb_cannot_merge_are_merged_from_a_store(tmp_path: Path, aws: Aws) -> None:
    with Project.load(small(tmp_path, aws.bucket())) as project:
        assert project.build().ok
        name = TableName.parse("gold.prices")
        lake = opened(
            project.settings.catalog_uri,
            project.settings.warehouse_address,
            {},
            BlobIO(Once(Stores({})), View(Stores({}), "s3")),
        )
        metadata = lake.load([name])[name].metadata
        snapshot = metadata.current_snapshot()
        assert snapshot
        schema = project.table("gold.prices", form=Form.FRAME).schema
        frame = merged(metadata, lake, snapshot, schema, tmp_path / "merged")
        lake.close()
        rows = pq.read_table(frame.files[0].path).to_pylist()
        assert sorted(map(str, rows)) == sorted(
            map(str, project.query("from gold.prices").to_pylist())
        )


def test_an_audit_that_cannot_read_is_no_failed_audit(tmp_path: Path, aws: Aws) -> None:
    root = small(tmp_path, aws.bucket())
    with Project.load(root) as project:
        assert project.build().ok
        name = TableName.parse("gold.prices")
        written = project.definition.suites[name]
        frame = project.table("gold.prices", form=Form.FRAME)
    with faulty(aws.endpoint, share=1) as proxy:
        proxy.only = ("half",)
        options = {"s3://": {"endpoint": proxy.address}}
        ports = connect(replace(project.settings, stores=options))
        with pytest.raises(StoreError, match=r"s3://.*\.parquet cannot be read: .* cut off"):
            ports.auditor.audit(written, frame)
        ports.close()


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_landing_warehouse_and_results_may_be_in_different_stores(
    tmp_path: Path, aws: Aws, executor: str
) -> None:
    landing, warehouse, results = aws.bucket(), aws.bucket(), aws.bucket()
    aws.put(f"s3://{landing}/days/a.csv", b"id\n1\n2\n")
    write(
        tmp_path,
        {
            "pyproject.toml": f"""
                [tool.medallion]
                executor = "{executor}"
                warehouse = "s3://{warehouse}/lake"
                results = "s3://{results}/kept"
                """,
            "models/bronze/days.py": f"""
                from medallion import *

                @bronze
                def days() -> Source:
                    return files("s3://{landing}/days/*.csv", columns={{"id": "bigint"}})
                """,
            "models/silver/twice.py": """
                import pyarrow as pa
                from medallion import *

                @task
                def doubled(days: pa.Table = ref("bronze.days")) -> pa.Table:
                    return pa.table({"id": [2 * id for id in days["id"].to_pylist()]})

                @silver
                def twice() -> SQL:
                    return "select id from task.doubled"
                """,
        },
    )
    with Project.load(tmp_path) as project:
        assert project.build().ok
        assert project.query("select sum(id) as s from silver.twice").to_pylist() == [{"s": 6}]
        assert {str(r.table): r.state for r in project.build().results}.keys() >= {"bronze.days"}

    assert all("/task/" in key for key in aws.keys(results))
    assert aws.keys(results)
    assert not any("/task/" in key for key in aws.keys(warehouse))
