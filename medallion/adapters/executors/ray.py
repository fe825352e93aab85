"""The executor that works on a Ray cluster: one of its own, or one at an address."""

import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from math import ceil
from typing import Any, TypeVar, cast

from medallion.adapters.executors.processes import ATTEMPTS, lost
from medallion.adapters.executors.remote import Reply, worked
from medallion.adapters.executors.work import name_of, opened, packed
from medallion.errors import DefinitionError, InfrastructureError, LostWorkerError
from medallion.resources import NOTHING, Resources

T = TypeVar("T")

_ENDS_S = 5
_ANSWERS_S = 30
_STORE_BYTES = 150 * 2**20  # what passes are calls and descriptions of files, and no rows
_TOKEN = secrets.token_hex(32)  # Ray reads it once in a process


class RayExecutor:
    """The `Executor` port for Ray. The cluster is made or met at the first call.

    Without an address it has so many workers on this machine; a call that needs more than there is
    gets all. Where the program is connected to Ray already, that cluster is used and left alone.
    """

    def __init__(self, address: str = "", workers: int = 2) -> None:
        self._address = address
        self._workers = workers
        self._here = False
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._task: Any = None
        self._pids = set[int]()
        self._closed = False

    def call(self, fn: Callable[..., T], /, *args: Any, needs: Resources = NOTHING) -> T:
        """Do the call in one of the workers. What it prints comes when it has ended."""
        task = self._connected()
        request = packed(fn, args, here=self._here)
        given = task.options(name=name_of(fn), **_options(needs, cut=self._here))
        owner = os.getpid() if self._here else 0
        reply = _answer(given, request, needs.timeout, owner)
        self._pids |= set(reply.pids)
        sys.stdout.writelines(f"{line}\n" for line in reply.printed)
        return cast(T, opened(reply.end))

    def close(self) -> None:
        """Leave the cluster; end it if it is this executor's own."""
        with self._lock:
            self._closed = True
            self._held.close()

    def _connected(self) -> Any:
        with self._lock:
            if self._closed:
                raise LostWorkerError("the executor is closed")
            if self._task is None:
                ray = _library()
                if not ray.is_initialized():
                    self._reach(ray) if self._address else self._make(ray)
                self._task = ray.remote(max_retries=ATTEMPTS - 1)(worked)
            return self._task

    def _make(self, ray: Any) -> None:
        """Start a cluster of our own."""
        folder = self._held.enter_context(
            tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
        )
        _lock_out_others(self._held)
        self._here = True
        # What Ray starts ends with the thread that started it: a run's threads come and go.
        lasting = self._held.enter_context(ThreadPoolExecutor(1, "ray"))
        self._held.callback(lambda: _await_end(self._pids))
        self._held.callback(ray.shutdown)
        lasting.submit(
            ray.init,
            address="local",
            num_cpus=self._workers,
            include_dashboard=False,
            object_store_memory=_STORE_BYTES,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=folder,
            _system_config={"task_oom_retries": ATTEMPTS - 1},
        ).result()

    def _reach(self, ray: Any) -> None:
        """Connect to the cluster at the address."""
        host, _, port = self._address.rpartition("://")[2].rpartition(":")
        try:
            if port.isdigit():  # Ray itself would try for minutes
                socket.create_connection((host, int(port)), _ANSWERS_S).close()
            ray.init(address=self._address, log_to_driver=False, logging_level="ERROR")
        except (OSError, RuntimeError, ValueError) as error:
            raise InfrastructureError(
                f"no Ray cluster answers at {self._address}: {error}",
                hint="start one with `ray start --head`, or correct the address",
            ) from error
        self._held.callback(ray.shutdown)


def _library() -> Any:
    """Ray, told to send nobody statistics."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise DefinitionError(
            f"Ray cannot be imported: {error}", hint="pip install 'medallion[ray]'"
        ) from error
    return ray


def _lock_out_others(held: ExitStack) -> None:
    """A token for the cluster to be started: it listens to all that reach this machine.

    Ray's own would be kept in the home folder, and be the same for all clusters.
    """
    names = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE")
    if not any(name in os.environ for name in names):
        os.environ["RAY_AUTH_TOKEN"] = _TOKEN
        for name in names:
            held.callback(os.environ.pop, name, None)


def _await_end(pids: Iterable[int]) -> None:
    """Ray does not wait for its workers, and what they spilled can go only after them."""
    ends = time.monotonic() + _ENDS_S
    for pid in pids:
        with suppress(ProcessLookupError):
            while time.monotonic() < ends:
                os.kill(pid, 0)
                time.sleep(0.02)


def _options(needs: Resources, *, cut: bool) -> dict[str, float]:
    """What Ray is asked for. It takes whole cores above one, and never starts what fits no node."""
    ray = _library()
    asked: dict[str, float] = {"CPU": needs.cpu if 0 < needs.cpu <= 1 else ceil(needs.cpu) or 1}
    if needs.memory:
        asked["memory"] = needs.memory
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if cut:
        asked = {n: min(amount, nodes[0].get(n, 0)) for n, amount in asked.items()}
    elif not any(all(node.get(n, 0) >= asked[n] for n in asked) for node in nodes):
        told = " ".join(f"{name}={amount:g}" for name, amount in asked.items())
        raise DefinitionError(
            f"no node of the Ray cluster has {told}", hint="start a larger one, or ask for less"
        )
    return {"num_cpus" if n == "CPU" else n: amount for n, amount in asked.items()}


def _answer(task: Any, request: bytes, timeout: float, owner: int) -> Reply:
    import ray
    from ray.exceptions import OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError

    try:
        return cast(Reply, ray.get(task.remote(request, timeout, owner)))
    except RayTaskError as error:
        raise DefinitionError(
            f"a Ray worker cannot do calls: {error.cause}",
            hint="install medallion where the workers are",
        ) from error
    except (OutOfMemoryError, WorkerCrashedError) as error:
        raise lost("its worker was lost", ATTEMPTS) from error
    except RayError as error:
        raise lost(f"the Ray cluster lost it: {error}", 1) from error
