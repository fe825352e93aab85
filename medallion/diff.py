"""How two versions of a table differ: columns and rows, counted by the engine."""

from dataclasses import dataclass
from typing import Any

from medallion.frame import Frame
from medallion.names import TableName
from medallion.ports import Ports
from medallion.quoting import quote
from medallion.schema import Schema, show
from medallion.tables import Table

_SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Diff:
    """What `after` has that `before` has not, and the other way round.

    Rows are compared as a whole, in the columns that both versions have, counting repetitions.
    """

    table: TableName
    before: int | None
    after: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_changed: tuple[str, ...]
    rows_before: int
    rows_after: int
    rows_added: int
    rows_removed: int
    sample_added: tuple[dict[str, Any], ...]
    sample_removed: tuple[dict[str, Any], ...]


def diff(ports: Ports, table: Table, before: int | None, after: int) -> Diff:
    """The difference between two snapshots; None stands for a table without rows."""
    new = ports.store.frame(table, after)
    old = ports.store.frame(table, before) if before is not None else Frame(new.schema, ())
    shared = [c for c in old.schema.names if new.schema.column(c)] or list(new.schema.names)
    added, sample_added = _only(ports, new, old, shared)
    removed, sample_removed = _only(ports, old, new, shared)
    return Diff(
        table.name,
        before,
        after,
        *_columns(old.schema, new.schema),
        old.rows,
        new.rows,
        added,
        removed,
        sample_added,
        sample_removed,
    )


def _columns(old: Schema, new: Schema) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    changed = tuple(
        f"{c.name}: {show(was.type)} -> {show(c.type)}"
        for c in new
        if (was := old.column(c.name)) and was.type != c.type
    )
    return (
        tuple(c.name for c in new if not old.column(c.name)),
        tuple(c.name for c in old if not new.column(c.name)),
        changed,
    )


def _only(
    ports: Ports, frame: Frame, other: Frame, columns: list[str]
) -> tuple[int, tuple[dict[str, Any], ...]]:
    """How many rows only `frame` has, and some of them."""
    names = ", ".join(map(quote, columns))
    only = f"select {names} from here except all select {names} from there"
    inputs = {"here": frame, "there": other}
    count = ports.engine.query(f"select count(*) as n from ({only})", inputs).to_pylist()[0]["n"]
    rows = ports.engine.query(f"select * from ({only}) limit {_SAMPLE}", inputs).to_pylist()
    return count, tuple(rows)
