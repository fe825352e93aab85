"""Backfill: build a range of windows of a model again, and what is made from them."""

from collections.abc import Iterator, Mapping

from medallion.errors import DefinitionError
from medallion.graph import Node
from medallion.names import TableName
from medallion.need import Need, Request
from medallion.survey import Survey
from medallion.window import EVER, Window, Windows


def backfill_range(survey: Survey, node: Node, asked: Window) -> Window:
    """The whole windows of the model that the range touches.

    Raises:
        DefinitionError: the model has no windows.
    """
    grain = node.model.grain
    if grain is None or not survey.by_window(node):
        raise DefinitionError(
            f"{node.name} is not built by window",
            hint=f"build all of it: medallion build --select {node.name} --full-refresh",
        )
    return asked.cover(grain)


def backfill_requests(
    survey: Survey, node: Node, asked: Window, *, downstream: bool
) -> Mapping[TableName, Request]:
    """The windows of the model in any case; downstream of it those that this makes stale."""
    requests = {node.name: Request(asked, again=True)}
    below = survey.graph.downstream([node.name]) if downstream else ()
    for other in survey.graph:
        if other.name in below:
            reached = {name: requests[name].asked for name in other.reads if name in requests}
            requests[other.name] = Request(_reach(survey, other, reached))
    return requests


def _reach(survey: Survey, node: Node, reached: Mapping[TableName, Window]) -> Window:
    """A range that holds all windows of a model that changes of its inputs can make stale."""
    grain, lookback = node.model.grain, node.model.lookback
    windows = [
        window.cover(grain).after(lookback, grain)
        if grain and survey.time_column(node, name)
        else EVER
        for name, window in reached.items()
    ]
    return Window(min(w.first for w in windows), max(w.past for w in windows))


def batches(node: Node, need: Need, asked: Window, size: int) -> Iterator[Window]:
    """Ranges that together make the one asked for, each with so many windows that have rows."""
    grain = node.model.grain
    assert grain is not None
    filled = list((need.filled & Windows((asked,))).split(grain))
    starts = [asked.first, *(w.first for w in filled[size::size])]
    for first, past in zip(starts, [*starts[1:], asked.past], strict=True):
        yield Window(first, past)
