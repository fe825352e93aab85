"""What was observed about one expectation, and the verdict that follows from it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from medallion.suite import Outcome, Severity, Verdict

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one expectation.

    `success` is what Great Expectations says. `nothing` is the reason why it was evaluated on
    nothing, and empty if it was not. `failing` of `rows` failed it, None where it does not judge
    single rows; then `observed` says what it saw. `where` is the condition of the rows that failed
    it, in SQL. With an `error` nothing else was seen.
    """

    success: bool = False
    nothing: str = ""
    failing: int | None = None
    rows: int | None = None
    observed: str = ""
    sample: tuple[Any, ...] = ()
    where: str = ""
    error: str = ""


def verdict(
    type: str,
    kwargs: Mapping[str, Any],
    severity: Severity,
    seen: Observation,
    *,
    vacuous: bool,
    why: str = "",
) -> Verdict:
    """The verdict on an expectation. `vacuous` says that a pass on nothing is a pass.

    `why` is told of one that failed.
    """
    if seen.error:
        return Verdict(type, kwargs, severity, Outcome.ERROR, seen.error)
    if seen.nothing:
        outcome = Outcome.PASSED if vacuous else Outcome.VACUOUS
        return Verdict(type, kwargs, severity, outcome, seen.nothing)
    outcome = Outcome.PASSED if seen.success else Outcome.FAILED
    told = _detail(seen)
    if why and not seen.success:
        told = f"{told}: {why}"
    return Verdict(type, kwargs, severity, outcome, told, seen.failing, seen.sample, seen.where)


def _detail(seen: Observation) -> str:
    if seen.failing is None or seen.rows is None:
        return seen.observed
    if not seen.failing:
        return counted(seen.rows, "row")
    share = 100 * seen.failing / seen.rows if seen.rows else 100.0
    percent = f"{share:.1f}" if share >= 0.1 else "less than 0.1"
    fail = "fails" if seen.failing == 1 else "fail"
    return f"{seen.failing:,} of {counted(seen.rows, 'row')} {fail} ({percent} %)"


def counted(number: int, thing: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def shown(value: Any) -> str:
    """A value as people read it in one line.

    >>> shown(1234567), shown(0.25), shown("a"), shown(None), shown(["a", 1])
    ('1,234,567', '0.25', 'a', 'NULL', '["a", 1]')
    """
    match value:
        case None:
            return "NULL"
        case bool() | str():
            return _cut(str(value))
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.6g}"
    plain = safe(value)
    return plain if isinstance(plain, str) else _cut(json.dumps(plain))


def safe(value: Any) -> Any:
    """A value of any kind as JSON can hold it; what JSON has no word for becomes text.

    >>> from decimal import Decimal
    >>> safe({"when": date(2026, 1, 2), "sum": Decimal("1.50"), "ratio": float("nan")})
    {'when': '2026-01-02', 'sum': '1.50', 'ratio': 'nan'}
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case date() | time():
            return value.isoformat()
        case bytes():
            return _cut(value.hex())
        case Mapping():
            return {str(k): safe(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [safe(v) for v in value]
    if hasattr(value, "tolist"):  # numpy
        return safe(value.tolist())
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
