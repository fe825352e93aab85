"""What tests of the core are made from: models, tables, audits, all as values."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import settings

from medallion.forms import Form
from medallion.graph import Graph, Node, make_graph
from medallion.model import Model
from medallion.names import TableName
from medallion.schema import Column, Schema
from medallion.suite import Audit, Outcome, Severity, Suite, Verdict
from medallion.tables import CODE, RUN, Snapshot, Table

few = settings(max_examples=30, deadline=None)
RUN_ID = "20261121t020000-a1b2c3"
IDS = Schema((Column("id", "long", 1),), 0)


def named(text: str) -> TableName:
    """A table's name."""
    return TableName.parse(text)


def model(name: str, *, tags: Iterable[str] = (), place: str = "", **declared: Any) -> Model:
    """A SQL model."""

    def function() -> str:
        """About the table."""
        return "select 1 as id"

    return Model(
        named(name),
        function,
        Form.SQL,
        place or f"models/{name}.py:1",
        tags=frozenset(tags),
        **declared,
    )


def graph(reads: Mapping[str, Sequence[str]], **tags: Sequence[str]) -> Graph:
    """The graph of models that read others, by name; `tags` lists those that have one."""
    return make_graph(
        Node(model(name, tags=[t for t in tags if name in tags[t]]), tuple(map(named, read)))
        for name, read in reads.items()
    )


def strings(names: Iterable[TableName]) -> list[str]:
    """Names as text, in their order."""
    return [str(n) for n in names]


def snapshot(
    id: int,
    parent: int | None = None,
    *,
    run: str | None = RUN_ID,
    code: str = "c0",
    operation: str = "overwrite",
    **summary: str,
) -> Snapshot:
    """A version of a table; one of another writer if it has no run."""
    ours = {RUN: run, CODE: code} if run else {}
    return Snapshot(id, parent, operation, 1_000 * id, 0, {**ours, **summary})


def table(name: str, *snapshots: Snapshot, main: int | None = None, **refs: int) -> Table:
    """A table with these versions; the last one is `main` unless another is named."""
    head = main if main is not None else (snapshots[-1].id if snapshots else None)
    return Table(
        named(name),
        "uuid",
        f"/warehouse/{name}",
        {0: IDS},
        0,
        1,
        refs | ({"main": head} if head is not None else {}),
        {s.id: s for s in snapshots},
        {},
    )


def suite(name: str, *documents: Mapping[str, Any]) -> Suite:
    """A suite, each document with a place."""
    return Suite(named(name), tuple((f"place {n}", d) for n, d in enumerate(documents)))


def verdict(
    outcome: Outcome = Outcome.PASSED, severity: Severity = Severity.CRITICAL, **more: Any
) -> Verdict:
    """What came out of one expectation."""
    return Verdict("expect_id", {"column": "id"}, severity, outcome, **more)


def audit(name: str, *verdicts: Verdict, rows: int = 3) -> Audit:
    """An audit of snapshot 7."""
    return Audit(named(name), 7, "5u1te", rows, verdicts)


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Files below a folder, each text without its common indentation."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root
