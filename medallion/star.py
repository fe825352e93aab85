"""Star schemas: surrogate keys, dimensions with their unknown member, and facts that find them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from medallion.errors import DefinitionError
from medallion.names import TableName
from medallion.schema import Type, decimal_of, show
from medallion.usage import written

UNKNOWN = 0  # the key of the member that stands for none
IS_INFERRED = "is_inferred"
KINDS = ("hash", "date")
MISSING = ("fail", "unknown")
_WHOLE = ("int", "long")
TIMES = ("date", "timestamp", "timestamptz")

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Dimension:
    """A table that facts refer to by a surrogate key, the column `name`, made of the natural `key`.

    `version` is the column that tells versions of one key apart, where the table has a history: it
    says since when a row is valid. The surrogate key is a hash, or a date as a number, by `kind`.
    `unknown` adds a member for facts that name none. `inferred` are columns of other tables, by
    name, whose keys get a member as well if no row has them yet. `values` are the columns of
    members of which nothing is known; the others are NULL.
    """

    key: tuple[str, ...]
    name: str = ""
    version: str = ""
    kind: str = "hash"
    unknown: bool = True
    values: Mapping[str, Value] = field(default_factory=dict)
    inferred: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that together name one row: the natural key, and its version."""
        return (*self.key, self.version) if self.version else self.key


@dataclass(frozen=True, slots=True)
class Lookup:
    """A column that refers to a dimension, found by the natural key in `columns`.

    `at` is the column that says as of when, for a dimension that has a history. What the dimension
    does not have refers to its unknown member if `missing` is "unknown", and else fails the audit.
    `target` is what the dimension declares; None until the models are seen together.
    """

    dimension: TableName
    columns: tuple[str, ...]
    at: str = ""
    missing: str = "fail"
    target: Dimension | None = None

    @property
    def joins(self) -> bool:
        """Whether the rows of the dimension are read to find it."""
        return bool(self.at) or self.missing == "unknown"


@written('dimension("customer_id")')
def dimension(
    *key: str,
    name: str = "",
    version: str = "",
    kind: str = "hash",
    unknown: bool | Mapping[str, Value] = True,
    inferred: Mapping[str, str | Sequence[str]] | None = None,
) -> Dimension:
    """Make the model a dimension of its natural key: `dimension("customer_id")`.

    - `name`: of the column with the surrogate key, which comes first; without it `customer_key` in
      a model `dim_customer`
    - `version`: the column that says since when a row is valid: `"valid_from"`. The table has a
      history then, and `valid_to` as well
    - `kind`: `"hash"`, or `"date"`: the key is the day as a number, 20261121
    - `unknown`: whether there is a member 0 for facts that name none; or the columns of it that are
      not NULL: `{"name": "unknown"}`
    - `inferred`: tables whose keys get a member before their row arrives:
      `{"silver.orders": "customer_id"}`; with a history, by the column that says as of when:
      `{"silver.orders": ["customer_id", "ordered_at"]}`

    Raises:
        DefinitionError: these do not go together.
    """
    if not key or not all(isinstance(k, str) for k in key):
        raise DefinitionError(
            f"dimension{key} names no key", hint='write: dimension("customer_id")'
        )
    if kind not in KINDS:
        raise DefinitionError(f"dimension: kind={kind!r}", hint=f"one of: {', '.join(KINDS)}")
    if kind == "date" and (version or len(key) > 1):
        raise DefinitionError('kind="date" makes the key of one day', hint='dimension("date", ...)')
    named = {TableName.parse(t): _names(c) for t, c in (inferred or {}).items()}
    for table, columns in named.items():
        wanted = (*key, "the column that says as of when") if version else key
        if len(columns) != len(wanted):
            raise DefinitionError(
                f"dimension: inferred names {len(columns)} columns of {table}, "
                f"and these are {len(wanted)}: {', '.join(wanted)}"
            )
    values = dict(unknown) if isinstance(unknown, Mapping) else {}
    return Dimension(key, name, version, kind, bool(unknown), values, named)


