"""The reader and the runner as processes of a test."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.projects import address, write

_HERE = Path(__file__).parent


@dataclass
class Runner:
    """Builds a project in a process of its own."""

    process: subprocess.Popen[str]

    def build(self, root: Path, kill: int | None = None, **options: Any) -> dict[str, Any]:
        """Build, or be killed at the `kill`-th event; what the process answered."""
        settings = options.pop("settings", {})
        return self._do({"root": str(root), "kill": kill, "options": options, "settings": settings})

    def backfill(
        self, root: Path, name: str, kill: int | None = None, **options: Any
    ) -> dict[str, Any]:
        """Backfill a model, or be killed; the answer's report has all "reports"."""
        return self._do({"root": str(root), "backfill": name, "kill": kill, "options": options})

    def _do(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def running() -> Iterator[Runner]:
    """A runner, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(_HERE / "runner.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Runner(process)
    finally:
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


@contextmanager
def reading(root: Path) -> Iterator[Path]:
    """A reader that polls a project's catalog until the block ends; the file of what it saw."""
    write(root, {})
    out = root / "seen.jsonl"
    script = str(_HERE / "reader.py")
    arguments = [sys.executable, "-W", "ignore", script, address(root), str(out)]
    process = subprocess.Popen(arguments)
    try:
        while not out.exists() and process.poll() is None:
            time.sleep(0.01)
        yield out
        # On a busy machine a whole run may fit between two looks.
        ends = time.monotonic() + 30
        while not observations(out)[1] and time.monotonic() < ends:
            time.sleep(0.05)
    finally:
        assert process.poll() is None, "the reader failed"
        process.kill()
        process.wait()


def observations(out: Path) -> tuple[int, list[dict[str, Any]]]:
    """How often the reader polled, and what it saw, moment by moment."""
    text = out.read_text()
    whole = text[: text.rfind("\n") + 1]  # the last line may be half written
    lines = [json.loads(line) for line in whole.splitlines()]
    return (lines[-1]["polls"] if lines else 0), [line["seen"] for line in lines if line["seen"]]


def below(pid: int) -> Iterator[int]:
    """The processes that a process has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
    todo = [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            yield child
            todo.append(child)
