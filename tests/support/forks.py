"""A process that imports heavy libraries once. Each job is a fork of it; many may run at once."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).parents[1]
Job = dict[str, Any]


@dataclass(frozen=True)
class Fork:
    """A job under way."""

    pid: int
    _connection: socket.socket

    def wait(self) -> int:
        """The exit code of the job, or the number of the signal that ended it, negated."""
        with self._connection.makefile() as answer:
            return int(answer.readline())


@dataclass(frozen=True)
class Forks:
    """Where the process listens."""

    port: int

    @contextmanager
    def started(self, **job: Any) -> Iterator[Fork]:
        """A job, which has the variables of this process if "env" gives none."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(f"{json.dumps({'env': dict(os.environ), **job})}\n".encode())
            yield Fork(int(_line(connection)), connection)

    def run(self, **job: Any) -> int:
        """The exit code of a job, or the number of the signal that ended it, negated."""
        with self.started(**job) as fork:
            return fork.wait()


@contextmanager
def forking(name: str, *options: str) -> Iterator[Forks]:
    """The process of a script beside this one that calls `serve`, until the block ends."""
    path = os.pathsep.join([str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, *options, str(_TESTS / "support" / name)],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield Forks(int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


def serve(work: Callable[[Job], None]) -> None:
    """Fork for each job and do it there, until standard input ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=32) as door:
        print(door.getsockname()[1], flush=True)
        os.dup2(2, 1)  # nobody reads the first
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            connection, _ = door.accept()
            with connection:
                if _fork() == 0:
                    door.close()
                    _keep(connection, work)
                    return


def _keep(connection: socket.socket, work: Callable[[Job], None]) -> None:
    """Tell the process of the job, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    job = json.loads(_line(connection))
    pid = _fork()
    if pid == 0:
        connection.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(job["env"])
        work(job)
        return
    with suppress(OSError):  # who asked may have gone
        connection.sendall(f"{pid}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(f"{code}\n".encode())
    os._exit(0)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries have threads, which no job needs
        return os.fork()


def _line(connection: socket.socket) -> str:
    read = bytearray()
    while not read.endswith(b"\n"):
        some = connection.recv(65536)
        assert some, "the process that makes forks ended"
        read += some
    return read.decode()
