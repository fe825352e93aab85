"""Readers of `main` never see a row, a column or half a layer that has not passed its audits.

A process of its own polls `main` of every table through plain PyIceberg while builds pass, fail an
audit, raise in a model and are killed at every step.
"""

import random
from pathlib import Path

from support.batches import TABLES, land, problems
from support.processes import Reader, Runner, observations
from support.projects import address, rows


def judge(out: Path) -> int:
    """No moment that the reader saw may have a problem; the number of its polls."""
    polls, moments = observations(out)
    wrong = [p for seen in moments for p in problems(seen)]
    assert wrong == []
    assert moments, "the reader saw nothing"
    return polls


def batches(root: Path, name: str) -> set[int]:
    """What readers see of a table now."""
    return {row["batch"] for row in rows(root, name)}


def test_a_build_that_passes_shows_each_layer_at_once(
    root: Path, runner: Runner, reader: Reader
) -> None:
    with reader.reading(root) as out:
        for batch in range(1, 6):
            land(root, batch)
            assert runner.build(root)["status"] == 0

    assert judge(out) > 10
    assert {row["batch"] for row in rows(root, "silver.left")} == {5}


def test_rows_that_fail_their_audit_are_never_seen(
    tmp_path: Path, runner: Runner, reader: Reader
) -> None:
    with reader.reading(tmp_path) as out:
        for batch, bad in ((1, True), (2, False), (3, True), (4, True), (5, False), (6, True)):
            land(tmp_path, batch, bad=bad)
            assert runner.build(tmp_path)["status"] == (1 if bad else 0)

    judge(out)
    assert {row["batch"] for row in rows(tmp_path, "silver.right")} == {5}


def test_a_model_that_raises_shows_nothing_of_its_layer(
    tmp_path: Path, runner: Runner, reader: Reader
) -> None:
    with reader.reading(tmp_path) as out:
        for batch, broken in ((1, False), (2, True), (3, True), (4, False)):
            land(tmp_path, batch, broken=broken)
            assert runner.build(tmp_path)["status"] == (1 if broken else 0)
            if broken:
                assert {row["batch"] for row in rows(tmp_path, "silver.left")} == {1}

    judge(out)


def test_a_build_killed_at_any_step_shows_nothing_half(
    root: Path, runner: Runner, reader: Reader, kills: int
) -> None:
    """Killed at random events of writing, committing, auditing and publishing, then run again."""
    # With a server as the catalog one commit is the same statement: half of them will do.
    if address(root).startswith("postgresql"):
        kills = max(kills // 2, min(kills, 10))
    land(root, 1)
    events = runner.build(root)["events"]
    chance = random.Random(20261121)
    died = 0
    with reader.reading(root) as out:
        for batch in range(2, 2 + kills):
            bad = chance.random() < 0.25
            land(root, batch, bad=bad)
            died += runner.build(root, kill=chance.randint(1, events))["status"] == -9
            if chance.random() < 0.5:
                assert runner.build(root)["status"] == (1 if bad else 0)
                # What was killed in the middle of a layer is finished, or put back.
                left, right = (batches(root, n) for n in ("silver.left", "silver.right"))
                assert left == right

    assert died > kills / 2
    judge(out)
    land(root, 999)
    assert runner.build(root)["status"] == 0
    assert {row["batch"] for name in TABLES for row in rows(root, name)} == {999}


def test_a_tables_first_build_killed_at_each_step_leaves_it_unseen_or_whole(
    tmp_path: Path, runner: Runner, reader: Reader, kills: int
) -> None:
    whole = tmp_path / "whole"
    land(whole, 1)
    events = runner.build(whole)["events"]
    step = max(1, 3 * events // kills)
    for kill in range(1, events + 1, step):
        root = tmp_path / f"killed-at-{kill}"
        land(root, 1)
        with reader.reading(root) as out:
            runner.build(root, kill=kill)
            assert runner.build(root)["status"] == 0
            assert runner.build(root)["status"] == 0
        judge(out)
        for name in TABLES[1:]:
            assert rows(root, name) == rows(whole, name)
