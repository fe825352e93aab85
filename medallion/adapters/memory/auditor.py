"""Auditor: a handful of expectations, judged row by row in memory."""

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from medallion.adapters.memory.lake import MemoryLake, Row
from medallion.errors import DefinitionError
from medallion.foreign_key import FOREIGN_KEY, parse_foreign_key
from medallion.frame import Frame
from medallion.schema import Schema
from medallion.suite import Outcome, Severity, Suite, Verdict

_SAMPLE = 5
_NOT_NULL = "expect_column_values_to_not_be_null"
_VALUES = "values"  # of the column that is referred to
_ROW_COUNT = "expect_table_row_count_to_be_between"
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of expectation: its arguments, and which of the rows fail it; None for the table's."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    failing: Callable[[Sequence[Row], Arguments], list[bool]] | None = None


def _null(rows: Sequence[Row], _: Arguments) -> list[bool]:
    return [None in row for row in rows]


def _repeated(rows: Sequence[Row], _: Arguments) -> list[bool]:
    """A key with a NULL is none, so it repeats nothing."""
    counts = Counter(row for row in rows if None not in row)
    return [counts[row] > 1 for row in rows]


def _outside(rows: Sequence[Row], arguments: Arguments) -> list[bool]:
    return [not _between(value, arguments) for (value,) in rows]


def _unlisted(rows: Sequence[Row], arguments: Arguments) -> list[bool]:
    return [value not in arguments["value_set"] for (value,) in rows]


def _between(value: Any, arguments: Arguments) -> bool:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    return bool((low is None or value >= low) and (high is None or value <= high))


def _lost(rows: Sequence[Row], arguments: Arguments) -> list[bool]:
    return [value not in arguments[_VALUES] for (value,) in rows]


_BOUNDS = ("min_value", "max_value")
_KINDS = {
    _NOT_NULL: _Kind(("column",), ("mostly",), _null),
    "expect_column_values_to_be_unique": _Kind(("column",), ("mostly",), _repeated),
    "expect_column_values_to_be_between": _Kind(("column",), (*_BOUNDS, "mostly"), _outside),
    "expect_column_values_to_be_in_set": _Kind(("column", "value_set"), ("mostly",), _unlisted),
    "expect_compound_columns_to_be_unique": _Kind(("column_list",), ("mostly",), _repeated),
    _ROW_COUNT: _Kind((), _BOUNDS),
    FOREIGN_KEY: _Kind(("column", "references"), (), _lost),
}


@dataclass(frozen=True, slots=True)
class _Expectation:
    """An expectation, and the place it was written at."""

    place: str
    type: str
    kwargs: Arguments
    severity: Severity
    vacuous: bool
    values: Set[Any] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        one = self.kwargs.get("column")
        return tuple(self.kwargs.get("column_list", ())) if one is None else (one,)

    def verdict(
        self, outcome: Outcome, detail: str, failing: int | None = None, sample: Row = ()
    ) -> Verdict:
        return Verdict(self.type, self.kwargs, self.severity, outcome, detail, failing, sample)


class MemoryAuditor:
    """The `Auditor` port for some of Great Expectations' types of expectations."""

    def __init__(self, lake: MemoryLake) -> None:
        self._lake = lake

    def check(self, suite: Suite, columns: Schema | None) -> None:
        """Find the mistakes in a suite that show without rows."""
        for expectation in _read(suite):
            for name in expectation.columns:
                if columns is not None and name not in columns.names:
                    raise DefinitionError(
                        f"{expectation.place}: {expectation.type} names {name!r}, a column that "
                        f"{suite.table} has not",
                        hint=f"it has {', '.join(columns.names)}",
                    )

    def documents(self, suite: Suite) -> tuple[Mapping[str, Any], ...]:
        """Its expectations, each as type, kwargs, severity and meta."""
        return tuple(
            {
                "type": e.type,
                "kwargs": e.kwargs,
                "severity": e.severity,
                "meta": {"allow_vacuous": e.vacuous},
            }
            for e in _read(suite)
        )

    def audit(
        self,
        suite: Suite,
        frame: Frame,
        *,
        keys: Sequence[str] = (),
        others: Mapping[str, Frame] | None = None,
    ) -> tuple[Verdict, ...]:
        """One verdict per expectation, in the suite's order."""
        names = frame.schema.names
        rows = [dict(zip(names, row, strict=True)) for row in self._lake.read(frame)]
        named = [k for k in keys if k in names]
        frames = {**(others or {}), str(suite.table): frame}
        return tuple(_judge(self._told(e, frames), names, rows, named) for e in _read(suite))

    def _told(self, expectation: _Expectation, frames: Mapping[str, Frame]) -> _Expectation:
        """The expectation with the values that a foreign key may have, where they are there."""
        if expectation.type != FOREIGN_KEY:
            return expectation
        key = parse_foreign_key(expectation.place, expectation.kwargs)
        there = frames.get(str(key.table))
        if there is None or key.target not in there.schema.names:
            return expectation
        at = there.schema.names.index(key.target)
        return replace(expectation, values={row[at] for row in self._lake.read(there)})


