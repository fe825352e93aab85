"""Rows that fail the suite go to a table beside the model's; both together are what it gave."""

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.flows import build, snapshots, states
from support.projects import rows, sql_model, suite, write
from typer.testing import CliRunner

from medallion import Project
from medallion.cli.app import app
from medallion.errors import DefinitionError
from medallion.render import report_text
from medallion.report import Report, State

NAME, ASIDE = "silver.orders", "silver.orders__quarantine"
COLUMNS = {
    "id": "bigint",
    "happened": "timestamp",
    "amount": "integer",
    "zone": "varchar",
    "code": "varchar",
    "low": "integer",
    "high": "integer",
}
ADDED = {"_rules", "_run", "_inputs", "_quarantined_at", "_source_file", "_loaded_at"}
Row = dict[str, Any]
"""A row as the test gives it; the file that it is in is its `part`."""

BY_DAY = "partition_by=day('happened'), time_column='happened'"
QUARANTINE = "on_failure='quarantine'"
DECLARED = {
    "full": QUARANTINE,
    "window": f"{QUARANTINE}, {BY_DAY}",
    "merge": f"{QUARANTINE}, strategy='merge', unique_key='id'",
    "append": QUARANTINE,
}


def rules(most: int = 50) -> dict[str, str]:
    """Rules of every kind; one is a warning, which puts nothing aside."""
    return {
        "expectations/silver/orders.json": suite(
            ("expect_column_values_to_not_be_null", {"column": "amount"}),
            (
                "expect_column_values_to_be_between",
                {"column": "amount", "min_value": 0, "max_value": most},
            ),
            ("expect_column_values_to_be_in_set", {"column": "zone", "value_set": ["a", "b'"]}),
            ("expect_column_values_to_match_regex", {"column": "code", "regex": r"^c\d+$"}),
            ("expect_column_values_to_be_unique", {"column": "code"}),
            (
                "expect_column_pair_values_a_to_be_greater_than_b",
                {"column_A": "high", "column_B": "low", "or_equal": True},
            ),
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "low", "value_set": [1]},
                "severity": "warning",
            },
        )
    }


CHECKS: Mapping[str, Callable[[Row, int], bool]] = {
    "expect_column_values_to_not_be_null": lambda r, _: r["amount"] is not None,
    "expect_column_values_to_be_between": lambda r, most: (
        r["amount"] is None or 0 <= r["amount"] <= most
    ),
    "expect_column_values_to_be_in_set": lambda r, _: r["zone"] in ("a", "b'", None),
    "expect_column_values_to_match_regex": lambda r, _: re.search(r"^c\d+$", r["code"]) is not None,
    "expect_column_pair_values_a_to_be_greater_than_b": lambda r, _: r["high"] >= r["low"],
}


def failed(row: Row, codes: Counter[str], most: int) -> frozenset[str]:
    """The rules that the row fails, found without any of our code."""
    found = {name for name, holds in CHECKS.items() if not holds(row, most)}
    if codes[row["code"]] > 1:
        found.add("expect_column_values_to_be_unique")
    return frozenset(found)


def some_rows(chance: random.Random, part: int) -> list[Row]:
    """Rows of a day, most of them good; a code may be that of another day."""

    def one_of(good: Any, *bad: Any) -> Any:
        return chance.choice(bad) if chance.random() < 0.1 else good

    return [
        {
            "id": part * 100 + number,
            "happened": f"2019-01-0{part + 1} 10:00:00",
            "amount": one_of(chance.randrange(50), None, -3, 60, 70),
            "zone": one_of("a", "x", "b'"),
            "code": one_of(f"c{part}{number}", "wrong", "c7", f"c{chance.randrange(3)}1"),
            "low": 1,
            "high": one_of(2, 0),
        }
        for number in range(chance.randrange(4, 12))
    ]


def land(root: Path, part: int, found: list[Row]) -> None:
    """Land the rows of a day, in place of those that were there."""
    cells = (["" if v is None else str(v) for v in row.values()] for row in found)
    lines = [",".join(COLUMNS), *map(",".join, cells)]
    write(root, {f"landing/{part}.csv": "\n".join(lines) + "\n"})


def plain(row: Row) -> tuple[Any, ...]:
    """What a model gave of a row, comparable."""
    return tuple(str(row[name]) for name in COLUMNS)


def check(root: Path, given: list[Row], most: int = 50, name: str = NAME) -> int:
    """Published and quarantined are the rows that are given; how many are quarantined."""
    codes = Counter(row["code"] for row in given)
    wanted = {plain(r): failed(r, codes, most) for r in given}
    aside = rows(root, f"{name}__quarantine")
    home = Counter(plain(r) for r in rows(root, name))
    assert home == Counter(plain(r) for r in given if not failed(r, codes, most))
    assert Counter(map(plain, aside)) + home == Counter(map(plain, given))
    told = [(plain(r), {rule.partition("(")[0] for rule in r["_rules"]}) for r in aside]
    assert all(found == wanted[row] for row, found in told), told
    return len(aside)


def source(name: str, declared: str) -> dict[str, str]:
    """The file of a bronze model of what landed."""
    text = (
        f"from medallion import *\n\n@bronze({declared})\ndef {name}() -> Source:\n"
        f"    return files('landing/*.csv', columns={COLUMNS!r})\n"
    )
    return {f"models/{name}.py": text}


def project(root: Path, kind: str, most: int = 50) -> Path:
    """Orders as they land, by a strategy."""
    if kind == "append":
        found = {k.replace("silver", "bronze"): v for k, v in rules(most).items()}
        return write(root, source("orders", DECLARED[kind]) | found)
    query = f"select {', '.join(COLUMNS)} from bronze.events"
    model = sql_model("silver", "orders", query, DECLARED[kind])
    events = source("events", BY_DAY)
    return write(root, {**events, "models/orders.py": model, **rules(most)})


@pytest.mark.parametrize("kind", list(DECLARED))
def test_published_and_quarantined_rows_together_are_what_was_given(
    tmp_path: Path, kind: str
) -> None:
    """While days land and land again, a rule is loosened, and rows are judged again."""
    chance, given = random.Random(kind), dict[int, list[Row]]()
    name = "bronze.orders" if kind == "append" else NAME
    project(tmp_path, kind)
    aside = []
    for parts in ((0, 1), (1, 2), (0,)):
        for part in parts:
            landed = some_rows(chance, part)
            land(tmp_path, part, landed)
            # A key that is gone stays where rows are merged.
            there = given.get(part, []) if kind == "merge" else []
            given[part] = list({row["id"]: row for row in (*there, *landed)}.values())
        report = build(tmp_path)
        every = [row for found in given.values() for row in found]
        aside.append(check(tmp_path, every, name=name))
        before = snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")
        assert set(states(build(tmp_path)).values()) == {State.FRESH}
        assert (snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")) == before
    assert min(aside) > 0
    assert report.exit_code == 0

    project(tmp_path, kind, most=60)
    for again in (False, True):
        before = snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")
        with Project.load(tmp_path) as lake:
            assert lake.replay(name).ok
        assert check(tmp_path, every, 60, name) < aside[-1]
        after = snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")
        assert (before == after) is again
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
