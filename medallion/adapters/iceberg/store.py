"""Store: the rows of tables as files, and snapshots of new files on branches."""

from pathlib import Path

from pyiceberg.io import FileIO
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSnapshotUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSpecUpdate,
    TableUpdate,
    update_table_metadata,
)

from medallion.adapters.iceberg.blobs import BlobIO
from medallion.adapters.iceberg.files import data_file
from medallion.adapters.iceberg.lake import Change, Lake, Loaded, conflict
from medallion.adapters.iceberg.manifests import Missing, has_deletes, live_entries, local
from medallion.adapters.iceberg.merged import merged
from medallion.adapters.iceberg.metadata import (
    check_partitions,
    iceberg_schema,
    new_metadata,
    new_spec,
    schema_of,
)
from medallion.adapters.iceberg.moves import noted, ref_at
from medallion.adapters.iceberg.publishing import persistently
from medallion.adapters.iceberg.snapshot import replaced
from medallion.adapters.iceberg.spans import span, time_field
from medallion.address import is_remote
from medallion.durable import sync
from medallion.errors import StoreError
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.tables import COMMENT, SPEC, STATE, Table, Write


class IcebergStore:
    """The `Store` port on a lake. `spill` is a folder for rows that DuckDB cannot read in place."""

    def __init__(self, lake: Lake, spill: Path) -> None:
        self._lake = lake
        self._spill = spill
        self._frames: dict[tuple[int, str], Frame] = {}

    def frame(self, table: Table, snapshot: int, time_column: str = "") -> Frame:
        """The rows of a table at a snapshot; its files with their spans of the time column.

        A snapshot never changes, so it is read once.
        """
        key = (snapshot, time_column)
        if key not in self._frames:
            self._frames[key] = self._read(table.name, snapshot, time_column)
        return self._frames[key]

    def _read(self, name: TableName, snapshot: int, time_column: str) -> Frame:
        loaded = self._lake.recall(name)
        if loaded is None or loaded.metadata.snapshot_by_id(snapshot) is None:
            loaded = self._lake.load([name]).get(name)
        found = loaded.metadata.snapshot_by_id(snapshot) if loaded else None
        if loaded is None or found is None:
            raise StoreError(
                f"snapshot {snapshot} of {name} is gone",
                hint="it expired, or the table was dropped; plan again",
            )
        iceberg = _schema_at(loaded.metadata, found)
        schema = schema_of(iceberg)
        if has_deletes(found, self._lake.io):
            return merged(loaded.metadata, self._lake, found, schema, self._spill)
        specs = loaded.metadata.specs()
        time = time_field(time_column, iceberg, loaded.metadata.schema())
        files = (e.data_file for e in live_entries(found, self._lake.io))
        return Frame(
            schema,
            tuple(
                DataFile(
                    local(f.file_path),
                    f.record_count,
                    f.file_size_in_bytes,
                    span=span(f, specs[f.spec_id], time) if time else None,
                )
                for f in files
            ),
        )

    def commit(self, write: Write) -> int:
        """Make the written files one snapshot on the run's branch; the snapshot's id."""
        check_partitions(write.result.schema, write.draft.partition_by, write.draft.table)
        _make_last(write, self._lake.io)
        snapshots: list[int] = []

        def attempt() -> None:
            before = self._lake.load([write.draft.table]).get(write.draft.table)
            change, snapshot = self._change(write, before)
            self._lake.commit([change])
            snapshots.append(snapshot.snapshot_id)

        persistently(attempt)
        return snapshots[-1]

    def _change(self, write: Write, before: Loaded | None) -> tuple[Change, Snapshot]:
        name, draft = write.draft.table, write.draft
        initial = (
            None
            if before
            else new_metadata(write.result.schema, draft.partition_by, draft.location)
        )
        metadata = before.metadata if before else initial
        assert metadata is not None
        main = metadata.refs.get("main")
        if (main.snapshot_id if main else None) != write.base:
            raise conflict(name, "main moved since the run was planned")
        shape, shaped = _shaped(metadata, write)
        notes = dict(write.summary) | {SPEC: str(shaped.default_spec_id)}
        if write.comment:
            notes[COMMENT] = write.comment
        files = [data_file(f, shaped) for f in write.result.files]
        try:
            snapshot = replaced(
                shaped,
                self._lake.io,
                write.base,
                files,
                write.replaces,
                notes,
                appends=write.appends,
            )
        except Missing as missing:
            raise conflict(name, f"the file {missing} is not its any more") from missing
        updates = (
            *shape,
            AddSnapshotUpdate(snapshot=snapshot),
            ref_at(write.branch, snapshot.snapshot_id),
            *noted(metadata, f"{STATE}.{write.branch}", write.state or None),
        )
        return Change(name, before, updates, initial), snapshot


def _make_last(write: Write, io: FileIO) -> None:
    """Make sure of the new files: a commit must not point to what is not there, or may go.

    Raises:
        StoreError: one of them is not there, or not whole.
    """
    sizes = {local(file.path): file.bytes for file in write.result.files}
    paths = [Path(path) for path in sizes if not is_remote(path)]
    found: dict[str, int | None] = dict(sizes)
    try:
        for path in (*paths, *{path.parent for path in paths}):
            sync(path)  # a power cut could take it away
        if isinstance(io, BlobIO):
            found = io.sizes(path for path in sizes if is_remote(path))
    except (OSError, StoreError) as error:
        raise StoreError(f"a file of {write.draft.table} cannot be kept: {error}") from error
    if broken := {path for path, size in found.items() if size != sizes[path]}:
        raise StoreError(
            f"a file of {write.draft.table} is gone or not whole: {min(broken)}",
            hint="build again",
        )


def _shaped(metadata: TableMetadata, write: Write) -> tuple[tuple[TableUpdate, ...], TableMetadata]:
    """The updates that add the write's schema and spec, and the metadata as if they were current.

    They do not become current with the branch's commit: readers of `main` would see them.
    """
    add: list[TableUpdate] = []
    schema = _schema(metadata, write)
    if schema.schema_id not in {s.schema_id for s in metadata.schemas}:
        add.append(AddSchemaUpdate(schema_=schema))
    spec = _spec(metadata, schema, write)
    if spec.spec_id not in {s.spec_id for s in metadata.partition_specs}:
        add.append(AddPartitionSpecUpdate(spec=spec))
    current = (
        SetCurrentSchemaUpdate(schema_id=schema.schema_id),
        SetDefaultSpecUpdate(spec_id=spec.spec_id),
    )
    return tuple(add), update_table_metadata(metadata, (*add, *current))


def _schema(metadata: TableMetadata, write: Write) -> IcebergSchema:
    wanted = write.result.schema
    for known in metadata.schemas:
        if iceberg_schema(wanted, known.schema_id) == known and _docs(schema_of(known)) == _docs(
            wanted
        ):
            return known
    return iceberg_schema(wanted, max(s.schema_id for s in metadata.schemas) + 1)


def _schema_at(metadata: TableMetadata, snapshot: Snapshot) -> IcebergSchema:
    found = (s for s in metadata.schemas if s.schema_id == snapshot.schema_id)
    return next(found, metadata.schema())


def _docs(schema: object) -> list[str]:
    return [column.doc for column in schema]  # type: ignore[attr-defined]


def _spec(metadata: TableMetadata, schema: IcebergSchema, write: Write) -> PartitionSpec:
    return new_spec(schema, write.draft.partition_by, tuple(metadata.partition_specs))
