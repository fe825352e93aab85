"""What a worker of a cluster does with a packed call."""

import atexit
from collections.abc import Callable
from functools import partial
from typing import Any

from medallion.adapters.executors.local import LocalExecutor
from medallion.adapters.executors.work import perform
from medallion.capture import printed_to
from medallion.resources import Resources

_here = LocalExecutor()
atexit.register(_here.close)


def worked(request: bytes, timeout: float) -> tuple[bytes, list[str]]:
    """How the call ended, and what it printed."""
    lines: list[str] = []
    do: Callable[..., Any] = partial(_here.call, needs=Resources(timeout=timeout))
    with printed_to(lines.append):
        reply = perform(request, do)
    return reply, lines
