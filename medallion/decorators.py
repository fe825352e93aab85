"""Decorators: `bronze`, `silver`, `gold` and `task` make models of functions.

They only build values; nothing is registered or run.
"""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Unpack, overload

from medallion.declaration import Declaration, TaskDeclaration, read_declaration
from medallion.errors import DefinitionError
from medallion.model import Model
from medallion.names import Layer, TableName
from medallion.signature import Function, read_signature


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


class TaskDecorator:
    """Makes a function a helper task: `@task` or `@task(retries=3)`.

    See `TaskDeclaration` for what can be declared.
    """

    @overload
    def __call__(self, function: Function, /) -> Model: ...
    @overload
    def __call__(self, **declaration: Unpack[TaskDeclaration]) -> Callable[[Function], Model]: ...
    def __call__(self, *functions: Function, **declaration: Any) -> Any:
        """Make the task, or the decorator that will make it."""
        for function in functions:
            return _model(Layer.TASK, function, declaration)
        return lambda function: _model(Layer.TASK, function, declaration)


bronze = Decorator(Layer.BRONZE)
silver = Decorator(Layer.SILVER)
gold = Decorator(Layer.GOLD)
task = TaskDecorator()


def _model(layer: Layer, function: Function, declaration: Mapping[str, Any]) -> Model:
    if not isinstance(function, FunctionType):
        raise DefinitionError(
            f"@{layer} decorates a function, and {function!r:.60} is none",
            hint=f"declare by name: @{layer}(unique_key=...)",
        )
    code = function.__code__
    place = f"{code.co_filename}:{code.co_firstlineno}"
    try:
        said = read_signature(function, declaration.get("for_each"))
        is_task = layer is Layer.TASK
        declared = read_declaration(declaration, said.form, said.window, said.cursor, task=is_task)
        declared.pop("for_each", None)
        return Model(
            TableName(layer, function.__name__),
            function,
            said.form,
            place,
            said.inputs,
            window=said.window,
            each=said.each,
            cursor=said.cursor,
            **declared,
        )
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from None
