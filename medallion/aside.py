"""Aside: rows that are none of a model's, in a table of their own beside it."""

from dataclasses import replace

from medallion.errors import SourceError
from medallion.model import Model
from medallion.partition import Transform
from medallion.plan import Task
from medallion.ports import Ports
from medallion.source import Landing
from medallion.tables import ASIDE_TIME, CODE, RUN, Draft, Result, Table, Write


def draft_of(ports: Ports, run: str, task: Task, table: Table | None) -> Draft | None:
    """Where the rows go that a task puts aside; None where it puts none. `table` is as it is."""
    name = task.model.aside
    if name is None or task.model.quarantines:  # by its suite: not while it is evaluated
        return None
    location = ports.catalog.location(name)
    grain = task.model.grain if task.model.windowed else None
    draft = Draft(name, location, run, (Transform(grain.value, ASIDE_TIME),) if grain else ())
    return replace(draft.upon(table), keeps=not task.need.anew) if table else draft


def write_of(
    ports: Ports, branch: str, task: Task, table: Table | None, draft: Draft, result: Result
) -> Write | None:
    """The commit of what a task put aside, beside what else it wrote; None if nothing changes.

    What was put aside of the windows that are built is replaced.
    """
    found = result.aside
    if found is None and draft.aside and draft.aside.current:
        found = Result(draft.aside.current, ())
    if draft.aside is None or found is None:
        return None
    need, replaces = task.need, found.replaced
    base = table.main if table else None
    if table and base is not None and task.model.windowed:
        there = ports.store.frame(table, base, ASIDE_TIME).files
        replaces |= {f.path for f in there if f.span is None or need.windows.meets(f.span)}
    if base is not None and not (replaces or found.files or need.anew):
        return None
    return Write(
        draft.aside,
        branch,
        base,
        found,
        {RUN: draft.run, CODE: task.code},
        f"lines of the landed files of {task.name} that cannot be parsed",
        None if need.anew else replaces,
    )


def check_refused(model: Model, result: Result) -> None:
    """Whether so many rows may be put aside.

    Raises:
        SourceError: they may not.
    """
    if not result.refused:
        return
    source = model.source()
    assert isinstance(source, Landing)
    most = source.most_unparsable
    if result.refused > most * result.taken:
        sample = f", such as {result.sample}" if result.sample else ""
        raise SourceError(
            f"{model.name}: {result.refused:,} of {result.taken:,} lines cannot be parsed{sample}",
            hint=f"mend the files, or allow more than most_unparsable={most:g}",
        )
