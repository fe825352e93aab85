"""Condition: which rows an expectation is about, as SQL of the conditions that suites have."""

import re
from decimal import Decimal
from typing import Any

from medallion.quoting import literal, quote

_COMPARED = re.compile(
    r"""\s*col\("([^"]+)"\)\s*(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|-?[\d.]+)\s*"""
)
_NOT_NULL = re.compile(r'\s*col\("([^"]+)"\)\.notNull\(\)\s*')


def read_condition(condition: Any) -> tuple[str, frozenset[str]] | None:
    """A row_condition in SQL, and the columns that it names; None where it is not understood.

    >>> read_condition('col("fare") > 0')
    ('"fare" > 0', frozenset({'fare'}))
    """
    if isinstance(condition, str):
        return _text_condition(condition)
    match condition:
        case {"type": "nullity", "column": {"name": name}, "is_null": null}:
            return f"{quote(name)} is {'' if null else 'not '}null", frozenset([name])
        case {"type": "comparison", "column": {"name": name}, "operator": sign, "parameter": value}:
            return f"{quote(name)} {_compared(str(sign), value)}", frozenset([name])
        case {"type": "and" | "or" as word, "conditions": conditions}:
            parts = [read_condition(c) for c in conditions]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            text = f" {word} ".join(f"({part})" for part, _ in known)
            return text, frozenset(name for _, names in known for name in names)
    return None


def _text_condition(condition: str) -> tuple[str, frozenset[str]] | None:
    if found := _NOT_NULL.fullmatch(condition):
        return f"{quote(found[1])} is not null", frozenset([found[1]])
    if found := _COMPARED.fullmatch(condition):
        given = found[3]
        value = given[1:-1] if given[0] in "\"'" else Decimal(given)
        return f"{quote(found[1])} {_compared(found[2], value)}", frozenset([found[1]])
    return None


def _compared(sign: str, value: Any) -> str:
    if sign in ("IN", "NOT_IN"):
        return f"{sign.lower().replace('_', ' ')} ({', '.join(map(_value, value))})"
    return f"{'=' if sign == '==' else sign} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float | Decimal) else literal(str(value))
