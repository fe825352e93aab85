"""Stores: the files at remote addresses, by fsspec. What goes wrong there is told in our words."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from medallion.adapters.files.options import opened
from medallion.adapters.files.troubles import broke_off, no_bucket, trouble
from medallion.address import inside, protocol_of
from medallion.errors import MedallionError
from medallion.source import fixed_folder

T = TypeVar("T")

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store tells of a file. The tag is another for another content; "" if it has none."""

    bytes: int
    changed_ns: int
    tag: str


class Stores:
    """Files in stores, by their addresses. Safe to use from several threads, and after a fork.

    `options` are those of the addresses below a prefix; the longest prefix counts. `resolve` gives
    the text that an option means. Everything here raises StoreError where a store fails.
    """

    def __init__(
        self,
        options: Mapping[str, Mapping[str, Any]],
        resolve: Callable[[str], str] = str,
    ) -> None:
        self._options = options
        self._resolve = resolve
        self._open: dict[tuple[int, str, str], Any] = {}
        self._lock = threading.Lock()

    def at(self, address: str) -> Any:
        """The fsspec file system of an address.

        Raises:
            DefinitionError: it needs a library that is not installed, or has other options.
        """
        protocol = protocol_of(address)
        prefixes = [p for p in self._options if inside(address, p)]
        prefix = max(prefixes, key=len, default="")
        # A connection is of no use in a process that was forked from the one that made it.
        key = os.getpid(), protocol, prefix
        with self._lock:
            if key not in self._open:
                given = self._options.get(prefix, {})
                texts = {k: self._resolve(v) if isinstance(v, str) else v for k, v in given.items()}
                self._open[key] = opened(protocol, texts)
            return self._open[key]

    def entry(self, address: str) -> Entry | None:
        """What the store tells of a file; None where there is none."""
        found = self._asked(address, "read", lambda store: store.info(address))
        return _entry(found) if found and found["type"] == "file" else None

    def read(self, address: str) -> bytes | None:
        """The whole content of a file; None where there is none."""
        return self._asked(address, "read", lambda store: bytes(store.cat_file(address)))

    def read_range(self, address: str, start: int, end: int) -> bytes | None:
        """The bytes from `start` to before `end`, all of them; None where there is no file."""

        def ask(store: Any) -> bytes:
            content = bytes(store.cat_file(address, start=start, end=end))
            if len(content) != end - start:
                raise OSError(f"{end - start} bytes were asked for, and {len(content)} came")
            return content

        return self._asked(address, "read", ask)

    def write(self, address: str, content: bytes) -> None:
        """Make the bytes the file, in one step: nobody sees a part of them."""
        with told(address, "written"):
            self.at(address).pipe_file(address, content)

    def remove(self, address: str) -> None:
        """Remove a file, if it is there."""
        self._asked(address, "removed", lambda store: store.rm_file(address))

    def touch(self, address: str) -> bool:
        """Let a file count as written now; whether it is there."""
        # S3 copies a file onto itself only if something about it is new.
        more = {"MetadataDirective": "REPLACE"} if protocol_of(address) == "s3" else {}

        def ask(store: Any) -> bool:
            store.cp_file(address, address, **more)
            return True

        return self._asked(address, "used", ask) or False

    def listed(self, folder: str) -> dict[str, Entry]:
        """The files of a folder, and not those of the folders in it, in order."""
        found = self._asked(folder, "read", lambda store: store.ls(folder, detail=True))
        return dict(sorted(_named(self.at(folder), folder, found or ())))

    def matching(self, pattern: str) -> dict[str, Entry]:
        """The files whose addresses match a pattern, in order."""
        folder = fixed_folder(pattern)
        found = self._asked(pattern, "read", lambda store: store.glob(pattern, detail=True))
        if not found:
            self.listed(folder)  # that tells whether there is such a bucket
        return dict(sorted(_named(self.at(pattern), folder, (found or {}).values())))

    def _asked(self, address: str, what: str, ask: Callable[[Any], T]) -> T | None:
        """What a store answers; None where the file is not there.

        Its library sends a request again that was refused, cut off or not answered. An answer that
        broke off while it was read is asked for again here.
        """
        store = self.at(address)
        with told(address, what):
            for left in reversed(range(_ROUNDS)):
                try:
                    return ask(store)
                except FileNotFoundError as error:
                    if no_bucket(error):
                        raise
                    return None
                except Exception as error:
                    if not left or not broke_off(error):
                        raise
        raise AssertionError


@contextmanager
def told(address: str, what: str) -> Iterator[None]:
    """Whatever a store raises, as what it means for the address that was to be read or written."""
    try:
        yield
    except MedallionError:
        raise
    except Exception as error:
        raise trouble(address, what, error) from error


def _named(
    store: Any, folder: str, found: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, Entry]]:
    """The files among those found, by their addresses; a store names them in its own way."""
    root = len(store._strip_protocol(folder))
    for info in found:
        # Some tools put an empty file where a folder would be.
        if info["type"] == "file" and len(info["name"]) > root + 1 and info["name"][-1] != "/":
            yield f"{folder}{info['name'][root:]}", _entry(info)


def _entry(info: Mapping[str, Any]) -> Entry:
    tag = next((str(info[k]) for k in ("ETag", "etag") if info.get(k)), "")
    times = (info.get(k) for k in ("LastModified", "last_modified", "mtime", "updated", "created"))
    return Entry(info["size"], _nanoseconds(next((t for t in times if t), 0)), tag.strip('"'))


def _nanoseconds(time: Any) -> int:
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime):
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1_000_000) * 1000
    return int(time * 1_000_000) * 1000
