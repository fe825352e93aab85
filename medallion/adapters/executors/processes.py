"""The executor that works in processes of its own, on this machine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar, cast

from medallion.adapters.executors.child import Child
from medallion.adapters.executors.room import Room
from medallion.adapters.executors.work import opened, packed
from medallion.errors import LostWorkerError
from medallion.resources import NOTHING, Resources

T = TypeVar("T")

ATTEMPTS = 4  # the first, and 3 more


class ProcessExecutor:
    """The `Executor` port with at most so many processes at work, or as many as are asked for.

    A process is kept for later calls. What all calls declare together stays within `memory`, in
    bytes, and `cpu`, in cores; 0 is no limit, and a call that needs more runs alone.
    """

    def __init__(self, workers: int = 0, memory: int = 0, cpu: float = 0) -> None:
        self._slots = threading.Semaphore(workers) if workers else nullcontext()
        self._room = Room(memory, cpu)
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._working: set[Child] = set()
        self._closed = False

    def call(self, fn: Callable[..., T], /, *args: Any, needs: Resources = NOTHING) -> T:
        """Do the call in one of the processes."""
        request = packed(fn, args)
        with self._room.taken(needs), self._slots:
            reply = self._reply(request, needs.timeout)
        return cast(T, opened(reply))

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that it has."""
        with self._lock:
            return tuple(child.pid for child in (*self._idle, *self._working))

    def close(self) -> None:
        """End the processes, whatever they do."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for child in self._working:
                child.kill()
        for child in idle:
            child.end()

    def _reply(self, request: bytes, timeout: float) -> bytes:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._child() as child:
                    return child.call(request, timeout)
            except LostWorkerError as error:
                if attempt == ATTEMPTS or self._closed:
                    raise lost(error.message, attempt) from None
        raise AssertionError

    @contextmanager
    def _child(self) -> Iterator[Child]:
        """An idle process, or a new one; one that was good is kept."""
        with self._lock:
            if self._closed:
                raise LostWorkerError("the executor is closed")
            child = self._idle.pop() if self._idle else Child()
            self._working.add(child)
        good = False
        try:
            yield child
            good = True
        finally:
            with self._lock:
                self._working.remove(child)
                good = good and not self._closed
                if good:
                    self._idle.append(child)
            if not good:
                child.end()


def lost(how: str, times: int) -> LostWorkerError:
    """The error of a call that was done so many times and never ended."""
    return LostWorkerError(
        f"{how}, in {times} attempts" if times > 1 else how,
        hint="it may have run out of memory: let fewer run at a time, or do less in one",
    )
