"""The commands. Each loads the project, calls one thing and prints what it gave."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medallion.errors import MedallionError

if TYPE_CHECKING:
    from medallion.plan import Plan
    from medallion.project import Project
    from medallion.report import Report
    from medallion.window import Window

_INTERRUPTED = 130  # 128 and the signal, as shells count
_SHOW_CURSOR = "\x1b[?25h"

app = typer.Typer(
    help="Bronze, silver and gold models in Python, audited before any reader sees them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Selection = Annotated[
    str, typer.Argument(help="silver.trips, +gold.fct_trips, layer:silver, tag:daily")
]
Select = Annotated[str, typer.Option("--select", "-s", help="as SELECTION of `medallion ls`")]
Exclude = Annotated[str, typer.Option("--exclude", help="what to leave out of the selection")]
LayerOption = Annotated[
    str | None, typer.Option("--layer", "-l", help="bronze, silver or gold, with all upstream")
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
Branch = Annotated[str | None, typer.Option("--branch", help="a run's branch, or its run id")]
FullRefresh = Annotated[
    bool,
    typer.Option(
        "--full-refresh", help="build all rows anew, also where other writers changed them"
    ),
]
ForwardOnly = Annotated[
    bool, typer.Option("--forward-only", help="accept the rows that older code made")
]
Start = Annotated[
    str | None, typer.Option("--start", metavar="D", help="2019, 2019-01, 2019-01-31, UTC")
]
End = Annotated[str | None, typer.Option("--end", metavar="D", help="inclusive")]
NoPublish = Annotated[
    bool, typer.Option("--no-publish", help="leave the rows on the run's branches")
]
Name = Annotated[str, typer.Argument(metavar="MODEL", help="layer.model")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="a run id; see `medallion branches`")]


@contextmanager
def _project() -> Iterator["Project"]:
    from medallion.project import Project

    with Project.load(Path.cwd()) as project:
        yield project


def _print(value: Any, text: str, json: bool) -> None:
    from medallion.render import as_json

    typer.echo(as_json(value) if json else text)


@app.command()
def init(directory: Annotated[Path, typer.Argument()] = Path()) -> None:
    """Make a small project that builds at once."""
    from medallion.starter import create

    created = create(directory)
    typer.echo(f"made {len(created)} files in {directory}")
    typer.echo(
        f"next: cd {directory} && medallion build"
        if directory != Path()
        else "next: medallion build"
    )


@app.command()
def ls(selection: Selection = "", json: Json = False) -> None:
    """List models: what readers see, which windows are built, stale or missing."""
    from medallion.listing import listing, listing_text

    with _project() as project:
        rows = listing(project, selection)
        _print(rows, listing_text(rows), json)


@app.command()
def plan(
    layer: LayerOption = None,
    select: Select = "",
    exclude: Exclude = "",
    start: Start = None,
    end: End = None,
    full_refresh: FullRefresh = False,
    forward_only: ForwardOnly = False,
    json: Json = False,
) -> None:
    """Say what build would do, and why; write nothing."""
    from medallion.render import plan_text

    with _project() as project:
        made = project.plan(
            select,
            layer=layer,
            exclude=exclude,
            start=start,
            end=end,
            full_refresh=full_refresh,
            forward_only=forward_only,
        )
        project.check(made)
        _print(made.to_dict(), plan_text(made), json)


@app.command()
def build(
    layer: LayerOption = None,
    select: Select = "",
    exclude: Exclude = "",
    start: Start = None,
    end: End = None,
    full_refresh: FullRefresh = False,
    forward_only: ForwardOnly = False,
    no_publish: NoPublish = False,
    workers: Annotated[
        int | None, typer.Option("--workers", help="models built at the same time")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option("--executor", help="local, processes, dask, ray; dask@ADDRESS for a cluster"),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="start nothing more after a failure")
    ] = False,
    json: Json = False,
) -> None:
    """Bring up to date what is not: write to branches, audit them, publish what passed."""
    from medallion.project import Project
    from medallion.render import report_text

    flags = {"workers": workers, "executor": executor, "fail_fast": fail_fast or None}
    with Project.load(Path.cwd(), **flags) as project:
        made = project.plan(
            select,
            layer=layer,
            exclude=exclude,
            start=start,
            end=end,
            full_refresh=full_refresh,
            forward_only=forward_only,
            publish=not no_publish,
        )
        _tell_range(start, end, json)
        report = _carried_out(project, made, json)
    _print(report.to_dict(), report_text(report), json)
    raise typer.Exit(report.exit_code)


@app.command()
def backfill(
    model: Name,
    start: Start = None,
    end: End = None,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="build what is made from those windows as well")
    ] = False,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="windows to audit and publish at a time")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="windows built at the same time")
    ] = 1,
    json: Json = False,
) -> None:
    """Build a range of windows again, whether stale or not; after a failure, run it again."""
    from medallion.project import Project
    from medallion.render import report_text

    reports: list[Report] = []
    with Project.load(Path.cwd()) as project:
        plans = project.plan_backfill(model, start, end, downstream=downstream, batch=batch)
        _tell_range(start, end, json, project.backfill_range(model, start, end))
        for made in plans:
            report = _carried_out(project, made, json, windows=workers, forget=False)
            reports.append(report)
            if not json:
                typer.echo(report_text(report))
            if not report.ok:
                break
        else:
            project.forget(reports)
    if json:
        _print([r.to_dict() for r in reports], "", json)
    elif not reports:
        typer.echo("there are no windows with rows in that range")
    raise typer.Exit(max((r.exit_code for r in reports), default=0))


def _carried_out(project: "Project", made: "Plan", json: bool, **options: Any) -> "Report":
    from medallion.cli.progress import progress

    with progress(made, quiet=json) as listener, _stopped_at_once(made.run):
        return project.run(made, listener=listener, **options)


@contextmanager
def _stopped_at_once(run: str) -> Iterator[None]:
    """End the process with Ctrl-C, whatever its threads do: a run may be killed at any moment."""

    def stop(*_: object) -> None:
        text = (
            f"{_SHOW_CURSOR}\ninterrupted: run {run} publishes nothing more\n"
            "  go on: run the same command again, what is finished is kept\n"
            f"  or drop what it wrote: medallion discard {run}\n"
        )
        os.write(2, text.encode() if sys.stderr.isatty() else text[len(_SHOW_CURSOR) :].encode())
        os._exit(_INTERRUPTED)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell_range(
    start: str | None, end: str | None, json: bool, found: "Window | None" = None
) -> None:
    """Say which half-open range the dates came to."""
    from medallion.render import range_text
    from medallion.window import parse_range

    if (start or end) and not json:
        typer.echo(range_text(found or parse_range(start, end)))


@app.command()
def audit(selection: Selection = "", branch: Branch = None, json: Json = False) -> None:
    """Audit what is there; publish nothing."""
    from medallion.render import audit_text
    from medallion.report import audit_dict

    with _project() as project:
        audits = project.audit(selection, branch=branch)
    text = "\n".join(map(audit_text, audits)) or "nothing is published yet"
    _print([audit_dict(a) for a in audits], text, json)
    raise typer.Exit(0 if all(a.passed for a in audits) else 1)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="a query over layer.model tables")],
    branch: Branch = None,
    at: Annotated[str | None, typer.Option("--at", help="a snapshot id or a time")] = None,
    limit: Annotated[int, typer.Option("--limit", help="rows to print, 0 for all")] = 50,
    json: Json = False,
) -> None:
    """Query the tables, all as of one moment."""
    from medallion.render import rows_text

    with _project() as project:
        # One row more than is shown tells whether there are more.
        rows = project.query(sql, branch=branch, at=at, limit=limit + 1 if limit else None)
        shown = (rows.slice(0, limit) if limit else rows).to_pylist()
        text = rows_text(rows.column_names, shown, more=rows.num_rows > len(shown))
        _print(shown, text, json)


@app.command()
def show(model: Name, json: Json = False) -> None:
    """Show one model: definition, columns, suite, state."""
    from medallion.listing import describe, describe_text

    with _project() as project:
        shown = describe(project, model)
        _print(shown, describe_text(shown), json)


@app.command()
def diff(model: Name, branch: Branch = None, json: Json = False) -> None:
    """Compare a branch with main, or main with its version before."""
    from dataclasses import asdict

    from medallion.render import diff_text

    with _project() as project:
        found = project.diff(model, branch=branch)
        _print(asdict(found) | {"table": str(found.table)}, diff_text(found), json)


@app.command()
def history(model: Name, json: Json = False) -> None:
    """Show the versions that readers have seen."""
    from medallion.listing import versions, versions_text

    with _project() as project:
        rows = versions(project, model)
        _print(rows, versions_text(rows), json)


@app.command()
def branches(
    run: Annotated[str | None, typer.Argument(metavar="RUN")] = None, json: Json = False
) -> None:
    """List the branches of runs that were not published."""
    from dataclasses import asdict

    from medallion.render import branches_text

    with _project() as project:
        found = project.branches(run)
        plain = [asdict(b) | {"table": str(b.table), "state": b.state} for b in found]
        _print(plain, branches_text(found), json)


@app.command()
def publish(run: Run) -> None:
    """Publish a run's branches, if they are what was audited."""
    with _project() as project:
        done = project.publish(run)
        typer.echo(f"published {', '.join(str(b.table) for b in done)}")


@app.command()
def discard(run: Run) -> None:
    """Drop the branches of a run."""
    with _project() as project:
        done = project.discard(run)
        typer.echo(f"dropped the branches of {', '.join(str(b.table) for b in done)}")


maintain = typer.Typer(help="Remove what nobody needs any more.", no_args_is_help=True)
app.add_typer(maintain, name="maintain")


@maintain.command()
def results(
    older_than: Annotated[
        str, typer.Option("--older-than", help="since they were last used: 12h, 7d")
    ] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    json: Json = False,
) -> None:
    """Remove results of tasks and of runs that failed, when nobody has used them for long."""
    from dataclasses import asdict

    from medallion.render import size

    with _project() as project:
        swept = project.sweep_results(older_than, dry=dry_run)
        done = "would remove" if dry_run else "removed"
        text = f"{done} {swept.results} results, {swept.files} files, {size(swept.bytes)}"
        _print(asdict(swept), text, json)


def main() -> None:
    """Run the command line; an error of the tree becomes its message and its exit code."""
    try:
        app()
    except MedallionError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
