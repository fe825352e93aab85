"""The commands that look: nothing is built or published by them."""

from typing import TYPE_CHECKING, Annotated

import typer

from medallion.cli.options import Branch, Json, Name, Selection, opened, printed

if TYPE_CHECKING:
    from medallion import Project


def ls(selection: Selection = "", json: Json = False) -> None:
    """List models: what readers see, which windows are built, stale or missing."""
    from medallion.listing import listing, listing_text

    with opened() as project:
        rows = listing(project, selection)
        printed(rows, listing_text(rows), json)
        _tell_unfinished(project)


def query(
    sql: Annotated[str, typer.Argument(help="a query over layer.model tables")],
    branch: Branch = None,
    at: Annotated[str | None, typer.Option("--at", help="a snapshot id or a time")] = None,
    limit: Annotated[int, typer.Option("--limit", help="rows to print, 0 for all")] = 50,
    json: Json = False,
) -> None:
    """Query the tables, all as of one moment."""
    from medallion.render import rows_text

    with opened() as project:
        # One row more than is shown tells whether there are more.
        rows = project.query(sql, branch=branch, at=at, limit=limit + 1 if limit else None)
        shown = (rows.slice(0, limit) if limit else rows).to_pylist()
        text = rows_text(rows.column_names, shown, more=rows.num_rows > len(shown))
        printed(shown, text, json)


def show(model: Name, json: Json = False) -> None:
    """Show one model: definition, columns, suite, state."""
    from medallion.listing import describe, describe_text

    with opened() as project:
        shown = describe(project, model)
        printed(shown, describe_text(shown), json)


def diff(model: Name, branch: Branch = None, json: Json = False) -> None:
    """Compare a branch with main, or main with its version before."""
    from dataclasses import asdict

    from medallion.render import diff_text

    with opened() as project:
        found = project.diff(model, branch=branch)
        printed(asdict(found) | {"table": str(found.table)}, diff_text(found), json)


def branches(
    run: Annotated[str | None, typer.Argument(metavar="RUN")] = None, json: Json = False
) -> None:
    """List the branches of runs that were not published."""
    from dataclasses import asdict

    from medallion.render import branches_text

    with opened() as project:
        found = project.branches(run)
        plain = [asdict(b) | {"table": str(b.table), "state": b.state} for b in found]
        printed(plain, branches_text(found), json)
        _tell_unfinished(project)


def _tell_unfinished(project: "Project") -> None:
    """Say which publishes are half done, on a catalog that moves tables one after the other."""
    for run in project.ports.catalog.unfinished():
        typer.echo(
            f"the publish of run {run} is under way, or was interrupted: then the next build "
            "finishes it, or puts it back",
            err=True,
        )


def doctor(json: Json = False) -> None:
    """Check the settings, the models and the world they need; say what to mend."""
    from dataclasses import asdict
    from pathlib import Path

    from medallion.doctor import ending_text, examine, exit_code, finding_text

    findings = []
    for finding in examine(Path.cwd()):
        findings.append(finding)
        if not json:
            typer.echo(finding_text(finding))
    printed([asdict(f) for f in findings], f"\n{ending_text(findings)}", json)
    raise typer.Exit(exit_code(findings))
