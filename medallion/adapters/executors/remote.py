"""What a worker of a cluster does with a packed call."""

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from medallion.adapters.executors.local import LocalExecutor
from medallion.adapters.executors.work import perform
from medallion.capture import printed_to
from medallion.resources import Resources

_here = LocalExecutor()
atexit.register(_here.close)


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended, what it printed, and the worker's processes."""

    end: bytes
    printed: tuple[str, ...]
    pids: tuple[int, ...]


def worked(request: bytes, timeout: float) -> Reply:
    """Do the call."""
    lines: list[str] = []
    do: Callable[..., Any] = partial(_here.call, needs=Resources(timeout=timeout))
    with printed_to(lines.append):
        end = perform(request, do)
    return Reply(end, tuple(lines), (os.getpid(), *_here.pids))
