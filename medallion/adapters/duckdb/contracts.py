"""Contracts: what a model declares of its columns, held against those that its rows have."""

from collections.abc import Mapping

from medallion.conformity import conforming
from medallion.forms import Form
from medallion.model import Model
from medallion.schema import Column, Schema
from medallion.tables import Draft
from medallion.typename import parse_type


def kept(
    model: Model, given: Schema, draft: Draft | None = None, *, partly: bool = False
) -> Schema:
    """The given columns as the model's contract has them.

    `partly` says that rows may come which have declared columns that these lack. A source need not
    give again what its table in `draft` has.

    Raises:
        ModelError: they are not as declared.
    """
    if not (model.columns or model.closed):
        return given
    declared = model.columns
    if partly:
        declared = {name: c for name, c in declared.items() if given.column(name)}
    elif draft and draft.keeps and draft.current and model.form is Form.SOURCE:
        there = draft.current
        declared = {n: c for n, c in declared.items() if given.column(n) or not there.column(n)}
    return conforming(model.name, declared, given, closed=model.closed)


def told(model: Model) -> Mapping[str, Column]:
    """Columns whose type a contract tells where rows do not: NULL in each, or text for a uuid.

    A query that gives text could give a uuid, and does not.
    """
    types = {n: parse_type(c.type) for n, c in model.columns.items() if c.type}
    query = model.form in (Form.SQL, Form.SOURCE)
    return {n: Column(n, type) for n, type in types.items() if not (query and type == "uuid")}
