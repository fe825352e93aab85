"""A backfill that was killed or failed goes on: what it had finished is not computed again."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.processes import Runner
from support.projects import plain_table, rows, write
from support.windowed import land, put, time

from medallion import Project

DAYS = ("2019-01-01", "2019-01-02", "2019-01-03", "2019-01-04", "2019-02-01")
CHAIN = {"bronze.events": 0, "silver.events": 0, "silver.hours": 0, "gold.months": 0}


def lake(root: Path, **variants: int) -> Path:
    """A project with three rows a day, and everything built."""
    for model, variant in CHAIN.items():
        put(root, model, variant)
    land(root, "days", [(i, f"{day} 0{i}:30:00", 7 * i, "a") for day in DAYS for i in (1, 2, 3)])
    with Project.load(root) as project:
        assert project.build().ok
    return root


def contents(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables that are made from what landed."""
    return {name: rows(root, name) for name in CHAIN if name != "bronze.events"}


def test_a_backfill_after_any_kill_gives_the_same_rows(
    tmp_path: Path, runner: Runner, kills: int
) -> None:
    """With new code and with the old in turns, in one go and in batches."""
    chance = random.Random(kills)
    expected, events = {}, {}
    asked: dict[str, Any] = {"start": "2019-01-02", "end": "2019-02-01", "downstream": True}
    for variant in (2, 0):
        whole = lake(tmp_path / f"whole-{variant}")
        put(whole, "silver.events", variant)
        answer = runner.backfill(whole, "silver.events", **asked)
        assert answer["status"] == 0, answer
        expected[variant], events[variant] = contents(whole), answer["events"]
    assert expected[0] != expected[2]

    root, reused = lake(tmp_path / "killed"), 0
    for turn in range(kills // 3):
        variant, options = (2, 0)[turn % 2], {**asked, "batch": (None, 2)[turn // 2 % 2]}
        put(root, "silver.events", variant)
        runner.backfill(root, "silver.events", chance.randint(1, events[variant]), **options)
        answer = runner.backfill(root, "silver.events", **options)

        assert answer["status"] == 0, answer
        assert contents(root) == expected[variant]
        reused += sum(r["reused"] for p in answer["report"]["reports"] for r in p["results"])
    assert reused > 0


def counting(root: Path) -> Path:
    """A model that writes down each window it has computed, and fails in one while it is told to.

    It is built by nobody yet.
    """
    text = f"""
    from pathlib import Path

    import pyarrow as pa

    from medallion import *

    @silver({time("day")})
    def counted(window: Window, events: pa.Table = ref("bronze.events")) -> pa.Table:
        root = Path({str(root)!r})
        if str(window) == "2019-01-03" and (root / "broken").exists():
            raise ValueError("not yet")
        with (root / "log").open("a") as log:
            log.write(f"{{window}}\\n")
        return events.select(["id", "happened"])
    """
    write(root, {"models/silver/counted.py": text, "broken": ""})
    return root


def computed(root: Path) -> list[str]:
    """The windows that were computed so far, in order."""
    return (root / "log").read_text().split() if (root / "log").exists() else []


def backfill(root: Path, **options: Any) -> tuple[bool, int]:
    """Backfill the counting model: whether it came through, how many windows it found finished."""
    with Project.load(root) as project:
        reports = project.backfill("silver.counted", **options)
    return all(r.ok for r in reports), sum(r["silver.counted"].reused for r in reports)


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        (None, {}),
        ("silver.events", {}),
        ("silver.hours", {"windows": 3}),
        (None, {"batch": 1}),
        ("silver.events", {"batch": 2}),
    ],
)
def test_finished_windows_are_not_computed_again(
    tmp_path: Path, changed: str | None, options: dict[str, Any]
) -> None:
    """Neither are they when the code of another model changed meanwhile."""
    root = counting(lake(tmp_path))
    assert backfill(root, **options) == (False, 0)
    finished = computed(root)
    assert set(DAYS[:2]) <= set(finished) < set(DAYS)
    (root / "broken").unlink()
    if changed:
        put(root, changed, 1)

    through, reused = backfill(root, **options)
    assert through
    assert reused == len(finished)
    assert Counter(computed(root)) == Counter(DAYS)
    assert len(rows(root, "silver.counted")) == 15
    # What came through is forgotten: asked for again, it is computed again.
    assert backfill(root, **options) == (True, 0)
    assert Counter(computed(root)) == Counter(DAYS * 2)


def test_a_window_whose_input_changed_meanwhile_is_computed_again(tmp_path: Path) -> None:
    root = counting(lake(tmp_path))
    assert not backfill(root)[0]
    finished = len(computed(root))
    (root / "broken").unlink()
    land(root, "late", [(9, "2019-01-02 12:00:00", 9, "a")])
    with Project.load(root) as project:
        assert project.build("bronze.events").ok

    assert backfill(root) == (True, finished - 1)
    assert Counter(computed(root)) == Counter([*DAYS, "2019-01-02"])
    assert len(rows(root, "silver.counted")) == 16


def test_results_that_are_published_already_can_be_found_again(tmp_path: Path) -> None:
    """The backfill was killed after it published, before it forgot its results."""
    root = counting(lake(tmp_path))
    (root / "broken").unlink()
    with Project.load(root) as project:
        for plan in project.plan_backfill("silver.counted", "2019-01-01", "2019-01-03"):
            assert project.run(plan, forget=False).ok
    before = paths(root)
    land(root, "late", [(9, "2019-01-02 12:00:00", 9, "a")])
    with Project.load(root) as project:
        assert project.build("bronze.events").ok

    assert backfill(root) == (True, 2)
    assert len(rows(root, "silver.counted")) == 16
    assert len(set(before) & set(paths(root))) == 2
    assert len(paths(root)) == len(set(paths(root))) == 5


def paths(root: Path) -> Sequence[str]:
    """The data files of the counting model's table."""
    return [t.file.file_path for t in plain_table(root, "silver.counted").scan().plan_files()]
