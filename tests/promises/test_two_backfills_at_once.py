"""Two backfills of one table at once: both are kept, or the later one gives way and says so."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.processes import Runner
from support.projects import plain_table, rows, sql_model, write
from support.windowed import Row, land, put, time

from medallion import Project
from medallion.report import Event, Report, State, Step

NAME = "silver.events"
JANUARY = ("2019-01-01", "2019-01-02")
FEBRUARY = ("2019-02-01", "2019-02-01")
ROWS: list[Row] = [
    (1, "2019-01-01 10:00:00", 1, "a"),
    (2, "2019-01-02 10:00:00", 2, "a"),
    (3, "2019-02-01 10:00:00", 3, "b"),
]
STEPS = (Step.STARTED, Step.EVALUATED, Step.COMMITTED, Step.AUDITED)


def lake(root: Path) -> Path:
    """A project of which only bronze is built."""
    for model in ("bronze.events", NAME, "silver.hours", "gold.months"):
        put(root, model, 0)
    land(root, "all", ROWS)
    build(root, selection="bronze.events")
    return root


def build(root: Path, **options: Any) -> Report:
    """Build, without a complaint."""
    with Project.load(root) as project:
        report = project.build(**options)
    assert report.ok, report.to_dict()
    return report


def backfill(root: Path, asked: tuple[str, str], **options: Any) -> Report:
    """Backfill, in one plan."""
    with Project.load(root) as project:
        (report,) = project.backfill(NAME, *asked, **options)
    return report


def during(root: Path, step: Step, act: Callable[[], object], **options: Any) -> Report:
    """Backfill January; when it has come to that step, something else happens."""
    done: list[object] = []

    def listen(event: Event) -> None:
        if event.step is step and event.subject == NAME and not done:
            done.append(1)
            act()

    report = backfill(root, JANUARY, listener=listen, **options)
    assert done
    return report


def ids(root: Path, name: str = NAME) -> list[int]:
    """The rows that readers see."""
    return sorted(row["id"] for row in rows(root, name))


def versions(root: Path) -> int:
    """How many snapshots the table has."""
    return len(plain_table(root, NAME).snapshots())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("created", [True, False])
def test_other_windows_are_both_kept(tmp_path: Path, step: Step, created: bool) -> None:
    """Whether the table was there before or not; the state knows all that is built."""
    root = lake(tmp_path)
    if created:
        build(root, selection=NAME, start="2019-01-02", end="2019-01-02")
    report = during(root, step, lambda: backfill(root, FEBRUARY))

    assert report.exit_code == 0, report.to_dict()
    assert ids(root) == [1, 2, 3]
    before = versions(root)
    assert build(root, selection=NAME)[NAME].state is State.FRESH
    assert versions(root) == before


def test_what_is_made_from_them_in_the_same_run_is_kept_as_well(tmp_path: Path) -> None:
    root = lake(tmp_path)
    build(root)
    put(root, NAME, 1)
    put(root, "silver.hours", 1)
    report = during(
        root, Step.AUDITED, lambda: backfill(root, FEBRUARY, downstream=True), downstream=True
    )

    assert report.exit_code in (0, 3)
    build(root)
    fresh = lake(tmp_path / "fresh")
    put(fresh, NAME, 1)
    put(fresh, "silver.hours", 1)
    build(fresh)
    for name in (NAME, "silver.hours", "gold.months"):
        assert rows(root, name) == rows(fresh, name)
    assert {r.state for r in build(root).results} == {State.FRESH}


def test_what_landed_meanwhile_is_built_by_the_next_build(tmp_path: Path) -> None:
    """The run that ends last was planned on an older input than the one that ended before."""
    root = lake(tmp_path)
    build(root)

    def later() -> None:
        land(root, "late", [(4, "2019-01-01 12:00:00", 4, "a"), (5, "2019-02-01 12:00:00", 5, "a")])
        build(root, selection="bronze.events")
        assert backfill(root, FEBRUARY).ok

    put(root, NAME, 1)
    report = during(root, Step.AUDITED, later)

    assert report.exit_code == 0, report.to_dict()
    assert ids(root) == [1, 2, 3, 5]
    build(root)
    assert ids(root) == [1, 2, 3, 4, 5]
    assert {r.state for r in build(root).results} == {State.FRESH}


def test_windows_found_in_the_run_itself_are_not_built_twice(tmp_path: Path) -> None:
    """What a model needs may show only when its input, built in the same run, is there."""
    root = lake(tmp_path)
    build(root)
    land(root, "late", [(4, "2019-01-05 12:00:00", 4, "a")])
    done: list[object] = []

    def listen(event: Event) -> None:
        if event.step is Step.AUDITED and event.subject == NAME and not done:
            done.append(build(root, selection=NAME))

    with Project.load(root) as project:
        report = project.build(listener=listen)

    assert done
    assert report.exit_code == 3, report.to_dict()
    assert ids(root) == [1, 2, 3, 4]
    build(root)
    assert ids(root) == [1, 2, 3, 4]
    assert len(rows(root, "silver.hours")) == 4


@pytest.mark.parametrize("step", STEPS)
def test_of_two_that_build_the_same_window_the_first_to_publish_wins(
    tmp_path: Path, step: Step
) -> None:
    root = lake(tmp_path)
    build(root)

    def winner() -> None:
        land(root, "late", [(4, "2019-01-02 12:00:00", 4, "a")])
        build(root, selection="bronze.events")
        assert backfill(root, ("2019-01-02", "2019-02-28")).ok

    report = during(root, step, winner)

    assert report.exit_code == 3
    assert report[NAME].state is State.CONFLICTED
    failure = report[NAME].failure
    assert failure
    assert "another run built windows 2019-01-02" in failure.message
    assert "nothing was published" in failure.message
    assert "run it again" in failure.hint
    assert ids(root) == [1, 2, 3, 4]
    assert backfill(root, JANUARY).ok
    assert ids(root) == [1, 2, 3, 4]


def test_rows_that_are_right_alone_and_wrong_together_are_rejected(tmp_path: Path) -> None:
    """What is published is audited as it is published: on top of what the other built."""
    root = lake(tmp_path)
    query = "select id % 2 as id, happened from bronze.events where id <> 2"
    write(
        root,
        {
            "models/silver/events.py": sql_model(
                "silver", "events", query, f"{time('day')}, unique_key='id'"
            ),
            "models/silver/hours.py": "",
            "models/gold/months.py": "",
        },
    )
    report = during(root, Step.AUDITED, lambda: backfill(root, FEBRUARY))

    assert report.exit_code == 1
    assert report[NAME].state is State.REJECTED
    assert [row["happened"].month for row in rows(root, NAME)] == [2]
    assert not backfill(root, JANUARY).ok


def test_landed_files_of_windows_are_both_remembered(tmp_path: Path) -> None:
    """A source that is landed window by window, backfilled twice at once."""
    root = write(
        tmp_path,
        {
            "models/silver/events.py": (
                f"from medallion import *\n\n@silver({time('year')}, start='2018')\n"
                "def events(window: Window) -> Source:\n"
                "    return files(f'landing/{window}-*.csv',"
                " columns={'id': 'bigint', 'happened': 'timestamp'})\n"
            ),
        },
    )
    for number, year in enumerate((2018, 2019, 2020)):
        land(root, f"{year}-all", [(number, f"{year}-05-05", 0, "")])
    build(root, start="2018", end="2018")

    done: list[object] = []

    def listen(event: Event) -> None:
        if event.step is Step.AUDITED and not done:
            done.append(backfill(root, ("2020", "2020")))

    report = backfill(root, ("2019", "2019"), listener=listen)
    assert report.exit_code == 0, report.to_dict()
    assert ids(root) == [0, 1, 2]
    before = versions(root)
    assert {r.state for r in build(root).results} == {State.FRESH}
    assert versions(root) == before
    # A file that lands again is known to be another.
    land(root, "2019-all", [(7, "2019-05-05", 0, "")])
    land(root, "2020-all", [(8, "2020-05-05", 0, "")])
    build(root)
    assert ids(root) == [0, 7, 8]


def test_processes_that_backfill_their_own_months_all_come_through(
    root: Path, runner: Runner
) -> None:
    """Three at once, again and again, however they interleave."""
    lake(root)
    land(root, "march", [(4, "2019-03-01 10:00:00", 4, "b")])
    build(root, selection="bronze.events")
    build(root, selection=NAME)
    months = ("2019-01", "2019-02", "2019-03")
    with ThreadPoolExecutor(3) as pool:
        for _ in range(4):
            answers = list(pool.map(lambda m: runner.backfill(root, NAME, start=m, end=m), months))
            assert [a["status"] for a in answers] == [0, 0, 0], answers
            assert ids(root) == [1, 2, 3, 4]
    assert {r.state for r in build(root, selection=NAME).results} == {State.FRESH}
