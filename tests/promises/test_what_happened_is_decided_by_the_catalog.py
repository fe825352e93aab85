"""An answer that is lost, or an error after the commit landed, is recognised and not repeated."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from support.batches import TABLES, land
from support.projects import plain_table, rows

from medallion import Project
from medallion.report import State

pytestmark = pytest.mark.only_on(
    "local", "postgresql+s3", because="commits of SQLAlchemy are made to fail"
)


def lost(message: str) -> OperationalError:
    """The error of a connection that broke."""
    return OperationalError("COMMIT", {}, sqlite3.OperationalError(message))


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, bool], None]:
    """Makes the n-th commit of the catalog fail, before or after it lands."""
    real = Session.commit
    count = 0

    def arm(at: int, landed: bool) -> None:
        nonlocal count
        count = 0

        def commit(self: Session) -> None:
            nonlocal count
            count += 1
            if count == at and not landed:
                raise lost("the server went away before")
            real(self)
            if count == at:
                raise lost("the server went away after")

        monkeypatch.setattr(Session, "commit", commit)

    return arm


@pytest.mark.parametrize("at", range(1, 9))
def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    tmp_path: Path, commits: Callable[[int, bool], None], at: int
) -> None:
    """Each commit of a build in turn lands and is reported as failed; the build goes on."""
    land(tmp_path, 1)
    with Project.load(tmp_path) as project:
        assert project.build().ok
    land(tmp_path, 4)
    commits(at, True)
    with Project.load(tmp_path, workers=1) as project:
        report = project.build()

    assert report.exit_code == 0, [r.failure for r in report.results if r.failure]
    for name in TABLES:
        assert {row["batch"] for row in rows(tmp_path, name)} == {4}
        assert len(plain_table(tmp_path, name).snapshots()) == 2
    check_log(tmp_path)


def check_log(root: Path) -> None:
    """Every version that readers have seen has its verdicts, each once."""
    told = [(r["table_name"], r["snapshot"], r["number"]) for r in rows(root, "_medallion.audits")]
    assert len(set(told)) == len(told)
    for name in TABLES:
        seen = {entry.snapshot_id for entry in plain_table(root, name).history()}
        assert seen == {snapshot for table, snapshot, _ in told if table == name}


@pytest.mark.parametrize("at", range(1, 8))
def test_a_commit_that_did_not_land_publishes_nothing_of_its_layer(
    tmp_path: Path, commits: Callable[[int, bool], None], at: int
) -> None:
    land(tmp_path, 1)
    with Project.load(tmp_path) as project:
        assert project.build().ok
    land(tmp_path, 4)
    commits(at, False)
    with Project.load(tmp_path, workers=1) as project:
        report = project.build()

    assert report.exit_code == 4
    failed = [r for r in report.results if r.state is State.FAILED]
    assert failed
    assert all(
        "cannot be used: the server went away" in r.failure.message for r in failed if r.failure
    )
    seen = {name: {row["batch"] for row in rows(tmp_path, name)} for name in TABLES}
    assert seen["silver.left"] == seen["silver.right"]
    assert all(seen[str(r.table)] == {1} for r in failed)
    with Project.load(tmp_path) as project:
        assert project.build().ok
    assert {row["batch"] for name in TABLES for row in rows(tmp_path, name)} == {4}
