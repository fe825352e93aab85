"""View: the files of a store as DuckDB and Arrow ask for them.

The files are those of tables. Each has a name of its own, is written once and never changes, so
what was once told of it is not asked again.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from fsspec.spec import AbstractFileSystem

from medallion.adapters.files.stores import Entry, Stores, told
from medallion.errors import StoreError

_REMEMBERED = 100_000


class View(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The stores of one protocol as one file system, whichever of them an address is in."""

    cachable = False

    def __init__(self, stores: Stores, protocol: str) -> None:
        super().__init__()
        self.protocol = protocol
        self._stores = stores
        self._entries: dict[str, Entry] = {}
        self._begun: dict[str, _Writing] = {}
        self._lock = threading.Lock()

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        """The bytes of a file to read, or a file to write that is there when it is closed."""
        address = self._address(path)
        if mode == "wb":
            writing = _Writing(self._stores.at(address), address)
            with self._lock:
                self._begun[address] = writing
            return writing
        return _Reading(self._stores, address, self._entry(address).bytes)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What fsspec tells of a file."""
        entry = self._entry(self._address(path))
        changed = entry.changed_ns / 1e9
        return {"name": path, "type": "file", "size": entry.bytes, "mtime": changed}

    def size(self, path: str) -> int:
        """The number of bytes."""
        return self._entry(self._address(path)).bytes

    def modified(self, path: str) -> datetime:
        """When the file was written."""
        entry = self._entry(self._address(path))
        return datetime.fromtimestamp(entry.changed_ns / 1e9, UTC)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The addresses that match; one without a wildcard is taken for there."""
        if not any(sign in path for sign in "*?["):
            return [path]
        return list(self._stores.matching(self._address(path)))

    def isfile(self, path: str) -> bool:
        """Whether it is a file that was read or begun here; a new one has a new name."""
        with self._lock:
            address = self._address(path)
            return address in self._entries or address in self._begun

    def isdir(self, path: str) -> bool:
        """Whether files may be put below it. A store has no folders that must be made."""
        return not path.endswith(".parquet")

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Nothing: a store has no folders."""

    def rm(self, path: str, *_: Any, **__: Any) -> None:
        """Remove a file."""
        address = self._address(path)
        with self._lock:
            self._entries.pop(address, None)
            writing = self._begun.pop(address, None)
        if writing:
            writing.abandon()  # it may be closed later, and would be there again
        self._stores.remove(address)

    def _address(self, path: str) -> str:
        # DuckDB takes a path for one inside of a folder by how it begins.
        if not {"..", "."}.isdisjoint(path.split("/")):
            raise StoreError(f"{path} cannot be read: it leaves its folder", hint="write it out")
        return path if "://" in path else f"{self.protocol}://{path}"

    def _entry(self, address: str) -> Entry:
        with self._lock:
            known = self._entries.get(address)
        if known:
            return known
        with told(address, "read"):
            entry = self._stores.entry(address)
            if entry is None:
                raise FileNotFoundError(address)
        with self._lock:
            if len(self._entries) >= _REMEMBERED:
                self._entries.clear()
            self._entries[address] = entry
        return entry


class _Reading(io.RawIOBase):
    """A file to read: what is asked for is fetched, no more and no less."""

    def __init__(self, stores: Stores, address: str, size: int) -> None:
        self._stores = stores
        self._address = address
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._place + size, self._size)
        if end <= self._place:
            return b""
        with told(self._address, "read"):
            content = self._stores.read_range(self._address, self._place, end)
            if content is None:
                raise FileNotFoundError(self._address)
        self._place = end
        return content

    def readinto(self, buffer: Any) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


class _Writing(io.RawIOBase):
    """A file to write. It is there when it is closed; one that could not be sent whole never is."""

    def __init__(self, store: Any, address: str) -> None:
        self._address = address
        self._given_up = False
        self._taken = 0
        self._lock = threading.RLock()
        with told(address, "written"):
            self._file = store.open(address, "wb")

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        with self._sent():
            self._file.write(content)
        size = memoryview(content).nbytes
        self._taken += size
        return size

    def tell(self) -> int:
        return self._taken

    def close(self) -> None:
        with self._lock:
            if self.closed:
                return
            try:
                if not self._given_up:
                    with self._sent():
                        self._file.close()
            finally:
                super().close()

    def abandon(self) -> None:
        """Never become a file, unless it is one already."""
        with self._lock:
            if not self.closed and not self._given_up:
                self._give_up()
                with suppress(Exception):  # parts that were sent are the store's to remove then
                    self._file.discard()

    @contextmanager
    def _sent(self) -> Iterator[None]:
        try:
            with told(self._address, "written"):
                yield
        except StoreError:
            self._give_up()
            raise

    def _give_up(self) -> None:
        self._given_up = True
        # fsspec would send the rest when the file is collected, as if it were all.
        with suppress(AttributeError):
            self._file.closed = True
