"""Two machines, each with its own copy of a project and its own disk, build one lake."""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import lakes
from support.aws import Aws
from support.flows import build, states
from support.processes import Runner
from support.projects import rows, sql_model, suite, write

from medallion import Project
from medallion.report import State

DAYS = ("2019-01-01", "2019-01-02", "2019-02-01")
TABLES = ("bronze.events", "silver.days", "silver.priced", "gold.total")
MODELS = """
    import os
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from medallion import *

    LANDED = {{"id": "bigint", "happened": "timestamp"}}
    CALLS = Path({calls!r})

    def called(what):
        # One write of a short line is one line, whoever else writes.
        file = os.open(CALLS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{{what}}\\n".encode())
        os.close(file)

    @bronze(partition_by=day("happened"), time_column="happened")
    def events() -> Source:
        return files("s3://{bucket}/landing/*.csv", columns=LANDED)

    @task
    def prices() -> pd.DataFrame:
        called("prices")
        return pd.DataFrame({{"price": [{price}]}})

    @silver(partition_by=day("happened"), time_column="happened")
    def days(window: Window, events: pa.Table = ref("bronze.events")) -> pa.Table:
        called(window)
        return events.select(["id", "happened"])

    @silver
    def priced(
        events: pd.DataFrame = ref("bronze.events"), prices: pd.DataFrame = ref("task.prices")
    ) -> pd.DataFrame:
        return events[["id"]].assign(price=int(prices["price"][0]))
"""
TOTAL = (
    "select count(*) as n, sum(p.price)::bigint as price"
    " from silver.days join silver.priced p using (id)"
)


@dataclass(frozen=True)
class Machines:
    """Two folders, and where both of them land files and write down what they compute."""

    one: Path
    other: Path
    calls: Path
    aws: Aws
    bucket: str

    def land(self, name: str, *events: tuple[int, str]) -> None:
        """Land a file for both."""
        lines = "".join(f"{id},{day} 08:00:00\n" for id, day in events)
        self.aws.put(f"s3://{self.bucket}/landing/{name}.csv", f"id,happened\n{lines}".encode())

    def price(self, price: int) -> None:
        """Give both machines the code with that price."""
        text = MODELS.format(calls=str(self.calls), bucket=self.bucket, price=price)
        for root in (self.one, self.other):
            total = sql_model("gold", "total", TOTAL)
            write(root, {"models/all.py": text, "models/total.py": total})

    def called(self) -> Counter[str]:
        """How often each task and window was computed, on any machine."""
        return Counter(self.calls.read_text().split() if self.calls.exists() else [])

    def check(self, ids: range, price: int) -> None:
        """Both see the same lake: each row once, all of the same build."""
        for root in (self.one, self.other):
            with Project.load(root) as project:
                for name in TABLES[:3]:
                    seen = project.query(f"select id from {name} order by id").to_pylist()
                    assert [row["id"] for row in seen] == list(ids), name
            assert [r["price"] for r in rows(root, "silver.priced")] == [price] * len(ids)
            assert rows(root, "gold.total") == [{"n": len(ids), "price": len(ids) * price}]


@pytest.fixture(params=[n for n in lakes.NAMES if n != lakes.LOCAL])
def machines(
    request: pytest.FixtureRequest, tmp_path: Path, aws: Aws, server: str
) -> Iterator[Machines]:
    """Two machines on each kind of lake that both can reach."""
    made = lakes.Lakes(request.param, aws, server)
    settings = f"[tool.medallion]\n{made.settings()}"
    priced = suite(("expect_column_values_to_not_be_null", {"column": "price"}))
    for name in ("one", "other"):
        files = {"pyproject.toml": settings, "expectations/silver/priced.json": priced}
        write(tmp_path / name, files)
    found = Machines(tmp_path / "one", tmp_path / "other", tmp_path / "calls", aws, aws.bucket())
    for number, day in enumerate(DAYS):
        found.land(f"{number}", (number, day))
    found.price(2)
    yield found
    made.clear()


def fresh(root: Path) -> None:
    """A build finds nothing to do."""
    assert set(states(build(root)).values()) == {State.FRESH}


def test_what_one_has_built_is_fresh_for_the_other(machines: Machines) -> None:
    build(machines.one)
    before = machines.called()
    fresh(machines.other)

    machines.land("late", (3, DAYS[0]))
    report = build(machines.other)
    assert states(report)["task.prices"] is State.FRESH
    assert report["silver.days"].parts == 1
    fresh(machines.one)
    machines.check(range(4), 2)
    assert machines.called() - before == Counter([DAYS[0]])
    assert not [p for p in (machines.other / "warehouse").rglob("*") if p.suffix == ".parquet"]


def test_a_result_that_one_has_computed_is_used_by_the_other(machines: Machines) -> None:
    with Project.load(machines.one) as project:
        assert project.build("task.prices").ok
        assert project.build("bronze.events").ok
    build(machines.other)

    machines.check(range(3), 2)
    assert machines.called() == Counter(["prices", *DAYS])


def test_what_one_left_on_branches_is_published_by_the_other(machines: Machines) -> None:
    build(machines.one)
    machines.price(5)
    with Project.load(machines.one) as project:
        run = project.build(publish=False).run
    machines.check(range(3), 2)
    with Project.load(machines.other) as project:
        assert {b.run for b in project.branches()} == {run}
        project.publish(run)

    machines.check(range(3), 5)
    fresh(machines.one)


def test_a_machine_whose_disk_is_lost_loses_nothing(machines: Machines) -> None:
    build(machines.one)
    shutil.rmtree(machines.one / "warehouse")

    fresh(machines.one)
    machines.check(range(3), 2)


def test_both_at_once_double_nothing(machines: Machines, runner: Runner) -> None:
    """One wins or both compose; the first builds of all are at the same time as well."""
    roots, price = (machines.one, machines.other), 2
    for turn in range(4):
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(runner.build, roots))
        assert all(a["status"] in (0, 3) for a in answers), answers
        build(roots[turn % 2])
        machines.check(range(3 + turn), price)
        fresh(roots[1 - turn % 2])
        machines.land(f"more{turn}", (3 + turn, DAYS[turn % 3]))
        machines.price(price := price + 1)


def test_what_one_was_killed_at_the_other_finishes(
    machines: Machines, runner: Runner, kills: int
) -> None:
    """At any request; what was finished before is not computed again by the other."""
    whole = runner.build(machines.one)
    assert whole["status"] == 0, whole
    chance, died = random.Random(11), 0
    for turn in range(max(3, kills // 30)):
        machines.land(f"more{turn}", (3 + turn, DAYS[turn % 3]))
        machines.price(3 + turn)
        kill = chance.randint(1, whole["events"])
        died += runner.build(machines.one, kill=kill)["status"] == -9
        answer: dict[str, Any] = runner.build(machines.other)
        assert answer["status"] == 0, answer
        machines.check(range(4 + turn), 3 + turn)
        fresh(machines.one)
    assert died
