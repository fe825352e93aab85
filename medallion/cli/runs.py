"""The commands that plan and build."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medallion.cli.options import (
    End,
    Exclude,
    Executor,
    ForwardOnly,
    FullRefresh,
    Json,
    LayerOption,
    Name,
    NoPublish,
    Select,
    Start,
    opened,
    printed,
)

if TYPE_CHECKING:
    from medallion.plan import Plan
    from medallion.project import Project
    from medallion.report import Report
    from medallion.window import Window

_INTERRUPTED = 130  # 128 and the signal, as shells count
_SHOW_CURSOR = "\x1b[?25h"


def plan(
    layer: LayerOption = None,
    select: Select = None,
    exclude: Exclude = None,
    start: Start = None,
    end: End = None,
    full_refresh: FullRefresh = False,
    forward_only: ForwardOnly = False,
    json: Json = False,
) -> None:
    """Say what build would do, and why; write nothing."""
    from medallion.render import plan_text

    with opened() as project:
        made = project.plan(
            " ".join(select or ()),
            layer=layer,
            exclude=" ".join(exclude or ()),
            start=start,
            end=end,
            full_refresh=full_refresh,
            forward_only=forward_only,
        )
        project.check(made)
        printed(made.to_dict(), plan_text(made), json)


def build(
    layer: LayerOption = None,
    select: Select = None,
    exclude: Exclude = None,
    start: Start = None,
    end: End = None,
    full_refresh: FullRefresh = False,
    forward_only: ForwardOnly = False,
    no_publish: NoPublish = False,
    workers: Annotated[
        int | None, typer.Option("--workers", help="models built at the same time")
    ] = None,
    executor: Executor = None,
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
        project.settle()
        made = project.plan(
            " ".join(select or ()),
            layer=layer,
            exclude=" ".join(exclude or ()),
            start=start,
            end=end,
            full_refresh=full_refresh,
            forward_only=forward_only,
            publish=not no_publish,
        )
        _tell_range(start, end, json)
        report = _carried_out(project, made, json)
    printed(report.to_dict(), report_text(report), json)
    raise typer.Exit(report.exit_code)


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
    executor: Executor = None,
    json: Json = False,
) -> None:
    """Build a range of windows again, whether stale or not; after a failure, run it again."""
    from medallion.project import Project
    from medallion.render import report_text

    reports: list[Report] = []
    processes = workers if workers > 1 else None
    with Project.load(Path.cwd(), workers=processes, executor=executor) as project:
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
        printed([r.to_dict() for r in reports], "", json)
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
            f"{_SHOW_CURSOR}\ninterrupted: run {run} has stopped\n"
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
