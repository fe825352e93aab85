"""Shape: a model's rows on their way to be stored, as the passes of `shaping` hand them on."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from medallion.errors import ModelError
from medallion.model import Model
from medallion.schema import Column, checked
from medallion.window import Window


@dataclass(frozen=True, slots=True)
class Shaped:
    """A query of the rows, and how many were left out of it; `read` says whether rows were read.

    `window` is the one that is built: rows outside of it will not be stored.
    """

    text: str
    read: bool
    removed: int = 0
    window: Window | None = None


def columns_given(
    connection: duckdb.DuckDBPyConnection, model: Model, text: str
) -> tuple[str, ...]:
    """The names of a query's columns; no row is read.

    Raises:
        ModelError: a name is there twice.
    """
    names: Sequence[str] = connection.sql(text).columns
    checked([Column(name, "") for name in names], model.name)
    return tuple(names)


def flag(connection: duckdb.DuckDBPyConnection, model: Model, condition: str, text: str) -> str:
    """A declared condition as an expression that is true or false for each row of a query.

    Raises:
        ModelError: it does not fit the columns.
    """
    expression = f"coalesce((\n{condition}\n)::boolean, false)"
    names = columns_given(connection, model, text)
    try:
        connection.sql(f"select *, {expression} from ({text})")
    except duckdb.Error as error:
        what = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{model.name} declares deleted={condition!r}, which does not fit: {what}",
            hint=f"its columns: {', '.join(names)}",
        ) from error
    return expression
