"""Need: what of a table is out of date, and why. Decided from facts, nothing is read here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from medallion.declaration import Strategy
from medallion.errors import DefinitionError
from medallion.ledger import Arrivals
from medallion.memo import Memo
from medallion.model import Model
from medallion.names import TableName
from medallion.state import State
from medallion.window import ALL, EVER, NONE, Window, Windows

_SHOWN = 3  # names


@dataclass(frozen=True, slots=True)
class Request:
    """What a build was asked for: which windows, and whether to build them in any case.

    `forward_only` accepts the rows that older code made. `replay` judges the rows that are there
    again, and those that are put aside; no other are taken.
    """

    asked: Window = EVER
    again: bool = False
    full_refresh: bool = False
    forward_only: bool = False
    replay: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How much a build reads of its inputs, as far as that is known before it."""

    files: int = 0
    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be done with a table.

    `windows` are to be built (`ALL` for a table that has none), `stale` are those that were built
    and are out of date, whether they are to be built or not. `filled` are those of `windows` for
    which there are rows to read, `replaces` the table's files in them. `settles` says that the
    table's state changes in any case, and `audits` that its rows are audited although they stay;
    `referred` are tables that they refer to and that changed. `reshapes`: readers are to see other
    columns of them. `anew`: nothing of what is there stays. `creates`: there is no table yet.
    `memo` is what is kept of a helper task. `read` is when a source outside is read, in seconds
    since 1970; 0 if none is. `replays`: the rows are judged again, and
    nothing else of the table's state changes.
    """

    windows: Windows = NONE
    stale: Windows = NONE
    reasons: tuple[str, ...] = ()
    arrivals: Arrivals | None = None
    filled: Windows = NONE
    replaces: frozenset[str] = frozenset()
    reading: Reading = field(default_factory=Reading)
    settles: bool = False
    audits: bool = False
    referred: tuple[TableName, ...] = ()
    reshapes: bool = False
    anew: bool = False
    creates: bool = False
    memo: Memo | None = None
    read: float = 0
    replays: bool = False

    @property
    def builds(self) -> bool:
        """Whether rows are to be computed."""
        return bool(self.filled or self.replaces or self.creates)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do at all."""
        return not (self.windows or self.settles or self.audits or self.reshapes)

    @property
    def rechecks(self) -> str:
        """Why rows are audited that stay as they are; nothing where they are not."""
        if self.reshapes:
            return "contract changed"
        if self.referred:
            return f"{' and '.join(map(str, self.referred))} changed"
        return "suite changed" if self.audits else ""


def need_of_windows(
    model: Model,
    state: State | None,
    code: str,
    changed: Mapping[str, Windows],
    request: Request,
) -> Need:
    """What a model that is built by window needs.

    `changed` says in which hours each input changed since the state, by name.
    """
    grain = model.grain
    assert grain is not None
    asked = Windows.of([request.asked]).cover(grain)
    if state is None:
        return Need(asked, NONE, ("new",), anew=asked == ALL)
    stale, reasons = state.stale, list[str]()
    if state.stale:
        reasons.append("was left out of date")
    if state.code != code and not request.forward_only:
        stale |= state.built
        reasons.append("code changed")
    for name, windows in changed.items():
        hit = windows.cover(grain).after(model.lookback, grain) & state.built
        stale |= hit
        if hit:
            reasons.append(_changed(name, hit, hit.cover(grain).count(grain) if hit != ALL else 0))
    missing = ALL - state.built
    if missing & asked:
        reasons.append("windows are missing")
    # Whole windows: what is built may end within one, if the windows were shorter before.
    found = ((stale | missing) & asked).cover(grain)
    todo = asked if request.again or request.full_refresh else found
    if request.again or request.full_refresh:
        reasons.insert(0, "full refresh" if request.full_refresh else "asked for")
    return Need(
        todo,
        stale,
        tuple(reasons) if todo else (),
        anew=todo == ALL,
        settles=state.code != code and request.forward_only,
    )


def need_of_all(
    model: Model,
    state: State | None,
    code: str,
    changed: Mapping[str, Windows],
    request: Request,
) -> Need:
    """What a model needs that is built whole or merged."""
    reasons = []
    if request.full_refresh:
        reasons.append("full refresh")
    elif state is None:
        reasons.append("new")
    else:
        if state.stale:
            reasons.append("was left out of date")
        if state.code != code and not request.forward_only:
            reasons.append("code changed")
        reasons += [_changed(name, windows, 0) for name, windows in changed.items() if windows]
    settles = bool(state and state.code != code and not reasons)
    todo = ALL if reasons else NONE
    anew = model.strategy is not Strategy.MERGE or state is None or request.full_refresh
    return Need(todo, todo, tuple(reasons), filled=todo, settles=settles, anew=anew)


