"""Stands between a client and a database, and does something in the middle of an answer."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import make_url


class Cut:
    """After so many bytes of an answer the connection is ended, or `act` is called.

    With `asked` only what answers a statement in which that is found is counted, of each connection
    on its own.
    """

    def __init__(
        self, address: str, most: int, asked: str = "", act: Callable[[], None] | None = None
    ) -> None:
        url = make_url(address)
        self._target = (url.host or "", url.port or 0)
        self._most = most
        self._asked = re.compile(asked.encode(), re.DOTALL)
        self._act = act
        self._door = socket.create_server(("127.0.0.1", 0))
        here = url.set(host="127.0.0.1", port=self._door.getsockname()[1])
        self.address = here.render_as_string(hide_password=False)
        self.cuts = 0
        self._lock = threading.Lock()
        self.armed = True  # else all is passed on
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Accept nobody any more."""
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                behind = socket.create_connection(self._target)
                counted = threading.Event()
                for way in (self._there, self._back):
                    threading.Thread(
                        target=way, args=(client, behind, counted), daemon=True
                    ).start()

    def _there(
        self, client: socket.socket, behind: socket.socket, counted: threading.Event
    ) -> None:
        with suppress(OSError):
            while message := client.recv(65536):
                if self.armed and self._asked.search(message):
                    counted.set()
                behind.sendall(message)
        behind.close()

    def _back(self, client: socket.socket, behind: socket.socket, counted: threading.Event) -> None:
        left = self._most
        try:
            with suppress(OSError):
                while message := behind.recv(min(65536, max(left, 1)) if left > 0 else 65536):
                    client.sendall(message)
                    if left > 0 and counted.is_set():
                        left -= len(message)
                        if left <= 0 and not self._done():
                            break
        finally:  # whatever `act` raises: a client that is left open would wait for ever
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    def _done(self) -> bool:
        """Whether the connection goes on after what is done in the middle, one at a time."""
        with self._lock:
            self.cuts += 1
            if self._act:
                self._act()
        return self._act is not None


@contextmanager
def cutting(
    address: str, most: int, asked: str = "", act: Callable[[], None] | None = None
) -> Iterator[Cut]:
    """A `Cut` that accepts clients until the block ends."""
    cut = Cut(address, most, asked, act)
    try:
        yield cut
    finally:
        cut.close()
