"""Shaping: a model's rows as its declaration shapes them, before they are stored."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import duckdb

from medallion.adapters.duckdb.deduplicating import deduplicated
from medallion.adapters.duckdb.deleting import set_apart
from medallion.adapters.duckdb.shape import Shaped
from medallion.adapters.duckdb.star import looked_up, members
from medallion.adapters.duckdb.versions import begun
from medallion.model import Model
from medallion.window import Window

Pass = Callable[[duckdb.DuckDBPyConnection, Model, Shaped], Shaped]
"""Gives the rows in another shape; what the model does not declare it leaves as it is."""


def _of_text(change: Callable[[duckdb.DuckDBPyConnection, Model, str], str]) -> Pass:
    return lambda connection, model, shape: replace(
        shape, text=change(connection, model, shape.text)
    )


_PASSES: Sequence[Pass] = (
    _of_text(looked_up),
    deduplicated,
    set_apart,
    begun,
    _of_text(members),
)


def shaped(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    text: str,
    *,
    read: bool = True,
    window: Window | None = None,
) -> Shaped:
    """The rows of a model as it declares them; without `read` only their columns are asked for."""
    shape = Shaped(text, read, window=window)
    for given in _PASSES:
        shape = given(connection, model, shape)
    return shape
