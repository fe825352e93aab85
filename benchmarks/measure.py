"""Run a command in a process of its own and say what it and its children used."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command took, with all processes that it started: seconds, and bytes at the peak."""

    wall: float
    cpu: float
    peak: int


def watched(command: Sequence[str | Path], cwd: Path, *, every: float = 0.1) -> Watched:
    """Run the command to its end, and look at the memory of all its processes meanwhile.

    The peak is what they held together, what they share counted once, as seen each `every` seconds.
    """
    clock, before = time.perf_counter(), os.times()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
        )
        peak = 0
        while child.poll() is None:
            peak = max(peak, sum(_memory(pid) for pid in (child.pid, *_below(child.pid))))
            time.sleep(every)
        output.seek(0)
        said = output.read()
    if child.returncode:
        raise SystemExit(f"{command} ended with {child.returncode}\n{said[-3000:]}")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Watched(time.perf_counter() - clock, cpu, peak)


def _below(pid: int) -> Iterator[int]:
    """The processes that a process has started, and those that they have."""
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:  # it has ended
            continue
        for child in map(int, children):
            yield child
            yield from _below(child)


def _memory(pid: int) -> int:
    """The bytes that a process holds, its part of what it shares with others."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return int(text.split("Pss:")[1].split()[0]) * 1024


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
