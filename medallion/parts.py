"""Parts: what of a task is computed in one go, and found again alone."""

from collections.abc import Callable, Mapping, Sequence

from medallion.declaration import Strategy
from medallion.frame import Frame
from medallion.ledger import Entry, entry_name, home
from medallion.outside import part_to_read
from medallion.plan import Task
from medallion.state import State
from medallion.survey import Survey
from medallion.tables import WHOLE, Part


def parts_of(
    task: Task,
    survey: Survey,
    state: State | None,
    current: Callable[[], Frame | None],
    aside: Callable[[], Frame | None] = lambda: None,
) -> Sequence[Part]:
    """The parts of a task, one for each window where it is built by window.

    `state` is the table's; `current` gives its rows as they are, for what is merged into them, and
    `aside` those that were put aside.
    """
    need, model = task.need, task.model
    if survey.by_window(task.node):
        return _windows(task)
    if need.arrivals is not None:
        new, again_all = need.arrivals.new, need.arrivals.again
        merges = not need.anew and bool(again_all)
        rows = current() if merges else None
        others = aside() if merges else None
        again = again_all if merges else ()
        return [Part(landed=(*new, *again_all), again=again, current=rows, aside=others)]
    if need.read:
        return [part_to_read(model, need, state, current(), survey.ports.database)]
    if model.strategy is Strategy.MERGE and not need.anew:
        return [Part(current=current())]
    return [WHOLE]


def _windows(task: Task) -> Sequence[Part]:
    grain, arrivals = task.model.grain, task.need.arrivals
    assert grain is not None
    windows = task.need.filled.split(grain)
    if arrivals is None:
        return [Part(window) for window in windows]
    landed: dict[str, list[str]] = {}
    for entry in arrivals.entries:
        window, name = home(entry)
        landed.setdefault(window, []).append(name)
    return [Part(window, landed=tuple(landed.get(str(window), ()))) for window in windows]


def landed_of(task: Task, part: Part) -> Mapping[str, Entry]:
    """The landed files that a part reads, by name, as they were when they were seen."""
    arrivals = task.need.arrivals
    if arrivals is None or part.landed is None:
        return {}
    return {n: arrivals.entries[entry_name(part.window, n)] for n in part.landed}
