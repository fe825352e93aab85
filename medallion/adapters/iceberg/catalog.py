"""Catalog: list tables and move their refs."""

from collections.abc import Callable, Iterable, Mapping, Sequence

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
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from medallion.adapters.iceberg.lake import Change, Lake, Moved, conflict
from medallion.adapters.iceberg.metadata import table_of
from medallion.names import MAIN, TableName
from medallion.table import COMMENT, SPEC, STATE, STATE_OF, Publication, Table


class IcebergCatalog:
    """The `Catalog` port on a lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def prepare(self) -> None:
        """Make sure that the catalog can be written; make an empty one where there is none."""
        self._lake.prepare()

    def tables(self, names: Iterable[TableName]) -> Mapping[TableName, Table]:
        """Those of the tables that exist, all as of one moment."""
        return {n: table_of(n, loaded.metadata) for n, loaded in self._lake.load(names).items()}

    def location(self, name: TableName) -> str:
        """The folder of a table, existing or not."""
        return self._lake.location(name)

    def publish(self, group: Sequence[Publication]) -> None:
        """Move `main` of every table of the group to its audited snapshot, or of none."""
        by_name = {p.table: p for p in group}
        if gone := by_name.keys() - self._lake.load(by_name).keys():
            raise conflict(min(gone), "it does not exist")
        self._commit(by_name, lambda name, meta: fast_forward(by_name[name], meta))

    def note(self, name: TableName, key: str, value: str | None) -> None:
        """Set a property of a table, or remove it."""
        self._commit([name], lambda _, meta: noted(meta, key, value))

    def amend(self, name: TableName, base: int, before: str | None, after: str) -> None:
        """Replace the state of a table whose rows stay as they are."""
        if not self._lake.load([name]):
            raise conflict(name, "it does not exist")
        self._commit([name], lambda _, meta: _amend(name, meta, base, before, after))

    def discard(self, names: Iterable[TableName], branch: str) -> None:
        """Drop the branch from those of the tables that have it, with what was noted of it."""
        if branch == MAIN:
            raise ValueError("main is not discarded")
        self._commit(
            names,
            lambda _, meta: (*_drop(meta, branch), *_forget(meta, branch)),
        )

    def _commit(
        self,
        names: Iterable[TableName],
        decide: Callable[[TableName, TableMetadata], tuple[TableUpdate, ...]],
    ) -> None:
        """Decide on the tables as they are and commit; look again if one moved meanwhile."""
        wanted = tuple(names)

        def attempt() -> None:
            loaded = self._lake.load(wanted)
            changes = [
                Change(name, table, updates)
                for name, table in loaded.items()
                if (updates := decide(name, table.metadata))
            ]
            if changes:
                self._lake.commit(changes)

        persistently(attempt)


def persistently(attempt: Callable[[], None]) -> None:
    """Repeat an attempt while other commits come first, with growing, random pauses."""
    try:
        for trial in Retrying(
            retry=retry_if_exception_type(Moved),
            wait=wait_random_exponential(multiplier=0.02, max=2),
            stop=stop_after_attempt(30),
            reraise=True,
        ):
            with trial:
                attempt()
    except Moved as moved:
        raise conflict(moved.args[0], "others commit to it all the time") from moved


def fast_forward(publication: Publication, metadata: TableMetadata) -> tuple[TableUpdate, ...]:
    """The updates that move `main` to the audited snapshot; none if it is there already.

    All of it is asserted of this metadata, and the commit succeeds on this metadata only.

    Raises:
        ConflictError: `main` is not the base, or the branch not the audited snapshot.
    """
    name, branch, audited = publication.table, publication.branch, publication.snapshot
    main, head = metadata.refs.get(MAIN), metadata.refs.get(branch)
    if main and is_ancestor_of(main.snapshot_id, audited, metadata):
        return (*_drop(metadata, branch), *_forget(metadata, branch))
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
        *_drop(metadata, branch),
        *_forget(metadata, branch),
    )


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


def _drop(metadata: TableMetadata, branch: str) -> tuple[TableUpdate, ...]:
    return (RemoveSnapshotRefUpdate(ref_name=branch),) if branch in metadata.refs else ()


def _forget(metadata: TableMetadata, branch: str) -> tuple[TableUpdate, ...]:
    """What was noted of the branch goes with it."""
    keys = [key for key in metadata.properties if key.endswith(f".{branch}")]
    return (RemovePropertiesUpdate(removals=keys),) if keys else ()


def _amend(
    name: TableName, metadata: TableMetadata, base: int, before: str | None, after: str
) -> tuple[TableUpdate, ...]:
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
