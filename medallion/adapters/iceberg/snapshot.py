"""Write one snapshot: manifests, manifest list, summary. Nothing is committed here."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import (
    Operation,
    Snapshot,
    SnapshotSummaryCollector,
    Summary,
    update_snapshot_summaries,
)


def replace_all(
    metadata: TableMetadata,
    io: FileIO,
    parent: int | None,
    files: Sequence[DataFile],
    summary: Mapping[str, str],
) -> Snapshot:
    """A snapshot after `parent` whose rows are those of `files` and no others.

    `metadata` names the schema and the spec that the files were written with as its current ones.
    """
    before = metadata.snapshot_by_id(parent) if parent is not None else None
    # Files of deletes are left out without a trace: what they delete is gone too.
    removed = [
        e
        for e in (live_entries(before, io) if before else ())
        if e.data_file.content == DataFileContent.DATA
    ]
    writer = _Writer(metadata, io)
    manifests = (
        [writer.manifest(metadata.spec(), [writer.added(f) for f in files])] if files else []
    )
    for spec_id in sorted({e.data_file.spec_id for e in removed}):
        gone = [writer.deleted(e) for e in removed if e.data_file.spec_id == spec_id]
        manifests.append(writer.manifest(metadata.specs()[spec_id], gone))
    operation = Operation.OVERWRITE if removed else Operation.APPEND
    described = _summary(metadata, files, [e.data_file for e in removed])
    return writer.snapshot(
        parent,
        manifests,
        update_snapshot_summaries(
            Summary(operation=operation, **described, **summary),
            before.summary if before else None,
        ),
    )


def live_entries(snapshot: Snapshot, io: FileIO) -> Iterator[ManifestEntry]:
    """The files that a snapshot reads, those of deletes included."""
    for manifest in snapshot.manifests(io):
        yield from manifest.fetch_manifest_entry(io, discard_deleted=True)


def has_deletes(snapshot: Snapshot, io: FileIO) -> bool:
    """Whether rows of the snapshot's data files are deleted by further files."""
    return any(m.content == ManifestContent.DELETES for m in snapshot.manifests(io))


class _Writer:
    """Writes the manifests of one new snapshot."""

    def __init__(self, metadata: TableMetadata, io: FileIO) -> None:
        self._metadata = metadata
        self._io = io
        self._id = metadata.new_snapshot_id()
        self._name = uuid.uuid4()
        self._numbers = count()

    def added(self, file: DataFile) -> ManifestEntry:
        return ManifestEntry.from_args(
            status=ManifestEntryStatus.ADDED,
            snapshot_id=self._id,
            sequence_number=None,
            file_sequence_number=None,
            data_file=file,
        )

    def deleted(self, entry: ManifestEntry) -> ManifestEntry:
        return ManifestEntry.from_args(
            status=ManifestEntryStatus.DELETED,
            snapshot_id=self._id,
            sequence_number=entry.sequence_number,
            file_sequence_number=entry.file_sequence_number,
            data_file=entry.data_file,
        )

    def manifest(self, spec: PartitionSpec, entries: Iterable[ManifestEntry]) -> ManifestFile:
        path = f"{self._metadata.location}/metadata/{self._name}-m{next(self._numbers)}.avro"
        with write_manifest(
            format_version=self._metadata.format_version,
            spec=spec,
            schema=self._metadata.schema(),
            output_file=self._io.new_output(path),
            snapshot_id=self._id,
            avro_compression="deflate",
        ) as writer:
            for entry in entries:
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def snapshot(
        self, parent: int | None, manifests: list[ManifestFile], summary: Summary
    ) -> Snapshot:
        path = f"{self._metadata.location}/metadata/snap-{self._id}-0-{self._name}.avro"
        sequence = self._metadata.next_sequence_number()
        with write_manifest_list(
            format_version=self._metadata.format_version,
            output_file=self._io.new_output(path),
            snapshot_id=self._id,
            parent_snapshot_id=parent,
            sequence_number=sequence,
            avro_compression="deflate",
        ) as writer:
            writer.add_manifests(manifests)
        return Snapshot(
            snapshot_id=self._id,
            parent_snapshot_id=parent,
            manifest_list=path,
            sequence_number=sequence,
            summary=summary,
            schema_id=self._metadata.current_schema_id,
        )


def _summary(
    metadata: TableMetadata,
    added: Iterable[DataFile],
    removed: Iterable[DataFile],
) -> dict[str, str]:
    collector = SnapshotSummaryCollector()
    for file in added:
        collector.add_file(file, metadata.schema(), metadata.spec())
    for file in removed:
        collector.remove_file(file, metadata.schema(), metadata.specs()[file.spec_id])
    return collector.build()
