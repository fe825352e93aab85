"""The commands for rows that are put aside."""

from typing import Annotated

import typer

from medallion.cli.options import Json, Name, opened, printed
from medallion.cli.runs import _carried_out

app = typer.Typer(
    help="List, show and judge again the rows that are put aside.", no_args_is_help=True
)


@app.command()
def ls(json: Json = False) -> None:
    """List models with quarantined rows: how many, by which rules, since when."""
    from medallion.render import quarantine_text

    with opened() as project:
        found = project.quarantine()
        printed([one.to_dict() for one in found], quarantine_text(found), json)


@app.command()
def show(
    model: Name,
    limit: Annotated[int, typer.Option("--limit", min=0, help="rows to print, 0 for all")] = 50,
    json: Json = False,
) -> None:
    """Show quarantined rows, each with its rules."""
    from medallion.render import quarantined_text

    with opened() as project:
        # One row more than is shown tells whether there are more.
        found = project.quarantined(model, limit=limit + 1 if limit else None)
        rows = found[:limit] if limit else found
        printed(rows, quarantined_text(rows, more=len(found) > len(rows)), json)


@app.command()
def replay(model: Name, json: Json = False) -> None:
    """Judge rows again by the suite as it is now: those that pass come home."""
    from medallion.render import quarantine_text, report_text

    with opened() as project:
        project.settle()
        report = _carried_out(project, project.plan_replay(model), json)
        left = [one for one in project.quarantine() if str(one.model) == model]
    text = f"{report_text(report)}\n{quarantine_text(left)}"
    printed(report.to_dict(), text, json)
    raise typer.Exit(report.exit_code)
