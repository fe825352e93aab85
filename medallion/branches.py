"""Branches of runs that were not published: what is on them, publish them later, discard them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medallion.auditing import noted
from medallion.errors import ConflictError, DefinitionError
from medallion.names import TableName, branch_of, run_of
from medallion.ports import Catalog
from medallion.suite import Suite
from medallion.tables import SUITE, Publication, Table


@dataclass(frozen=True, slots=True)
class Branch:
    """One table's branch of one run.

    `note` is what its audit said, None if it was not audited to the end; `behind` says that `main`
    moved since, so that it can no longer be published.
    """

    run: str
    table: TableName
    snapshot: int
    base: int | None
    rows: int
    written_ms: int
    note: Mapping[str, Any] | None
    behind: bool

    @property
    def state(self) -> str:
        """`passed`, `rejected` or `unaudited`, and whether `main` moved since."""
        verdict = "unaudited"
        if self.note and self.note["snapshot"] == self.snapshot:
            verdict = "passed" if self.note["passed"] else "rejected"
        return f"{verdict}, superseded" if self.behind else verdict


def find_branches(tables: Iterable[Table], run: str | None = None) -> tuple[Branch, ...]:
    """The branches of runs on these tables, oldest run first; of one run if it is named."""
    wanted = branch_of(run) if run else None
    found = [
        _branch(table, ref, snapshot)
        for table in tables
        for ref, snapshot in table.refs.items()
        if run_of(ref) and wanted in (None, ref)
    ]
    return tuple(sorted(found, key=lambda b: (b.run, b.table)))


def publish_run(
    catalog: Catalog, tables: Mapping[TableName, Table], suites: Mapping[TableName, Suite], run: str
) -> tuple[Branch, ...]:
    """Publish what a run left on its branches, in the order of `tables`, if it is what was audited.

    Raises:
        DefinitionError: the run has no branches.
        ConflictError: a branch did not pass or is not what was audited, or `main` moved.
    """
    branches = _of(tables.values(), run)
    for branch in branches:
        _check(branch, tables[branch.table], suites.get(branch.table))
    by_name = {b.table: b for b in branches}
    catalog.publish(
        [
            Publication(name, branch_of(run), by_name[name].base, by_name[name].snapshot)
            for name in tables
            if name in by_name
        ]
    )
    return branches


def discard_run(catalog: Catalog, tables: Sequence[Table], run: str) -> tuple[Branch, ...]:
    """Drop the branches of a run.

    Raises:
        DefinitionError: the run has no branches.
    """
    branches = _of(tables, run)
    catalog.discard([b.table for b in branches], branch_of(run))
    return branches


def _of(tables: Iterable[Table], run: str) -> tuple[Branch, ...]:
    branches = find_branches(tables, run)
    if not branches:
        raise DefinitionError(f"run {run} has no branches", hint="see: medallion branches")
    return branches


def _branch(table: Table, ref: str, snapshot: int) -> Branch:
    found = table.snapshots[snapshot]
    seen = {s.id for s in table.lineage(table.main)}
    base = next((s.id for s in table.lineage(snapshot) if s.id in seen), None)
    return Branch(
        str(run_of(ref)),
        table.name,
        snapshot,
        base,
        int(found.summary.get("total-records", 0)),
        found.timestamp_ms,
        noted(table, ref),
        base != table.main,
    )


def _check(branch: Branch, table: Table, suite: Suite | None) -> None:
    name, run = branch.table, branch.run
    again = f"audit it: medallion audit {name} --branch {branch_of(run)}"
    if branch.behind:
        raise ConflictError(
            f"{name}: main moved since run {run} forked from it; nothing was published",
            hint=f"build again, and drop the run: medallion discard {run}",
        )
    if branch.note is None:
        raise ConflictError(f"{name}: run {run} was not audited to the end", hint=again)
    if branch.note["snapshot"] != branch.snapshot:
        raise ConflictError(
            f"{name}: branch {branch_of(run)} is at snapshot {branch.snapshot}, and "
            f"{branch.note['snapshot']} was audited",
            hint=again,
        )
    if not branch.note["passed"]:
        said = "; ".join(branch.note["blocks"])
        raise ConflictError(
            f"{name}: run {run} did not pass its audit: {said}",
            hint=f"look at it: medallion diff {name} --branch {branch_of(run)}",
        )
    now = suite.digest if suite else ""
    if branch.note["suite"] != now:
        written = table.snapshots[branch.snapshot].summary.get(SUITE, "")
        raise ConflictError(
            f"{name}: its suite changed since run {run} was audited ({written} then, {now} now)",
            hint=again,
        )
