"""Spoiled rows: what a row must be like to fail an expectation. The audit itself is the judge."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from medallion.condition import read_condition
from medallion.quoting import quote
from medallion.schema import Schema, Type, decimal_of

Arguments = Mapping[str, Any]
Row = Mapping[str, Any]

_ODD = "~ medallion self-test ~"
_PROBES = (
    *("", " ", "a", "A", "0", "-1", "_", "abc", "ABC", "123", "a b", "a@b.cc", "http://a.bc/d"),
    *("2020-01-01", "2020-01-01 00:00:00", "+1 555 0100", "$1.00", "é", "\n", _ODD),
)
_EXTREMES: Mapping[str, tuple[Any, Any]] = {
    "boolean": (False, True),
    "int": (-(2**31) + 1, 2**31 - 1),
    "long": (-(2**62), 2**62),
    "float": (-1e30, 1e30),
    "double": (-1e30, 1e30),
    "string": ("", "~" * 8),
    "date": ("0001-01-01", "9999-12-31"),
    "time": ("00:00:00", "23:59:59"),
    "timestamp": ("0001-01-01 00:00:00", "9999-12-31 23:59:59"),
    "timestamptz": ("0001-01-01 00:00:00+00", "9999-12-31 23:59:59+00"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
}
_NUMBERS = ("int", "long", "float", "double")


@dataclass(frozen=True, slots=True)
class Spoiling:
    """Rows of which each should fail an expectation; the first that does is enough.

    A row names some columns; the others are copied from a row that meets `where`. `sure` says that
    one of them must fail: one that passes tells of a fault in the expectation. `why` there is none.
    """

    rows: tuple[Row, ...] = ()
    where: str = ""
    sure: bool = True
    why: str = "no row is known that it must not let pass"


def bad_rows(document: Mapping[str, Any], schema: Schema) -> Spoiling:
    """The rows that should fail an expectation of a table with these columns."""
    arguments: Arguments = document.get("kwargs") or {}
    named = [str(c) for c in _columns(arguments)]
    if unknown := [c for c in named if schema.column(c) is None]:
        return Spoiling(why=f"there is no column {unknown[0]!r}")
    kind = _KINDS.get(str(document["type"]))
    if kind is None:
        decides = str(document["type"]).startswith(("expect_table", "expect_column_to"))
        why = "it is about the table's columns or their number, which no row changes"
        found = Spoiling(why=why) if decides else _anyhow(schema)
    else:
        found = kind(arguments, schema)
    return _conditioned(found, arguments.get("row_condition"))


def _columns(arguments: Arguments) -> Sequence[str]:
    several = arguments.get("column_list") or arguments.get("columns") or ()
    one = (arguments.get(name) for name in ("column", "column_A", "column_B"))
    return [*several, *(name for name in one if isinstance(name, str))]


def _each(arguments: Arguments, values: Sequence[Any], *, sure: bool = True) -> Spoiling:
    """The one column with each of the values."""
    (column,) = _columns(arguments)
    why = f"no value of {column!r} is known that it must not let pass"
    return Spoiling(tuple({column: value} for value in values), sure=sure, why=why)


def _type(arguments: Arguments, schema: Schema, number: int = 0) -> Type:
    column = schema.column(_columns(arguments)[number])
    assert column
    return column.type


def _ends(type: Type) -> tuple[Any, ...]:
    """The least and the greatest value to try, as far as there are any."""
    if decimal := decimal_of(type):
        precision, scale = decimal
        most = Decimal(10 ** (precision - scale)) - Decimal(1).scaleb(-scale)
        return -most, most
    return _EXTREMES.get(type, ()) if isinstance(type, str) else ()


def _beyond(arguments: Arguments, schema: Schema) -> Spoiling:
    """Values outside of min_value and max_value."""
    type = _type(arguments, schema)
    found: list[Any] = []
    for bound, step in ((arguments.get("max_value"), 1), (arguments.get("min_value"), -1)):
        if bound is None:
            continue
        with suppress(InvalidOperation, TypeError):
            if type in _NUMBERS or decimal_of(type):
                found.append(Decimal(str(bound)) + step)
        if type == "string" and step > 0:
            found.append(f"{bound}~")
        found += _ends(type)[-1:] if step > 0 else _ends(type)[:1]
    return _each(arguments, found)


def _outside(arguments: Arguments, schema: Schema) -> Spoiling:
    """Values that are none of a set."""
    return _each(arguments, _strangers(_type(arguments, schema), arguments.get("value_set") or ()))


def _strangers(type: Type, known: Sequence[Any]) -> list[Any]:
    least, *rest = _ends(type) or (None,)
    found = [least, *rest] if least is not None else []
    if type == "string":
        found = [_ODD, *found]
    with suppress(TypeError, InvalidOperation):
        if type in _NUMBERS or decimal_of(type):
            found.insert(0, max((Decimal(str(v)) for v in known), default=Decimal(0)) + 1)
    return [value for value in found if value not in known]


def _inside(arguments: Arguments, _: Schema) -> Spoiling:
    return _each(arguments, list(arguments.get("value_set") or ())[:3])


def _null(arguments: Arguments, _: Schema) -> Spoiling:
    return _each(arguments, [None])


def _something(arguments: Arguments, schema: Schema) -> Spoiling:
    return _each(arguments, _ends(_type(arguments, schema)))


def _twice(arguments: Arguments, _: Schema) -> Spoiling:
    """A row that is there already."""
    there = " and ".join(f"{quote(c)} is not null" for c in _columns(arguments))
    return Spoiling(({},), there)


def _alike(arguments: Arguments, schema: Schema) -> Spoiling:
    """The same value in all of the columns."""
    names = _columns(arguments)
    rows = tuple(dict.fromkeys(names, v) for v in (_ends(_type(arguments, schema))))
    return Spoiling(rows)


def _unlike(arguments: Arguments, schema: Schema) -> Spoiling:
    """The least value in the first of the columns, the greatest in the others."""
    first, *others = _columns(arguments)
    ends = [_ends(_type(arguments, schema, n)) for n in range(len(others) + 1)]
    if not all(ends):
        return Spoiling()
    greatest = {name: found[-1] for name, found in zip(others, ends[1:], strict=True)}
    return Spoiling(({first: ends[0][0], **greatest},))


def _strange_pair(arguments: Arguments, schema: Schema) -> Spoiling:
    first, second = _columns(arguments)
    pairs = arguments.get("value_pairs_set") or ()
    found = _strangers(_type(arguments, schema), [pair[0] for pair in pairs])
    return Spoiling(tuple({first: value, second: pairs[0][1]} for value in found if pairs))


def _sum(arguments: Arguments, _: Schema) -> Spoiling:
    first, *others = _columns(arguments)
    with suppress(InvalidOperation):
        total = Decimal(str(arguments.get("sum_total"))) + 1
        return Spoiling(({first: total, **dict.fromkeys(others, 0)},))
    return Spoiling()


def _lengths(arguments: Arguments, _: Schema) -> Spoiling:
    exact = arguments.get("value")
    least = exact if exact is not None else arguments.get("min_value")
    most = exact if exact is not None else arguments.get("max_value")
    found = ["x" * (int(most) + 1)] if most is not None else []
    found += ["x" * (int(least) - 1)] if least else []
    return _each(arguments, found)


def _patterns(arguments: Arguments) -> list[str]:
    """The regular expressions that are meant; those of `like` as such."""
    given = [arguments.get(k) for k in ("regex", "regex_list")]
    likes = [arguments.get(k) for k in ("like_pattern", "like_pattern_list")]
    found = [p for value in given if value for p in ([value] if isinstance(value, str) else value)]
    for value in likes:
        for like in [value] if isinstance(value, str) else value or ():
            text = re.escape(like).replace("%", "(?s:.*)").replace("_", "(?s:.)")
            found.append(f"^{text}$(?!\\n)")
    return found


def _unmatched(arguments: Arguments, _: Schema) -> Spoiling:
    """Texts that match none of the patterns."""
    patterns = _patterns(arguments)
    found = [p for p in (_ODD, *_PROBES) if not any(_matches(x, p) for x in patterns)]
    return _each(arguments, found[:3])


def _matched(arguments: Arguments, _: Schema) -> Spoiling:
    """Texts that match one of the patterns."""
    found = []
    for pattern in _patterns(arguments):
        bare = re.sub(r"\(\?s:\.\*\)|\(\?!\\n\)|[\^$]", "", pattern).replace("(?s:.)", "a")
        plain = re.sub(r"\\(.)", r"\1", bare)
        guesses = (bare, plain, re.sub(r"[*+?]|\{.*?\}|[()\[\]]", "", plain), *_PROBES)
        found += [guess for guess in guesses if _matches(pattern, guess)][:2]
    return _each(arguments, found)


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # another dialect's: the audit will say
        return False


def _texts(*values: str) -> Callable[[Arguments, Schema], Spoiling]:
    return lambda arguments, _: _each(arguments, values)


def _far(arguments: Arguments, schema: Schema) -> Spoiling:
    """Extreme values, which may or may not move what is told of all rows together."""
    found = _each(arguments, _ends(_type(arguments, schema)), sure=False)
    return replace(found, why="one row does not decide it")


def _anyhow(schema: Schema) -> Spoiling:
    """Rows that are odd in every way, for what nothing is known of."""
    least, most = (
        {c.name: ends[end] for c in schema if (ends := _ends(c.type))} for end in (0, -1)
    )
    rows: tuple[Row, ...] = (dict.fromkeys(schema.names), {}, least, most)
    return Spoiling(rows, sure=False)


def _missing(arguments: Arguments, schema: Schema) -> Spoiling:
    """A key that is none of another table's."""
    names = _columns(arguments)
    found = [_strangers(_type(arguments, schema, n), ()) for n in range(len(names))]
    if not names or not all(found):
        return Spoiling()
    return Spoiling(tuple(dict(zip(names, key, strict=True)) for key in zip(*found, strict=False)))


