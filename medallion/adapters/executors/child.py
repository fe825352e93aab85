"""A child: a process of our own that does calls, can be killed in one, and never outlives us.

Messages have a header: their kind and length. The child reads calls and writes what is printed,
line by line, and then how the call ended.
"""

import os
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from math import inf
from typing import IO, BinaryIO

from medallion.adapters.executors.work import perform
from medallion.capture import printed_to
from medallion.errors import LostWorkerError, TimeLimitError
from medallion.hiding import mask_streams

_HEADER = struct.Struct(">cQ")
_CALL, _PRINTED, _ENDED = b"c", b"p", b"e"
_START = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from medallion.adapters.executors.child import main; main()"
)
# A child that is gone is seen at once by the end of its pipe, unless one of its own children has
# the pipe too; then by looking after so many milliseconds.
_LOOK_MS = 500


class Child:
    """A worker process, in a session of its own: what it starts is killed with it."""

    def __init__(self) -> None:
        warnings = [f"-W{w}" for w in sys.warnoptions]
        self._process = subprocess.Popen(  # noqa: S603  # this very Python
            [sys.executable, *warnings, "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._calls, self._replies = self._process.stdin, self._process.stdout
        self._read = bytearray()
        self._ready = select.poll()
        self._ready.register(self._replies, select.POLLIN)
        self._limit, self._ends = 0.0, inf

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def call(self, request: bytes, timeout: float = 0) -> bytes:
        """Do a packed call; how it ended. What it prints is printed here, as soon as it is.

        Raises:
            LostWorkerError: the process is gone.
            TimeLimitError: the call was not done after so many seconds; the process was killed.
        """
        self._limit, self._ends = timeout, time.monotonic() + timeout if timeout else inf
        try:
            _send(self._calls, _CALL, request)
        except BrokenPipeError:
            raise self._lost() from None
        while True:
            kind, length = _HEADER.unpack(self._take(_HEADER.size))
            message = self._take(length)
            if kind == _ENDED:
                return message
            sys.stdout.write(message.decode() + "\n")

    def kill(self) -> None:
        """Kill the process and all that it started. Who calls it learns that it is lost."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill the process and forget it; nobody may be calling."""
        if self._replies.closed:
            return
        self.kill()
        self._process.wait()
        self._replies.close()
        with suppress(BrokenPipeError):  # what it had not read yet
            self._calls.close()

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._await()
            some = os.read(self._replies.fileno(), 1 << 20)
            if not some:
                raise self._lost()
            self._read += some
        taken = bytes(self._read[:size])
        del self._read[:size]
        return taken

    def _await(self) -> None:
        """Wait until there is something to read."""
        while True:
            left = (self._ends - time.monotonic()) * 1000
            if left <= 0:
                self.end()
                raise TimeLimitError(
                    f"it was stopped after {self._limit:g} s, its time limit",
                    hint="give it a longer timeout, or less to do at a time",
                )
            if self._ready.poll(min(left, _LOOK_MS)):
                return
            if self._process.poll() is not None:
                raise self._lost()

    def _lost(self) -> LostWorkerError:
        self.end()
        code = self._process.returncode
        if code < 0:
            return LostWorkerError(f"its process was killed by {signal.Signals(-code).name}")
        return LostWorkerError(f"its process ended by itself with exit code {code}")


def main() -> None:
    """Do the calls that come by the standard input, until it ends."""
    calls, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a function reads and prints below Python must not be taken for messages.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    mask_streams()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(calls, requests), daemon=True).start()
    while True:
        request = requests.get()
        with printed_to(lambda line: _send(out, _PRINTED, line.encode(errors="replace"))):
            reply = perform(request, lambda fn, *args: fn(*args))
        _send(out, _ENDED, reply)


def _listen(calls: BinaryIO, requests: "queue.SimpleQueue[bytes]") -> None:
    """Read calls while others are done. When there is nobody left to ask, all of the group end."""
    while header := calls.read(_HEADER.size):
        requests.put(calls.read(_HEADER.unpack(header)[1]))
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _send(to: IO[bytes], kind: bytes, message: bytes) -> None:
    to.write(_HEADER.pack(kind, len(message)))
    to.write(message)
    to.flush()
