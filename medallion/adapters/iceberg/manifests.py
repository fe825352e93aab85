"""Manifests of a snapshot: which files they list, and which of them a change leaves as they are."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestContent, ManifestEntry, ManifestFile
from pyiceberg.table.snapshots import Snapshot


class Missing(Exception):
    """A file that was to be removed is none of the snapshot's."""


@dataclass(slots=True)
class Sorted:
    """What becomes of a snapshot's manifests: kept whole, or rewritten because files leave them.

    `touched` has the spec of each manifest to rewrite, the entries that stay and those that leave.
    `dropped` are files of deletes that go without a trace; `live` the paths of the data files.
    """

    whole: list[ManifestFile] = field(default_factory=list)
    touched: list[tuple[int, list[ManifestEntry], list[ManifestEntry]]] = field(
        default_factory=list
    )
    dropped: list[DataFile] = field(default_factory=list)
    live: set[str] = field(default_factory=set)


def sort_out(before: Snapshot | None, io: FileIO, new: Set[str], gone: Set[str] | None) -> Sorted:
    """What becomes of them when the files at the paths `gone`, or all, leave, but no `new` one.

    Raises:
        Missing: a path of `gone` is none of the snapshot's.
    """
    found = Sorted()
    for manifest in before.manifests(io) if before else ():
        if manifest.content == ManifestContent.DELETES:
            # What they delete is gone with all the files, or else still has to be deleted.
            if gone is None:
                found.dropped += (e.data_file for e in manifest.fetch_manifest_entry(io))
            else:
                found.whole.append(manifest)
            continue
        stay: list[ManifestEntry] = []
        leave: list[ManifestEntry] = []
        for entry in manifest.fetch_manifest_entry(io) if _lives(manifest) else ():
            path = local(entry.data_file.file_path)
            found.live.add(path)
            leaves = path not in new and (gone is None or path in gone)
            (leave if leaves else stay).append(entry)
        if leave:
            found.touched.append((manifest.partition_spec_id, stay, leave))
        elif stay:
            found.whole.append(manifest)
    if gone and (missing := gone - found.live):
        raise Missing(min(missing))
    return found


def _lives(manifest: ManifestFile) -> bool:
    return manifest.has_added_files() or manifest.has_existing_files()


def local(location: str) -> str:
    """The path of a file as our own words have it: without `file://`."""
    return location.removeprefix("file://")


def live_entries(snapshot: Snapshot, io: FileIO) -> Iterator[ManifestEntry]:
    """The files that a snapshot reads, those of deletes included."""
    for manifest in filter(_lives, snapshot.manifests(io)):
        yield from manifest.fetch_manifest_entry(io, discard_deleted=True)


def has_deletes(snapshot: Snapshot, io: FileIO) -> bool:
    """Whether rows of the snapshot's data files are deleted by further files."""
    return any(m.content == ManifestContent.DELETES for m in snapshot.manifests(io))
