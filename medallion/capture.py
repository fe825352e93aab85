"""Capture: what a piece of work prints, while others print at the same time.

`sys.stdout` and `sys.stderr` belong to the process and work to a thread. So both are replaced by a
stream that asks whose context prints; what no capture is for goes where it always went.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO, cast

from medallion.hiding import masked

Sink = Callable[[str], None]

_NAMES = ("stdout", "stderr")
# A progress bar writes over its line again and again; what is seen at last is what counts.
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")
_lock = threading.Lock()
_active = 0


@contextmanager
def printed_to(sink: Sink) -> Iterator[None]:
    """Give the sink every line that this context prints in the block, as soon as it is whole.

    Values of secrets are masked in it. What the sink itself prints is printed. A thread started in
    the block is in no capture.
    """
    lines = _Lines(sink)
    _install()
    token = _current.set(lines)
    try:
        yield
    finally:
        _current.reset(token)
        _uninstall()
        lines.end()


class _Lines:
    """What one context has printed: whole lines go to its sink, the rest waits for its end."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rest = dict.fromkeys(_NAMES, "")
        self._lock = threading.Lock()

    def write(self, name: str, text: str) -> None:
        with self._lock:
            *whole, rest = _OVERWRITTEN.sub("", self._rest[name] + text).split("\n")
            self._rest[name] = rest
        self._give(whole)

    def end(self) -> None:
        self._give([rest for rest in self._rest.values() if rest])

    def _give(self, lines: list[str]) -> None:
        token = _current.set(None)
        try:
            for line in lines:
                self._sink(masked(line.rstrip("\r")))
        finally:
            _current.reset(token)


_current: ContextVar[_Lines | None] = ContextVar("printed_to", default=None)


class _Stream:
    """Stands for `sys.stdout` or `sys.stderr`; it is the stream that was there but for captures."""

    def __init__(self, name: str, inner: TextIO) -> None:
        self._name = name
        self.inner = inner

    def write(self, text: str) -> int:
        lines = _current.get()
        if lines is None:
            return self.inner.write(text)
        lines.write(self._name, text)
        return len(text)

    def writelines(self, texts: list[str]) -> None:
        for text in texts:
            self.write(text)

    def isatty(self) -> bool:
        return _current.get() is None and self.inner.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _install() -> None:
    """Others replace the streams too, so it is looked again at every capture."""
    global _active  # noqa: PLW0603  # there is one sys.stdout in a process
    with _lock:
        _active += 1
        for name in _NAMES:
            stream = getattr(sys, name)
            if not isinstance(stream, _Stream):
                setattr(sys, name, cast(TextIO, _Stream(name, stream)))


def _uninstall() -> None:
    global _active  # noqa: PLW0603  # there is one sys.stdout in a process
    with _lock:
        _active -= 1
        if _active:
            return
        for name in _NAMES:
            stream = getattr(sys, name)
            if isinstance(stream, _Stream):
                setattr(sys, name, stream.inner)
