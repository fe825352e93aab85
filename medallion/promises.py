"""Promises: what a contract says of rows, as expectations that are audited like any other."""

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


def promises(model: Model) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The expectations that a model's columns and lookups imply, with the place they come from.

    What its `unique_key` implies is not said twice. A table without rows keeps them all.
    """
    for name, column in model.columns.items():
        key = name in model.unique_key
        kinds: list[tuple[str, dict[str, Any]]] = []
        if not column.nullable and not key:
            kinds.append((NOT_NULL, {}))
        if column.unique and not (key and len(model.unique_key) == 1):
            kinds.append((UNIQUE, {}))
        if column.references:
            kinds.append((FOREIGN_KEY, {"references": column.references}))
        for kind, more in kinds:
            meta = {"allow_vacuous": True, "declared": "columns"}
            document = {"type": kind, "kwargs": {"column": name, **more}, "meta": meta}
            yield f"{model.place} columns", document
    for name, target in model.references.items():
        if name in model.columns and model.columns[name].references:
            continue
        meta = {"allow_vacuous": True, "declared": "lookups"}
        kwargs = {"column": name, "references": target}
        yield f"{model.place} lookups", {"type": FOREIGN_KEY, "kwargs": kwargs, "meta": meta}


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
