"""Files: texts in memory. Nothing lands there."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from medallion.adapters.memory.lake import MemoryLake
from medallion.errors import SourceError
from medallion.source import Stamp


class MemoryFiles:
    """The `Files` port on a lake in memory."""

    def __init__(self, lake: MemoryLake) -> None:
        self._lake = lake
        self._texts: dict[str, str] = {}

    def landed(self, pattern: str) -> Mapping[str, Stamp]:  # noqa: ARG002  # nothing matches
        """None."""
        return {}

    def digest(self, pattern: str, name: str) -> str:
        """There is nothing to hash.

        Raises:
            SourceError: always.
        """
        raise SourceError(f"{name} of {pattern} cannot be read", hint="no files land in memory")

    def fetch(self, pattern: str, name: str, to: Path) -> None:
        """There is nothing to copy.

        Raises:
            SourceError: always.
        """
        raise SourceError(
            f"{name} of {pattern} cannot be copied to {to}", hint="no files land in memory"
        )

    def read(self, address: str) -> str | None:
        """A kept text; None where there is none."""
        return self._texts.get(address)

    def write(self, address: str, text: str, *, lasting: bool = True) -> None:  # noqa: ARG002
        """Keep a text, as long as the process lasts."""
        self._texts[address] = text

    def remove(self, addresses: Iterable[str]) -> None:
        """Forget texts, as far as they are there."""
        for address in addresses:
            self._texts.pop(address, None)

    def kept(self, folder: str) -> Mapping[str, Stamp]:
        """The addresses of the texts in a folder, as old as the process."""
        found = (a for a in self._texts if a.rpartition("/")[0] == folder)
        return {address: Stamp(len(self._texts[address]), 0) for address in sorted(found)}

    def use(self, address: str) -> str | None:
        """A kept text; None where there is none."""
        return self.read(address)

    def expire(self, address: str, before: float) -> str | None:
        """Forget a text; all are as old as the process."""
        return self._texts.pop(address, None) if before > 0 else None

    def hashes(self, paths: Iterable[str]) -> Mapping[str, str]:
        """The path of each of the files that are there: a file in memory never changes."""
        return {path: path for path in paths if self._lake.holds(path)}
