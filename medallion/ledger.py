"""Ledger: which landed files a table was built from, and how they looked then."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from medallion.source import Stamp
from medallion.window import Window


def entry_name(window: Window | None, name: str) -> str:
    """The name of a landed file's entry: names of different windows may be the same."""
    return f"{window}/{name}" if window else name


def home(entry: str) -> tuple[str, str]:
    """The window, as text, and the name of a file that landed for a window."""
    window, _, name = entry.partition("/")
    return window, name


@dataclass(frozen=True, slots=True)
class Entry:
    """A landed file as it was taken: how it looked, and a hash of what was in it."""

    stamp: Stamp
    digest: str


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What landed since: `new` files, those that have other content `again`, those now `gone`.

    `entries` are the files that are there, as the next ledger lists them; `touched` says that some
    have the same content and another time.
    """

    new: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    entries: Mapping[str, Entry] = field(default_factory=dict)
    touched: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """Entries by the name of the file below its pattern's folder."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def arrivals(self, landed: Mapping[str, Stamp], digest: Callable[[str], str]) -> Arrivals:
        """What landed since the ledger was written. A file is hashed if its stamp is another."""
        entries = {
            name: known
            if (known := self.entries.get(name)) and known.stamp == stamp
            else Entry(stamp, digest(name))
            for name, stamp in landed.items()
        }
        before = self.entries
        there = {n: e for n, e in entries.items() if n in before}
        other = {n: e.digest != before[n].digest for n, e in there.items() if e != before[n]}
        return Arrivals(
            new=tuple(n for n in entries if n not in there),
            again=tuple(n for n, changed in other.items() if changed),
            gone=tuple(n for n in before if n not in there),
            entries=entries,
            touched=not all(other.values()),
        )

    def to_text(self) -> str:
        """The ledger as text, one file a line."""
        rows = [
            [name, e.stamp.bytes, e.stamp.changed_ns, e.digest] for name, e in self.entries.items()
        ]
        return "\n".join(json.dumps(row) for row in rows)

    @classmethod
    def from_text(cls, text: str) -> "Ledger":
        """The inverse; a `ValueError` for another text."""
        rows = [json.loads(line) for line in text.splitlines()]
        return cls({name: Entry(Stamp(size, at), digest) for name, size, at, digest in rows})
