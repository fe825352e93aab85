"""The executor that works in the calling thread. Runs have as many threads as workers."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LocalExecutor:
    """The `Executor` port without a pool of its own. DuckDB works outside of Python's lock."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Call the function now; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # it comes out of the future, as in any pool
            future.set_exception(error)
        return future
