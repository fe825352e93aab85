"""Once: files that are written once and never change, read once by a process."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from medallion.adapters.files.stores import Stores

_KEPT_BYTES = 64 << 20
_AT_ONCE = 16


class Once:
    """Small files of stores, such as the metadata of tables. Safe to use from several threads."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, address: str) -> bytes | None:
        """The content of a file; None where there is none.

        Raises:
            StoreError: it cannot be read.
        """
        with self._lock:
            if address in self._kept:
                self._kept.move_to_end(address)
                return self._kept[address]
        content = self._stores.read(address)
        if content is not None:
            self._keep(address, content)
        return content

    def fetch(self, addresses: Iterable[str]) -> None:
        """Read several files at a time, so that each of them is at hand when it is asked for.

        Raises:
            StoreError: one of them cannot be read.
        """
        with self._lock:
            wanted = sorted(set(addresses) - self._kept.keys())
        if wanted[1:]:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(self.read, wanted))

    def size(self, address: str) -> int | None:
        """How many bytes any file has now, as the store tells; None where there is none.

        Raises:
            StoreError: the store does not tell.
        """
        entry = self._stores.entry(address)
        return entry.bytes if entry else None

    def write(self, address: str, content: bytes) -> None:
        """Make the bytes the file, in one step.

        Raises:
            StoreError: it cannot be written.
        """
        self._stores.write(address, content)
        self._keep(address, content)

    def remove(self, address: str) -> None:
        """Remove a file, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        with self._lock:
            self._bytes -= len(self._kept.pop(address, b""))
        self._stores.remove(address)

    def _keep(self, address: str, content: bytes) -> None:
        with self._lock:
            self._bytes += len(content) - len(self._kept.pop(address, b""))
            self._kept[address] = content
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
