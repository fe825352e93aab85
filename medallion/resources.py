"""Resources: what a piece of work may use of a machine, and for how long."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from medallion.errors import DefinitionError

_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RESERVE = 10**9
_NUMBER = r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*"


@dataclass(frozen=True, slots=True)
class Resources:
    """What one piece of work needs; 0 where nothing is said.

    `cpu` are cores, `memory` is in bytes. After `timeout` seconds it is stopped.
    """

    cpu: float = 0
    memory: int = 0
    timeout: float = 0


NOTHING = Resources()


def parse_size(text: str) -> int:
    """A number of bytes, as people write it.

    >>> parse_size("2GB"), parse_size("512 MiB")
    (2000000000, 536870912)

    Raises:
        DefinitionError: it is none.
    """
    found = re.fullmatch(_NUMBER, text)
    if not found or found[2].upper() not in _SIZES:
        raise DefinitionError(f"{text!r} is no size", hint='write "512MB" or "2GB"')
    return int(float(found[1]) * _SIZES[found[2].upper()])


def shown_size(number: float) -> str:
    """A number of bytes for people.

    >>> shown_size(1_234_567), shown_size(999)
    ('1.2 MB', '999 B')
    """
    units = ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{number:.0f} B" if units[0] == "B" else f"{number:,.1f} {units[0]}"


def parse_memory(text: str) -> int:
    """A number of bytes, or a share of the memory that this process may use, like "50%".

    Raises:
        DefinitionError: it is neither.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if not found:
        return parse_size(text)
    if not 0 < float(found[1]) <= 100:
        raise DefinitionError(f"{text!r} is no share of the memory", hint='write "50%"')
    return int(machine_memory() * float(found[1]) / 100)


def machine_memory(root: Path = Path("/")) -> int:
    """The bytes of memory that this process may use: those of its control group, or all."""
    everything = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([everything, *_group_limits(root)])


def _group_limits(root: Path) -> Iterator[int]:
    """The limits of the process's control groups and of those around them."""
    groups = root / "proc/self/cgroup"
    for line in groups.read_text(encoding="utf-8").splitlines() if groups.is_file() else ():
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        # The second version has one tree for all kinds of limits.
        folder, name = ("memory", "memory.limit_in_bytes") if kinds else ("", "memory.max")
        group = PurePosixPath(path)
        for around in (group, *group.parents):
            file = root / "sys/fs/cgroup" / folder / str(around).lstrip("/") / name
            text = file.read_text(encoding="utf-8").strip() if file.is_file() else "max"
            if text != "max":
                yield int(text)


def spill_room(limit: int, free: int, reserve: int = _RESERVE) -> int:
    """The bytes that may be spilled to a disk on which `free` bytes are free, at most `limit`.

    The reserve stays free for what else is on the disk, or half of what is free if that is less.

    >>> spill_room(50 * 10**9, 20 * 10**9), spill_room(5 * 10**9, 20 * 10**9)
    (19000000000, 5000000000)
    """
    return min(limit, free - min(reserve, free // 2))


def parse_duration(given: str | float | timedelta) -> float:
    """A number of seconds, as people write it.

    >>> parse_duration("10m"), parse_duration(1.5)
    (600.0, 1.5)

    Raises:
        DefinitionError: it is none.
    """
    if isinstance(given, timedelta):
        return given.total_seconds()
    if isinstance(given, str):
        found = re.fullmatch(_NUMBER, given)
        if not found or found[2] not in _TIMES:
            raise DefinitionError(f"{given!r} is no time", hint='write "90s", "10m", "2h" or "7d"')
        return float(found[1]) * _TIMES[found[2]]
    if isinstance(given, bool) or given < 0:
        raise DefinitionError(f"{given!r} is no time", hint='write "90s", "10m", "2h" or "7d"')
    return float(given)
