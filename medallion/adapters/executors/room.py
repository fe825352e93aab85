"""Room: how much of the declared memory and cores is taken by what is running."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import fsum

from medallion.resources import Resources


class Room:
    """So many bytes and cores, to be taken by calls; 0 is as many as one likes."""

    def __init__(self, memory: int = 0, cpu: float = 0) -> None:
        self._memory, self._cpu = memory, cpu
        self._running: list[Resources] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, needs: Resources) -> Iterator[None]:
        """Wait until what is needed is there; it is taken until the block ends.

        A call that needs more than there is gets all, alone with those that need nothing of it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._fits(needs))
            self._running.append(needs)
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(needs)
                self._changed.notify_all()

    def _fits(self, needs: Resources) -> bool:
        memory = [r.memory for r in self._running]
        cpu = [r.cpu for r in self._running]
        return _fits(needs.memory, memory, self._memory) and _fits(needs.cpu, cpu, self._cpu)


def _fits(needed: float, taken: list[float] | list[int], there: float) -> bool:
    return not (needed and there and any(taken)) or fsum([needed, *taken]) <= there
