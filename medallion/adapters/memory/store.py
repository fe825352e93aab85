"""Store: rows as snapshots in memory."""

import time
import uuid
from dataclasses import replace

from medallion.adapters.memory.lake import MemoryLake
from medallion.errors import ConflictError, StoreError
from medallion.frame import Frame
from medallion.schema import Schema
from medallion.table import COMMENT, Snapshot, Table, Write


class MemoryStore:
    """The `Store` port on a lake in memory."""

    def __init__(self, lake: MemoryLake) -> None:
        self._lake = lake

    def frame(self, table: Table, snapshot: int) -> Frame:
        """The rows of a table at a snapshot."""
        if snapshot not in table.snapshots:
            raise StoreError(f"snapshot {snapshot} of {table.name} is gone", hint="plan again")
        return Frame(table.schema_at(snapshot), self._lake.files[snapshot])

    def commit(self, write: Write) -> int:
        """Make the written files one snapshot on the run's branch; the snapshot's id."""
        draft, files = write.draft, write.result.files
        for file in files:
            if not self._lake.holds(file.path):
                raise StoreError(f"a file of {draft.table} cannot be kept: {file.path} is gone")
        with self._lake.lock:
            table = self._lake.tables.get(draft.table) or _new(write)
            if table.main != write.base:
                raise ConflictError(
                    f"{draft.table}: main moved since the run was planned", hint="build again"
                )
            before = self._lake.files[write.base] if write.base is not None else ()
            table, schema = _with_schema(table, write.result.schema)
            snapshot = Snapshot(
                next(self._lake.ids),
                write.base,
                "overwrite" if before else "append",
                time.time_ns() // 1_000_000,
                schema,
                _summary(write),
            )
            self._lake.files[snapshot.id] = files
            self._lake.tables[draft.table] = replace(
                table,
                refs={**table.refs, write.branch: snapshot.id},
                snapshots={**table.snapshots, snapshot.id: snapshot},
            )
        return snapshot.id


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


def _summary(write: Write) -> dict[str, str]:
    rows = str(write.result.rows)
    summary = {**write.summary, "added-records": rows, "total-records": rows}
    return {**summary, COMMENT: write.comment} if write.comment else summary
