"""Write one snapshot: manifests, manifest list, summary. Nothing is committed here."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, islice

from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import (
    CHANGED_PARTITION_COUNT_PROP,
    Operation,
    Snapshot,
    Summary,
    UpdateMetrics,
    update_snapshot_summaries,
)

from medallion.adapters.iceberg.manifests import Sorted, local, sort_out

# A commit reads all manifests and rewrites those that lose a file: few, and none of them large.
_FULL = 1000  # entries
_MANY = 50  # manifests that are not full


def replaced(
    metadata: TableMetadata,
    io: FileIO,
    parent: int | None,
    files: Sequence[DataFile],
    gone: frozenset[str] | None,
    summary: Mapping[str, str],
    *,
    appends: bool = False,
) -> Snapshot:
    """A snapshot after `parent` with `files` in place of those at the paths `gone`, or of all.

    A file that is there already and comes again stays as it is. `metadata` names the schema and the
    spec that the files were written with as its current ones. `appends` says that all files are new
    and none is gone: then the manifests of the parent are not read.

    Raises:
        Missing: a path of `gone` is none of the parent's.
    """
    before = metadata.snapshot_by_id(parent) if parent is not None else None
    if appends:
        base = Sorted(before.manifests(io) if before else [])
    else:
        base = sort_out(before, io, {local(f.file_path) for f in files}, gone)
    added = [f for f in files if local(f.file_path) not in base.live]
    writer = _Writer(metadata, io)
    manifests = writer.manifests(metadata.default_spec_id, map(writer.added, added))
    for spec_id, stay, leave in base.touched:
        entries = (*map(writer.existing, stay), *map(writer.deleted, leave))
        manifests += writer.manifests(spec_id, entries)
    manifests += _few(base.whole, writer, metadata.default_spec_id, io)
    removed = [
        *base.dropped,
        *(e.data_file for _, _, leave in base.touched for e in leave),
    ]
    described = Summary(operation=_operation(added, removed), **_counts(added, removed), **summary)
    totals = update_snapshot_summaries(described, before.summary if before else None)
    return writer.snapshot(parent, manifests, totals)


def copied(metadata: TableMetadata, io: FileIO, snapshot: Snapshot) -> Snapshot:
    """A snapshot of its own with the same rows, after the same parent."""
    manifests, summary = snapshot.manifests(io), snapshot.summary
    assert summary is not None
    copy = _Writer(metadata, io).snapshot(snapshot.parent_snapshot_id, manifests, summary)
    return copy.model_copy(update={"schema_id": snapshot.schema_id})


def _few(
    manifests: list[ManifestFile], writer: "_Writer", spec_id: int, io: FileIO
) -> list[ManifestFile]:
    """The manifests, with those of the spec that are not full merged where they are many."""
    small = [m for m in manifests if m.partition_spec_id == spec_id and _is_small(m)]
    if len(small) <= _MANY:
        return manifests
    entries = (writer.existing(e) for m in small for e in m.fetch_manifest_entry(io))
    full = (m for m in manifests if m not in small)
    return [*writer.manifests(spec_id, entries), *full]


def _is_small(manifest: ManifestFile) -> bool:
    files = (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)
    return manifest.content == ManifestContent.DATA and files < _FULL


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

    def existing(self, entry: ManifestEntry) -> ManifestEntry:
        return _with(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)

    def deleted(self, entry: ManifestEntry) -> ManifestEntry:
        return _with(entry, ManifestEntryStatus.DELETED, self._id)

    def manifests(self, spec_id: int, entries: Iterable[ManifestEntry]) -> list[ManifestFile]:
        left = iter(entries)
        chunks = iter(lambda: list(islice(left, _FULL)), [])
        return [self._manifest(spec_id, chunk) for chunk in chunks]

    def _manifest(self, spec_id: int, entries: Iterable[ManifestEntry]) -> ManifestFile:
        spec = self._metadata.specs()[spec_id]
        path = f"{self._metadata.location}/metadata/{self._name}-m{next(self._numbers)}.avro"
        with write_manifest(
            format_version=self._metadata.format_version,
            spec=spec,
            schema=self._schema(spec),
            output_file=self._io.new_output(path),
            snapshot_id=self._id,
            avro_compression="deflate",
        ) as writer:
            for entry in entries:
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def _schema(self, spec: PartitionSpec) -> Schema:
        """The current schema; for a spec whose column it has lost, the last one that had it."""
        schemas = (self._metadata.schema(), *reversed(self._metadata.schemas))
        sources = {field.source_id for field in spec.fields}
        return next((s for s in schemas if sources <= s.field_ids), schemas[0])

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


def _with(
    entry: ManifestEntry, status: ManifestEntryStatus, snapshot_id: int | None
) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def _operation(added: Sequence[DataFile], removed: Sequence[DataFile]) -> Operation:
    if not removed:
        return Operation.APPEND
    return Operation.OVERWRITE if added else Operation.DELETE


def _counts(added: Sequence[DataFile], removed: Sequence[DataFile]) -> dict[str, str]:
    metrics = UpdateMetrics()
    for file in added:
        metrics.add_file(file)
    for file in removed:
        metrics.remove_file(file)
    changed = {(f.spec_id, *map(str, f.partition._data)) for f in (*added, *removed)}
    partitions = sum(len(key) > 1 for key in changed)
    return metrics.to_dict() | (
        {CHANGED_PARTITION_COUNT_PROP: str(partitions)} if partitions else {}
    )
