"""If somebody else moves `main` between fork and publish, their rows are never dropped."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from support.batches import land
from support.processes import Runner
from support.projects import plain_catalog, rows

from medallion import Project
from medallion.errors import ConflictError
from medallion.report import Event, State, Step


def append_as_somebody_else(root: Path, name: str, id: int) -> None:
    """Append one row to `main` with plain PyIceberg."""
    catalog = plain_catalog(root)
    table = catalog.load_table(name)
    schema = pa.schema([("id", pa.int64()), ("batch", pa.int64()), ("good", pa.bool_())])
    table.append(pa.Table.from_pylist([{"id": id, "batch": 0, "good": True}], schema=schema))
    catalog.close()


def when(step: Step, subject: str, act: Callable[[], None]) -> Callable[[Event], None]:
    """A listener that acts once, at that step."""
    done: list[bool] = []

    def listen(event: Event) -> None:
        if event.step is step and event.subject == subject and not done:
            done.append(True)
            act()

    return listen


@pytest.mark.parametrize(
    ("step", "subject"),
    [
        (Step.STARTED, "silver.right"),
        (Step.EVALUATED, "silver.right"),
        (Step.COMMITTED, "silver.right"),
        (Step.AUDITED, "silver.right"),
        (Step.PUBLISHING, "silver"),
    ],
)
def test_an_append_to_main_during_a_run_is_still_there(
    tmp_path: Path, step: Step, subject: str
) -> None:
    """The publish refuses with exit code 3, whole: the layer's other table is not published."""
    land(tmp_path, 1)
    with Project.load(tmp_path) as project:
        assert project.build().exit_code == 0
    land(tmp_path, 2)

    with Project.load(tmp_path, workers=1) as project:
        act = when(step, subject, lambda: append_as_somebody_else(tmp_path, "silver.right", 12345))
        report = project.build(listener=act)

    assert report.exit_code == 3
    assert report["silver.right"].state is State.CONFLICTED
    assert report["gold.total"].state is State.SKIPPED
    assert 12345 in {row["id"] for row in rows(tmp_path, "silver.right")}
    assert {row["batch"] for row in rows(tmp_path, "silver.left")} == {1}


def test_the_next_build_refuses_to_drop_their_rows_until_told(tmp_path: Path) -> None:
    land(tmp_path, 1)
    with Project.load(tmp_path) as project:
        project.build()
        append_as_somebody_else(tmp_path, "silver.right", 12345)
        with pytest.raises(ConflictError, match=r"another writer changed silver\.right"):
            project.build()
        assert 12345 in {row["id"] for row in rows(tmp_path, "silver.right")}
        assert project.build(full_refresh=True).exit_code == 0
    assert 12345 not in {row["id"] for row in rows(tmp_path, "silver.right")}


def test_a_branch_that_somebody_else_wrote_to_is_not_published(tmp_path: Path) -> None:
    """Only the audited snapshot is published, never what a branch happens to hold."""
    land(tmp_path, 1)
    with Project.load(tmp_path) as project:
        project.build()
        report = project.build(publish=False, full_refresh=True)
        catalog = plain_catalog(tmp_path)
        table = catalog.load_table("silver.right")
        unaudited = pa.table({"id": [9], "batch": [9], "good": [False]})
        table.append(unaudited, branch=f"run-{report.run}")
        catalog.close()
        with pytest.raises(ConflictError, match="was audited"):
            project.publish(report.run)
    assert {row["batch"] for row in rows(tmp_path, "silver.right")} == {1}


def test_of_two_builds_at_once_one_wins_or_both_compose(root: Path, runner: Runner) -> None:
    """Two processes build the same tables again and again; `main` is always of one run."""
    land(root, 1)
    with ThreadPoolExecutor(2) as pool:
        assert runner.build(root)["status"] == 0
        for batch in range(2, 7):
            land(root, batch)
            both = [pool.submit(runner.build, root) for _ in range(2)]
            answers = [f.result() for f in both]

            assert all(a["status"] in (0, 3) for a in answers), answers
            assert any(a["status"] == 0 for a in answers) or _published(answers), answers
            for left, right in (("silver.left", "silver.right"),):
                assert _runs(root, left) == _runs(root, right)


def _published(answers: list[dict[str, object]]) -> bool:
    """Whether a layer at least was published: each layer is a race of its own."""
    states = {r["state"] for a in answers for r in a["report"]["results"]}  # type: ignore[index]
    return "published" in states


def _runs(root: Path, name: str) -> str | None:
    catalog = plain_catalog(root)
    try:
        snapshot = catalog.load_table(name).current_snapshot()
    finally:
        catalog.close()
    assert snapshot
    assert snapshot.summary
    return snapshot.summary.additional_properties.get("medallion.run")


def test_two_first_builds_at_once_make_one_catalog(tmp_path: Path, runner: Runner) -> None:
    with ThreadPoolExecutor(2) as pool:
        for round in range(5):
            root = tmp_path / str(round)
            land(root, 1)
            both = [pool.submit(runner.build, root) for _ in range(2)]
            answers = [f.result() for f in both]

            assert all(a["status"] in (0, 3) for a in answers), answers
            assert {row["batch"] for row in rows(root, "bronze.events")} == {1}
