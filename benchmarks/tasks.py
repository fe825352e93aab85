"""What a task costs on each executor, and how much memory many rows take.

    python benchmarks/tasks.py [--tasks 300] [--rows 12000000] [--executors local,dask]

Tiny tasks: a graph of helper tasks that each give one row, in chains of two. The cost of one is the
slope between many and few of them. Many rows: a SQL model, one that gets and gives batches, and one
that scans with Polars, each of so many rows, `memory_limit` 1 GB. The memory is that of the build
and all its workers together, what they share counted once, looked at ten times a second.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from measure import MEDALLION, Watched, table, watched

SETTINGS = '[tool.medallion]\nmemory_limit = "1GB"\nspill_limit = "20GB"\n'
TINY = """import pyarrow as pa

from medallion import Frame, ref, task

"""
CHAIN = """
@task
def first{n}() -> pa.Table:
    return pa.table({{"n": [{n}]}})


@task
def then{n}(first: Frame = ref("task.first{n}")) -> Frame:
    return first
"""
MANY = '''import pyarrow as pa
import polars as pl
from collections.abc import Iterator

from medallion import SQL, gold, ref, silver


@silver
def rows() -> SQL:
    """Six columns of numbers and texts."""
    return """
        select range as id, hash(range) % 1000 as shop, (hash(range) >> 20) % 100000 / 100 as paid,
               'customer ' || (hash(range) >> 10) % 1000000 as customer,
               timestamp '2019-01-01' + to_seconds(range) as at, md5(range::varchar) as token
        from range({rows})
    """


@gold
def sorted_rows() -> SQL:
    return "select * from silver.rows order by token"


@gold
def batches(rows: pa.RecordBatchReader = ref("silver.rows")) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        yield batch.select(["id", "token", "paid"])


@gold
def scanned(rows: pl.LazyFrame = ref("silver.rows")) -> pl.LazyFrame:
    return rows.filter(pl.col("shop") < 500).select("id", "shop", "paid")
'''
MODELS = ("silver.rows", "gold.sorted_rows", "gold.batches", "gold.scanned")


def main() -> None:
    """Read the arguments, measure, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--rows", type=int, default=12_000_000)
    parser.add_argument("--executors", default="local,processes,dask,ray")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    given = parser.parse_args()
    told: dict[str, Any] = {}
    lines: list[list[object]] = [["executor", "few: s", "many: s", "a task: ms", "peak MB"]]
    for executor in given.executors.split(","):
        few, many = _tiny(executor, given.few), _tiny(executor, given.tasks)
        cost = 1000 * (many.wall - few.wall) / (given.tasks - given.few)
        lines.append([executor, few.wall, many.wall, f"{cost:.1f}", many.peak // 10**6])
        told[executor] = {"few": few.wall, "many": many.wall, "cost_ms": cost, "peak": many.peak}
    print(f"{given.tasks} tiny tasks against {given.few}, 2 workers\n\n{table(lines)}\n")
    lines = [["peak MB", *MODELS]]
    for executor in given.executors.split(","):
        peaks = _many(executor, given.rows)
        lines.append([executor, *(p.peak // 10**6 for p in peaks.values())])
        told[executor]["rows"] = {name: [p.peak, p.wall, p.cpu] for name, p in peaks.items()}
    print(f"{given.rows:,} rows, memory_limit 1 GB, all processes\n\n{table(lines)}")
    if given.json:
        given.json.write_text(json.dumps(told, indent=2))


def _tiny(executor: str, tasks: int) -> Watched:
    with tempfile.TemporaryDirectory(prefix="tasks-") as folder:
        chains = "".join(CHAIN.format(n=n) for n in range(tasks // 2))
        root = _project(Path(folder), TINY + chains)
        return watched((*MEDALLION, "build", "--executor", executor, "--workers", "2"), root)


def _many(executor: str, rows: int) -> dict[str, Watched]:
    with tempfile.TemporaryDirectory(prefix="rows-") as folder:
        root = _project(Path(folder), MANY.replace("{rows}", str(rows)))
        command = (*MEDALLION, "build")
        return {
            name: watched((*command, "-s", name, "--executor", executor, "--workers", "1"), root)
            for name in MODELS
        }


def _project(root: Path, models: str) -> Path:
    (root / "models").mkdir()
    (root / "models/all.py").write_text(models)
    (root / "pyproject.toml").write_text(SETTINGS)
    return root


if __name__ == "__main__":
    main()
