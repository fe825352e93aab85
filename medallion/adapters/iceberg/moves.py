"""Moves of a table's refs, decided on its metadata. Nothing is committed here."""

from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import SnapshotRef, SnapshotRefType
from pyiceberg.table.snapshots import is_ancestor_of
from pyiceberg.table.update import (
    RemovePropertiesUpdate,
    RemoveSnapshotRefUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSpecUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    TableUpdate,
)

from medallion.adapters.iceberg.lake import conflict
from medallion.names import MAIN, TableName
from medallion.tables import COMMENT, SPEC, STATE, STATE_OF, Publication


def fast_forward(publication: Publication, metadata: TableMetadata) -> tuple[TableUpdate, ...]:
    """The updates that move `main` to the audited snapshot; none if it is there already.

    All of it is asserted of this metadata, and the commit succeeds on this metadata only.

    Raises:
        ConflictError: `main` is not the base, or the branch not the audited snapshot.
    """
    name, branch, audited = publication.table, publication.branch, publication.snapshot
    main, head = metadata.refs.get(MAIN), metadata.refs.get(branch)
    if is_published(publication, metadata):
        return (*drop(metadata, branch), *forget(metadata, branch))
    if head is None or head.snapshot_id != audited:
        found = f"at snapshot {head.snapshot_id}" if head else "gone"
        raise conflict(name, f"its branch {branch} is {found}, and snapshot {audited} was audited")
    if (main.snapshot_id if main else None) != publication.base:
        now = f"snapshot {main.snapshot_id}" if main else "nothing"
        raise conflict(name, f"main moved from {publication.base or 'nothing'} to {now}")
    if main and not is_ancestor_of(audited, main.snapshot_id, metadata):
        raise conflict(name, f"main (snapshot {main.snapshot_id}) is no ancestor of {audited}")
    return (
        *_shape(metadata, audited),
        ref_at(MAIN, audited, main),
        *_state(metadata, metadata.properties.get(f"{STATE}.{branch}"), audited),
        *drop(metadata, branch),
        *forget(metadata, branch),
    )


def is_published(publication: Publication, metadata: TableMetadata) -> bool:
    """Whether the snapshot is `main`, or `main` has gone on from it."""
    main = metadata.refs.get(MAIN)
    return main is not None and is_ancestor_of(main.snapshot_id, publication.snapshot, metadata)


def _shape(metadata: TableMetadata, audited: int) -> tuple[TableUpdate, ...]:
    """The schema, the spec and the comment that come with the snapshot."""
    snapshot = metadata.snapshot_by_id(audited)
    assert snapshot is not None
    notes = snapshot.summary.additional_properties if snapshot.summary else {}
    spec, comment = int(notes.get(SPEC, metadata.default_spec_id)), notes.get(COMMENT, "")
    updates: list[TableUpdate] = []
    if snapshot.schema_id is not None and snapshot.schema_id != metadata.current_schema_id:
        updates.append(SetCurrentSchemaUpdate(schema_id=snapshot.schema_id))
    if spec != metadata.default_spec_id:
        updates.append(SetDefaultSpecUpdate(spec_id=spec))
    if comment != metadata.properties.get("comment", ""):
        updates.append(SetPropertiesUpdate(updates={"comment": comment}))
    return tuple(updates)


def ref_at(name: str, snapshot: int, before: SnapshotRef | None = None) -> TableUpdate:
    """The update that puts a branch on a snapshot and keeps the retention it had before."""
    return SetSnapshotRefUpdate(
        ref_name=name,
        type=SnapshotRefType.BRANCH,
        snapshot_id=snapshot,
        min_snapshots_to_keep=before.min_snapshots_to_keep if before else None,
        max_snapshot_age_ms=before.max_snapshot_age_ms if before else None,
        max_ref_age_ms=before.max_ref_age_ms if before else None,
    )


def drop(metadata: TableMetadata, branch: str) -> tuple[TableUpdate, ...]:
    """The update that drops the branch; none if there is no such."""
    return (RemoveSnapshotRefUpdate(ref_name=branch),) if branch in metadata.refs else ()


def forget(metadata: TableMetadata, branch: str) -> tuple[TableUpdate, ...]:
    """What was noted of the branch goes with it."""
    keys = [key for key in metadata.properties if key.endswith(f".{branch}")]
    return (RemovePropertiesUpdate(removals=keys),) if keys else ()


def amended(
    name: TableName, metadata: TableMetadata, base: int, before: str | None, after: str
) -> tuple[TableUpdate, ...]:
    """The updates that replace the state of a table whose rows stay as they are.

    Raises:
        ConflictError: `main` is not the base, or the state not `before`.
    """
    main = metadata.refs.get(MAIN)
    if main is None or main.snapshot_id != base or metadata.properties.get(STATE) != before:
        raise conflict(name, "its state changed since the run was planned")
    return _state(metadata, after, main.snapshot_id)


def _state(metadata: TableMetadata, state: str | None, of: int) -> tuple[TableUpdate, ...]:
    """The updates after which the state is that of the snapshot; None where nothing tells it."""
    snapshot = None if state is None else str(of)
    return (*noted(metadata, STATE, state), *noted(metadata, STATE_OF, snapshot))


def noted(metadata: TableMetadata, key: str, value: str | None) -> tuple[TableUpdate, ...]:
    """The updates that set a property, or remove it; none if it is so already."""
    if metadata.properties.get(key) == value:
        return ()
    if value is None:
        return (RemovePropertiesUpdate(removals=[key]),)
    return (SetPropertiesUpdate(updates={key: value}),)