_KINDS: Mapping[str, Callable[[Arguments, Schema], Spoiling]] = {
    "expect_column_values_to_not_be_null": _null,
    "expect_column_values_to_be_null": _something,
    "expect_column_values_to_be_between": _beyond,
    "expect_column_values_to_be_in_set": _outside,
    "expect_column_values_to_not_be_in_set": _inside,
    "expect_column_distinct_values_to_be_in_set": _outside,
    "expect_column_distinct_values_to_equal_set": _outside,
    "expect_column_values_to_be_unique": _twice,
    "expect_compound_columns_to_be_unique": _twice,
    "expect_select_column_values_to_be_unique_within_record": _alike,
    "expect_multicolumn_values_to_be_equal": _unlike,
    "expect_column_pair_values_a_to_be_greater_than_b": _unlike,
    "expect_column_pair_values_to_be_equal": _unlike,
    "expect_column_pair_values_to_be_in_set": _strange_pair,
    "expect_multicolumn_sum_to_equal": _sum,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": _lengths,
    "expect_column_values_to_match_regex": _unmatched,
    "expect_column_values_to_match_regex_list": _unmatched,
    "expect_column_values_to_match_like_pattern": _unmatched,
    "expect_column_values_to_match_like_pattern_list": _unmatched,
    "expect_column_values_to_not_match_regex": _matched,
    "expect_column_values_to_not_match_regex_list": _matched,
    "expect_column_values_to_not_match_like_pattern": _matched,
    "expect_column_values_to_not_match_like_pattern_list": _matched,
    "expect_column_values_to_be_json_parseable": _texts("{not json"),
    "expect_column_values_to_match_strftime_format": _texts("no time at all"),
    "foreign_key": _missing,
    **dict.fromkeys(
        (
            *(f"expect_column_{of}_to_be_between" for of in ("max", "min", "mean", "median")),
            *(f"expect_column_{of}_to_be_between" for of in ("stdev", "sum")),
            "expect_column_quantile_values_to_be_between",
            "expect_column_value_z_scores_to_be_less_than",
            "expect_column_values_to_not_be_outliers",
        ),
        _far,
    ),
    **dict.fromkeys(
        ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"),
        lambda *_: Spoiling(why="it is about the type of the column, which no row changes"),
    ),
}


def _conditioned(found: Spoiling, condition: Any) -> Spoiling:
    """The same for rows that meet a row_condition."""
    if not condition:
        return found
    read = read_condition(condition)
    if read is None:
        return replace(found, sure=False, why="its row_condition is not understood")
    text, columns = read
    # A value that spoils the row may put it out of the condition.
    sure = found.sure and not any(columns & row.keys() for row in found.rows)
    where = f"({found.where}) and ({text})" if found.where else text
    return replace(found, where=where, sure=sure)


def shown(row: Row) -> Iterator[str]:
    """What of a row was changed, for people."""
    for name, value in row.items():
        yield f"{name}={'NULL' if value is None else value}"
