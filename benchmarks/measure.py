"""Run a command in a process of its own and say what it and its children used."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MEDALLION = (sys.executable, "-c", "from medallion.cli.app import main; main()")
"""The command line of the checkout that the benchmark is in, if it runs in `ROOT`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all its children used.

    `cpu` and `wall` are seconds, `peak` the most memory that one of them held, `written` what they
    wrote to files, temporary ones included; both in bytes. `written` is 0 where the system does not
    count it.
    """

    cpu: float
    wall: float
    peak: int
    written: int
    output: str


def run(command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str]) -> Usage:
    """Run the command to its end.

    This process must stay small: a child's peak begins at the memory of the process it came from.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        clock = time.perf_counter()
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=output,
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - clock
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if child.returncode:
        raise SystemExit(f"{command} ended with {child.returncode}\n{said[-3000:]}")
    kilo = 1 if sys.platform == "darwin" else 1024
    cpu = used.ru_utime + used.ru_stime
    return Usage(cpu, wall, used.ru_maxrss * kilo, used.ru_oublock * 512, said)


def size(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def table(rows: Sequence[Sequence[object]]) -> str:
    """Rows in columns, the first one left-aligned; fit for Markdown."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = [
        "| "
        + " | ".join(
            _aligned(cell, i, w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in texts
    ]
    rule = (
        "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    )
    return "\n".join([lines[0], rule, *lines[1:]])


def _aligned(cell: str, column: int, width: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)


def _text(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
