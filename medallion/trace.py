"""Trace: what `medallion lineage` tells of a column or a table, as plain values and as text."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from medallion.derivation import as_read, derived
from medallion.errors import DefinitionError, MedallionError
from medallion.flow import REST, Origin, Relation
from medallion.forms import Form
from medallion.graph import Graph
from medallion.model import Model
from medallion.names import TableName
from medallion.personal import Holdings, find_personal
from medallion.project import Project
from medallion.render import table as aligned
from medallion.schema import Schema


@dataclass(frozen=True, slots=True)
class Trace:
    """From which columns those of each table are made, and which of them hold personal data."""

    graph: Graph
    made: Mapping[TableName, Relation]
    holdings: Holdings
    read_by: Mapping[Origin, list[Origin]] = field(default_factory=dict)

    def sources(self, column: Origin) -> list[Origin]:
        """The columns that flow into it directly."""
        value = self.made[column.table].column(column.column)
        return sorted(value.origins) if value else []

    def marks(self, column: Origin) -> dict[str, Any]:
        """Whether it holds personal data, and its mask."""
        model = self.graph[column.table].model
        mask = model.mask.get(column.column)
        held = column.column.lower() in self.holdings.held[column.table]
        return {"column": str(column), "pii": held, "mask": str(mask) if mask else None}


def traced(project: Project, text: str) -> dict[str, Any]:
    """The lineage of `layer.model`, or of one of its columns, `layer.model.column`.

    Raises:
        DefinitionError: there is no such model or column.
    """
    layer, _, rest = text.partition(".")
    model, dot, column = rest.partition(".")
    node = project.graph[TableName.parse(f"{layer}.{model}" if rest else text)]
    near_by = {node.name, *project.graph.upstream([node.name])}
    near_by |= project.graph.downstream([node.name])
    near_by |= project.graph.upstream(near_by)
    trace = _trace(project, near_by)
    if not dot:
        return _of_table(trace, node.name)
    found = next((n for n, _ in trace.made[node.name].columns if n.lower() == column.lower()), None)
    if found is None:
        names = [n for n, _ in trace.made[node.name].columns if n]
        raise DefinitionError(
            f"{node.name} has no column {column!r}",
            hint=_near(column, names) or f"medallion build --select +{node.name}",
        )
    return _of_column(trace, Origin(node.name, found))


def _near(column: str, columns: Collection[str]) -> str:
    found = difflib.get_close_matches(column, columns, 3)
    told = f"did you mean {' or '.join(found)}?" if found else f"its columns: {', '.join(columns)}"
    return told if columns else ""


def traced_text(found: Mapping[str, Any]) -> str:
    """A trace as text: what a column is made from, and what is made from it."""
    if "table" in found:
        return _table_text(found)
    lines = [_marked(found)]
    for title, key in (("made from", "upstream"), ("goes into", "downstream")):
        below = list(_tree_text(found[key], key, 1))
        lines += [title, *(below or [f"  {found['note'] or 'no column'}"])]
        found = {**found, "note": ""}
    return "\n".join(lines)


def _trace(project: Project, wanted: Collection[TableName]) -> Trace:
    known = _schemas(project, wanted)
    holdings = find_personal(project.graph, known, (), strict=False)
    made: dict[TableName, Relation] = {}
    read: dict[TableName, Relation] = {}
    readers: dict[Origin, list[Origin]] = {}
    for node in project.graph:
        name, schema = node.name, known.get(node.name)
        held = {c: p[-1] for r in node.reads for c, p in holdings.held[r].items() if c != REST}
        read[name] = holdings.read[name]
        if name not in wanted or any(r not in made for r in node.reads):
            continue
        made[name] = derived(node, read.__getitem__, schema, named=held)
        read[name] = as_read(name, schema, made[name], node.model.columns)
        for column, value in made[name].columns:
            for origin in value.origins:
                readers.setdefault(origin, []).append(Origin(name, column or REST))
    return Trace(project.graph, made, holdings, readers)


def _schemas(project: Project, wanted: Collection[TableName]) -> dict[TableName, Schema]:
    """The columns of tables: as published; of those that never were as their models say them."""
    tables, known = project.tables(), dict[TableName, Schema]()
    for node in project.graph:
        table = tables.get(node.name)
        if table and table.main is not None:
            known[node.name] = table.schema_at(table.main)
        elif node.name in wanted and all(read in known for read in node.reads):
            with suppress(MedallionError):  # a build tells what is wrong
                inputs = {read: known[read] for read in node.reads}
                found = project.ports.engine.columns(node.model, inputs)
                if found:
                    known[node.name] = found
    return known


def _of_column(trace: Trace, column: Origin) -> dict[str, Any]:
    return {
        **trace.marks(column),
        "note": _note(trace.graph[column.table].model),
        "upstream": _tree(trace, trace.sources(column), "upstream", {column}),
        "downstream": _tree(trace, trace.read_by.get(column, []), "downstream", {column}),
    }


def _note(model: Model) -> str:
    """Why nothing is known to be upstream."""
    if model.form is Form.SOURCE:
        return "its source"
    if model.form is not Form.SQL and model.derives is None:
        return "not known: a function is not read, and `derives` could say it"
    return ""


def _tree(
    trace: Trace, columns: Collection[Origin], way: str, above: set[Origin]
) -> list[dict[str, Any]]:
    """Columns with those that are further on the same way."""
    shown = []
    for column in columns:
        if column in above or column.table not in trace.made:
            continue
        more = trace.sources(column) if way == "upstream" else trace.read_by.get(column, [])
        marks = trace.marks(column)
        shown.append({**marks, way: _tree(trace, more, way, {*above, column})})
    return shown


def _of_table(trace: Trace, name: TableName) -> dict[str, Any]:
    graph = trace.graph
    columns = [Origin(name, column or REST) for column, _ in trace.made[name].columns]
    return {
        "table": str(name),
        "note": _note(graph[name].model),
        "columns": [
            {**trace.marks(c), "column": c.column, "from": [str(o) for o in trace.sources(c)]}
            for c in columns
        ],
        "upstream": [str(n.name) for n in graph if n.name in graph.upstream([name])],
        "downstream": [str(n.name) for n in graph if n.name in graph.downstream([name])],
    }


def _table_text(found: Mapping[str, Any]) -> str:
    rows = [(f"  {_marked(c)}", ", ".join(c["from"]) or "-") for c in found["columns"]]
    lines = [found["table"]]
    lines += [f"  {found['note']}"] if found["note"] else []
    lines += [aligned(rows, ("  column", "made from"))] if rows else []
    for title in ("upstream", "downstream"):
        lines.append(f"{title}: {', '.join(found[title]) or 'nothing'}")
    return "\n".join(lines)


def _tree_text(columns: Collection[Mapping[str, Any]], way: str, depth: int) -> Iterator[str]:
    for column in columns:
        yield f"{'  ' * depth}{_marked(column)}"
        yield from _tree_text(column[way], way, depth + 1)


def _marked(column: Mapping[str, Any]) -> str:
    pii = " [pii]" if column["pii"] else ""
    mask = f" [masked: {column['mask']}]" if column["mask"] else ""
    return f"{column['column']}{pii}{mask}"
