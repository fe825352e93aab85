"""The reader and the runner as processes of a test."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.forks import Forks, forking
from support.projects import address, write


@dataclass(frozen=True)
class Runner:
    """Builds projects in processes of their own, several at once if several ask."""

    forks: Forks

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
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "answer"
            code = self.forks.run(**job, answer=str(file))
            if code:
                return {"status": code}
            answer: dict[str, Any] = json.loads(file.read_text())
            return answer


@contextmanager
def running() -> Iterator[Runner]:
    """A runner, until the block ends."""
    with forking("runner.py", "-W", "ignore") as forks:
        yield Runner(forks)


@dataclass(frozen=True)
class Command:
    """The command line, as it prints and ends."""

    forks: Forks

    def __call__(
        self,
        root: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        together: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder; both streams may go to the first together."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = (Path(folder) / name for name in ("out", "err"))
            err.touch()
            code = self.forks.run(
                folder=str(root),
                arguments=arguments,
                out=str(out),
                err=str(out if together else err),
                env=dict(os.environ if env is None else env),
            )
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    def told(self, root: Path, *arguments: str, code: int = 0) -> str:
        """What a command that ends with that code prints, to both streams."""
        done = self(root, *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@contextmanager
def commanding() -> Iterator[Command]:
    """The command line, until the block ends."""
    with forking("command.py") as forks:
        yield Command(forks)


@dataclass(frozen=True)
class Reader:
    """Reads in processes of their own."""

    forks: Forks

    @contextmanager
    def reading(self, root: Path) -> Iterator[Path]:
        """A reader that polls a project's catalog until the block ends; the file of what it saw."""
        write(root, {})
        out = root / "seen.jsonl"
        with self.forks.started(address=address(root), out=str(out)) as fork:
            try:
                while not out.exists():
                    time.sleep(0.01)
                yield out
                # On a busy machine a whole run may fit between two looks.
                ends = time.monotonic() + 30
                while not observations(out)[1] and time.monotonic() < ends:
                    time.sleep(0.05)
            finally:
                os.kill(fork.pid, signal.SIGKILL)
                assert fork.wait() == -signal.SIGKILL, "the reader failed"


@contextmanager
def reader() -> Iterator[Reader]:
    """A reader, until the block ends."""
    with forking("reader.py", "-W", "ignore") as forks:
        yield Reader(forks)


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
