"""What a REST server is asked to make sure of, and to do; and whether it has done it."""

from collections.abc import Sequence

from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import is_ancestor_of
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSnapshotUpdate,
    AddSortOrderUpdate,
    AssertCreate,
    AssertCurrentSchemaId,
    AssertDefaultSpecId,
    AssertLastAssignedFieldId,
    AssertLastAssignedPartitionId,
    AssertRefSnapshotId,
    AssertTableUUID,
    AssignUUIDUpdate,
    RemovePropertiesUpdate,
    RemoveSnapshotRefUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetLocationUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    TableRequirement,
    TableUpdate,
    UpgradeFormatVersionUpdate,
)

from medallion.adapters.iceberg.lake import Change
from medallion.names import MAIN

_LAST = -1  # the schema, spec or order that was added last


def requirements(change: Change) -> tuple[TableRequirement, ...]:
    """All that can be asserted of what the change was decided on.

    Properties cannot be. So every change is one on the `main` that it saw, and all that matters is
    decided by refs.
    """
    if change.before is None:
        return (AssertCreate(),)
    before = change.before.metadata
    found: list[TableRequirement] = [AssertTableUUID(uuid=before.table_uuid)]
    found += [_ref(before, name) for name in _refs(change) if name == MAIN or before.snapshots]
    kinds = {type(update) for update in change.updates}
    if AddSchemaUpdate in kinds:
        found.append(AssertLastAssignedFieldId(last_assigned_field_id=before.last_column_id))
    if SetCurrentSchemaUpdate in kinds:
        found.append(AssertCurrentSchemaId(current_schema_id=before.current_schema_id))
    if AddPartitionSpecUpdate in kinds:
        last = before.last_partition_id
        found.append(AssertLastAssignedPartitionId(last_assigned_partition_id=last))
    if SetDefaultSpecUpdate in kinds:
        found.append(AssertDefaultSpecId(default_spec_id=before.default_spec_id))
    return tuple(found)


def asked(change: Change) -> tuple[TableUpdate, ...]:
    """The updates of a change; before them those that make a table which is not there yet."""
    return (*(_created(change.initial) if change.initial else ()), *change.updates)


def _refs(change: Change) -> Sequence[str]:
    touched = [
        update.ref_name
        for update in change.updates
        if isinstance(update, SetSnapshotRefUpdate | RemoveSnapshotRefUpdate)
    ]
    return list(dict.fromkeys([MAIN, *touched]))


def _ref(metadata: TableMetadata, name: str) -> AssertRefSnapshotId:
    ref = metadata.refs.get(name)
    return AssertRefSnapshotId(ref=name, snapshot_id=ref.snapshot_id if ref else None)


def _created(initial: TableMetadata) -> tuple[TableUpdate, ...]:
    return (
        AssignUUIDUpdate(uuid=initial.table_uuid),
        UpgradeFormatVersionUpdate(format_version=initial.format_version),
        AddSchemaUpdate(schema_=initial.schema()),
        SetCurrentSchemaUpdate(schema_id=_LAST),
        AddPartitionSpecUpdate(spec=initial.spec()),
        SetDefaultSpecUpdate(spec_id=_LAST),
        AddSortOrderUpdate(sort_order=UNSORTED_SORT_ORDER),
        SetDefaultSortOrderUpdate(sort_order_id=_LAST),
        SetLocationUpdate(location=initial.location),
        SetPropertiesUpdate(updates=initial.properties),
    )


def is_done(change: Change, now: TableMetadata) -> bool:
    """Whether the table is as the change wanted it, or has gone on from there."""
    return numbered(change, now) and all(_is(update, now) for update in change.updates)


def numbered(change: Change, now: TableMetadata) -> bool:
    """Whether what was added got the numbers by which the change speaks of it.

    A server may give a schema or spec the next free one, if somebody else added one meanwhile.
    """
    schemas = {s.schema_id: s for s in now.schemas}
    specs = {s.spec_id: s for s in now.partition_specs}
    for update in change.updates:
        if isinstance(update, AddSchemaUpdate):
            schema = update.schema_
            if schema.schema_id not in schemas or schemas[schema.schema_id] != schema:
                return False
        if isinstance(update, AddPartitionSpecUpdate):
            spec = update.spec
            if spec.spec_id not in specs or specs[spec.spec_id].fields != spec.fields:
                return False
    return True


def _is(update: TableUpdate, now: TableMetadata) -> bool:
    match update:
        case AddSnapshotUpdate():
            return now.snapshot_by_id(update.snapshot.snapshot_id) is not None
        case SetSnapshotRefUpdate():
            ref = now.refs.get(update.ref_name)
            return ref is not None and is_ancestor_of(ref.snapshot_id, update.snapshot_id, now)
        case RemoveSnapshotRefUpdate():
            return update.ref_name not in now.refs
        case SetPropertiesUpdate():
            return update.updates.items() <= now.properties.items()
        case RemovePropertiesUpdate():
            return not set(update.removals) & set(now.properties)
        case SetCurrentSchemaUpdate():
            return update.schema_id == now.current_schema_id
        case SetDefaultSpecUpdate():
            return update.spec_id == now.default_spec_id
    return True
