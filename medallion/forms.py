"""The forms in which rows enter and leave a function, as its annotations say it."""

import collections.abc
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from medallion.source import Source

if TYPE_CHECKING:
    SQL = str
else:

    class SQL(str):
        """The text of a query. A model that is annotated `-> SQL` returns one, as plain text."""

        __slots__ = ()


class Form(StrEnum):
    """One form of rows; the value is how a person writes it."""

    SQL = "SQL"
    SOURCE = "Source"
    PANDAS = "pd.DataFrame"
    ARROW = "pa.Table"
    BATCHES = "pa.RecordBatchReader"
    ITERATOR = "Iterator[pa.RecordBatch]"
    POLARS = "pl.DataFrame"
    LAZY = "pl.LazyFrame"
    DASK = "dd.DataFrame"
    DUCKDB = "duckdb.DuckDBPyRelation"
    FRAME = "Frame"


RESULTS = tuple(Form)
INPUTS = tuple(f for f in Form if f not in (Form.SQL, Form.SOURCE, Form.ITERATOR))

# By package and class, so that nothing is imported to recognise its classes.
_NAMED = {
    ("medallion", "Frame"): Form.FRAME,
    ("dask", "DataFrame"): Form.DASK,
    ("pandas", "DataFrame"): Form.PANDAS,
    ("pyarrow", "Table"): Form.ARROW,
    ("pyarrow", "RecordBatchReader"): Form.BATCHES,
    ("polars", "DataFrame"): Form.POLARS,
    ("polars", "LazyFrame"): Form.LAZY,
    ("duckdb", "DuckDBPyRelation"): Form.DUCKDB,
    ("_duckdb", "DuckDBPyRelation"): Form.DUCKDB,
}
_OWN = {SQL: Form.SQL, Source: Form.SOURCE}
# A record is a dictionary; a list is one of records.
_ITEMS = (
    ("builtins", "dict"),
    ("builtins", "list"),
    ("pandas", "DataFrame"),
    ("polars", "DataFrame"),
    ("pyarrow", "RecordBatch"),
    ("pyarrow", "Table"),
)
_ITERATORS = (
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.Generator,
)


def form_of(annotation: Any) -> Form | None:
    """The form that an annotation stands for; None if it stands for none."""
    if isinstance(annotation, type) and annotation in _OWN:
        return _OWN[annotation]
    if typing.get_origin(annotation) in _ITERATORS:
        item = next(iter(typing.get_args(annotation)), None)
        if _named(item) in _ITEMS:
            return Form.ITERATOR
    return _NAMED.get(_named(annotation))


def annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The function's annotations, evaluated; a `NameError` where one cannot be."""
    return typing.get_type_hints(function)


def _named(annotation: Any) -> tuple[str, str]:
    package = getattr(annotation, "__module__", "").partition(".")[0]
    return package, getattr(annotation, "__qualname__", "")
