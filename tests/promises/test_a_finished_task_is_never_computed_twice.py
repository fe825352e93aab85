"""A finished task is never computed twice, on any executor, whatever is killed and when.

Every function writes its name down, outside of the project, when it is called, and gives it as a
row. So what was finished can be read from what is kept: results and published tables.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyiceberg.exceptions import NoSuchTableError
from sqlalchemy.exc import OperationalError
from support.processes import below
from support.projects import rows, warehouse, write

MODELS = """
    import os, time
    from pathlib import Path
    import pandas as pd
    from medallion import SQL, Frame, gold, ref, silver, task

    CALLS = Path({calls!r})

    def row(name):
        # One write of a short line is one line, whoever else writes.
        file = os.open(CALLS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{{name}}\\n".encode())
        os.close(file)
        time.sleep(0.03)
        return pd.DataFrame({{"name": [name]}})

    @task(for_each=[f"helper{{n}}" for n in range(16)])
    def helpers(item: str) -> pd.DataFrame:
        return row(item)

    @silver(for_each=[f"part{{n}}" for n in range(16)])
    def parts(item: str, helpers: Frame = ref("task.helpers")) -> pd.DataFrame:
        return row(item)
"""
PLAIN = """
    @silver
    def plain{n}() -> pd.DataFrame:
        return row("plain{n}")
"""
LAST = """
    @gold
    def last{n}(
        parts: Frame = ref("silver.parts"), other: Frame = ref("silver.plain{n}")
    ) -> pd.DataFrame:
        return row("last{n}")
"""
NAMES = {
    *(f"helper{n}" for n in range(16)),
    *(f"part{n}" for n in range(16)),
    *(f"plain{n}" for n in range(14)),
    *(f"last{n}" for n in range(14)),
}
TABLES = ["silver.parts", *(f"{w}{n}" for w in ("silver.plain", "gold.last") for n in range(14))]
EXECUTORS = ("local", "processes", "dask", "ray")
# A cluster takes long to start, so it is killed less often.
ROUNDS = {"local": 6, "processes": 8, "dask": 25, "ray": 33}


class Lake:
    """A project of 60 tasks, and what became of them."""

    def __init__(self, root: Path, executor: str) -> None:
        self.root, self.executor, self.noted = root, executor, root / "calls"
        text = MODELS.format(calls=str(self.noted))
        text += "".join(PLAIN.format(n=n) + LAST.format(n=n) for n in range(14))
        write(root, {"models/all.py": text})

    def start(self) -> subprocess.Popen[str]:
        """A build, in a process of its own."""
        command = [sys.executable, "-m", "medallion", "build", "--executor", self.executor]
        return subprocess.Popen(
            [*command, "--workers", "2", "--json"],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def calls(self) -> Counter[str]:
        """How often each function was called so far."""
        return Counter(self.noted.read_text().split() if self.noted.exists() else [])

    def finished(self) -> set[str]:
        """The tasks whose results are kept, or published."""
        names = set()
        store, folder = warehouse(self.root)
        for kept in store.glob(f"{folder}/*/*/results/*.json"):
            for file in json.loads(store.cat(kept).splitlines()[0])["files"]:
                with store.open(file["path"]) as data:
                    names |= set(pq.read_table(data)["name"].to_pylist())
        for table in TABLES:
            with suppress(NoSuchTableError, OperationalError):  # not written yet
                names |= {row["name"] for row in rows(self.root, table)}
        return names

    def check_whole(self) -> None:
        """Everything is there, once."""
        assert self.finished() >= NAMES
        assert [r["name"] for r in rows(self.root, "silver.parts")] == sorted(
            f"part{n}" for n in range(16)
        )
        for n in range(14):
            assert rows(self.root, f"silver.plain{n}") == [{"name": f"plain{n}"}]
            assert rows(self.root, f"gold.last{n}") == [{"name": f"last{n}"}]
        assert not (self.root / "warehouse/.spill").exists()


def works(pid: int) -> bool:
    """Whether the process is one that does the work of others."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False
    return any(w in command for w in ("executors.child", "multiprocessing.spawn", "ray::"))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_when_the_driver_is_killed(tmp_path: Path, kills: int, executor: str) -> None:
    chance, lake = random.Random(executor), Lake(tmp_path, executor)
    killed, reused = 0, 0
    for _ in range(max(3, kills // ROUNDS[executor])):
        done, before = lake.finished(), lake.calls()
        build = lake.start()
        # From when the first function is called on, at any moment.
        while build.poll() is None and lake.calls() == before:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.6))
        if build.poll() is None:
            build.kill()
            killed += 1
        build.communicate()
        again = {name for name in done if lake.calls()[name] > before[name]}
        assert not again, again
        reused += len(done)
        if done >= NAMES:
            break
    done, before = lake.finished(), lake.calls()
    out, told = lake.start().communicate()

    assert {name for name in done if lake.calls()[name] > before[name]} == set()
    assert json.loads(out)["ok"], (out, told)
    lake.check_whole()
    assert killed
    assert reused


@pytest.mark.parametrize("executor", [e for e in EXECUTORS if e != "local"])
def test_when_workers_are_killed(tmp_path: Path, kills: int, executor: str) -> None:
    chance, lake = random.Random(executor), Lake(tmp_path, executor)
    killed, told = 0, []
    for _ in range(10):
        done, before = lake.finished(), lake.calls()
        build = lake.start()
        while build.poll() is None:
            time.sleep(chance.uniform(0.1, 0.8))
            workers = [pid for pid in below(build.pid) if works(pid)]
            if workers and lake.calls() != before and killed < max(3, kills // 20):
                try:
                    os.kill(chance.choice(workers), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed += 1
        out, error = build.communicate()
        told.append((out, error))
        assert {name for name in done if lake.calls()[name] > before[name]} == set()
        if build.returncode == 0:
            break
    else:
        pytest.fail(f"it never came through: {told}")

    lake.check_whole()
    assert killed
