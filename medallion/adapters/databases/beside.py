"""Several who read at once, and one who takes what they read."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
Give = Callable[[T], None]
_LEAVE = 2.0  # seconds that a reader has to end; one that waits for its server ends later
_LOOK = 0.1  # seconds after which who waits for room looks whether anybody still takes


class Stopped(Exception):
    """Nobody takes any more."""


def beside(readers: Sequence[Callable[[Give[T]], None]]) -> Iterator[T]:
    """What the readers give, each in a thread of its own, in the order in which it comes.

    A reader is called with the function that it gives things to, which waits while there is no room
    and raises `Stopped` when nobody takes any more. What a reader raises is raised here.
    """
    room: _Room[T] = _Room(len(readers) + 1)
    threads = [threading.Thread(target=room.fill, args=(r,), daemon=True) for r in readers]
    for thread in threads:
        thread.start()
    try:
        yield from room.things(len(readers))
    finally:
        room.stopped.set()
        for thread in threads:
            thread.join(_LEAVE)


class _End:
    """A reader has ended, maybe with an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Room(Generic[T]):
    def __init__(self, size: int) -> None:
        self._things: queue.Queue[T | _End] = queue.Queue(size)
        self.stopped = threading.Event()

    def things(self, readers: int) -> Iterator[T]:
        while readers:
            thing = self._things.get()
            if not isinstance(thing, _End):
                yield thing
            elif thing.error:
                raise thing.error
            else:
                readers -= 1

    def fill(self, reader: Callable[[Give[T]], None]) -> None:
        with suppress(Stopped):
            try:
                reader(self._put)
                self._put(_End())
            except Stopped:
                raise
            except BaseException as error:  # noqa: BLE001  # it is raised by who takes
                self._put(_End(error))

    def _put(self, thing: T | _End) -> None:
        while not self.stopped.is_set():
            with suppress(queue.Full):
                return self._things.put(thing, timeout=_LOOK)
        raise Stopped
