"""Project: a project's definition together with its lake, for scripts, notebooks and the commands.

with Project.load(".") as project:
    report = project.build(layer="gold")
    trips = project.table("gold.fct_trips")
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from medallion import config, wiring
from medallion.auditing import audit_again, unguarded
from medallion.audits import LOG, Entry
from medallion.backfill import backfill_range, backfill_requests, batches
from medallion.branches import Branch, discard_run, find_branches, publish_run
from medallion.build import build, check
from medallion.coverage import Coverage, seen_coverage
from medallion.diff import Diff, diff
from medallion.errors import DefinitionError
from medallion.evaluation import Means
from medallion.forms import Form
from medallion.graph import Node
from medallion.loading import Definition, load
from medallion.log import logged
from medallion.names import MAIN, Layer, TableName, branch_of, new_run
from medallion.need import Need, Request
from medallion.personal import check_personal
from medallion.plan import Plan, make_plan
from medallion.ports import Ports
from medallion.proof import Proof, proof
from medallion.quarantined import Quarantined, quarantined, table_of
from medallion.recording import entries_of, recorded
from medallion.report import Listener, Report
from medallion.resources import parse_duration
from medallion.rows import rows_at
from medallion.schedule import Rules, Slots
from medallion.selection import select
from medallion.selftest import Finding, self_test
from medallion.sql import reads
from medallion.suite import Audit
from medallion.survey import Survey
from medallion.sweep import Swept, expired, sweep_all
from medallion.tables import Snapshot, Table
from medallion.window import Window, Windows, parse_range
from medallion.worker import ProjectWorker, Shop


class Project:
    """A loaded project. It holds connections: close it, or use it as a context."""

    def __init__(self, settings: config.Settings, definition: Definition) -> None:
        self.settings = settings
        self.definition = definition
        self.graph = definition.graph

    @classmethod
    def load(cls, root: str | Path = ".", **settings: Any) -> "Project":
        """The project at `root` or in the nearest folder above; `settings` go before its own.

        Raises:
            DefinitionError: what the project's files say is wrong. Nothing was touched.
        """
        read = config.read_settings(config.find_root(Path(root)), **settings)
        return cls(read, load(read))

    def __enter__(self) -> "Project":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what the project holds."""
        if "ports" in self.__dict__:
            self.ports.close()
            del self.__dict__["ports"]
            self.__dict__.pop("survey", None)  # it looks through them

    @cached_property
    def ports(self) -> Ports:
        """The lake, the engine and the auditor that the settings ask for."""
        return wiring.connect(self.settings, self.definition.sources)

    @cached_property
    def worker(self) -> ProjectWorker:
        """Who does the work of runs, and opens the frames that the project gives."""
        return ProjectWorker(self.settings, lambda: Shop(self.definition, self.ports))

    def tables(self) -> Mapping[TableName, Table]:
        """The tables of the project, as far as they exist, as of one moment."""
        return self.ports.catalog.tables([*(n.name for n in self.graph), *self.definition.asides])

    def settle(self) -> None:
        """Finish a publish that was interrupted, or put it back. Commands that write begin so."""
        if self.ports.catalog.unfinished():
            self.ports.catalog.prepare()

    @cached_property
    def survey(self) -> Survey:
        """What is looked at to find what models need."""
        definition = self.definition
        return Survey(
            self.ports, self.graph, definition.codes, definition.suites, self.settings.place
        )

    def plan(
        self,
        selection: str = "",
        *,
        layer: str | None = None,
        exclude: str = "",
        start: str | None = None,
        end: str | None = None,
        full_refresh: bool = False,
        forward_only: bool = False,
        publish: bool = True,
    ) -> Plan:
        """What a build would do: the selected models, or a layer and all that it is made from.

        `start` and `end` limit which windows are built; a bare end date is inclusive.
        `full_refresh` builds all, and replaces what other writers changed as well; `forward_only`
        accepts the rows that older code made.
        """
        if full_refresh and (start or end or forward_only):
            raise DefinitionError(
                "a full refresh builds all windows with the code as it is",
                hint="for some windows: medallion backfill MODEL --start D --end D",
            )
        terms = " ".join([selection, f"+layer:{Layer.parse(layer)}" if layer else ""])
        request = Request(
            parse_range(start, end), full_refresh=full_refresh, forward_only=forward_only
        )
        selected = select(self.graph, terms, exclude)
        return self._plan(dict.fromkeys(selected, request), publish=publish)

    def _plan(self, requests: Mapping[TableName, Request], *, publish: bool = True) -> Plan:
        tables = self.tables()
        requests = {**dict.fromkeys(self.graph.helpers(requests), Request()), **requests}

        def look(
            node: Node,
            pins: Mapping[TableName, int],
            request: Request,
            coming: Mapping[TableName, Windows],
        ) -> Need:
            need = self.survey.need(node, tables, pins, request, coming)
            return replace(need, reading=self.survey.reading(node, need, tables, pins))

        plan = make_plan(
            new_run(datetime.now(UTC), os.urandom(3)),
            self.graph,
            requests,
            tables,
            self.definition.suites,
            self.definition.codes,
            look,
            publish=publish,
            scope=self.settings.publish,
        )
        return replace(plan, warnings=(*plan.warnings, *unguarded(plan, self.ports.auditor)))

    def coverage(self, name: TableName, tables: Mapping[TableName, Table]) -> Coverage:
        """How much of a model is built, seen from what is published of its inputs."""
        return seen_coverage(self.survey, self.graph[name], tables)

    def check(self, plan: Plan) -> None:
        """Find the mistakes in a plan's SQL, sources and suites, without reading rows."""
        known = check(plan, self.ports)
        check_personal(self.graph, known, {task.name for task in plan.tasks})

    def build(
        self, selection: str = "", *, listener: Listener = lambda _: None, **options: Any
    ) -> Report:
        """Plan and carry it out; the options are `plan`'s. A failed model is in the report."""
        self.settle()
        return self.run(self.plan(selection, **options), listener=listener)

    def plan_backfill(
        self,
        name: str,
        start: str | None = None,
        end: str | None = None,
        *,
        downstream: bool = False,
        batch: int | None = None,
    ) -> Iterator[Plan]:
        """The plans that build a range of windows again, whether stale or not, one after another.

        Each is of `batch` windows that have rows, or there is one for all. With `downstream`, what
        is made from those windows is built as well. A plan is made when the one before is done.
        """
        self.settle()
        node, asked = self.graph[TableName.parse(name)], self.backfill_range(name, start, end)
        ranges: Iterable[Window] = [asked]
        if batch:
            whole = self._plan(backfill_requests(self.survey, node, asked, downstream=False))
            ranges = batches(node, whole.tasks[0].need, asked, batch) if whole.tasks else ()
        for part in ranges:
            yield self._plan(backfill_requests(self.survey, node, part, downstream=downstream))

    def backfill_range(self, name: str, start: str | None, end: str | None) -> Window:
        """The range of whole windows that a backfill of these dates builds."""
        node = self.graph[TableName.parse(name)]
        return backfill_range(self.survey, node, parse_range(start, end))

    def backfill(
        self,
        name: str,
        start: str | None = None,
        end: str | None = None,
        *,
        windows: int = 1,
        listener: Listener = lambda _: None,
        **options: Any,
    ) -> tuple[Report, ...]:
        """Build a range of windows again; stop at the first plan that does not come through.

        The options are those of `plan_backfill`. Windows that a killed or failed backfill had
        finished are found and not computed again.
        """
        reports: list[Report] = []
        for plan in self.plan_backfill(name, start, end, **options):
            reports.append(self.run(plan, windows=windows, forget=False, listener=listener))
            if not reports[-1].ok:
                return tuple(reports)
        self.forget(reports)
        return tuple(reports)

    def forget(self, reports: Iterable[Report]) -> None:
        """Drop the results that a rerun of these would find."""
        self.ports.files.remove(address for report in reports for address in report.kept)

    def run(
        self,
        plan: Plan,
        *,
        windows: int = 1,
        forget: bool = True,
        listener: Listener = lambda _: None,
    ) -> Report:
        """Carry out a plan, so many windows of a model at a time. Its log is in `.runs`.

        A run that did all it should forgets its results, unless something is still to follow.
        """
        settings = self.settings
        rules = Rules(settings.workers, settings.limits, fail_fast=settings.fail_fast)
        slots = Slots(replace(rules, lanes=rules.lanes * windows))
        means = Means(self.ports, self.survey, self.worker, rules, slots, windows)
        told = (
            logged(settings.log_path, plan.run, listener) if plan.tasks else nullcontext(listener)
        )
        with told as both:
            report = build(plan, means, listener=both)
        self.definition.queries.keep()
        if report.ok and report.published and forget:
            self.forget([report])
        return report

    def table(self, name: str, *, branch: str | None = None, form: Form = Form.PANDAS) -> Any:
        """The rows of a published table, or of a branch, as a pandas DataFrame or another form.

        `Form.FRAME` gives a reference to them, which reads none.
        """
        found = self._named(TableName.parse(name))
        frame = rows_at(self.survey, self.worker, found, self.ports.catalog.tables([found]), branch)
        return frame if form is Form.FRAME else frame.open(form)

    def query(
        self,
        text: str,
        *,
        branch: str | None = None,
        at: str | None = None,
        form: Form = Form.ARROW,
        limit: int | None = None,
    ) -> Any:
        """The rows of a query. All its tables are read as of one moment.

        `branch` reads a run's branch where a table has it; `at` is a snapshot or a time (ISO 8601).
        """
        names = reads(text, "the query")
        for name in names:
            self._named(name)
        tables = self.ports.catalog.tables(names)
        frames = {str(n): rows_at(self.survey, self.worker, n, tables, branch, at) for n in names}
        return self.ports.engine.query(text, frames, form, limit=limit)

    def quarantine(self) -> tuple[Quarantined, ...]:
        """The models of which rows are aside: how many, which rules they fail, since when."""
        return quarantined(self.ports, self.graph, self.tables())

    def quarantined(self, name: str, *, limit: int | None = None) -> list[dict[str, Any]]:
        """The rows that are aside of a model; none where there never was one."""
        aside = table_of(self.graph[TableName.parse(name)])
        table = self.ports.catalog.tables([aside]).get(aside)
        if table is None or table.main is None:
            return []
        rows: list[dict[str, Any]] = self.query(f"from {aside}", limit=limit).to_pylist()
        return rows

    def plan_replay(self, name: str) -> Plan:
        """The plan that judges a model's rows again, and those that are aside of it.

        Raises:
            DefinitionError: it puts none aside, or is to be built instead.
        """
        node = self.graph[TableName.parse(name)]
        return self._plan({node.name: Request(replay=True)})

    def replay(self, name: str, *, listener: Listener = lambda _: None) -> Report:
        """Judge a model's rows again by the suite as it is now, and those that are aside of it.

        Each goes where it belongs, in one publish. What the model reads is not read again.
        """
        self.settle()
        return self.run(self.plan_replay(name), listener=listener)

    def audit(
        self, selection: str = "", *, branch: str | None = None, record: bool = False
    ) -> tuple[Audit, ...]:
        """Audit what is there and publish nothing; on a branch the verdict is kept with it.

        The log keeps what was said of a branch, and with `record` of what readers see.
        """
        audits, ref = [], branch_of(branch) if branch else MAIN
        for name in select(self.graph, selection):
            suite, tables = self.definition.suites[name], self.tables()
            if name in tables and ref in tables[name].refs:
                audits.append(audit_again(self.ports, self.graph[name], suite, tables, branch))
        if branch and not audits:
            raise DefinitionError(
                f"no selected table has a branch {branch}", hint="see: medallion branches"
            )
        if branch or record:
            self.settle()
            run = new_run(datetime.now(UTC), os.urandom(3))
            if entry := recorded(self.ports, run, [(audit, {}) for audit in audits]):
                self.ports.catalog.publish(entry)
        return tuple(audits)

    def audits(self, selection: str = "") -> tuple[Entry, ...]:
        """Every audit of the selected tables that the log has, newest first."""
        return entries_of(self.ports, select(self.graph, selection))

    def verify(self, selection: str = "") -> tuple[Proof, ...]:
        """What the log proves of each selected table: that what readers see passed its suite."""
        names = [n for n in select(self.graph, selection) if not n.is_task]
        tables, log = self.tables(), entries_of(self.ports, names)
        suites = self.definition.suites
        return tuple(proof(name, tables.get(name), suites[name], log) for name in names)

    def self_test(self, selection: str = "") -> tuple[Finding, ...]:
        """What each expectation says of a row that was made to fail it, on a scratch branch."""
        names = [n for n in select(self.graph, selection) if not n.is_task]
        run = new_run(datetime.now(UTC), os.urandom(3))
        suites, tables = self.definition.suites, self.tables()
        return tuple(
            finding
            for name in names
            for finding in self_test(self.ports, self.graph[name], suites[name], tables, run)
        )

    def branches(self, run: str | None = None) -> tuple[Branch, ...]:
        """The branches of runs that were not published."""
        return find_branches(self.tables().values(), run)

    def publish(self, run: str) -> tuple[Branch, ...]:
        """Publish what a run left on its branches, if it is what was audited."""
        self.settle()
        seen = self.tables()
        # In the order of a build; what was put aside beside a table comes with it.
        names = (*(n.name for n in self.graph), *self.definition.asides)
        tables = {name: seen[name] for name in names if name in seen}
        return publish_run(self.ports.catalog, tables, self.definition.suites, run)

    def discard(self, run: str) -> tuple[Branch, ...]:
        """Drop the branches of a run."""
        self.settle()
        dropped = discard_run(self.ports.catalog, list(self.tables().values()), run)
        self.ports.catalog.discard([LOG], branch_of(run))
        return dropped

    def sweep_results(self, older_than: str | float = "7d", *, dry: bool = False) -> Swept:
        """Remove results that nobody has used for so long, and the files that only they name.

        A `dry` sweep removes nothing and says what it would.
        """
        before = time.time() - parse_duration(older_than)
        expired(self.ports.files, self.settings.frames, before, dry=dry)
        return sweep_all(self.ports, self.graph, self.tables(), before, dry=dry)

    def history(self, name: str) -> tuple[Snapshot, ...]:
        """The versions of a table that readers have seen, newest first."""
        table = self._table(name)
        return tuple(table.lineage(table.main))

    def diff(self, name: str, *, branch: str | None = None) -> Diff:
        """How a branch differs from `main`, or `main` from its version before."""
        table = self._table(name)
        if branch:
            ref = branch_of(branch)
            if ref not in table.refs:
                raise DefinitionError(f"{name} has no branch {ref}", hint="see: medallion branches")
            return diff(self.ports, table, table.main, table.refs[ref])
        if table.main is None:
            raise DefinitionError(f"{name} was never published", hint="name a --branch")
        return diff(self.ports, table, table.snapshots[table.main].parent, table.main)

    def _named(self, name: TableName) -> TableName:
        """The name, if there is such a model, or a table of rows that are put aside."""
        known = name == LOG or name in self.definition.asides
        return name if known else self.graph[name].name

    def _table(self, name: str) -> Table:
        found = self._named(TableName.parse(name))
        if found.is_task:
            raise DefinitionError(
                f"{name} is a task: it has a result, and no versions",
                hint=f'look at it: medallion query "from {name}"',
            )
        tables = self.ports.catalog.tables([found])
        if found not in tables:
            raise DefinitionError(
                f"{name} was never built", hint=f"medallion build --select +{name}"
            )
        return tables[found]
