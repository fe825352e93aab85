"""The command that follows columns: what each is made from, and what is made from it."""

from typing import Annotated

import typer

from medallion.cli.options import Json, opened, printed


def lineage(
    name: Annotated[str, typer.Argument(metavar="TABLE[.COLUMN]", help="silver.trips.tip")],
    json: Json = False,
) -> None:
    """Show from which columns a column is made, and which are made from it."""
    from medallion.trace import traced, traced_text

    with opened() as project:
        found = traced(project, name)
        printed(found, traced_text(found), json)
