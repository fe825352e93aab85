"""Promises: what a declaration says of rows, as expectations that are audited like any other."""

from collections.abc import Iterator, Mapping
from typing import Any

from medallion.conformity import broken, check_reference, violations
from medallion.errors import DefinitionError
from medallion.foreign_key import FOREIGN_KEY, foreign_keys
from medallion.model import Model
from medallion.names import TableName
from medallion.schema import Schema
from medallion.suite import Suite

NOT_NULL = "expect_column_values_to_not_be_null"
UNIQUE = "expect_column_values_to_be_unique"
UNIQUE_TOGETHER = "expect_compound_columns_to_be_unique"

Document = tuple[str, Mapping[str, Any]]


def implied(model: Model) -> Iterator[Document]:
    """The expectations that a model's declaration implies, with the place they come from.

    They are of its key, what it looks up, and its columns. A table without rows keeps them all.
    """
    yield from _of_key(model)
    yield from found_keys(model)
    yield from promises(model)


def promises(model: Model) -> Iterator[Document]:
    """Those that its columns and lookups imply; what its key implies is not said twice."""
    yield from _of_columns(model)
    for name, target in model.references.items():
        if not (name in model.columns and model.columns[name].references):
            kwargs = {"column": name, "references": target}
            yield _document(model, "lookups", FOREIGN_KEY, kwargs)


def found_keys(model: Model) -> Iterator[Document]:
    """The expectations that lookups found something."""
    for name, lookup in model.lookups.items():
        if lookup.missing == "fail":
            as_of = f" as of {lookup.at}" if lookup.at else ""
            why = f"{lookup.dimension} has no member for {', '.join(lookup.columns)}{as_of}"
            yield _document(model, "lookups", NOT_NULL, {"column": name}, why=why)


def _of_key(model: Model) -> Iterator[Document]:
    key = list(model.unique_key)
    for column in key:
        yield _document(model, "unique_key", NOT_NULL, {"column": column})
    if len(key) == 1:
        yield _document(model, "unique_key", UNIQUE, {"column": key[0]})
    elif key:
        yield _document(model, "unique_key", UNIQUE_TOGETHER, {"column_list": key})


def _of_columns(model: Model) -> Iterator[Document]:
    for name, column in model.columns.items():
        key, kwargs = name in model.unique_key, {"column": name}
        if not column.nullable and not key:
            yield _document(model, "columns", NOT_NULL, kwargs)
        if column.unique and not (key and len(model.unique_key) == 1):
            yield _document(model, "columns", UNIQUE, kwargs)
        if column.references:
            referring = {**kwargs, "references": column.references}
            yield _document(model, "columns", FOREIGN_KEY, referring)


def _document(
    model: Model, declared: str, kind: str, kwargs: Mapping[str, Any], **more: str
) -> Document:
    meta = {"allow_vacuous": True, "declared": declared, **more}
    return f"{model.place} {declared}", {"type": kind, "kwargs": kwargs, "meta": meta}


def check_promises(
    model: Model, suite: Suite, known: Mapping[TableName, Schema], kept: Schema | None
) -> None:
    """Whether a model's contract can be kept, as far as the columns of the tables are `known`.

    `kept` are the columns of rows that stay as they are, where the model does not tell its columns
    before it runs.

    Raises:
        DefinitionError: it cannot.
    """
    found = violations(model.columns, kept) if kept else ()
    # A table keeps a wider type than it is given.
    if found := tuple(v for v in found if not v.narrower):
        error = broken(model.name, found)
        raise DefinitionError(f"{model.place}: {error.message}", hint=error.hint)
    for place, key in foreign_keys(suite.documents):
        check_reference(place, model.name, key, known)
