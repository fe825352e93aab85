"""Build the example on many rows: medallion with its audits against DuckDB by hand.

    python benchmarks/taxi.py [--rows 5000000] [--months 12] [--memory 1GB] [--dir DIR]

Both read the same CSV files and run the same SQL and Python under the same limits, in processes of
their own, by turns. CPU time is that of the whole process tree, interpreter and imports included.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import MEDALLION, ROOT, Usage, run, size, table

HERE = Path(__file__).resolve().parent
AIMS = {"CPU s": 1.25, "written MB": 1.05}
ABOVE_LIMIT_MB = 300


def main() -> None:
    """Read the arguments, run both by turns, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="trips in all files together")
    parser.add_argument("--months", type=int, default=12, help="files, and partitions")
    parser.add_argument("--memory", default="1GB", help="DuckDB's limit")
    parser.add_argument("--threads", type=int, default=2, help="DuckDB's threads")
    parser.add_argument("--repeat", type=int, default=3, help="turns; the medians are told")
    parser.add_argument("--dir", type=Path, help="kept, with its landing files; else temporary")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    given = parser.parse_args()
    if given.dir:
        told = _measured(given, given.dir.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="taxi-") as folder:
            told = _measured(given, Path(folder))
    _print(told)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2))


def _measured(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    landing = _landing(folder, given.rows, given.months)
    environment = {
        "MEDALLION_LOCATIONS_TRIPS": str(landing),
        "MEDALLION_LOCATIONS_ZONES": str(landing),
        "MEDALLION_WAREHOUSE": str(folder / "lake"),
        "MEDALLION_MEMORY_LIMIT": given.memory,
        "MEDALLION_THREADS": str(given.threads),
    }
    recipe = folder / "recipe.json"
    made = run((sys.executable, HERE / "plain.py", "recipe", ROOT), ROOT, environment)
    recipe.write_text(made.output)
    limits = ("--memory", given.memory, "--threads", str(given.threads))
    by_hand = (sys.executable, HERE / "plain.py", "run", recipe, folder / "plain", *limits)
    build = (*MEDALLION, "build", "--layer", "gold", "--json")
    turns: dict[str, list[dict[str, float]]] = {"plain": [], "lake": []}
    for _ in range(given.repeat):
        for name, command in (("plain", by_hand), ("lake", build)):
            shutil.rmtree(folder / name, ignore_errors=True)
            turns[name].append(_plain(run(command, ROOT, environment), size(folder / name)))
    compared = run([sys.executable, HERE / "compare.py", ROOT, folder / "plain"], ROOT, environment)
    tables = json.loads(compared.output)
    if different := [name for name, (_, _, same) in tables.items() if not same]:
        raise SystemExit(f"the rows differ: {', '.join(different)}: {compared.output}")
    return {
        "rows": given.rows,
        "months": given.months,
        "memory": given.memory,
        "threads": given.threads,
        "tables": {name: rows for name, (rows, _, _) in tables.items()},
        "turns": turns,
        **_ratios(turns),
    }


def _landing(folder: Path, rows: int, months: int) -> Path:
    """The landing files; those of an earlier benchmark with the same arguments are kept."""
    landing = folder / f"landing-{rows}-{months}"
    if not (landing / "done").exists():
        wanted = ("--rows", str(rows), "--months", str(months))
        run((sys.executable, HERE / "landing.py", landing, *wanted), ROOT, {})
        (landing / "done").touch()
    return landing


def _plain(used: Usage, kept: int) -> dict[str, float]:
    return {
        "CPU s": used.cpu,
        "wall s": used.wall,
        "peak MB": used.peak / 2**20,
        "written MB": used.written / 1e6,
        "kept MB": kept / 1e6,
    }


def _ratios(turns: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    medians = {
        name: {key: statistics.median(t[key] for t in told) for key in told[0]}
        for name, told in turns.items()
    }
    pairs = list(zip(turns["lake"], turns["plain"], strict=True))
    ratios = {
        key: statistics.median(m[key] / p[key] for m, p in pairs) if pairs[0][1][key] else 0.0
        for key in medians["plain"]
    }
    return {"medians": medians, "ratios": ratios}


def _print(told: dict[str, Any]) -> None:
    print(
        f"{told['rows']:,} trips in {told['months']} files, memory_limit {told['memory']}, "
        f"{told['threads']} threads; medians of {len(told['turns']['plain'])} turns\n"
    )
    lines: list[list[object]] = [["", "by hand", "medallion", "ratio", "aim"]]
    for key, ratio in told["ratios"].items():
        aim = f"<= {AIMS[key]}" if key in AIMS else ""
        if key == "peak MB":
            aim = f"<= memory_limit + {ABOVE_LIMIT_MB}"
        by_hand, ours = (told["medians"][name][key] for name in ("plain", "lake"))
        lines.append([key, f"{by_hand:.1f}", f"{ours:.1f}", ratio, aim])
    print(table(lines))
    rows = ", ".join(f"{name} {count:,}" for name, count in told["tables"].items())
    print(f"\nThe same rows in both: {rows}.")


if __name__ == "__main__":
    main()
