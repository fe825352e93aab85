"""Sweep: remove kept results that nobody has used for long, and the files that only they name."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from medallion.graph import Graph
from medallion.names import TableName
from medallion.ports import Files, Ports
from medallion.result import files_of, read_result
from medallion.tables import Table


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed: how many results, and how many files of how many bytes."""

    results: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(
            self.results + other.results, self.files + other.files, self.bytes + other.bytes
        )


def sweep(
    files: Files, location: str, before: float, used: Set[str] | None = None, *, dry: bool = False
) -> Swept:
    """Remove the results below a location that were last used before that time.

    `used` are the paths of files that a table's snapshots need. Without it the location is that of
    a helper task: its files are there for its results alone. A `dry` sweep only counts.
    """
    folder = f"{location}/results"
    texts = {address: files.read(address) or "" for address in files.kept(folder)}
    old = expired(files, folder, before, dry=dry)
    sizes = {path: size for text in old.values() for path, size in _sizes(text).items()}
    if used is None:  # those of a process that was killed before it kept its result
        data = files.kept(f"{location}/data")
        sizes |= {path: s.bytes for path, s in data.items() if s.changed_ns < before * 1e9}
    spared = {path for a, text in texts.items() if a not in old for path in _sizes(text)}
    gone = {path: size for path, size in sizes.items() if path not in spared | (used or set())}
    if not dry:
        files.remove(gone)
    return Swept(len(old), len(gone), sum(gone.values()))


def sweep_all(
    ports: Ports, graph: Graph, tables: Mapping[TableName, Table], before: float, *, dry: bool
) -> Swept:
    """Sweep the results of all models and tasks."""
    swept = Swept()
    for node in graph:
        used = None
        if not node.name.is_task:
            # What a result put aside is in another table.
            both = [tables[n] for n in (node.name, node.name.aside) if n and n in tables]
            frames = [ports.store.frame(t, s) for t in both for s in t.snapshots]
            used = {file.path for frame in frames for file in frame.files}
        swept += sweep(ports.files, ports.catalog.location(node.name), before, used, dry=dry)
    return swept


def expired(files: Files, folder: str, before: float, *, dry: bool = False) -> Mapping[str, str]:
    """The texts in a folder that were last used before that time; they are gone, unless `dry`."""
    found = files.kept(folder)
    old = [address for address, stamp in found.items() if stamp.changed_ns < before * 1e9]
    taken = {a: files.read(a) if dry else files.expire(a, before) for a in old}
    # One that was used a moment ago stays.
    return {address: text for address, text in taken.items() if text is not None}


def _sizes(text: str) -> Mapping[str, int]:
    try:
        return {f.path: f.bytes for f in files_of(read_result(text))}
    except ValueError:  # one that a power cut took: nothing says what it was
        return {}
