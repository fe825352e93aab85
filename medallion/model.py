"""Model: a function that says what one table's rows are, and the declaration around it.

The decorators `bronze`, `silver` and `gold` only build models; nothing is registered or run.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Unpack, overload

from medallion.declaration import Declaration, Strategy, grain_of, read_declaration
from medallion.errors import DefinitionError, MedallionError
from medallion.forms import INPUTS, RESULTS, Form, annotations, form_of
from medallion.mask import Mask
from medallion.names import Layer, TableName
from medallion.partition import Transform
from medallion.source import Source
from medallion.window import Grain, Window

Function = Callable[..., Any]

_SOME = 262_968  # the first hour of the year 2000


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
    """One table's definition. Calling it calls the function, with plain DataFrames in a test.

    `window` is the name of the parameter that receives the window to build, if there is one.
    """

    name: TableName
    function: Function
    form: Form
    place: str
    inputs: tuple[Input, ...] = ()
    partition_by: tuple[Transform, ...] = ()
    time_column: str = ""
    lookback: int = 0
    whole: frozenset[TableName] = frozenset()
    start: str = ""
    strategy: Strategy = Strategy.FULL
    window: str = ""
    retries: int = 0
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

    @property
    def grain(self) -> Grain | None:
        """How long its windows are; None for a model without a time column."""
        return grain_of(self.time_column, self.partition_by)

    def text(self, window: Window | None = None) -> str:
        """The query of a SQL model; that of some window where none is said."""
        text = self._called(window)
        if not isinstance(text, str) or not text.strip():
            raise DefinitionError(f"{self.place}: {self.name} gives no SQL text but {text!r:.60}")
        return text

    def source(self, window: Window | None = None) -> Source:
        """The source of a model that lands rows; that of some window where none is said."""
        source = self._called(window)
        if not isinstance(source, Source):
            raise DefinitionError(
                f"{self.place}: {self.name} gives no source but {source!r:.60}",
                hint='return files("...")',
            )
        return source

    def given(self, window: Window | None) -> dict[str, Window]:
        """The argument that says which window is built, for a function that takes one."""
        grain = self.grain or Grain.DAY
        return {self.window: window or grain.window(grain.ordinal(_SOME))} if self.window else {}

    def _called(self, window: Window | None) -> Any:
        try:
            return self.function(**self.given(window))
        except MedallionError:
            raise
        except Exception as error:
            raise DefinitionError(
                f"{self.place}: {self.name} could not say its rows: {type(error).__name__}: {error}"
            ) from error


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
        form, inputs, window = _signature(function)
        return Model(
            TableName(layer, function.__name__),
            function,
            form,
            place,
            inputs,
            window=window,
            **read_declaration(declaration, form, window),
        )
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from None


def _signature(function: Function) -> tuple[Form, tuple[Input, ...], str]:
    """The form of its rows, its inputs, and the parameter that receives a window."""
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
    every = inspect.signature(function).parameters.values()
    windows = [p.name for p in every if hints.get(p.name) is Window]
    parameters = [p for p in every if p.name not in windows]
    if len(windows) > 1:
        raise DefinitionError(f"{name}() takes two windows: {', '.join(windows)}")
    if form in (Form.SQL, Form.SOURCE) and parameters:
        raise DefinitionError(
            f"{name}() gives {form} and takes no parameters but a Window",
            hint="name tables in the SQL itself",
        )
    return form, tuple(_input(name, p, hints) for p in parameters), "".join(windows)


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


_COLUMN = re.compile(r"\s*(\w[\w ]*?):\s+(.+)")


def _doc(function: Function) -> tuple[str, dict[str, str]]:
    text, _, section = (inspect.getdoc(function) or "").partition("\nColumns:")
    matches = map(_COLUMN.fullmatch, section.splitlines())
    return text.strip(), {m[1]: m[2].strip() for m in matches if m}


def _show(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)
