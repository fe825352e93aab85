"""Conforming: dimensions, and the models that look keys up in them, seen together."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from medallion.declaration import Strategy
from medallion.errors import DefinitionError
from medallion.forms import Form
from medallion.graph import near
from medallion.history import IS_CURRENT
from medallion.model import Model
from medallion.names import TableName
from medallion.schema import Schema
from medallion.star import IS_INFERRED, Dimension, Lookup, mistake


def conformed(models: Iterable[Model]) -> list[Model]:
    """The models with what their dimensions and lookups mean in this project.

    A dimension is unique by its surrogate key, which has a name; a lookup knows its dimension.

    Raises:
        DefinitionError: a dimension or a lookup does not go with the rest.
    """
    found = [_dimension(m, m.dimension) if m.dimension else m for m in models]
    by_name = {m.name: m for m in found}
    return [_with_targets(m, by_name) if m.lookups else m for m in found]


def check_keys(model: Model, columns: Schema, known: Mapping[TableName, Schema]) -> None:
    """Whether keys can be found: a value of another type is another text, and has another key.

    `known` are the columns of tables, as far as they are known.

    Raises:
        DefinitionError: names both columns and their types.
    """
    ours = {c.name: c.type for c in columns if c.name not in model.mask}
    for name, lookup in model.lookups.items():
        theirs = {c.name: c.type for c in known.get(lookup.dimension, ())}
        if wrong := mistake(lookup, ours, theirs):
            told, hint = wrong
            raise DefinitionError(
                f"{model.place}: {model.name} looks {name} up by {told}", hint=hint
            )


def _dimension(model: Model, kept: Dimension) -> Model:
    """A dimension with the name of its key, by which it is unique."""
    where = f"{model.place}: {model.name}"
    kept = replace(kept, name=kept.name or f"{model.name.model.removeprefix('dim_')}_key")
    if model.history:
        raise DefinitionError(
            f"{where} is a dimension and keeps a history",
            hint="keep it in a silver model, and make a dimension of its rows: "
            f'dimension({", ".join(map(repr, kept.key))}, version="valid_from")',
        )
    plain = model.strategy is Strategy.FULL and model.form is not Form.SOURCE
    if not plain or model.time_column or model.each:
        raise DefinitionError(
            f"{where} is a dimension, which is made of all its rows at once",
            hint="declare no time_column, strategy, for_each or cursor, and no source",
        )
    if model.unique_key:
        raise DefinitionError(
            f"{where} is a dimension, whose unique_key is its surrogate key {kept.name}",
            hint="take unique_key away: that no natural key is there twice is audited",
        )
    if hidden := {kept.name, *kept.key} & set(model.mask):
        raise DefinitionError(
            f"{where} masks {min(hidden)!r}, by which it is found",
            hint="mask it in an earlier layer, for the facts as well",
        )
    if must := _without_value(model, kept):
        raise DefinitionError(
            f"{where}: {', '.join(must)} cannot be NULL, as in a member of which nothing is known",
            hint=f'say what is there: dimension(..., unknown={{"{must[0]}": "unknown"}})',
        )
    _check_reading(model)
    # Rows that stay as they are make no new version, and nothing is built from it again.
    return replace(model, dimension=kept, unique_key=(kept.name,), strategy=Strategy.MERGE)


def _without_value(model: Model, kept: Dimension) -> list[str]:
    """The columns that may not be NULL, and are in the members that are no rows."""
    filled = {kept.name, IS_INFERRED, *kept.values, *model.lookups}
    if not kept.unknown:
        filled |= {*kept.names, IS_CURRENT, *(() if kept.inferred else model.columns)}
    return [n for n, c in model.columns.items() if not c.nullable and n not in filled]


def _with_targets(model: Model, models: Mapping[TableName, Model]) -> Model:
    """A model whose lookups know what they look up."""
    where = f"{model.place}: {model.name}"
    if hidden := set(model.lookups) & set(model.mask):
        raise DefinitionError(
            f"{where} masks {min(hidden)!r}, a key that it looks up", hint="take the mask away"
        )
    _check_reading(model)
    found = {}
    for name, lookup in model.lookups.items():
        there = models.get(lookup.dimension)
        if there is None:
            raise DefinitionError(
                f"{where} looks {name} up in {lookup.dimension}, and no model gives it",
                hint=near(lookup.dimension, models),
            )
        if there.name.layer.rank > model.name.layer.rank:
            raise DefinitionError(
                f"{where} looks {name} up in {there.name}, which is of a later layer",
                hint="look it up in a model of that layer",
            )
        if there.dimension is None:
            raise DefinitionError(
                f"{where} looks {name} up in {there.name}, which is no dimension",
                hint=f'declare there: dimension("{lookup.columns[0]}")',
            )
        _check_lookup(f"{where} looks {name} up in {there.name}", lookup, there.dimension)
        found[name] = replace(lookup, target=there.dimension)
    return replace(model, lookups=found)


def _check_reading(model: Model) -> None:
    """Rows that are only ever added would keep what a dimension said when they came."""
    if model.joins and (model.form is Form.SOURCE or model.strategy is Strategy.APPEND):
        raise DefinitionError(
            f"{model.place}: {model.name} adds rows, and reads {model.joins[0]} for their keys",
            hint="look them up in a model that is made of this one",
        )


def _check_lookup(what: str, lookup: Lookup, kept: Dimension) -> None:
    if len(lookup.columns) != len(kept.key):
        raise DefinitionError(
            f"{what} by {', '.join(lookup.columns)}, and its key is {', '.join(kept.key)}",
            hint="name as many columns, in that order",
        )
    if bool(lookup.at) != bool(kept.version):
        lacks = "which has a history" if kept.version else "which has no history"
        hint = 'say as of when: lookup(..., at="ordered_at")' if kept.version else "leave at away"
        raise DefinitionError(f"{what}, {lacks}", hint=hint)
    if lookup.missing == "unknown" and not kept.unknown:
        raise DefinitionError(
            f'{what} with missing="unknown", and it has no unknown member',
            hint="take unknown=False away there",
        )
