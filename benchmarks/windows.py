"""Build days of orders window by window: medallion with its audits against DuckDB by hand.

    python benchmarks/windows.py [--days 30] [--rows 300000] [--memory 128MB] [--dir DIR]

All days are built, then a corrected week of them, and then there is nothing to do; `days.py` says
how, and what is by hand. Below is what a rebuild of everything costs, and importing alone.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from measure import MEDALLION, ROOT, run, table

Phases = dict[str, dict[str, float]]  # phase, measure

HERE = Path(__file__).resolve().parent
IMPORTS = "import duckdb, great_expectations, pyiceberg.catalog.sql"
AIMS = {"first": "<= 1.2", "corrected": "<= 1.6"}


def main() -> None:
    """Read the arguments, run both by turns, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows", type=int, default=300_000, help="orders a day")
    parser.add_argument("--memory", default="128MB", help="DuckDB's limit")
    parser.add_argument("--threads", type=int, default=2, help="DuckDB's threads")
    parser.add_argument("--repeat", type=int, default=3, help="turns; the medians are told")
    parser.add_argument("--dir", type=Path, help="kept; else temporary")
    given = parser.parse_args()
    if given.dir:
        _print(given, _measured(given, given.dir.resolve()))
    else:
        with tempfile.TemporaryDirectory(prefix="windows-") as folder:
            _print(given, _measured(given, Path(folder)))


def _measured(given: argparse.Namespace, folder: Path) -> list[Phases]:
    limits = ("--memory", given.memory, "--threads", str(given.threads))
    sizes = ("--days", str(given.days), "--rows", str(given.rows))

    def own(step: str) -> tuple[str | Path, ...]:
        return (sys.executable, HERE / "days.py", step, folder, *sizes, *limits)

    if not (folder / "corrected").exists():
        run(own("land"), ROOT, {})
    run(own("project"), ROOT, {})
    environment = {
        "MEDALLION_LOCATIONS_LANDING": str(folder / "landing"),
        "MEDALLION_WAREHOUSE": str(folder / "lake"),
        "MEDALLION_MEMORY_LIMIT": given.memory,
        "MEDALLION_THREADS": str(given.threads),
    }
    build = (*MEDALLION, "build", "--json")
    turns: list[Phases] = []
    for _ in range(given.repeat):
        for name in ("plain", "lake", "landing"):
            shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(folder / "landed", folder / "landing")
        turn: Phases = {}
        for phase, command in (
            ("first by hand", own("all")),
            ("first", build),
            ("corrected by hand", own("week")),
            ("corrected", build),
            ("nothing to do", build),
            ("all again", (*build, "--full-refresh")),
            ("imports alone", (sys.executable, "-c", IMPORTS)),
        ):
            if phase == "corrected by hand":
                shutil.copytree(folder / "corrected", folder / "landing", dirs_exist_ok=True)
            used = run(command, folder / "project", environment)
            turn[phase] = {
                "CPU s": used.cpu,
                "wall s": used.wall,
                "peak MB": used.peak / 2**20,
                "written MB": used.written / 1e6,
            }
            print(".", end="", file=sys.stderr, flush=True)
            if phase == "corrected":
                _compare(folder, environment)
        turns.append(turn)
    print(file=sys.stderr)
    return turns


def _compare(folder: Path, environment: dict[str, str]) -> None:
    """Stop if the tables are not those by hand."""
    command = (sys.executable, HERE / "compare.py", folder / "project", folder / "plain")
    tables = json.loads(run(command, ROOT, environment).output)
    if different := [name for name, (_, _, same) in tables.items() if not same]:
        raise SystemExit(f"the rows differ: {', '.join(different)}: {tables}")


def _print(given: argparse.Namespace, turns: list[Phases]) -> None:
    print(
        f"{given.days} days of {given.rows:,} orders, memory_limit {given.memory}, "
        f"{given.threads} threads; medians of {given.repeat} turns\n"
    )
    keys = list(turns[0]["first"])
    lines: list[list[object]] = [["", *keys, "CPU ratio", "aim"]]
    for phase in turns[0]:
        against = f"{phase} by hand" if f"{phase} by hand" in turns[0] else ""
        ratio: object = ""
        if against:
            ratio = statistics.median(t[phase]["CPU s"] / t[against]["CPU s"] for t in turns)
        medians = [statistics.median(t[phase][key] for t in turns) for key in keys]
        lines.append([phase, *(f"{m:.1f}" for m in medians), ratio, AIMS.get(phase, "")])
    print(table(lines))


if __name__ == "__main__":
    main()
