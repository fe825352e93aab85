"""Surrogate keys as SQL: a hash of a natural key, and the function of that name in queries."""

import string
from collections.abc import Sequence

import duckdb

from medallion.adapters.duckdb.duck import run

_FUNCTION = "surrogate_key"
_MOST = 8  # arguments


def hashed(values: Sequence[str]) -> str:
    """The surrogate key of these expressions, as `medallion.surrogate_key` computes it.

    >>> hashed(["id"])
    "greatest(1, ('0x' || md5(if(id is null, '-', concat(strlen(id::varchar), ':', \
id::varchar)))[:15])::bigint)"
    """
    texts = " || ".join(
        f"if({v} is null, '-', concat(strlen({v}::varchar), ':', {v}::varchar))" for v in values
    )
    return f"greatest(1, ('0x' || md5({texts})[:15])::bigint)"


def dated(value: str) -> str:
    """The day of an expression as a number: 20261121."""
    day = f"{value}::date"
    return f"(year({day}) * 10000 + month({day}) * 100 + day({day}))::integer"


def keyed(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """A query that may call `surrogate_key(...)`, which the session knows from here on."""
    if _FUNCTION in text.lower():
        names = string.ascii_lowercase[:_MOST]
        forms = (f"({', '.join(names[:n])}) as {hashed(names[:n])}" for n in range(1, _MOST + 1))
        run(connection, f"create or replace macro {_FUNCTION}{', '.join(forms)}")
    return text
