"""Build many tiny models: what medallion costs where there are hardly any rows.

    python benchmarks/tiny.py [--models 300] [--few 10]

Each model is a SQL file over two others at most, with a suite of one expectation. The cost of a
model is the slope between a project of many and one of few; CPU time, interpreter included.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import MEDALLION, ROOT, Usage, run, table

AIM_MS, AIM_HELP, AIM_IDLE = 25, 0.12, 0.5
LARGE = ("duckdb", "great_expectations", "pyiceberg", "sqlalchemy", "sqlglot")
IMPORTED = f"""
import sys
from medallion import Project
with Project.load() as project:
    project.build()
print(*(name for name in {LARGE} if name in sys.modules))
"""
SEED = '''from medallion import SQL, bronze


@bronze
def seed() -> SQL:
    """Ten numbers."""
    return "select range as id, range * 2 as value from range(10)"
'''
MODEL = '''from medallion import SQL, silver


@silver
def {name}() -> SQL:
    """A step in a tree."""
    return """
        select id, value + 1 as value
        from {reads}
    """
'''
SUITE = {
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
    ]
}


def main() -> None:
    """Read the arguments, build both projects, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=300)
    parser.add_argument("--few", type=int, default=10, help="models of the small project")
    parser.add_argument("--repeat", type=int, default=3, help="turns; the medians are told")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiny-") as folder:
        told = _measured(Path(folder), given.models, given.few, given.repeat)
    _print(told)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2))


def write_project(root: Path, models: int) -> None:
    """A project of one seed and a tree of `models` models; each but the first has up to three."""
    for folder in ("models/bronze", "models/silver", "expectations/silver"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.medallion]\n")
    (root / "models/bronze/seed.py").write_text(SEED)
    for number in range(models):
        name = f"step_{number:04}"
        reads = f"silver.step_{(number - 1) // 3:04}" if number else "bronze.seed"
        (root / f"models/silver/{name}.py").write_text(MODEL.format(name=name, reads=reads))
        suite = {"name": f"silver.{name}", **SUITE}
        (root / f"expectations/silver/{name}.json").write_text(json.dumps(suite))


def _measured(folder: Path, models: int, few: int, repeat: int) -> dict[str, Any]:
    sizes = {"many": models, "few": few}
    for name, count in sizes.items():
        write_project(folder / name, count)
    steps: dict[str, Sequence[str]] = {
        "first": ("build",),
        "again": ("build", "--full-refresh"),
        "idle": ("build",),
        "ls": ("ls",),
    }
    used: dict[str, list[Usage]] = {}
    for _ in range(repeat):
        used.setdefault("help", []).append(run([*MEDALLION, "--help"], ROOT, {}))
        for name in sizes:
            shutil.rmtree(folder / name / "warehouse", ignore_errors=True)
            for step, arguments in steps.items():
                spent = run([*MEDALLION, *arguments], folder / name, {})
                used.setdefault(f"{step} {name}", []).append(spent)
    cpu = {key: statistics.median(u.cpu for u in turns) for key, turns in used.items()}
    wall = {key: statistics.median(u.wall for u in turns) for key, turns in used.items()}
    imported = run([sys.executable, "-c", IMPORTED], folder / "many", {}).output.split()
    told = {"models": models, "few": few, "repeat": repeat, "imported": imported}
    return {**told, "cpu": cpu, "wall": wall}


def _print(told: dict[str, Any]) -> None:
    many, few = told["models"], told["few"]
    print(f"{many} tiny models against {few}; medians of {told['repeat']} turns\n")
    lines: list[list[object]] = [["", f"{many}: CPU s", "wall s", "a model: CPU ms", "aim"]]
    whats = {"first": "first build", "again": "build again", "idle": "nothing to do", "ls": "ls"}
    for key, what in whats.items():
        cpu, wall = told["cpu"], told["wall"]
        slope = 1000 * (cpu[f"{key} many"] - cpu[f"{key} few"]) / (many - few)
        aim = {"ls": "", "idle": f"<= {AIM_IDLE} s"}.get(key, f"<= {AIM_MS}")
        lines.append([what, cpu[f"{key} many"], wall[f"{key} many"], f"{slope:.1f}", aim])
    lines.append(["--help", cpu["help"], wall["help"], "", f"<= {AIM_HELP} s"])
    print(table(lines))
    print(f"\nWith nothing to do, of {', '.join(LARGE)} it imports:", *told["imported"] or ["none"])


if __name__ == "__main__":
    main()
