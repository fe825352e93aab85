"""Stands between a client and an HTTP server, and may keep an answer back or answer itself."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Fate(Enum):
    """What becomes of a request."""

    LOST_ANSWER = auto()  # it is passed on, and the connection is cut before the answer
    FAILED_ANSWER = auto()  # it is passed on, and 500 is the answer
    UNAVAILABLE = auto()  # 503, and it is not passed on
    LATE = auto()  # the connection is cut, and it is passed on when `Proxy.release` says so


@dataclass
class Proxy:
    """`meet` says what becomes of the next request that names something."""

    address: str
    target: tuple[str, int]
    passed: list[str] = field(default_factory=list)  # what was passed on, in order
    release: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)  # what was held back
    before: Callable[[str], object] = lambda _: None  # called with each request
    _fates: list[tuple[str, Fate | None]] = field(default_factory=list)

    def meet(self, named: str, *fates: Fate | None) -> None:
        """The next requests that name it meet these fates; None for one that is passed on."""
        self._fates += [(named, fate) for fate in fates]

    def fate(self, request: str) -> Fate | None:
        """What becomes of a request, from its path and headers."""
        found = next((f for f in self._fates if f[0] in request), None)
        if found:
            self._fates.remove(found)
        return found[1] if found else None

    def times(self, named: str) -> int:
        """How many requests that name it were passed on."""
        return sum(named in request for request in self.passed)


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy before the server at that address, until the block ends."""
    host, port = urlsplit(target).hostname or "", urlsplit(target).port or 80
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    made = Proxy(f"http://127.0.0.1:{server.server_address[1]}", (host, port))
    server.proxy = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        proxy: Proxy = self.server.proxy  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = f"{self.command} {self.path} {self.headers.get('X-Amz-Target', '')}"
        proxy.before(request)
        match proxy.fate(request):
            case Fate.UNAVAILABLE:
                self._send(503, b"")
            case Fate.LATE:
                self.close_connection = True
                proxy.arrived.set()
                threading.Thread(target=self._late, args=(proxy, request, body)).start()
            case Fate.LOST_ANSWER:
                self._passed(proxy, request, body)
                self.close_connection = True
            case Fate.FAILED_ANSWER:
                self._passed(proxy, request, body)
                self._send(500, b"")
            case None:
                with suppress(OSError):
                    self._send(*self._passed(proxy, request, body))

    do_POST = do_GET
    do_DELETE = do_GET
    do_HEAD = do_GET

    def _late(self, proxy: Proxy, request: str, body: bytes) -> None:
        proxy.release.wait()
        with suppress(OSError):
            self._passed(proxy, request, body)

    def _passed(self, proxy: Proxy, request: str, body: bytes) -> tuple[int, bytes]:
        proxy.passed.append(request)
        connection = http.client.HTTPConnection(*proxy.target, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
