"""Model: a function that says what one table's rows are, and the declaration around it.

The decorators `bronze`, `silver` and `gold` only build models; nothing is registered or run.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypedDict, Unpack, overload

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102  # the class tells
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


class Declaration(TypedDict, total=False):
    """What can be declared of a model, for every layer.

    - `partition_by`: one transform or several, such as `month("pickup_at")`
    - `unique_key`: columns that together are not null and name one row; audited
    - `mask`: `{column: hashed()}`, applied to what the model gives
    - `renamed`: `{new column: old column}`, so that a renamed column keeps its identity
    - `expectations`: Great Expectations objects or their JSON, besides the suite file
    - `tags`, `owner`
    """

    partition_by: Transform | Sequence[Transform]
    unique_key: str | Sequence[str]
    mask: Mapping[str, Mask]
    renamed: Mapping[str, str]
    expectations: Sequence[Any]
    tags: str | Collection[str]
    owner: str


class Decorator:
    """Makes a function a model of one layer: `@silver` or `@silver(unique_key="trip_id")`.

    See `Declaration` for what can be declared.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    @overload
    def __call__(self, function: Function, /) -> Model: ...
    @overload
    def __call__(self, **declaration: Unpack[Declaration]) -> Callable[[Function], Model]: ...
    def __call__(self, *functions: Function, **declaration: Any) -> Any:
        """Make the model, or the decorator that will make it."""
        for function in functions:
            return _model(self._layer, function, declaration)
        return lambda function: _model(self._layer, function, declaration)


bronze = Decorator(Layer.BRONZE)
silver = Decorator(Layer.SILVER)
gold = Decorator(Layer.GOLD)


def _model(layer: Layer, function: Function, declaration: Mapping[str, Any]) -> Model:
    if not isinstance(function, FunctionType):
        raise DefinitionError(
            f"@{layer} decorates a function, and {function!r:.60} is none",
            hint=f"declare by name: @{layer}(unique_key=...)",
        )
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
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
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
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise DefinitionError(f"{what} cannot be given by name", hint="take the / away")
    form = form_of(hints.get(parameter.name))
    if form not in INPUTS:
        raise DefinitionError(
            f"{what} is not annotated with a form of rows", hint=f"use one of: {', '.join(INPUTS)}"
        )
    return Input(parameter.name, parameter.default.table, form)


def _one(given: Any, kind: type) -> Any:
    return given if isinstance(given, kind) else None


def _several(given: Any, kind: type) -> tuple[Any, ...] | None:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    return values if all(isinstance(v, kind) for v in values) else None


def _set(given: Any, kind: type) -> frozenset[Any] | None:
    values = _several(list(given) if isinstance(given, set | frozenset) else given, kind)
    return None if values is None else frozenset(values)


def _named(given: Any, kind: type) -> dict[str, Any] | None:
    fits = isinstance(given, Mapping) and all(
        isinstance(k, str) and isinstance(v, kind) for k, v in given.items()
    )
    return dict(given) if fits else None


# What can be declared: its shape (None stands for a value that does not fit) and how it is written.
_DECLARED: Mapping[str, tuple[Callable[[Any, type], Any], type, str]] = {
    "partition_by": (_several, Transform, 'month("pickup_at")'),
    "unique_key": (_several, str, '["order_id", "line"]'),
    "mask": (_named, Mask, '{"licence": hashed()}'),
    "renamed": (_named, str, '{"new_column": "old_column"}'),
    "expectations": (_several, object, '[{"type": ..., "kwargs": ...}]'),
    "tags": (_set, str, '["daily"]'),
    "owner": (_one, str, '"sales"'),
}


def _fields(declaration: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, given in declaration.items():
        if key not in _DECLARED:
            raise DefinitionError(
                f"{key!r} cannot be declared",
                hint=f"what can: {', '.join(_DECLARED)}",
            )
        shape, kind, example = _DECLARED[key]
        fields[key] = shape(given, kind)
        if fields[key] is None:
            raise DefinitionError(
                f"{key}={given!r:.60} does not fit", hint=f"write: {key}={example}"
            )
    return fields


_COLUMN = re.compile(r"\s*(\w[\w ]*?):\s+(.+)")


def _doc(function: Function) -> tuple[str, dict[str, str]]:
    text, _, section = (inspect.getdoc(function) or "").partition("\nColumns:")
    matches = map(_COLUMN.fullmatch, section.splitlines())
    return text.strip(), {m[1]: m[2].strip() for m in matches if m}


def _show(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)
