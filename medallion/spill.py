"""Spill: a folder of one process for rows that do not fit into memory, gone when it ends."""

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path


def own_folder(parent: Path) -> Path:
    """A folder name below `parent` that no other process uses; it is not made yet.

    What processes left there that were killed is removed.
    """
    for folder in parent.iterdir() if parent.is_dir() else ():
        if not _alive(folder.name.partition("-")[0]):
            shutil.rmtree(folder, ignore_errors=True)
    return parent / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"


def remove(folder: Path) -> None:
    """Remove the folder, and its parent if it was the last one."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # another process has its folder there
        folder.parent.rmdir()


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
