"""Doctor: whether a project and its world are fit for a build, one finding per check.

A check that fails, or does not end in time, does not keep the others from being done.
"""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

from medallion import checks
from medallion.capture import printed_to
from medallion.checks import Seen, Subject
from medallion.errors import InfrastructureError, MedallionError
from medallion.hiding import masked

T = TypeVar("T")

LIMIT_S = 20.0


class Health(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and the next step where something is wrong.

    `exit_code` is 2 where a definition failed and 4 where the world did.
    """

    check: str
    health: Health
    found: str
    next: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. It is not, if one that it `needs` failed."""

    name: str
    look: Callable[[], Seen]
    needs: tuple[str, ...] = ("settings",)
    patience: int = 1


def examine(start: Path, *, limit: float = LIMIT_S) -> Iterator[Finding]:
    """The findings on the project at `start` or above, each as soon as it is there.

    A check that is not done within `limit` seconds failed; one that starts processes has longer.
    """
    subject, failed = Subject(start), set[str]()
    try:
        for check in _checks(subject):
            lost = next((name for name in check.needs if name in failed), "")
            if lost:
                finding = Finding(check.name, Health.WARNING, f"not looked at: {lost} failed")
            else:
                finding = _finding(check, limit * check.patience)
            if lost or finding.health is Health.FAILED:
                failed.add(check.name)
            yield finding
    finally:
        if subject.opened:
            _within(limit, subject.opened.close)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 if nothing failed, 2 if definitions did, 4 if the world did."""
    return max((f.exit_code for f in findings), default=0)


def finding_text(finding: Finding) -> str:
    """A finding in a line, and the next step below it."""
    line = f"{finding.health:<8} {finding.check:<22} {finding.found}"
    return f"{line}\n{'':<31} {finding.next}" if finding.next else line


def ending_text(findings: Sequence[Finding]) -> str:
    """How many checks came out how."""
    counts = Counter(f.health for f in findings)
    told = ", ".join(f"{counts[health]} {health}" for health in Health if counts[health])
    return f"{len(findings)} checks: {told}"


def _checks(subject: Subject) -> Iterator[Check]:
    """All checks, in order. Which secrets and sources there are is known when models are loaded."""
    yield Check("settings", partial(checks.settings, subject), ())
    yield Check("libraries", partial(checks.libraries, subject), ())
    yield Check("models", partial(checks.models, subject))
    for name in subject.secrets:
        yield Check(f"secret {name}", partial(checks.secret, subject, name))
    yield Check("catalog", partial(checks.catalog, subject))
    yield Check("catalog for writing", partial(checks.writing, subject), ("catalog",))
    yield Check("publishing", partial(checks.publishing, subject), ("catalog",))
    yield Check("store", partial(checks.store, subject))
    yield Check("clock", partial(checks.clock, subject), ("store",))
    for node in subject.landing:
        yield Check(f"source of {node.name}", partial(checks.source, subject, node))
    yield Check("spill", partial(checks.spill, subject))
    yield Check("executor", partial(checks.executor, subject), patience=3)


def _finding(check: Check, limit: float) -> Finding:
    try:
        seen = _within(limit, check.look)
    except MedallionError as error:
        found, hint = _line(error.message), _line(error.hint)
        return Finding(check.name, Health.FAILED, found, hint, error.exit_code)
    except BaseException as error:  # noqa: BLE001  # whatever a model's file raises
        found = _line(masked(f"{type(error).__name__}: {error}"))
        return Finding(check.name, Health.FAILED, found, "", InfrastructureError.exit_code)
    health = Health.WARNING if seen.next else Health.OK
    return Finding(check.name, health, masked(seen.text), seen.next)


def _within(limit: float, look: Callable[[], T]) -> T:
    """What it gives or raises, if it ends in time. What hangs is left behind; prints are dropped.

    Raises:
        InfrastructureError: it did not end in time.
    """
    ends: queue.SimpleQueue[Callable[[], T]] = queue.SimpleQueue()

    def raised(error: BaseException) -> T:
        raise error

    def run() -> None:
        try:
            with printed_to(lambda _: None):
                seen = look()
        except BaseException as error:  # noqa: BLE001  # it is raised where it was asked for
            ends.put(partial(raised, error))
        else:
            ends.put(lambda: seen)

    threading.Thread(target=run, daemon=True).start()
    try:
        end = ends.get(timeout=limit)
    except queue.Empty:
        raise InfrastructureError(
            f"no answer within {limit:g} s", hint="can this machine reach it, and is it alive?"
        ) from None
    return end()


def _line(text: str) -> str:
    return text.partition("\n")[0]
