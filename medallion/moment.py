"""Moments: which snapshot of a table a branch, a snapshot's id or a time means."""

from collections.abc import Mapping
from datetime import UTC, datetime

from medallion.errors import DefinitionError
from medallion.frame import Frame
from medallion.names import Layer, TableName, branch_of
from medallion.ports import Store
from medallion.tables import Table


def frame_at(
    store: Store,
    name: TableName,
    tables: Mapping[TableName, Table],
    branch: str | None = None,
    at: str | None = None,
) -> Frame:
    """The rows of a table at that moment.

    Raises:
        DefinitionError: it had none.
    """
    table = tables.get(name)
    snapshot = resolve(table, branch, at) if table else None
    if table is None or snapshot is None:
        ours = name.layer is Layer.MEDALLION  # the first build of any model makes it
        hint = "medallion build" if ours else f"medallion build --select +{name}"
        raise DefinitionError(f"{name} was never published", hint=hint)
    return store.frame(table, snapshot)


def resolve(table: Table, branch: str | None = None, at: str | None = None) -> int | None:
    """The snapshot that a branch or a moment means; `main` where neither is said."""
    if branch:
        return table.refs.get(branch_of(branch), table.main)
    if at is None:
        return table.main
    if at.isdigit():
        if int(at) not in table.snapshots:
            raise DefinitionError(
                f"{table.name} has no snapshot {at}", hint=f"see: medallion history {table.name}"
            )
        return int(at)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise DefinitionError(
            f"{at!r} is no snapshot and no time", hint="2026-11-21T02:00"
        ) from None
    limit = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    found = next((s for s in table.lineage(table.main) if s.timestamp_ms <= limit), None)
    if found is None:
        raise DefinitionError(
            f"{table.name} had no rows at {at}", hint=f"see: medallion history {table.name}"
        )
    return found.id
