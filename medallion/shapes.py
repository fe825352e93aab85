"""Shapes: how a declared value may be written, and what is kept of it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import FunctionType
from typing import Any

from medallion.contract import ColumnContract
from medallion.deduplication import Deduplication
from medallion.errors import DefinitionError
from medallion.history import Scd2
from medallion.mask import Mask
from medallion.partition import Transform
from medallion.resources import parse_duration, parse_size
from medallion.star import Dimension, Lookup


def kept(name: str, given: Any) -> Any:
    """The value of a declaration as a model keeps it.

    Raises:
        DefinitionError: it is not of its shape; the hint shows one that is.
    """
    shape, kind, example = _DECLARED[name]
    value = shape(given, kind)
    if value is None:
        told = getattr(given, "__name__", None) or f"{given!r:.60}"
        raise DefinitionError(f"{name}={told} does not fit", hint=f"write: {name}={example}")
    return value


def _one(given: Any, kind: type) -> Any:
    return given if isinstance(given, kind) and not isinstance(given, bool) else None


def _several(given: Any, kind: type) -> tuple[Any, ...] | None:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    return values if all(isinstance(v, kind) for v in values) else None


def _set(given: Any, kind: type) -> frozenset[Any] | None:
    values = _several(list(given) if isinstance(given, set | frozenset) else given, kind)
    return None if values is None else frozenset(values)


def _items(given: Any, kind: type) -> Any:
    if isinstance(given, list | tuple):
        return tuple(given)
    return given if isinstance(given, kind) else None


def _number(given: Any, kind: type) -> Any:
    return kind(given) if isinstance(given, int | float) and not isinstance(given, bool) else None


def _time(given: Any, _: type) -> float | None:
    return parse_duration(given) if isinstance(given, str | int | float | timedelta) else None


def _size(given: Any, _: type) -> int | None:
    return parse_size(given) if isinstance(given, str) else None


def _text(given: Any, kind: type) -> Any:
    return given if isinstance(given, str | kind) else None


def _flag(given: Any, kind: type) -> Any:
    return given if isinstance(given, kind) else None


def _columns(given: Any, kind: type) -> dict[str, ColumnContract] | None:
    """A contract; a type alone stands for a column of which no more is promised."""
    found = _named(given, str | kind)  # type: ignore[arg-type]  # isinstance takes it
    return found and {n: ColumnContract(c) if isinstance(c, str) else c for n, c in found.items()}


def _sources(given: Any, kind: type) -> dict[str, tuple[str, ...]] | None:
    """Columns by the columns that they are made of."""
    found = _named(given, object)
    values = {name: _several(value, kind) for name, value in (found or {}).items()}
    return None if found is None or None in values.values() else values  # type: ignore[return-value]


def _named(given: Any, kind: type) -> dict[str, Any] | None:
    fits = isinstance(given, Mapping) and all(
        isinstance(k, str) and isinstance(v, kind) for k, v in given.items()
    )
    return dict(given) if fits else None


# What can be declared: its shape (None stands for a value that does not fit) and how it is written.
_DECLARED: Mapping[str, tuple[Callable[[Any, type], Any], type, str]] = {
    "partition_by": (_several, Transform, 'month("pickup_at")'),
    "time_column": (_one, str, '"pickup_at"'),
    "lookback": (_one, int, "1"),
    "whole": (_several, str, '["silver.zones"]'),
    "start": (_one, str, '"2019-01-01"'),
    "strategy": (_text, Scd2, '"merge"'),
    "unique_key": (_several, str, '["order_id", "line"]'),
    "mask": (_named, Mask, '{"licence": hashed()}'),
    "columns": (_columns, ColumnContract, '{"id": column("bigint", nullable=False)}'),
    "closed": (_flag, bool, "True"),
    "derives": (_sources, str, '{"total": ["silver.orders.amount"]}'),
    "deduplicate": (_one, Deduplication, 'latest("id", by="loaded_at")'),
    "deleted": (_one, str, "\"op = 'D'\""),
    "dimension": (_one, Dimension, 'dimension("customer_id")'),
    "lookups": (_named, Lookup, '{"customer_key": lookup("gold.dim_customer", "customer_id")}'),
    "on_failure": (_one, str, '"quarantine"'),
    "max_quarantine": (_number, float, "0.01"),
    "renamed": (_named, str, '{"new_column": "old_column"}'),
    "expectations": (_several, object, '[{"type": ..., "kwargs": ...}]'),
    "retries": (_one, int, "3"),
    "for_each": (_items, FunctionType, "stations"),
    "timeout": (_time, float, '"10m"'),
    "cpu": (_number, float, "2"),
    "memory": (_size, str, '"4GB"'),
    "max_age": (_time, float, '"1h"'),
    "key": (_text, FunctionType, "lambda: date.today().isoformat()"),
    "tags": (_set, str, '["daily"]'),
    "owner": (_one, str, '"sales"'),
}
