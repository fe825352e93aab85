"""A proxy in front of a server of buckets that fails now and then, as networks and stores do."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("500", "503", "cut", "unheard", "half", "late")
_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
    "<Message>{code}</Message></Error>"
)
_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")


class Faulty:
    """Where it is, and what it has done so far. `share` of the requests get one of the faults.

    `500` and `503` are answers of a store that did nothing. `unheard` cuts the connection before
    the store has the request, `cut` when it has done it; `half` cuts it in the middle of the
    answer; `late` lets the store do it and says nothing for `delay` seconds.
    """

    def __init__(self, upstream: str, share: float, seed: int, delay: float) -> None:
        self.upstream = urlsplit(upstream)
        self.share = share
        self.delay = delay
        self.only: tuple[str, ...] = FAULTS
        self.done: Counter[str] = Counter()
        self.address = ""
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def next(self) -> str:
        """What becomes of the next request."""
        with self._lock:
            faulty = self._random.random() < self.share
            fault = self._random.choice(self.only) if faulty else "none"
            self.done[fault] += 1
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: Faulty

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client has hung up
            self.close_connection = True

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.faulty.next()
        if fault in ("500", "503"):
            code = {"500": "InternalError", "503": "SlowDown"}[fault]
            self._answer(int(fault), [], _ERROR.format(code=code).encode())
            return
        if fault == "unheard":
            self._cut()
            return
        status, headers, content = self._asked(body)
        if fault == "late":
            time.sleep(self.faulty.delay)
        if fault in ("late", "cut"):
            self._cut()
            return
        self._answer(status, headers, content, whole=fault != "half")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = self.faulty.upstream
        connection = http.client.HTTPConnection(str(upstream.hostname), upstream.port)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, whole: bool = True
    ) -> None:
        given = {name.lower(): value for name, value in headers}
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        head = self.command == "HEAD"
        size = given.get("content-length", "0") if head else str(len(content))
        if status != 204:
            self.send_header("Content-Length", size)
        self.end_headers()
        if not head:
            self.wfile.write(content if whole else content[: len(content) // 2])
        if not whole:
            self._cut()

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news here."""


@contextmanager
def faulty(
    upstream: str, *, share: float = 0.1, seed: int = 0, delay: float = 2.0
) -> Iterator[Faulty]:
    """A proxy in front of the server at that address."""
    proxy = Faulty(upstream, share, seed, delay)
    handler = type("Handler", (_Handler,), {"faulty": proxy})
    server = _Server(("127.0.0.1", 0), handler)
    proxy.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
