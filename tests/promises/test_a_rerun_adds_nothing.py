"""Running again changes nothing twice: after success, and after a kill at any event."""

import random
from pathlib import Path

from support.batches import ROWS, TABLES, land
from support.processes import Runner
from support.projects import plain_table, rows


def test_a_rerun_after_success_gives_the_same_rows(tmp_path: Path, runner: Runner) -> None:
    land(tmp_path, 1)
    assert runner.build(tmp_path)["status"] == 0
    before = {name: rows(tmp_path, name) for name in TABLES[1:]}
    assert runner.build(tmp_path, full_refresh=True)["status"] == 0

    assert {name: rows(tmp_path, name) for name in TABLES[1:]} == before
    assert len(rows(tmp_path, "bronze.events")) == ROWS


def test_a_rerun_after_any_kill_gives_the_same_rows(
    tmp_path: Path, runner: Runner, kills: int
) -> None:
    whole = tmp_path / "whole"
    land(whole, 1)
    events = runner.build(whole)["events"]
    expected = {name: rows(whole, name) for name in TABLES[1:]}
    root = tmp_path / "killed"
    land(root, 1)
    chance = random.Random(7)
    for _ in range(kills):
        # What is up to date would not be built: half of them build all anew.
        again = chance.random() < 0.5
        runner.build(root, kill=chance.randint(1, events), full_refresh=again)
    assert runner.build(root)["status"] == 0

    assert {name: rows(root, name) for name in TABLES[1:]} == expected
    assert len(rows(root, "bronze.events")) == ROWS


def test_reruns_leave_no_columns_behind(tmp_path: Path, runner: Runner) -> None:
    """A pending schema that a killed or rejected run left is taken up again with its field ids."""
    land(tmp_path, 1)
    assert runner.build(tmp_path)["status"] == 0
    for batch in (3, 4, 5):
        land(tmp_path, batch, bad=True)
        assert runner.build(tmp_path)["status"] == 1
    land(tmp_path, 6)
    assert runner.build(tmp_path)["status"] == 0

    table = plain_table(tmp_path, "silver.left")
    assert [f.name for f in table.schema().fields] == ["id", "batch", "good", "twice"]
    assert len(table.schemas()) == 2
    assert table.metadata.last_column_id == 4