def _judge(
    expectation: _Expectation,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
) -> Verdict:
    for name in expectation.columns:
        if name not in names:
            return expectation.verdict(Outcome.ERROR, f"there is no column {name!r}")
    if expectation.type == FOREIGN_KEY and expectation.values is None:
        told = f"there is no {expectation.kwargs['references']}"
        return expectation.verdict(Outcome.ERROR, told)
    try:
        if expectation.type == _ROW_COUNT:
            holds = _between(len(rows), expectation.kwargs)
            return expectation.verdict(_outcome(holds), f"observed {len(rows)}")
        return _judge_rows(expectation, rows, keys)
    except TypeError as error:  # such as a bound that is text and a value that is a number
        return expectation.verdict(Outcome.ERROR, str(error))


def _judge_rows(
    expectation: _Expectation, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> Verdict:
    columns, about_nulls = expectation.columns, expectation.type == _NOT_NULL
    found = [(row, tuple(row[c] for c in columns)) for row in rows]
    judged = [(r, v) for r, v in found if about_nulls or any(x is not None for x in v)]
    kind, mostly = _KINDS[expectation.type], expectation.kwargs.get("mostly", 1)
    assert kind.failing is not None
    arguments = {**expectation.kwargs, _VALUES: expectation.values}
    failed = kind.failing([v for _, v in judged], arguments)
    failing = sum(failed)
    nothing = ""
    if mostly == 0:
        nothing = "mostly is 0, so any row passes"
    elif not failing and not any(about_nulls or None not in v for _, v in judged):
        nothing = "there is no row to judge"
    if nothing:
        outcome = Outcome.PASSED if expectation.vacuous else Outcome.VACUOUS
        return expectation.verdict(outcome, nothing)
    holds = (len(judged) - failing) / len(judged) >= mostly
    told = f"{failing} of {len(judged)} rows fail"
    bad = [row for (row, _), fails in zip(judged, failed, strict=True) if fails]
    keys = () if expectation.type == FOREIGN_KEY else keys  # the values that are missing are told
    return expectation.verdict(_outcome(holds), told, failing, _sample(bad, keys, columns))


def _outcome(holds: bool) -> Outcome:
    return Outcome.PASSED if holds else Outcome.FAILED


def _sample(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], columns: Sequence[str]) -> Row:
    """Some different failing rows: their keys, or the values they failed with."""
    names = keys or columns
    one = not keys and len(names) == 1
    kept: list[Any] = []
    for row in rows:
        item = row[names[0]] if one else {name: row[name] for name in names}
        if item not in kept:
            kept.append(item)
    return tuple(kept[:_SAMPLE])


def _read(suite: Suite) -> list[_Expectation]:
    for path, _ in suite.scripts:
        raise DefinitionError(f"{path}: the memory auditor runs no scripts", hint="write JSON")
    found = [_checked(place, document) for place, document in _documents(suite)]
    if not found:
        raise DefinitionError(f"the suite of {suite.table} has no expectations")
    return found


def _documents(suite: Suite) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for place, document in suite.documents:
        several = document.get("expectations") if "type" not in document else None
        yield from [(place, document)] if several is None else [(place, d) for d in several]


def _checked(place: str, document: Mapping[str, Any]) -> _Expectation:
    type, kwargs = document.get("type"), document.get("kwargs", {})
    kind = _KINDS.get(str(type))
    if kind is None:
        near = difflib.get_close_matches(str(type), _KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"those known: {', '.join(_KINDS)}"
        raise DefinitionError(f"{place}: there is no expectation {type!r}", hint=hint)
    for name in kwargs:
        if name not in (*kind.needs, *kind.may):
            raise DefinitionError(f"{place}: {type} has no argument {name!r}")
    if type == FOREIGN_KEY:
        parse_foreign_key(place, kwargs)
    for name in kind.needs:
        if kwargs.get(name) in (None, "", [], ()):
            raise DefinitionError(f"{place}: {type} needs the argument {name!r}")
    if "min_value" in kind.may and not {*_BOUNDS} & {k for k, v in kwargs.items() if v is not None}:
        raise DefinitionError(f"{place}: {type} needs min_value or max_value")
    try:
        severity = Severity(document.get("severity") or Severity.CRITICAL)
    except ValueError:
        raise DefinitionError(
            f"{place}: {type}: no such severity", hint=f"one of: {', '.join(Severity)}"
        ) from None
    meta = document.get("meta") or {}
    waived = meta.get("allow_vacuous") or dict(meta.get("medallion") or {}).get("allow_vacuous")
    return _Expectation(place, str(type), kwargs, severity, bool(waived))
