"""What a run shows while it works: a moving line on a terminal, plain lines in a pipe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from medallion.plan import Plan
from medallion.render import result_line
from medallion.report import Event, Listener, Step


@contextmanager
def progress(plan: Plan, *, quiet: bool) -> Iterator[Listener]:
    """A listener that prints each task as it ends, and on a terminal what is running."""
    if quiet:
        yield lambda _: None
    elif sys.stdout.isatty():
        with _moving(plan) as listener:
            yield listener
    else:
        yield _plain


def _plain(event: Event) -> None:
    if (line := told(event)) is not None:
        print(line, flush=True)  # noqa: T201


@contextmanager
def _moving(plan: Plan) -> Iterator[Listener]:
    from rich.console import Console

    console = Console(highlight=False)
    running: dict[str, str] = {}
    ended = 0

    def listen(event: Event) -> None:
        nonlocal ended
        if event.step is Step.STARTED:
            running[event.subject] = event.subject
        elif event.step is Step.EVALUATED and event.details["parts"] > 1:
            done = "{part}/{parts}".format(**event.details)
            running[event.subject] = f"{event.subject} {done}"
        elif event.step is Step.ENDED:
            running.pop(event.subject, None)
            ended += 1
        if (line := told(event)) is not None:
            console.print(line, markup=False)
        names = ", ".join(sorted(running.values()))
        status.update(f"{ended} of {len(plan.tasks)}  {names}")

    with console.status("checking") as status:
        yield listen


def told(event: Event) -> str | None:
    """The line for an event that is worth one."""
    if event.step is Step.ENDED and event.result:
        return result_line(event.result)
    if event.step is Step.RETRYING:
        why = event.details["why"].partition("\n")[0]
        of = event.details.get("item", event.details.get("window"))
        what = event.subject if of is None else f"{event.subject} {of}"
        return f"retrying   {what} in {event.details['pause']:.1f} s: {why}"
    if event.step is Step.PRINTED:
        return f"{'':<10} {event.subject}: {event.details['line']}"
    if event.step is Step.PUBLISHED:
        count = len(event.details["tables"])
        tables = "1 table" if count == 1 else f"{count} tables in one step"
        return f"published  {event.subject}: {tables}"
    return None
