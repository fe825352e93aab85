"""Calls for every executor. They are in a module that other processes find."""

import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

from medallion.errors import ModelError


def halved(number: int, by: int = 2) -> float:
    return number / by


def refused() -> None:
    raise ModelError("no rows", hint="look")


class OddError(Exception):
    """An exception that no pickle can make again."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")
        self.lock = threading.Lock()


def odd() -> None:
    raise OddError(1, 2)


def locked() -> object:
    return threading.Lock()


def counted(folder: Path, number: int) -> int:
    """Leaves a file for every time that it is called."""
    (folder / f"{number}-{uuid.uuid4().hex}").touch()
    return number


def told(number: int) -> int:
    for step in range(3):
        print(f"{number}: step {step}")
        time.sleep(0.01)
    print(f"{number}: a warning", file=sys.stderr)
    print(f"{number}: end", end="")
    return number


def told_and_refused() -> None:
    print("before it failed")
    raise ModelError("no rows")


def lost_at_first(marker: Path) -> str:
    if marker.exists():
        return "done"
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def lost_always(folder: Path) -> None:
    (folder / uuid.uuid4().hex).touch()
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps(pid: Path) -> None:
    _noted(pid)
    time.sleep(600)


def spins(pid: Path) -> None:
    _noted(pid)
    while True:
        pass


def starts_another(pid: Path) -> None:
    """Has a process of its own, which holds all that it inherits."""
    if os.fork() == 0:
        sleeps(pid)
    time.sleep(600)


def starts_another_and_is_lost(pid: Path) -> None:
    if os.fork() == 0:
        sleeps(pid)
    while not pid.exists():
        time.sleep(0.01)
    os._exit(3)


def _noted(pid: Path) -> None:
    """Written whole or not at all: others wait for it."""
    print("it hangs")
    new = pid.with_suffix(".new")
    new.write_text(str(os.getpid()))
    new.rename(pid)


def await_end(pid: int) -> None:
    """Wait until there is no such process, or only its exit code."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return
        if state == "Z":
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} goes on")


def awaits(file: Path) -> None:
    print("now")
    while not file.exists():
        pass
