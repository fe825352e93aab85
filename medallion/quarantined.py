"""Quarantined: what is aside of each model, counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medallion.division import ASIDE_AT, RULES
from medallion.errors import DefinitionError
from medallion.graph import Node
from medallion.names import TableName
from medallion.ports import Ports
from medallion.source import LOADED_AT
from medallion.tables import Table

_LINES = "a line that cannot be parsed"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What readers see of the rows that are aside of a model; `rules` counts those that fail each.

    `oldest` is since when the first of them is there.
    """

    model: TableName
    rows: int
    rules: Mapping[str, int]
    oldest: datetime

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "model": str(self.model),
            "rows": self.rows,
            "rules": dict(self.rules),
            "oldest": self.oldest.isoformat(timespec="seconds"),
        }


def quarantined(
    ports: Ports, nodes: Iterable[Node], tables: Mapping[TableName, Table]
) -> tuple[Quarantined, ...]:
    """The models of which rows are aside."""
    found = (_counted(ports, node, tables) for node in nodes if node.model.aside in tables)
    return tuple(one for one in found if one)


def table_of(node: Node) -> TableName:
    """The table of what is aside of a model.

    Raises:
        DefinitionError: it puts nothing aside.
    """
    if node.name.is_task or node.model.aside is None:
        raise DefinitionError(
            f"{node.name} puts no rows aside", hint='declare: on_failure="quarantine"'
        )
    return node.model.aside


def _counted(ports: Ports, node: Node, tables: Mapping[TableName, Table]) -> Quarantined | None:
    name = table_of(node)
    table = tables[name]
    if table.main is None:
        return None
    frame = ports.store.frame(table, table.main)
    if not frame.rows:
        return None
    since = ASIDE_AT if node.model.quarantines else LOADED_AT
    rule = f"unnest({RULES})" if node.model.quarantines else f"'{_LINES}'"
    ask = ports.engine.query
    [(oldest,)] = (
        row.values() for row in ask(f"select min({since}) from given", {"given": frame}).to_pylist()
    )
    each = f"select rule, count(*) as n from (select {rule} as rule from given)"
    rules = ask(f"{each} group by all order by n desc, rule", {"given": frame}).to_pylist()
    return Quarantined(node.name, frame.rows, {r["rule"]: r["n"] for r in rules}, oldest)
