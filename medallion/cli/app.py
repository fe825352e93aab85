"""The command line: all commands, and how an error ends one.

Each loads the project, calls one thing and prints what it gave.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from medallion.cli.contracts import contract
from medallion.cli.lineage import lineage
from medallion.cli.looks import branches, diff, doctor, ls, query, show
from medallion.cli.options import Json, Run, opened, printed
from medallion.cli.proofs import audit, history, verify
from medallion.cli.quarantine import app as quarantine
from medallion.cli.runs import backfill, build, plan
from medallion.errors import MedallionError
from medallion.hiding import mask_streams


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


def publish(run: Run) -> None:
    """Publish a run's branches, if they are what was audited."""
    with opened() as project:
        done = project.publish(run)
        typer.echo(f"published {', '.join(str(b.table) for b in done)}")


def discard(run: Run) -> None:
    """Drop the branches of a run."""
    with opened() as project:
        done = project.discard(run)
        typer.echo(f"dropped the branches of {', '.join(str(b.table) for b in done)}")


def results(
    older_than: Annotated[
        str, typer.Option("--older-than", help="since they were last used: 12h, 7d")
    ] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    json: Json = False,
) -> None:
    """Remove results of tasks and of runs that failed, when nobody has used them for long."""
    from dataclasses import asdict

    from medallion.resources import shown_size

    with opened() as project:
        swept = project.sweep_results(older_than, dry=dry_run)
        done = "would remove" if dry_run else "removed"
        text = f"{done} {swept.results} results, {swept.files} files, {shown_size(swept.bytes)}"
        printed(asdict(swept), text, json)


app = typer.Typer(
    help="Bronze, silver and gold models in Python, audited before any reader sees them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: tuple[Callable[..., None], ...] = (
    *(init, ls, plan, build, backfill, audit, query, show, diff, history, branches),
    *(lineage, contract, publish, discard, verify, doctor),
)
for command in COMMANDS:
    app.command()(command)
maintain = typer.Typer(help="Remove what nobody needs any more.", no_args_is_help=True)
maintain.command()(results)
app.add_typer(maintain, name="maintain")
app.add_typer(quarantine, name="quarantine")


def main() -> None:
    """Run the command line; an error of the tree becomes its message and its exit code.

    No secret is shown, whoever prints it.
    """
    mask_streams()
    try:
        app()
    except MedallionError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
