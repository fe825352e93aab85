"""The same rows on every executor: models of all forms, windows, landed files, a merge, helpers."""

import os
from pathlib import Path
from typing import Any

import pytest
from support.flows import land, states
from support.forms import TABLES, lake
from support.projects import rows, write

from medallion import Project
from medallion.errors import DefinitionError
from medallion.report import Event, State, Step

EXECUTORS = ("local", "processes", "dask", "ray")


def contents(root: Path) -> dict[str, Any]:
    """The rows of all tables, but for when they landed."""
    return {
        name: [{k: v for k, v in row.items() if k != "_loaded_at"} for row in rows(root, name)]
        for name in TABLES
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What threads of one process make of it, before and after more has landed."""
    return lives(tmp_path_factory.mktemp("local"), "local")[0]


def lives(root: Path, executor: str) -> tuple[list[dict[str, Any]], list[Event]]:
    """Build, land more, build again; what was there each time, and what happened."""
    found, events = [], list[Event]()
    with Project.load(lake(root), executor=executor, workers=2) as project:
        for late in ((7, "2019-01-02 09:00:00"), (8, "2019-02-01 09:00:00")):
            report = project.build(listener=events.append)
            assert report.ok, [(str(r.table), r.failure) for r in report.results]
            found.append(contents(root))
            land(root, f"late{late[0]}", [late])
        report = project.build(listener=events.append)
        assert report["silver.events"].parts == 1
        assert states(report)["task.numbers"] is State.FRESH
        found.append(contents(root))
        pids = set(project.table("task.numbers")["where"])
    assert (pids == {os.getpid()}) == (executor == "local")
    if executor != "ray":  # a cluster that another test is connected to goes on
        assert not (root / "warehouse/.spill").exists()
    return found, events


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_executor_gives_the_same_rows(
    tmp_path: Path, expected: list[dict[str, Any]], executor: str
) -> None:
    found, events = lives(tmp_path, executor)

    assert found == expected
    assert len(expected[0]["gold.batches"]) == 4
    assert expected[0]["gold.opened"] == [{"n": 3}, {"n": 4}, {"n": 6}]
    printed = [e.details["line"] for e in events if e.step is Step.PRINTED]
    assert sorted(printed) == ["number 1", "number 2", "number 3"]


@pytest.mark.parametrize("executor", EXECUTORS[1:])
def test_an_error_in_a_worker_is_told_as_here(tmp_path: Path, executor: str) -> None:
    code = """
    import pandas as pd
    from medallion import *

    @gold(retries=1)
    def fails() -> pd.DataFrame:
        print("trying")
        raise ConnectionError("no answer")

    @gold
    def mistaken() -> SQL:
        return "select error('wrong')::int as e"
    """
    told = []
    for kind in ("local", executor):
        events: list[Event] = []
        root = write(tmp_path / kind, {"models/all.py": code})
        with Project.load(root, executor=kind) as project:
            report = project.build(listener=events.append)
        failures = [(str(r.table), r.state, r.failure) for r in report.results]
        printed = [e.details["line"] for e in events if e.step is Step.PRINTED]
        told.append((failures, printed))

    assert told[0][1] == ["trying", "trying"]
    assert "no answer" in str(told[0][0])
    texts = [
        str(t).replace(str(tmp_path / kind), "")
        for t, kind in zip(told, ("local", executor), strict=True)
    ]
    assert texts[0] == texts[1]


def test_an_unknown_executor_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="executor = 'spark' does not fit") as refused:
        Project.load(write(tmp_path, {}), executor="spark")
    assert "local, processes, dask, ray" in refused.value.hint
