"""Moves of a table to which many append: what one adds never is in the way of what others add."""

from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import AddSnapshotUpdate, RemoveSnapshotsUpdate, TableUpdate

from medallion.adapters.iceberg.lake import conflict
from medallion.adapters.iceberg.manifests import live_entries
from medallion.adapters.iceberg.moves import drop, fast_forward, forget, is_published, ref_at
from medallion.adapters.iceberg.snapshot import replaced
from medallion.names import MAIN
from medallion.tables import Publication

_KEPT = 30  # versions of such a table: with each of thousands its metadata would grow for ever


def moved_on(
    publication: Publication, metadata: TableMetadata, io: FileIO
) -> tuple[TableUpdate, ...]:
    """The updates that publish it; none if that was done already.

    Where `main` moved on, the files that the snapshot added are added to it.

    Raises:
        ConflictError: `main` is not the base, or the branch not the audited snapshot; or the files
            of one that appends cannot be found.
    """
    main = metadata.refs.get(MAIN)
    if not publication.appends:
        return fast_forward(publication, metadata)
    if is_done(publication, metadata):
        return ()
    if main is None or main.snapshot_id == publication.base:
        return (*fast_forward(publication, metadata), *_expired(metadata))
    added = metadata.snapshot_by_id(publication.snapshot)
    if added is None:
        raise conflict(publication.table, f"its snapshot {publication.snapshot} is gone")
    snapshot = _added(metadata, io, main.snapshot_id, added)
    return (
        AddSnapshotUpdate(snapshot=snapshot),
        ref_at(MAIN, snapshot.snapshot_id, main),
        *drop(metadata, publication.branch),
        *forget(metadata, publication.branch),
        *_expired(metadata),
    )


def is_done(publication: Publication, metadata: TableMetadata) -> bool:
    """Whether it is published. One that appends is, when its branch is gone or went on."""
    if not publication.appends:
        return is_published(publication, metadata)
    head = metadata.refs.get(publication.branch)
    return head is None or head.snapshot_id != publication.snapshot


def withdrawn_entry(publication: Publication, metadata: TableMetadata) -> tuple[TableUpdate, ...]:
    """The updates after which one that appends cannot be published any more.

    None if it was: the others of its group were by then, as it comes last.
    """
    return () if is_done(publication, metadata) else drop(metadata, publication.branch)


def _expired(metadata: TableMetadata) -> tuple[TableUpdate, ...]:
    """The updates that forget old versions; their rows are those of later ones as well."""
    heads = {ref.snapshot_id for ref in metadata.refs.values()}
    known = sorted(metadata.snapshots, key=lambda s: s.sequence_number or 0)
    old = [s.snapshot_id for s in known[:-_KEPT] if s.snapshot_id not in heads]
    return (RemoveSnapshotsUpdate(snapshot_ids=old),) if old else ()


def _added(metadata: TableMetadata, io: FileIO, parent: int, added: Snapshot) -> Snapshot:
    """A snapshot after `parent` that adds what the other one added after its own."""
    files = [
        entry.data_file
        for entry in live_entries(added, io)
        if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == added.snapshot_id
    ]
    notes = added.summary.additional_properties if added.summary else {}
    ours = {k: v for k, v in notes.items() if k.startswith("medallion.")}
    return replaced(metadata, io, parent, files, frozenset(), ours, appends=True)
