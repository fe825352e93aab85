"""Several who read at once, and one who takes what they read."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
_LEAVE = 2.0  # seconds that a reader has to end; one that waits for its server ends later
_LOOK = 0.1  # seconds after which who waits for room looks whether anybody still takes


class Stopped(Exception):
    """Nobody takes any more."""


def beside(readers: Sequence[Callable[[Callable[[T], None]], None]]) -> Iterator[T]:
    """What the readers give, each in a thread of its own, in the order in which it comes.

    A reader is called with the function that it gives things to, which waits while there is no room
    and raises `Stopped` when nobody takes any more. What a reader raises is raised here.
    """
    room: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(len(readers) + 1)
    stopped = threading.Event()

    def put(item: tuple[bool, T | BaseException | None]) -> None:
        while not stopped.is_set():
            try:
                return room.put(item, timeout=_LOOK)
            except queue.Full:
                continue
        raise Stopped

    def read(reader: Callable[[Callable[[T], None]], None]) -> None:
        try:
            reader(lambda thing: put((True, thing)))
            put((False, None))
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  # it is raised by who takes
            with contextlib.suppress(Stopped):
                put((False, error))

    threads = [threading.Thread(target=read, args=(r,), daemon=True) for r in readers]
    for thread in threads:
        thread.start()
    try:
        going = len(readers)
        while going:
            is_thing, thing = room.get()
            if is_thing:
                yield thing  # type: ignore[misc]
            elif isinstance(thing, BaseException):
                raise thing
            else:
                going -= 1
    finally:
        stopped.set()
        for thread in threads:
            thread.join(_LEAVE)
