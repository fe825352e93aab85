"""Model: a function that says what one table's rows are, and the declaration around it.

The decorators `bronze`, `silver` and `gold` only build models; nothing is registered or run.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medallion.errors import DefinitionError, MedallionError
from medallion.forms import INPUTS, RESULTS, Form, annotations, form_of
from medallion.mask import Mask
from medallion.names import Layer, TableName
from medallion.partition import Transform
from medallion.source import Source

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Ref:
    """The default of a parameter: the rows of that table."""

    table: TableName


def ref(table: str) -> Any:
    """Names the table whose rows a parameter of a Python model receives: `ref("silver.trips")`."""
    return Ref(TableName.parse(table))


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter of a Python model: which table, opened in which form."""

    parameter: str
    table: TableName
    form: Form


@dataclass(frozen=True)
class Model:
    """One table's definition. Calling it calls the function, with plain DataFrames in a test."""

    name: TableName
    function: Function
    form: Form
    place: str
    inputs: tuple[Input, ...] = ()
    partition_by: tuple[Transform, ...] = ()
    unique_key: tuple[str, ...] = ()
    mask: Mapping[str, Mask] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    expectations: tuple[Any, ...] = ()
    tags: frozenset[str] = frozenset()
    owner: str = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def description(self) -> str:
        """The docstring without its `Columns:` section: the table's comment."""
        return _doc(self.function)[0]

    @property
    def columns(self) -> Mapping[str, str]:
        """The comments of columns, from the docstring's `Columns:` section."""
        return _doc(self.function)[1]

    def text(self) -> str:
        """The query of a SQL model."""
        text = self._called()
        if not isinstance(text, str) or not text.strip():
            raise DefinitionError(f"{self.place}: {self.name} gives no SQL text but {text!r:.60}")
        return text

    def source(self) -> Source:
        """The source of a model that lands rows."""
        source = self._called()
        if not isinstance(source, Source):
            raise DefinitionError(
                f"{self.place}: {self.name} gives no source but {source!r:.60}",
                hint='return files("...")',
            )
        return source

    def _called(self) -> Any:
        try:
            return self.function()
        except MedallionError:
            raise
        except Exception as error:
            raise DefinitionError(
                f"{self.place}: {self.name} could not say its rows: {type(error).__name__}: {error}"
            ) from error


def bronze(function: Function | None = None, /, **declaration: Any) -> Any:
    """A model of rows as they arrived. See `silver` for what can be declared."""
    return _decorated(Layer.BRONZE, function, declaration)


def silver(function: Function | None = None, /, **declaration: Any) -> Any:
    """A model of typed, deduplicated, masked rows.

    What can be declared, for every layer:

    - `partition_by`: one transform or several, such as `month("pickup_at")`
    - `unique_key`: columns that together are not null and name one row; audited
    - `mask`: `{column: hashed()}`, applied to what the model gives
    - `renamed`: `{new column: old column}`, so that a renamed column keeps its identity
    - `expectations`: Great Expectations objects or their JSON, besides the suite file
    - `tags`, `owner`
    """
    return _decorated(Layer.SILVER, function, declaration)


def gold(function: Function | None = None, /, **declaration: Any) -> Any:
    """A model of facts, dimensions and aggregates. See `silver` for what can be declared."""
    return _decorated(Layer.GOLD, function, declaration)


def _decorated(layer: Layer, function: Function | None, declaration: Mapping[str, Any]) -> Any:
    if function is not None:
        return _model(layer, function, declaration)
    return lambda function: _model(layer, function, declaration)


def _model(layer: Layer, function: Function, declaration: Mapping[str, Any]) -> Model:
    code = function.__code__
    place = f"{code.co_filename}:{code.co_firstlineno}"
    try:
        form, inputs = _signature(function)
        return Model(
            TableName(layer, function.__name__),
            function,
            form,
            place,
            inputs,
            **_fields(declaration),
        )
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from None


def _signature(function: Function) -> tuple[Form, tuple[Input, ...]]:
    name = function.__name__
    try:
        hints = annotations(function)
    except NameError as error:
        raise DefinitionError(
            f"an annotation of {name}() cannot be evaluated: {error}",
            hint="import the name outside of TYPE_CHECKING",
        ) from error
    form = form_of(hints.get("return"))
    if form is None:
        said = (
            "has no return annotation"
            if "return" not in hints
            else (f"is annotated `-> {_show(hints['return'])}`, which is no form of rows")
        )
        raise DefinitionError(f"{name}() {said}", hint=f"use one of: {', '.join(RESULTS)}")
    parameters = inspect.signature(function).parameters.values()
    if form in (Form.SQL, Form.SOURCE):
        if parameters:
            raise DefinitionError(
                f"{name}() gives {form} and takes no parameters",
                hint="name tables in the SQL itself",
            )
        return form, ()
    return form, tuple(_input(name, p, hints) for p in parameters)


def _input(name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Input:
    what = f"parameter {parameter.name!r} of {name}()"
    if not isinstance(parameter.default, Ref):
        raise DefinitionError(
            f"{what} names no table",
            hint=f'write: {parameter.name}: pd.DataFrame = ref("layer.model")',
        )
    form = form_of(hints.get(parameter.name))
    if form not in INPUTS:
        raise DefinitionError(
            f"{what} is not annotated with a form of rows", hint=f"use one of: {', '.join(INPUTS)}"
        )
    return Input(parameter.name, parameter.default.table, form)


_DECLARED = ("partition_by", "unique_key", "mask", "renamed", "expectations", "tags", "owner")


def _fields(declaration: Mapping[str, Any]) -> dict[str, Any]:
    for key in declaration:
        if key not in _DECLARED:
            raise DefinitionError(
                f"{key!r} cannot be declared", hint=f"what can: {', '.join(_DECLARED)}"
            )
    fields = dict(declaration)
    for key, kind in (("partition_by", Transform), ("unique_key", str)):
        given = fields.get(key, ())
        values = (given,) if isinstance(given, kind) else tuple(given)
        if not all(isinstance(v, kind) for v in values):
            raise DefinitionError(f"{key}={given!r} is not made of {kind.__name__}s")
        fields[key] = values
    for key in ("mask", "renamed"):
        fields[key] = dict(fields.get(key, {}))
    tags = fields.get("tags", ())
    fields["tags"] = frozenset((tags,) if isinstance(tags, str) else tags)
    fields["expectations"] = tuple(fields.get("expectations", ()))
    return fields


_COLUMN = re.compile(r"\s*(\w[\w ]*?):\s+(.+)")


def _doc(function: Function) -> tuple[str, dict[str, str]]:
    text, _, section = (inspect.getdoc(function) or "").partition("\nColumns:")
    matches = map(_COLUMN.fullmatch, section.splitlines())
    return text.strip(), {m[1]: m[2].strip() for m in matches if m}


def _show(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)
