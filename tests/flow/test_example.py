"""The example project builds, on its own landing files and on the real trips."""

import runpy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from support.projects import plain_table

from medallion import Project

ROOT = Path(__file__).parents[2]


@contextmanager
def example(root: Path, *, workers: int = 2, **locations: str) -> Iterator[Project]:
    """The example in a folder of its own, so that tests leave the checkout's warehouse alone."""
    for name in ("models", "expectations", "pyproject.toml"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, root / name)
    shutil.copytree(ROOT / "warehouse" / "landing", root / "warehouse" / "landing")
    with Project.load(root, workers=workers, locations=locations) as project:
        yield project


def test_the_example_builds_three_layers_with_every_table_audited(tmp_path: Path) -> None:
    with example(tmp_path) as project:
        report = project.build(layer="gold")
        assert report.ok, [(str(r.table), r.failure, r.audit) for r in report.results if not r.ok]

        audited = {str(r.table) for r in report.results if r.audit and r.audit.verdicts}
        assert audited == {str(n.name) for n in project.graph if n.name.layer != "bronze"}
        fractions = project.query(
            "select count(*) as n from gold.daily_zones where tip_fraction not between 0 and 1"
        )
        assert fractions.to_pylist() == [{"n": 0}]
        orphans = project.query(
            "select count(*) as n from gold.fct_trips f where not exists "
            "(select 1 from gold.dim_zone z where z.zone_id = f.pickup_zone_id)"
        )
        assert orphans.to_pylist() == [{"n": 0}]
        assert len(project.table("gold.fct_trips")) == report["gold.fct_trips"].rows
    clear = {
        row["driver_licence"]
        for row in plain_table(tmp_path, "silver.trips").scan().to_arrow().to_pylist()
    }
    assert all(value is None or len(value) == 64 for value in clear)


def test_the_landing_files_come_from_their_generator(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "benchmarks" / "landing.py"))["write"](tmp_path)
    committed = {p.name: p.read_bytes() for p in (ROOT / "warehouse" / "landing").iterdir()}
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == committed


def test_the_same_models_build_on_the_real_trips(tmp_path: Path, taxi: Path) -> None:
    """One setting points at 120,000 real, dirty rows."""
    with example(tmp_path, trips=str(taxi)) as project:
        report = project.build(layer="gold")
        assert report.ok, [(str(r.table), r.failure, r.audit) for r in report.results if not r.ok]
        assert report["bronze.trips"].rows == 120_000
        trips = project.query(
            "select count(*) as n, sum(total_amount) as total from silver.trips"
        ).to_pylist()[0]

    pattern = str(taxi / "*.csv")
    expected = duckdb.execute(
        f"""
        with typed as (
            select * exclude (filename),
                strptime(regexp_extract(filename, '(2019-..)', 1), '%Y-%m') as file_month
            from read_csv('{pattern}', strict_mode = false, filename = true, union_by_name = true)
        )
        select count(*), sum(total_amount::decimal(10, 2)) from (
            select distinct * exclude (file_month) from typed
            where fare_amount >= 0 and tip_amount >= 0 and total_amount >= tip_amount
                and trip_distance between 0 and 200 and dropoff_datetime >= pickup_datetime
                and dropoff_datetime < pickup_datetime + interval 1 day
                and pickup_datetime >= file_month - interval 1 day
                and pickup_datetime < file_month + interval 1 month + interval 1 day
        )
        """
    ).fetchall()
    assert (trips["n"], trips["total"]) == expected[0]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_number_of_workers_changes_no_row(tmp_path: Path, workers: int) -> None:
    totals = []
    for count in (workers, 2):
        root = tmp_path / str(count)
        root.mkdir(exist_ok=True)
        with example(root, workers=count) as project:
            assert project.build(layer="gold").ok
            totals.append(
                project.query("select sum(revenue), sum(trips) from gold.daily_zones").to_pylist()
            )
    assert totals[0] == totals[1]
