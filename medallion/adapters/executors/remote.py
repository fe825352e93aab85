"""What a worker of a cluster does with a packed call."""

import atexit
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from medallion.adapters.executors.local import LocalExecutor
from medallion.adapters.executors.work import perform
from medallion.capture import printed_to
from medallion.hiding import mask_streams
from medallion.resources import Resources

_LOOK_S = 0.5
_here = LocalExecutor()
atexit.register(_here.close)


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended, what it printed, and the worker's processes."""

    end: bytes
    printed: tuple[str, ...]
    pids: tuple[int, ...]


def worked(request: bytes, timeout: float, owner: int = 0) -> Reply:
    """Do the call. A worker of a cluster of our own ends with the process that owns it."""
    _mask()
    if owner:
        _end_with(owner)
    lines: list[str] = []
    do: Callable[..., Any] = partial(_here.call, needs=Resources(timeout=timeout))
    with printed_to(lines.append):
        end = perform(request, do)
    return Reply(end, tuple(lines), (os.getpid(), *_here.pids))


@cache
def _mask() -> None:
    """What a thread of a model's own prints is in no capture, and goes to the worker's log."""
    mask_streams()


@cache
def _end_with(owner: int) -> None:
    """Look after the owner from now on. The cluster takes a minute to see that it was killed."""

    def watch() -> None:
        with suppress(ProcessLookupError):
            while True:
                os.kill(owner, 0)
                time.sleep(_LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
