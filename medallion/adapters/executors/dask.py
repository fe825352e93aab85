"""The executor that works on a Dask cluster: one of its own, or one at an address."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from medallion.adapters.executors.processes import ATTEMPTS, lost
from medallion.adapters.executors.remote import Reply, worked
from medallion.adapters.executors.room import Room
from medallion.adapters.executors.work import opened, packed
from medallion.errors import DefinitionError, InfrastructureError, LostWorkerError
from medallion.resources import NOTHING, Resources

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

_ANSWERS_S = 10  # a scheduler that is there
_WORKERS_S = 30  # until it has a worker
_CONFIG = {
    # A call that waits behind one that kills its worker would be blamed as well.
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
}


class DaskExecutor:
    """The `Executor` port for Dask. The cluster is made or met at the first call.

    Without an address it has so many worker processes on this machine, and what all calls declare
    together stays within `memory`, in bytes, and the machine's cores; its own files are below
    `folder`. At an address the workers
    say what they have: `dask worker ADDRESS --resources "cpu=4 memory=16e9"`.
    """

    def __init__(
        self, address: str = "", workers: int = 2, memory: int = 0, folder: Path | None = None
    ) -> None:
        self._address = address
        self._folder = folder
        self._workers = workers
        self._room = Room() if address else Room(memory, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._client: Client | None = None
        self._closed = False

    def call(self, fn: Callable[..., T], /, *args: Any, needs: Resources = NOTHING) -> T:
        """Do the call in one of the workers. What it prints comes when it has ended."""
        client = self._connected()
        request = packed(fn, args, here=not self._address)
        resources = _asked(client, needs) if self._address else None
        with self._room.taken(needs):
            reply = _answer(client, request, needs.timeout, resources)
        sys.stdout.writelines(f"{line}\n" for line in reply.printed)
        return cast(T, opened(reply.end))

    def close(self) -> None:
        """Leave the cluster; end it if it is this executor's own."""
        with self._lock:
            self._closed = True
            self._held.close()

    def _connected(self) -> "Client":
        with self._lock:
            if self._closed:
                raise LostWorkerError("the executor is closed")
            if self._client is None:
                self._client = self._reached() if self._address else self._made()
            return self._client

    def _made(self) -> "Client":
        """A client of a cluster of our own."""
        dask, distributed = _libraries()
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
        folder = self._held.enter_context(
            tempfile.TemporaryDirectory(
                prefix="dask-", dir=self._folder, ignore_cleanup_errors=True
            )
        )
        try:
            with dask.config.set(_CONFIG):
                cluster = distributed.LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",  # None means port 8787, open to all
                    memory_limit=0,  # Dask would stop giving work to one that uses much of it
                    local_directory=folder,
                    silence_logs="CRITICAL",
                )
        except RuntimeError as error:
            raise InfrastructureError(
                f"Dask's workers do not start: {error}",
                hint='a script that Dask can run has `if __name__ == "__main__":`',
            ) from error
        self._held.callback(cluster.close)
        client = distributed.Client(cluster, set_as_default=False)
        self._held.callback(client.close)
        return cast("Client", client)

    def _reached(self) -> "Client":
        """A client of the cluster at the address."""
        _, distributed = _libraries()
        try:
            # A client that refuses its address takes 20 s to be gone.
            distributed.comm.get_address_host(self._address)
            client = distributed.Client(self._address, timeout=_ANSWERS_S, set_as_default=False)
            self._held.callback(client.close)
            client.wait_for_workers(1, timeout=_WORKERS_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise InfrastructureError(
                f"no Dask scheduler with a worker answers at {self._address}: {error}",
                hint="start `dask scheduler` and `dask worker`, or correct the address",
            ) from error
        return cast("Client", client)


def _libraries() -> tuple[Any, Any]:
    try:
        import dask
        import distributed
    except ImportError as error:
        raise DefinitionError(
            f"Dask cannot be imported: {error}", hint="pip install 'medallion[dask]'"
        ) from error
    return dask, distributed


def _asked(client: "Client", needs: Resources) -> Mapping[str, float] | None:
    """What a worker must have declared. A call that no worker fits would wait for ever."""
    asked = {"cpu": needs.cpu, "memory": needs.memory}
    asked = {name: amount for name, amount in asked.items() if amount}
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if any(all(w["resources"].get(n, 0) >= asked[n] for n in asked) for w in workers):
        return asked or None
    told = " ".join(f"{name}={amount:g}" for name, amount in asked.items())
    raise DefinitionError(
        f"no Dask worker declares {told}",
        hint=f'start one with `dask worker ADDRESS --nthreads 1 --resources "{told}"`',
    )


def _answer(
    client: "Client",
    request: bytes,
    timeout: float,
    resources: Mapping[str, float] | None,
) -> Reply:
    from distributed import KilledWorker

    try:
        # Equal calls are two calls: `pure` would do them once.
        future = client.submit(worked, request, timeout, pure=False, resources=resources)
        return future.result()
    except KilledWorker as error:
        raise lost("its worker was lost", error.allowed_failures + 1) from error
    except (CancelledError, OSError, RuntimeError) as error:
        raise LostWorkerError(f"the Dask cluster is gone: {error}") from error
