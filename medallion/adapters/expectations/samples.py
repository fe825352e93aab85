"""The rows that failed an expectation, from the condition that counted them: some, and which."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from medallion.adapters.expectations.metrics import CompoundUniqueCount, UniqueCount, repeated
from medallion.adapters.expectations.questions import unexpected
from medallion.adapters.expectations.resolution import Resolution
from medallion.adapters.expectations.verdicts import safe

SAMPLE = 5
# Rows read to find that many different ones: a value that fails often fails in rows side by side.
_ENOUGH = 100
_UNIQUE = (UniqueCount.metric_name, CompoundUniqueCount.metric_name)


def failing_rows(
    resolution: Resolution, count: Any, columns: Sequence[str], keys: Sequence[str]
) -> tuple[Any, ...]:
    """Up to five different rows that a map metric counted, as JSON can hold them.

    A row is its `keys`; without keys it is the values it failed with, in the expectation's
    `columns`. `count` is the metric that counted the rows.
    """
    named = list(keys or columns)
    try:
        rows = _read(resolution, _condition(resolution, count, columns), named)
    except Exception:  # noqa: BLE001 - a verdict does not hang on its sample
        return ()
    if keys or len(named) > 1:
        return different(dict(zip(named, row, strict=True)) for row in rows)
    return different(row[0] for row in rows)


def failing_where(resolution: Resolution, count: Any, columns: Sequence[str]) -> str:
    """The condition of the rows that a map metric counted, as SQL over the view `batch`.

    Nothing where there is none that can be written down.
    """
    try:
        where = _condition(resolution, count, columns)
        if where is None:
            return ""
        dialect = resolution.engine.engine.dialect
        return str(where.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except Exception:  # noqa: BLE001 - the verdict stands without it
        return ""


def _read(resolution: Resolution, where: Any, columns: Sequence[str]) -> Sequence[Any]:
    if where is None:
        return ()
    engine = resolution.engine
    wanted: Any = sa.select(*[sa.column(c) for c in columns]).select_from(engine.table)
    rows: Sequence[Any] = engine.execute_query(wanted.where(where).limit(_ENOUGH)).fetchall()
    return rows


def _condition(resolution: Resolution, count: Any, columns: Sequence[str]) -> Any:
    engine = resolution.engine
    if count.metric_name not in _UNIQUE:
        return unexpected(engine, count, resolution.values)
    domain = dict(count.metric_domain_kwargs)
    groups = repeated(engine, domain, columns).subquery()
    key: Any = sa.tuple_(*[sa.column(c) for c in columns])
    twice = key.in_(sa.select(*[groups.c[c] for c in columns]))
    own = engine.where(domain)
    return twice if own is None else sa.and_(twice, own)


def different(found: Iterable[Any]) -> tuple[Any, ...]:
    """The first five different ones, as JSON can hold them."""
    kept: list[Any] = []
    for item in found:
        plain = safe(item)
        if plain not in kept:
            kept.append(plain)
        if len(kept) == SAMPLE:
            break
    return tuple(kept)
