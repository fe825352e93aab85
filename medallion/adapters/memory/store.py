"""Store: rows as snapshots in memory."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace

from medallion.adapters.memory.catalog import noted
from medallion.adapters.memory.lake import MemoryLake
from medallion.errors import ConflictError, StoreError
from medallion.frame import DataFile, Frame
from medallion.schema import Schema
from medallion.tables import COMMENT, STATE, Snapshot, Table, Write


class MemoryStore:
    """The `Store` port on a lake in memory."""

    def __init__(self, lake: MemoryLake) -> None:
        self._lake = lake

    def frame(self, table: Table, snapshot: int, time_column: str = "") -> Frame:  # noqa: ARG002
        """The rows of a table at a snapshot. Nothing tells the spans of its files."""
        if snapshot not in table.snapshots:
            raise StoreError(f"snapshot {snapshot} of {table.name} is gone", hint="plan again")
        return Frame(table.schema_at(snapshot), self._lake.files[snapshot])

    def commit(self, write: Write) -> int:
        """Make the written files one snapshot on the run's branch; the snapshot's id."""
        draft = write.draft
        for file in write.result.files:
            if not self._lake.holds(file.path):
                raise StoreError(f"a file of {draft.table} cannot be kept: {file.path} is gone")
        with self._lake.lock:
            table = self._lake.tables.get(draft.table) or _new(write)
            if table.main != write.base:
                raise _conflict(write, "main moved since the run was planned")
            before = self._lake.files[write.base] if write.base is not None else ()
            files, operation, counts = _replaced(write, {f.path: f for f in before})
            table, schema = _with_schema(table, write.result.schema)
            summary = {**write.summary, **counts}
            snapshot = Snapshot(
                next(self._lake.ids),
                write.base,
                operation,
                time.time_ns() // 1_000_000,
                schema,
                {**summary, COMMENT: write.comment} if write.comment else summary,
            )
            self._lake.files[snapshot.id] = files
            table = noted(table, {f"{STATE}.{write.branch}": write.state or None})
            self._lake.tables[draft.table] = replace(
                table,
                refs={**table.refs, write.branch: snapshot.id},
                snapshots={**table.snapshots, snapshot.id: snapshot},
            )
        return snapshot.id


def _replaced(
    write: Write, live: Mapping[str, DataFile]
) -> tuple[tuple[DataFile, ...], str, dict[str, str]]:
    """The files after the write, what was done, and how many files and rows that were."""
    new = {f.path: f for f in write.result.files}
    if missing := (write.replaces or frozenset()) - live.keys():
        raise _conflict(write, f"the file {min(missing)} is not its any more")
    gone = (live.keys() if write.replaces is None else write.replaces) - new.keys()
    added = [f for path, f in new.items() if path not in live]
    files = (*(f for path, f in live.items() if path not in gone), *added)
    operation = "append" if not gone else "overwrite" if added else "delete"
    counts = {
        "added-data-files": len(added),
        "deleted-data-files": len(gone),
        "added-records": sum(f.rows for f in added),
        "deleted-records": sum(live[path].rows for path in gone),
    }
    shown = {key: str(count) for key, count in counts.items() if count}
    totals = {"total-data-files": len(files), "total-records": sum(f.rows for f in files)}
    return files, operation, shown | {key: str(total) for key, total in totals.items()}


def _conflict(write: Write, reason: str) -> ConflictError:
    return ConflictError(f"{write.draft.table}: {reason}", hint="build again")


def _new(write: Write) -> Table:
    return Table(write.draft.table, str(uuid.uuid4()), write.draft.location, {}, 0, 0, {}, {}, {})


def _with_schema(table: Table, schema: Schema) -> tuple[Table, int]:
    """The table with the schema among those it knows, not as its current one; the schema's id."""
    fields = schema.to_json()["fields"]
    for id, known in table.schemas.items():
        if known.to_json()["fields"] == fields:
            return table, id
    id = len(table.schemas)
    known_too = replace(
        table,
        schemas={**table.schemas, id: replace(schema, id=id)},
        last_column_id=max(table.last_column_id, *(c.id for c in schema)),
    )
    return known_too, id