@written('lookup("gold.dim_customer", "customer_id")')
def lookup(dimension: str, *columns: str, at: str = "", missing: str = "fail") -> Lookup:
    """A column that refers to a dimension: `lookup("gold.dim_customer", "customer_id")`.

    - `columns`: of the model's rows, with the dimension's natural key; where one is NULL, the
      unknown member is referred to
    - `at`: a column that says as of when, for a dimension that has a history
    - `missing`: what becomes of a key that the dimension does not have: `"fail"` fails the audit,
      `"unknown"` refers to the unknown member

    Raises:
        DefinitionError: it names no column or table, or another `missing`.
    """
    if not columns or not all(isinstance(c, str) for c in columns):
        raise DefinitionError(
            f"lookup({dimension!r}) names no column",
            hint='write: lookup("gold.dim_customer", "customer_id")',
        )
    if missing not in MISSING:
        raise DefinitionError(f"lookup: missing={missing!r}", hint=f"one of: {', '.join(MISSING)}")
    return Lookup(TableName.parse(dimension), columns, at, missing)


def surrogate_key(*values: str | int | date | None) -> int:
    """The surrogate key of a natural key: what `surrogate_key(...)` gives in SQL.

    It is the number that the first 15 hexadecimal digits of an md5 are, of the values as text, each
    behind its length in bytes.

    >>> surrogate_key(7), surrogate_key("7"), surrogate_key("7", None)
    (763456559232083109, 763456559232083109, 424031182014851184)

    Raises:
        DefinitionError: a value is no text, whole number, date or None.
    """
    text = "".join(map(_part, values))
    return max(1, int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:15], 16))


@written('calendar("2019-01-01", "2030-12-31")')
def calendar(start: str, end: str) -> str:
    """The SQL text of a row for each day, for a date dimension; both days are in it.

    Its columns: `date`, `year`, `quarter`, `month`, `month_name`, `day`, `day_of_week` (Monday is
    1), `day_name`, `iso_year`, `iso_week`, `day_of_year`, `is_weekend`, `first_of_month`,
    `last_of_month`.

    Raises:
        DefinitionError: a day is not written as "2026-11-21", or the end is before the start.
    """
    try:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
    except (TypeError, ValueError) as error:
        raise DefinitionError(
            f"calendar({start!r}, {end!r}): {error}", hint='write: calendar("2019-01-01", ...)'
        ) from error
    if last < first:
        raise DefinitionError(f"calendar({start!r}, {end!r}) ends before it starts")
    return _CALENDAR.format(first=first, last=last)


def alike(one: Type, other: Type) -> bool:
    """Whether equal values of two types have one text, and so one key."""
    return one == other or (_is_whole(one) and _is_whole(other))


def mistake(
    lookup: Lookup, ours: Mapping[str, Type], theirs: Mapping[str, Type]
) -> tuple[str, str] | None:
    """Which column has a type that finds nothing, and what to do; None if there is none.

    `ours` and `theirs` are the types of columns of both tables, as far as they are known.
    """
    target = lookup.target
    assert target
    times = [lookup.at, *(lookup.columns if target.kind == "date" else ())]
    for own in times:
        if ours.get(own, TIMES[0]) not in TIMES:
            told = f"the time {own!r}, which is {show(ours[own])}"
            return told, f"cast it to one of: {', '.join(TIMES)}"
    for own, key in zip(lookup.columns, target.key, strict=True):
        if own in times or own not in ours or key not in theirs:
            continue
        if not alike(ours[own], theirs[key]):
            has = f"{lookup.dimension} has {key!r} as {show(theirs[key])}"
            told = f"{own!r}, which is {show(ours[own])}, and {has}"
            return told, "cast one of them to the type of the other: no key would be found"
    return None


def _is_whole(type: Type) -> bool:
    decimal = decimal_of(type)
    return type in _WHOLE or (decimal is not None and decimal[1] == 0)


def _part(value: str | int | date | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | datetime) or not isinstance(value, str | int | date):
        raise DefinitionError(
            f"surrogate_key takes no {type(value).__name__}", hint="give it as SQL prints it"
        )
    text = value.isoformat() if isinstance(value, date) else str(value)
    return f"{len(text.encode())}:{text}"


def _names(columns: str | Sequence[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)


_CALENDAR = """
select
    date,
    year(date)::integer as year,
    quarter(date)::integer as quarter,
    month(date)::integer as month,
    monthname(date) as month_name,
    day(date)::integer as day,
    isodow(date)::integer as day_of_week,
    dayname(date) as day_name,
    isoyear(date)::integer as iso_year,
    weekofyear(date)::integer as iso_week,
    dayofyear(date)::integer as day_of_year,
    isodow(date) > 5 as is_weekend,
    date_trunc('month', date)::date as first_of_month,
    last_day(date) as last_of_month
from (
    select unnest(generate_series(date '{first}', date '{last}', interval 1 day))::date as date
)
"""
