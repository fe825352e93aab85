"""Auditing: a snapshot read back and judged, and what is noted of that on its table."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from medallion.errors import CatalogError
from medallion.frame import Frame
from medallion.graph import Node
from medallion.model import Model
from medallion.moment import frame_at, resolve
from medallion.names import MAIN, TableName, branch_of
from medallion.plan import Plan, Task
from medallion.ports import Auditor, Ports
from medallion.state import State
from medallion.suite import Audit, Severity, Suite, Verdict
from medallion.tables import STATE, Table

AUDIT = "medallion.audit."  # a table property, with the branch behind it: what its audit said


def audit_snapshot(ports: Ports, task: Task, snapshot: int, others: Mapping[str, Any]) -> Audit:
    """Audit a snapshot of a task's table, read back from where it was committed."""
    table = found(ports.catalog.tables([task.name]), task.name)
    # With the spans that what reads the table by window will ask for: it is read once.
    frame = ports.store.frame(table, snapshot, task.model.time_column)
    return judged(ports, task, frame, others, snapshot)


def judged(
    ports: Ports, task: Task, frame: Frame, others: Mapping[str, Any], snapshot: int = 0
) -> Audit:
    """What a task's suite says of rows. No personal data is in it: verdicts are kept, and shown."""
    suite = task.suite
    if not suite:
        return Audit(task.name, snapshot, "", frame.rows, ())
    verdicts = verdicts_of(ports.auditor, task.model, suite, frame, others)
    return Audit(task.name, snapshot, suite.digest, frame.rows, verdicts)


def verdicts_of(
    auditor: Auditor, model: Model, suite: Suite, frame: Frame, others: Mapping[str, Any]
) -> tuple[Verdict, ...]:
    """The verdicts of a suite on rows of a model's table, without personal data."""
    said = auditor.audit(suite, frame, keys=model.unique_key, others=others)
    return tuple(verdict.without(model.personal) for verdict in said)


def others_of(
    ports: Ports, node: Node, tables: Mapping[TableName, Table], branch: str | None = None
) -> dict[str, Frame]:
    """The tables that a model's suite may read: its inputs, and what it refers to."""
    return {
        str(n): frame_at(ports.store, n, tables, branch)
        for n in node.after
        if n in tables and resolve(tables[n], branch) is not None
    }


def audit_again(
    ports: Ports, node: Node, suite: Suite, tables: Mapping[TableName, Table], branch: str | None
) -> Audit:
    """Audit a table on `main` or on a branch; on a branch the verdict is kept with it."""
    table = tables[node.name]
    ref = branch_of(branch) if branch else MAIN
    snapshot = table.refs[ref]
    if suite:
        ports.auditor.check(suite, table.schema_at(snapshot))
    others = others_of(ports, node, tables, branch)
    audit = audit_snapshot(ports, Task(node, suite, "", None, {}), snapshot, others)
    if branch:
        ports.catalog.note(node.name, AUDIT + ref, verdict_note(audit))
        pending = f"{STATE}.{ref}"
        if text := table.properties.get(pending):
            state = replace(State.from_text(text), suite=audit.suite)
            ports.catalog.note(node.name, pending, state.to_text())
    return audit


def unguarded(plan: Plan, auditor: Auditor) -> Iterator[str]:
    """Warnings of tables that are published whatever their audit says. Scripts are looked into."""
    for task in plan.tasks:
        suite = task.suite
        if not suite or suite.guards:
            continue
        given = auditor.documents(suite) if suite.scripts else ()
        if Severity.CRITICAL not in [document["severity"] for document in given]:
            yield f"{task.name} has no critical expectation: its audit blocks nothing"


def found(tables: Mapping[TableName, Table], name: TableName) -> Table:
    """The table of that name, or a `CatalogError`: it was there when the run was planned."""
    if name not in tables:
        raise CatalogError(f"{name} was dropped since the run was planned", hint="build again")
    return tables[name]


def verdict_note(audit: Audit) -> str:
    """An audit as a table property: which snapshot, which suite, what came out."""
    failed = [f"{v.expectation}: {v.outcome}" for v in audit.verdicts if v.blocks]
    return json.dumps(
        {"snapshot": audit.snapshot, "suite": audit.suite, "passed": audit.passed, "blocks": failed}
    )


def noted(table: Table, branch: str) -> Mapping[str, Any] | None:
    """What `verdict_note` kept for a branch."""
    text = table.properties.get(AUDIT + branch)
    return json.loads(text) if text else None
