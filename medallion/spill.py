"""Spill: a folder of one process for rows that do not fit into memory, gone when it ends."""

import os
import re
import shutil
import socket
import time
import uuid
from contextlib import suppress
from pathlib import Path

_FORGOTTEN_SECONDS = 7 * 86400
_ENDED = "ended"


def own_folder(parent: Path) -> Path:
    """A folder name below `parent` that no other process uses; it is not made yet.

    What the processes left there that are gone is removed.
    """
    _tidy(parent)
    pid = os.getpid()
    return parent / f"{_host()}-{pid}-{_started(pid)}-{uuid.uuid4().hex[:8]}"


def remove(folder: Path) -> None:
    """Remove the folder, those of processes that are gone, and their parent if it is empty then."""
    shutil.rmtree(folder, ignore_errors=True)
    _tidy(folder.parent)
    with suppress(OSError):  # another process has its folder there
        folder.parent.rmdir()


def _tidy(parent: Path) -> None:
    """Remove what processes of this host left that were killed.

    What other hosts left, on a file system that they share, goes when nothing in it was touched for
    7 days.
    """
    host = _host()
    for folder in parent.iterdir() if parent.is_dir() else ():
        if not _used(folder, host):
            shutil.rmtree(folder, ignore_errors=True)


def _host() -> str:
    """The name of this host, with the number of the container's process ids if there is one."""
    name = re.sub(r"[^\w.-]", "_", socket.gethostname(), flags=re.ASCII)
    try:
        # Containers may share a name, and the process 7 of one is not the process 7 of the other.
        return f"{name}.{re.sub('[^0-9]', '', os.readlink('/proc/self/ns/pid'))}"
    except OSError:
        return name


def _used(folder: Path, host: str) -> bool:
    owner, *rest = folder.name.rsplit("-", 3)
    if owner == host and len(rest) == 3 and rest[0].isdecimal():
        return _alive(int(rest[0]), rest[1])
    return _touched(folder) > time.time() - _FORGOTTEN_SECONDS


def _touched(folder: Path) -> float:
    try:
        return max(p.lstat().st_mtime for p in (folder, *folder.rglob("*")))
    except OSError:  # somebody is removing it
        return time.time()


def _alive(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    now = _started(pid)
    return now != _ENDED and ("0" in (started, now) or started == now)


def _started(pid: int) -> str:
    """When a process started, by a clock that nobody sets; "0" where the system does not say.

    A later process may have the same number, it has another start. One that has ended may still be
    listed, because nobody asked how.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "0"
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return _ENDED if fields[0] in "ZX" else fields[19]
