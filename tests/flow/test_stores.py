"""A warehouse in S3 gives the rows that one on disk gives, whatever the store does meanwhile."""

from pathlib import Path
from typing import Any

import pytest
from support.aws import Aws
from support.faulty import FAULTS, faulty
from support.flows import land, states
from support.forms import TABLES, lake
from support.projects import write

from medallion import Project
from medallion.errors import InfrastructureError
from medallion.report import State

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


@pytest.mark.parametrize("seed", [1, 2])
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
