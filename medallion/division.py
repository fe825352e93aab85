"""Division: the rows of a table that fail its suite apart from the others, as data.

A row that fails is kept in a table beside its own, under the same columns with the same field ids:
a file of either table can be read as one of the other.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from medallion.errors import ModelError
from medallion.frame import Frame
from medallion.names import TableName
from medallion.schema import Column, ListType, Schema
from medallion.suite import Audit, Verdict
from medallion.tables import Draft, WrittenFile

RULES, ASIDE_RUN, ASIDE_INPUTS, ASIDE_AT = "_rules", "_run", "_inputs", "_quarantined_at"

_FIRST = 1_000_000_000  # a field id that no column of a model has
_ADDED = (
    Column(RULES, ListType("string", _FIRST + 1), _FIRST, "the rules that the row fails"),
    Column(ASIDE_RUN, "string", _FIRST + 2, "the run that put it here"),
    Column(ASIDE_INPUTS, "string", _FIRST + 3, "what that run read: snapshots by table, as JSON"),
    Column(ASIDE_AT, "timestamptz", _FIRST + 4, "since when it is here"),
)
_SHOWN = 160  # characters of a rule


@dataclass(frozen=True, slots=True)
class Dividing:
    """What is to be divided: rows as files, and by rule the condition in SQL of those that fail.

    A condition is over the view `batch` of all the rows, and over `others`, by `layer.model`. Files
    of `before`, the rows that are aside now, may be among those of `batch`. Good rows go to
    `draft`, the others to `aside`, with the `inputs` and the time `now` as text. `check` is given
    how many rows of each file fail that are not aside, before anything is written, and may raise.
    """

    batch: Frame
    rules: Mapping[str, str]
    others: Mapping[str, Frame]
    draft: Draft
    aside: Draft
    before: Frame
    inputs: str
    now: str
    check: Callable[[Mapping[str, int]], None]


@dataclass(frozen=True, slots=True)
class Division:
    """What a division came to: the rows of the files `touched` are in others now.

    They are in `good` files of the table, or in `bad` ones of the table beside it. `rules` says how
    many rows fail which that were not aside before; `returned` counts those that were.
    """

    touched: frozenset[str] = frozenset()
    good: tuple[WrittenFile, ...] = ()
    bad: tuple[WrittenFile, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    returned: int = 0


def aside_schema(schema: Schema, owner: TableName) -> Schema:
    """The columns of the table beside one with these: the same, and what is told of a row.

    Raises:
        ModelError: one of them has a name that is taken.
    """
    taken = {column.name.casefold() for column in schema}
    for column in _ADDED:
        if column.name in taken:
            raise ModelError(
                f"{owner} gives a column {column.name!r}, which its quarantine has",
                hint='rename it with `as`, or take on_failure="quarantine" away',
            )
    columns = (replace(column, required=False) for column in schema)
    return replace(schema, columns=(*columns, *_ADDED), id=None)


def rule_of(verdict: Verdict) -> str:
    """An expectation as people name it.

    >>> from medallion.suite import Outcome, Severity
    >>> kwargs = {"column": "amount", "min_value": 0}
    >>> rule_of(Verdict("expect_x", kwargs, Severity.CRITICAL, Outcome.FAILED))
    'expect_x(column=amount, min_value=0)'
    """
    said = ((k, v) for k, v in verdict.kwargs.items() if v is not None)
    texts = (f"{k}={v if isinstance(v, str) else json.dumps(v, default=str)}" for k, v in said)
    text = f"{verdict.expectation}({', '.join(texts)}"
    return f"{text if len(text) < _SHOWN else text[: _SHOWN - 1] + '…'})"


def failing(audit: Audit) -> dict[str, str]:
    """The conditions of the rows that keep a table from being published, by rule."""
    found: dict[str, str] = {}
    for verdict in audit.verdicts:
        if verdict.blocks and verdict.rows:
            rule = rule_of(verdict)
            before = f"{found[rule]}\n) or (\n" if rule in found else ""
            found[rule] = before + verdict.rows
    return found
