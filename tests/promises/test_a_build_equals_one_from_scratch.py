"""Whatever happened before, a build ends with the tables that a build from scratch makes.

Files land late, change and lose rows, models change, windows are built in any order and again, runs
are killed: what is out of date is found, and nothing else is built.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.processes import Runner
from support.projects import plain_table, rows
from support.windowed import FULL, MODELS, Row, land, put

from medallion import Project
from medallion.errors import DefinitionError
from medallion.report import State

BY_WINDOW = [name for name in MODELS if name not in (FULL, "bronze.events")]
GOLD = [name for name in MODELS if name.startswith("gold.")]
MOMENTS = (
    "2019-01-01 00:00:00",
    "2019-01-01 13:30:00",
    "2019-01-02 00:00:00",
    "2019-01-03 23:59:59.999999",
    "2019-01-31 20:15:00",
    "2019-02-01 00:00:00",
    "2019-02-28 08:00:00",
    "2008-12-31 23:00:00",
    "2088-02-29 12:00:00",
    "1969-12-31 23:59:59",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59",
)
RANGES = (
    (None, None),
    ("2019-01-02", "2019-01-02"),
    ("2019-01-01", "2019-01-31"),
    ("2019-02", None),
    (None, "2018"),
    ("2019-01-01T13:00", "2019-01-03T05:00"),
    ("2088-02-29", "2088-02-29"),
)


@dataclass
class Lake:
    """A project on disk, and what can happen to it."""

    root: Path
    runner: Runner

    def land(self, file: int, rows: list[Row]) -> None:
        """Land a file, or land it again with other rows."""
        land(self.root, f"file{file}", rows)

    def touch(self, file: int) -> None:
        """Land a file again as it was."""
        path = self.root / f"landing/file{file}.csv"
        if path.exists():
            path.write_bytes(path.read_bytes())

    def change(self, model: str, variant: int) -> None:
        """Change the code of a model that there is."""
        if model in self.models:
            put(self.root, model, variant)

    @property
    def models(self) -> list[str]:
        """The models that there are."""
        return [n for n in MODELS if (self.root / f"models/{n.replace('.', '/')}.py").exists()]

    def build(self, **options: Any) -> None:
        """Build; a model whose inputs were never built cannot be."""
        if options.get("selection", "").lstrip("+") in ("", *self.models):
            self._tried(lambda project: [project.build(**options)])

    def backfill(self, model: str, **options: Any) -> None:
        """Build windows again."""
        if model in self.models:
            self._tried(lambda project: list(project.backfill(model, **options)))

    def kill(self, event: int, backfilled: str, **options: Any) -> None:
        """Build or backfill in a process that kills itself."""
        if backfilled in self.models:
            self.runner.backfill(self.root, backfilled, event, **options)
        else:
            self.runner.build(self.root, event)

    def _tried(self, act: Callable[[Project], Any]) -> None:
        with Project.load(self.root) as project:
            try:
                reports = act(project)
            except DefinitionError as error:
                assert "never published" in error.message, error
            else:
                assert all(r.ok for r in reports), [r.to_dict() for r in reports]


ROWS = st.lists(
    st.tuples(
        st.integers(0, 9),
        # The first ones are drawn more often.
        st.one_of(st.sampled_from(MOMENTS[:7]), st.sampled_from(MOMENTS)),
        st.integers(-3, 9),
        st.sampled_from("ab"),
    ),
    max_size=6,
)
OF_WINDOW = st.sampled_from(BY_WINDOW)
RANGE = st.sampled_from(RANGES).map(lambda r: {"start": r[0], "end": r[1]})
LANDED = st.tuples(st.just("land"), st.tuples(st.integers(0, 2), ROWS), st.just({}))
ACTIONS = st.one_of(
    LANDED,
    LANDED,
    st.tuples(st.just("touch"), st.tuples(st.integers(0, 2)), st.just({})),
    st.tuples(
        st.just("change"), st.tuples(st.sampled_from(list(MODELS)), st.integers(0, 5)), st.just({})
    ),
    st.tuples(st.just("build"), st.just(()), RANGE),
    st.tuples(
        st.just("build"),
        st.just(()),
        st.builds(
            lambda name, up, r: {"selection": up + name, **r},
            st.sampled_from(list(MODELS)),
            st.sampled_from(["", "+"]),
            RANGE,
        ),
    ),
    st.tuples(
        st.just("build"),
        st.just(()),
        OF_WINDOW.map(lambda name: {"selection": name, "full_refresh": True}),
    ),
    st.tuples(
        st.just("backfill"),
        st.tuples(OF_WINDOW),
        st.builds(
            lambda r, down, batch, windows: {
                **r, "downstream": down, "batch": batch, "windows": windows
            },
            RANGE,
            st.booleans(),
            st.sampled_from([None, 1, 2]),
            st.integers(1, 2),
        ),
    ),
    st.tuples(
        st.just("kill"),
        st.tuples(st.integers(1, 250), st.one_of(st.just(""), OF_WINDOW)),
        st.just({}),
    ),
)  # fmt: skip


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
    shutil.copy(root / "pyproject.toml", fresh)
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
        max_examples=kills // 2,
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
