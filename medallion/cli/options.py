"""What commands have in common: options, the project they are for, how they print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from medallion.project import Project

Selection = Annotated[
    str, typer.Argument(help="silver.trips, +gold.fct_trips, layer:silver, tag:daily")
]
Select = Annotated[
    list[str] | None, typer.Option("--select", "-s", help="as SELECTION of `medallion ls`")
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", help="what to leave out of the selection")
]
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
Executor = Annotated[
    str | None,
    typer.Option("--executor", help="local, processes, dask, ray; dask@ADDRESS for a cluster"),
]
Name = Annotated[str, typer.Argument(metavar="MODEL", help="layer.model")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="a run id; see `medallion branches`")]


@contextmanager
def opened() -> Iterator["Project"]:
    """The project that the command is run in."""
    from medallion.project import Project

    with Project.load(Path.cwd()) as project:
        yield project


def printed(value: Any, text: str, json: bool) -> None:
    """Print the value as JSON, or the text."""
    from medallion.render import as_json

    typer.echo(as_json(value) if json else text)
