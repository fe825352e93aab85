"""Files in a store."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from medallion.adapters.files.fetching import (
    address_of,
    digest,
    fetch,
    hashed,
    name_of,
    web_page,
)
from medallion.adapters.files.stores import Entry, Stores, told
from medallion.address import is_web
from medallion.errors import SourceError, StoreError
from medallion.source import Stamp, fixed_folder

_AT_ONCE = 16


class RemoteFiles:
    """The `Files` port on stores. A text is written in one step, and lasts when it is written."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def landed(self, pattern: str) -> Mapping[str, Stamp]:
        """The files that match a pattern, by their names below its folder, in order.

        Raises:
            SourceError: the store does not tell.
        """
        if is_web(pattern):
            return web_page(self._stores.at(pattern), pattern)
        start = len(fixed_folder(pattern)) + 1
        try:
            found = self._stores.matching(pattern)
        except StoreError as error:
            raise _source(error) from error
        named = {address[start:]: _stamp(entry) for address, entry in found.items()}
        return {n: stamp for n, stamp in named.items() if not f"/{n}".count("/.")}

    def digest(self, pattern: str, name: str) -> str:
        """A hash of the content of a landed file.

        It is the store's own tag with the size where it has one: that of S3 may be another for the
        same content, if it was sent in other parts. Else it is the SHA-256 of the content.

        Raises:
            SourceError: it cannot be read.
        """
        address = address_of(pattern, name)
        if is_web(pattern):
            return digest(self._stores.at(pattern), address)
        try:
            found = self._hash(address)
        except StoreError as error:
            raise _source(error) from error
        if found is None:
            raise SourceError(f"{address} cannot be read: it is gone", hint="land it again")
        return found

    def fetch(self, pattern: str, name: str, to: Path) -> None:
        """Copy a landed file to a path of this machine, piece by piece: all of it, or nothing.

        Raises:
            SourceError: it is gone, cannot be read, did not come whole, or changed meanwhile.
        """
        address = address_of(pattern, name)
        fetch(self._stores.at(pattern), address, name, to, lambda: self._listed(pattern, address))

    def _listed(self, pattern: str, address: str) -> Stamp | None:
        if is_web(pattern):
            return self.landed(pattern).get(name_of(pattern))
        try:
            entry = self._stores.entry(address)
        except StoreError as error:
            raise _source(error) from error
        return _stamp(entry) if entry else None

    def read(self, address: str) -> str | None:
        """A kept text; None where there is none.

        Raises:
            StoreError: there is a file that cannot be read, or is no text.
        """
        content = self._stores.read(address)
        try:
            return None if content is None else content.decode()
        except ValueError as error:
            raise StoreError(
                f"{address} cannot be read: it is no text", hint="remove it"
            ) from error

    def write(self, address: str, text: str, *, lasting: bool = True) -> None:  # noqa: ARG002
        """Keep a text: all of it, or what was there before.

        Raises:
            StoreError: it cannot be kept.
        """
        try:
            content = text.encode()
        except ValueError as error:
            raise StoreError(f"{address} cannot be written: it is no text") from error
        self._stores.write(address, content)

    def remove(self, addresses: Iterable[str]) -> None:
        """Forget texts, as far as they are there.

        Raises:
            StoreError: one is there and cannot be removed.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._stores.remove, addresses))

    def kept(self, folder: str) -> Mapping[str, Stamp]:
        """The addresses of what is kept in a folder, and when each was last written or used.

        Raises:
            StoreError: the folder cannot be looked at.
        """
        return {a: _stamp(entry) for a, entry in self._stores.listed(folder).items()}

    def use(self, address: str) -> str | None:
        """A kept text that counts as used now; None where there is none.

        It is copied onto itself, so that its time is new.

        Raises:
            StoreError: there is a file that cannot be read, or is no text.
        """
        text = self.read(address)
        return text if text is not None and self._stores.touch(address) else None

    def expire(self, address: str, before: float) -> str | None:
        """Forget a text that was last used before that time; what it was.

        Its time is looked at again right before. Stores cannot move a file aside in one step: who
        uses the text between that look and the end of this call gets it, although it goes. So who
        uses a text must look whether what it names is there, as who finds a result does.

        Raises:
            StoreError: it is there and cannot be removed.
        """
        text = self.read(address)
        entry = self._stores.entry(address)
        if text is None or entry is None or entry.changed_ns >= before * 1e9:
            return None
        self._stores.remove(address)
        return text

    def hashes(self, paths: Iterable[str]) -> Mapping[str, str]:
        """A hash of each of the files, of those that are there; as `digest` makes it.

        Raises:
            StoreError: one of them cannot be read.
        """
        wanted = list(paths)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = zip(wanted, pool.map(self._hash, wanted), strict=True)
            return {path: hash for path, hash in found if hash}

    def _hash(self, address: str) -> str | None:
        entry = self._stores.entry(address)
        if entry is None:
            return None
        if entry.tag:
            return f"{entry.tag}:{entry.bytes}"
        with told(address, "read"):
            return hashed(self._stores.at(address), address)


def _stamp(entry: Entry) -> Stamp:
    return Stamp(entry.bytes, entry.changed_ns)


def _source(error: StoreError) -> SourceError:
    return SourceError(error.message, hint=error.hint)