def need_of_landed(
    model: Model, state: State | None, code: str, arrivals: Arrivals, request: Request
) -> Need:
    """What a source needs whose landed files are taken once each, or again when they changed.

    Where all files are taken again, the rows of those that are gone stay, unless a full refresh or
    the strategy `full` says otherwise.
    """
    reasons = [
        f"{len(names)} {what} file{'s' * (len(names) > 1)}"
        for names, what in ((arrivals.new, "new"), (arrivals.again, "changed"))
        if names
    ]
    drops = model.strategy is Strategy.FULL or request.full_refresh
    if drops and arrivals.gone:
        reasons.append(f"{len(arrivals.gone)} gone")
    every = state is None or request.full_refresh or (bool(reasons) and drops)
    if state is None or request.full_refresh:
        reasons = ["new" if state is None else "full refresh"]
    elif state.code != code and not request.forward_only:
        reasons, every = ["code changed"], True
    if every:
        gone = () if drops else arrivals.gone
        arrivals = replace(arrivals, again=tuple(arrivals.entries), new=(), gone=gone)
    todo = ALL if reasons else NONE
    return Need(
        todo,
        todo,
        tuple(reasons),
        arrivals,
        filled=todo,
        settles=bool(state and state.code != code and not reasons),
        anew=every and (drops or (state is not None and not arrivals.gone)),
    )


def need_of_read(
    model: Model, state: State | None, code: str, request: Request, now: float, *, goes_on: bool
) -> Need:
    """What a model needs whose source cannot tell what is new: it is read, unless it just was.

    `goes_on` says that what was read before stays. Rows that a function read with a cursor stay
    whatever becomes of its code: nobody may be able to give them again.
    """
    reasons = []
    every = state is None or request.full_refresh
    if every:
        reasons.append("new" if state is None else "full refresh")
    elif state and state.code != code and not request.forward_only:
        reasons.append("code changed")
        every = not model.cursor
    if not reasons and state and (model.max_age is None or now - state.read >= model.max_age):
        reasons.append("read in each build" if model.max_age is None else "read a while ago")
    todo = ALL if reasons else NONE
    settles = bool(state and (state.code != code or reasons))
    return Need(
        todo,
        todo,
        tuple(reasons),
        filled=todo,
        settles=settles,
        anew=every or not goes_on,
        read=now if reasons else 0,
    )


def need_of_replay(model: Model, state: State | None, code: str) -> Need:
    """What a model needs whose rows are judged again.

    Raises:
        DefinitionError: the model puts none aside, or its rows are not those of its code.
    """
    if not model.quarantines:
        raise DefinitionError(
            f"{model.name} puts no rows aside that fail its suite",
            hint='declare: on_failure="quarantine"; lines that cannot be parsed are taken again '
            "when their file is mended",
        )
    if state is None or state.code != code:
        what = "was never built" if state is None else "has other code since it was built"
        raise DefinitionError(
            f"{model.name} {what}: a build computes its rows, and judges them",
            hint=f"medallion build --select {model.name}",
        )
    return Need(audits=True, replays=True)


def need_of_task(memo: Memo, request: Request) -> Need:
    """What a helper task needs: its result, unless that is kept and good."""
    if request.full_refresh:
        memo = replace(memo, result=None, reason="full refresh")
    if memo.result:
        return Need(memo=memo)
    return Need(ALL, ALL, (memo.reason,), filled=ALL, anew=True, memo=memo)


def need_dict(need: Need, model: Model) -> dict[str, Any]:
    """Plain values, fit for JSON."""
    return {
        "reasons": list(need.reasons),
        "windows": shown_windows(need, model),
        "files": need.reading.files,
        "rows": need.reading.rows,
        "bytes": need.reading.bytes,
        "audit_only": bool(need.rechecks) and not need.builds,
    }


def shown_windows(need: Need, model: Model) -> list[str]:
    """The windows in which rows are built, as ranges; none for a table that has none."""
    if model.grain is None or need.filled in (ALL, NONE):
        return []
    return [str(w) for w in need.filled.ranges]


def _changed(name: str, windows: Windows, count: int) -> str:
    if not count or windows == ALL:
        return f"{name} changed"
    return f"{name} changed in {count} window{'s' * (count > 1)}"


def gone_warning(name: TableName, gone: Iterable[str]) -> str:
    """What to say of landed files that vanished."""
    names = list(gone)
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    what = (
        "1 landed file is gone, its"
        if len(names) == 1
        else f"{len(names)} landed files are gone, their"
    )
    return f"{name}: {what} rows are kept: {shown}"
