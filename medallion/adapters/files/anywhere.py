"""Files of this machine and of stores, side by side."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from medallion.address import is_remote
from medallion.ports import Files
from medallion.source import Stamp


class AnyFiles:
    """The `Files` port: each address is looked after by the one of two whose it is."""

    def __init__(self, local: Files, remote: Files) -> None:
        self._local = local
        self._remote = remote

    def landed(self, pattern: str) -> Mapping[str, Stamp]:
        """The files that match a pattern, by their names below its folder, in order."""
        return self._of(pattern).landed(pattern)

    def digest(self, pattern: str, name: str) -> str:
        """A hash of the content of a landed file."""
        return self._of(pattern).digest(pattern, name)

    def fetch(self, pattern: str, name: str, to: Path) -> None:
        """Copy a landed file to a path of this machine: all of it, or nothing."""
        self._of(pattern).fetch(pattern, name, to)

    def read(self, address: str) -> str | None:
        """A kept text; None where there is none."""
        return self._of(address).read(address)

    def write(self, address: str, text: str, *, lasting: bool = True) -> None:
        """Keep a text: all of it or, after a crash, nothing."""
        self._of(address).write(address, text, lasting=lasting)

    def remove(self, addresses: Iterable[str]) -> None:
        """Forget texts, as far as they are there."""
        for files, some in self._shared_out(addresses):
            files.remove(some)

    def kept(self, folder: str) -> Mapping[str, Stamp]:
        """The addresses of what is kept in a folder, and when each was last written or used."""
        return self._of(folder).kept(folder)

    def use(self, address: str) -> str | None:
        """A kept text that counts as used now."""
        return self._of(address).use(address)

    def expire(self, address: str, before: float) -> str | None:
        """Forget a text that was last used before that time; what it was."""
        return self._of(address).expire(address, before)

    def hashes(self, paths: Iterable[str]) -> Mapping[str, str]:
        """A hash of the content of each of the files, of those that are there."""
        given = list(paths)
        found: dict[str, str] = {}
        for files, some in self._shared_out(given):
            found |= files.hashes(some)
        return {path: found[path] for path in given if path in found}

    def _shared_out(self, addresses: Iterable[str]) -> Iterator[tuple[Files, list[str]]]:
        shares: dict[bool, list[str]] = {}
        for address in addresses:
            shares.setdefault(is_remote(address), []).append(address)
        for some in shares.values():
            yield self._of(some[0]), some

    def _of(self, address: str) -> Files:
        return self._remote if is_remote(address) else self._local
