"""The executor that works in the calling thread. Runs have as many threads as workers."""

from collections.abc import Callable
from typing import Any, TypeVar

from medallion.adapters.executors.processes import ProcessExecutor
from medallion.adapters.executors.room import Room
from medallion.resources import NOTHING, Resources

T = TypeVar("T")


class LocalExecutor:
    """The `Executor` port without a pool. DuckDB works outside of Python's lock.

    A call with a time limit is done in a process of its own: a thread cannot be stopped. What all
    calls declare together stays within `memory`, in bytes, and `cpu`, in cores; 0 is no limit, and
    a call that needs more runs alone.
    """

    def __init__(self, memory: int = 0, cpu: float = 0) -> None:
        self._room = Room(memory, cpu)
        self._processes = ProcessExecutor()

    def call(self, fn: Callable[..., T], /, *args: Any, needs: Resources = NOTHING) -> T:
        """Do the call here and now, or wait until there is room for it."""
        with self._room.taken(needs):
            if needs.timeout:
                return self._processes.call(fn, *args, needs=Resources(timeout=needs.timeout))
            return fn(*args)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that it has for calls with a time limit."""
        return self._processes.pids

    def close(self) -> None:
        """End the processes that calls with a time limit left."""
        self._processes.close()
