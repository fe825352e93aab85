"""What `ls`, `show` and `history` tell, as plain values and as text."""

from collections.abc import Mapping
from typing import Any

from medallion.contract import ColumnContract
from medallion.coverage import seen_memo
from medallion.model import Model
from medallion.names import TableName, run_of
from medallion.plan import foreign
from medallion.project import Project
from medallion.render import table, time_text
from medallion.schema import Column, Schema, show
from medallion.selection import select
from medallion.tables import Table


def listing(project: Project, selection: str = "") -> list[dict[str, Any]]:
    """One row per model: what readers see of it, and how many branches wait."""
    tables = project.tables()
    rows = []
    for name in select(project.graph, selection):
        rows.append(
            {
                "model": str(name),
                "tags": sorted(project.graph[name].model.tags),
                "expectations": len(project.definition.suites[name].documents),
                **(_task(project, name, tables) if name.is_task else _table(project, name, tables)),
            }
        )
    return rows


def listing_text(rows: list[dict[str, Any]]) -> str:
    """The listing in columns."""
    header = ("model", "rows", "published", "by", "branches", "tags", "state")
    return table(
        [
            (
                r["model"],
                r["rows"] if r["rows"] is not None else "-",
                r["published"] or "never",
                r["run"] or "",
                r["branches"] or "",
                " ".join(r["tags"]),
                r["state"] if r["published"] else "",
            )
            for r in rows
        ],
        header,
    )


def describe(project: Project, name: str) -> dict[str, Any]:
    """Everything about one model."""
    row = listing(project, name)[0]
    node = next(n for n in project.graph if str(n.name) == row["model"])
    model = node.model
    found = project.tables().get(node.name)
    schema = found.schema_at(found.main) if found and found.main is not None else Schema(())
    return row | {
        "description": model.description,
        "defined": model.place,
        "form": str(model.form),
        "owner": model.owner,
        "reads": [str(r) for r in node.reads],
        "read_by": sorted(str(n.name) for n in project.graph if node.name in n.reads),
        "strategy": None if node.name.is_task else str(model.strategy),
        "time_column": model.time_column or None,
        "window": model.grain and str(model.grain),
        "lookback": model.lookback,
        "whole": sorted(map(str, model.whole)),
        "start": model.start or None,
        "retries": model.retries,
        "timeout": model.timeout or None,
        "cpu": model.cpu or None,
        "memory": model.memory or None,
        "for_each": _each(model),
        "max_age": model.max_age,
        "partition_by": [str(t) for t in model.partition_by],
        "unique_key": list(model.unique_key),
        "mask": {k: str(v) for k, v in model.mask.items()},
        "columns": [_column(c, model) for c in schema],
        "closed": model.closed,
        "suite": [d for _, d in project.definition.suites[node.name].documents],
        "location": found.location if found else None,
    }


def _column(column: Column, model: Model) -> dict[str, Any]:
    """A column of the table, and what its contract promises."""
    said = model.columns.get(column.name, ColumnContract())
    promised = {
        "required": column.required,
        "unique": said.unique,
        "references": said.references,
    }
    kept = {key: value for key, value in promised.items() if value}
    return {"name": column.name, "type": show(column.type), "doc": column.doc, **kept}


def _contract(column: dict[str, Any]) -> str:
    """What is promised of a column, in few words."""
    said = [word for word in ("required", "unique") if word in column]
    return ", ".join([*said, *(f"-> {c}" for c in [column.get("references")] if c)])


def _each(model: Model) -> str | None:
    """What it is called for."""
    if model.each is None:
        return None
    given = model.each.given
    return f"{len(given)} items" if isinstance(given, tuple) else f"{given.__name__}()"


def describe_text(shown: dict[str, Any]) -> str:
    """A model on one screen."""
    facts = ["defined", "form", "owner", "reads", "read_by", "strategy", "time_column", "window"]
    facts += [
        "lookback",
        "whole",
        "start",
        "partition_by",
        "unique_key",
        "closed",
        "mask",
        "retries",
    ]
    facts += ["timeout", "cpu", "memory", "for_each", "max_age"]
    facts += ["rows", "published", "run", "state", "location"]
    lines = [shown["model"], *(f"  {line}" for line in shown["description"].splitlines()), ""]
    for fact in facts:
        value = shown[fact]
        if fact in ("timeout", "max_age") and value is not None:
            value = f"{value:g} s"
        if isinstance(value, dict):
            value = [f"{k}: {v}" for k, v in value.items()]
        if value or (value == 0 and fact == "rows"):
            text = ", ".join(value) if isinstance(value, list) else value
            lines.append(f"{fact.replace('_', ' '):<13} {text}")
    if shown["columns"]:
        promised = any(map(_contract, shown["columns"]))
        columns = [
            (f"  {c['name']}", c["type"], *([_contract(c)] if promised else []), c["doc"])
            for c in shown["columns"]
        ]
        lines += ["", table(columns)]
    lines += ["", f"{len(shown['suite'])} expectations"]
    lines += [f"  {d['type']} {d.get('severity', 'critical')}" for d in shown["suite"]]
    return "\n".join(lines)


def _table(project: Project, name: TableName, tables: Mapping[TableName, Table]) -> dict[str, Any]:
    coverage = project.coverage(name, tables)
    state = _state(tables.get(name))
    return state | {"state": str(coverage), "coverage": coverage.to_dict()}


def _task(project: Project, name: TableName, tables: Mapping[TableName, Table]) -> dict[str, Any]:
    """A task has a result, and nothing that is published."""
    memo = seen_memo(project.survey, name, tables)
    done = memo.result if memo else None
    return {
        "rows": done.rows if done else None,
        "published": time_text(int(done.finished * 1000)) if done else None,
        "run": None,
        "foreign": False,
        "branches": 0,
        "state": "up to date" if done else (memo.reason if memo else ""),
    }


def _state(found: Table | None) -> dict[str, Any]:
    main = found.snapshots[found.main] if found and found.main is not None else None
    return {
        "rows": int(main.summary.get("total-records", 0)) if main else None,
        "published": time_text(main.timestamp_ms) if main else None,
        "run": (main.run or "another writer") if main else None,
        "foreign": bool(found and foreign(found)),
        "branches": sum(run_of(ref) is not None for ref in found.refs) if found else 0,
    }
