"""Bounds: which windows of a model are to be looked at, and which are replaced together."""

from collections.abc import Iterable
from datetime import UTC, datetime

from medallion.errors import DefinitionError
from medallion.frame import DataFile
from medallion.model import Model
from medallion.state import State
from medallion.window import EVER, Grain, Window, Windows, parse_range


def widened(windows: Windows, own: Iterable[DataFile], grain: Grain) -> Windows:
    """The windows, and all others of files that hold rows of them: a file is replaced whole."""
    while True:
        spans = [f.span or EVER for f in own if f.span is None or windows.meets(f.span)]
        wider = windows | Windows.of(spans).cover(grain)
        if wider == windows:
            return windows
        windows = wider


def bounds(model: Model, state: State | None, asked: Window) -> Window:
    """The windows of a model that no input gives any: from its start until now."""
    grain = model.grain
    assert grain is not None
    now = int(datetime.now(UTC).timestamp()) // 3600
    first, past = asked.first, asked.past
    if first == EVER.first and model.start:
        first = parse_range(model.start, None).first
    elif first == EVER.first and state and state.built:
        first = state.built.ranges[0].first
    if first == EVER.first:
        raise DefinitionError(
            f"{model.place}: nothing says where the windows of {model.name} begin",
            hint='declare start="2019-01-01", or build with --start and --end',
        )
    if past == EVER.past:
        past = grain.first(grain.ordinal(now))  # the window that has not ended is not built
    return Window(min(first, past), past)
