"""Whatever happened before, a build ends with the tables that a build from scratch makes.

Files land late, change and lose rows, models change, windows are built in any order and again, runs
are killed: what is out of date is found, and nothing else is built.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.histories import ACTIONS, ROWS, Lake
from support.processes import Runner
from support.projects import plain_table, rows, sql_model, write
from support.windowed import MODELS, Row, land, put, time

from medallion import Project
from medallion.report import State

GOLD = [name for name in MODELS if name.startswith("gold.")]


def contents(root: Path, models: list[str]) -> dict[str, Counter[str]]:
    """How often each row is in the tables, without when it was loaded."""
    return {
        name: Counter(str(row | {"_loaded_at": None}) for row in rows(root, name))
        for name in models
    }


def versions(root: Path, models: list[str]) -> dict[str, list[int]]:
    """The snapshots of the tables."""
    return {name: [s.snapshot_id for s in plain_table(root, name).snapshots()] for name in models}


def from_scratch(root: Path, fresh: Path) -> Path:
    """A project with the same models and landed files, built once."""
    for folder in ("models", "landing"):
        shutil.copytree(root / folder, fresh / folder)
    write(fresh, {})
    with Project.load(fresh) as project:
        assert project.build().ok
    return fresh


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes one new folder after the other."""
    number, root = count(), tmp_path_factory.mktemp("lakes")
    return lambda: root / str(next(number))


def test_a_build_after_anything_equals_one_from_scratch(
    places: Callable[[], Path], runner: Runner, kills: int
) -> None:
    """And a build after that finds nothing to do."""

    @settings(
        max_examples=max(kills // 3, 1),
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # to shrink takes minutes
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        gold=st.sets(st.sampled_from(GOLD), min_size=1, max_size=3),
        variants=st.lists(st.integers(0, 5), min_size=len(MODELS), max_size=len(MODELS)),
        first=ROWS,
        actions=st.lists(ACTIONS, min_size=3, max_size=10),
    )
    def check(gold: set[str], variants: list[int], first: list[Row], actions: list[Any]) -> None:
        lake = Lake(places(), runner)
        for (model, _), variant in zip(MODELS.items(), variants, strict=True):
            if model in gold or not model.startswith("gold."):
                put(lake.root, model, variant)
        lake.land(0, first)
        for action, arguments, options in actions:
            getattr(lake, action)(*arguments, **options)
        lake.build()
        fresh = from_scratch(lake.root, places())
        assert contents(lake.root, lake.models) == contents(fresh, lake.models)
        before = versions(lake.root, lake.models)
        with Project.load(lake.root) as project:
            assert {r.state for r in project.build().results} == {State.FRESH}
        assert versions(lake.root, lake.models) == before

    check()


def test_rows_of_landed_files_that_are_gone_stay(tmp_path: Path) -> None:
    """Here alone a build from scratch would give other tables; a full refresh is one."""
    for model in ("bronze.events", "silver.events"):
        put(tmp_path, model, 0)
    land(tmp_path, "kept", [(1, "2019-01-01", 1, "a")])
    land(tmp_path, "gone", [(2, "2019-01-02", 2, "a")])
    with Project.load(tmp_path) as project:
        assert project.build().ok
        (tmp_path / "landing/gone.csv").unlink()
        report = project.build()

        assert {r.state for r in report.results} == {State.FRESH}
        assert "1 landed file is gone, its rows are kept: gone.csv" in report.warnings[0]
        assert [row["id"] for row in rows(tmp_path, "silver.events")] == [1, 2]
        assert project.build(full_refresh=True).ok
    assert [row["id"] for row in rows(tmp_path, "silver.events")] == [1]


def test_rows_of_windows_of_another_length_are_not_doubled(tmp_path: Path) -> None:
    """Days are built, and their rows accepted when the model goes over to months."""
    query = "select id, happened from bronze.events"
    put(tmp_path, "bronze.events", 0)
    land(tmp_path, "all", [(day, f"2019-01-0{day}", 0, "a") for day in range(1, 8)])
    days = {"start": "2019-01-01", "end": "2019-01-03"}
    for grain, options in (("day", days), ("month", {"forward_only": True})):
        text = sql_model("silver", "events", query, time(grain))
        write(tmp_path, {"models/silver/events.py": text})
        with Project.load(tmp_path) as project:
            assert project.build(**options).ok
    assert [row["id"] for row in rows(tmp_path, "silver.events")] == list(range(1, 8))
