"""Signature: what a model's function says by its parameters and annotations."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from medallion.cursor import Cursor
from medallion.errors import DefinitionError
from medallion.forms import INPUTS, RESULTS, Form, annotations, form_of
from medallion.names import TableName
from medallion.usage import written
from medallion.window import Window

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Ref:
    """The default of a parameter: the rows of that table."""

    table: TableName


@written('ref("silver.trips")')
def ref(table: str) -> Any:
    """Names the table whose rows a parameter of a Python model receives: `ref("silver.trips")`."""
    return Ref(TableName.parse(table))


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter of a Python model: which table, opened in which form."""

    parameter: str
    table: TableName
    form: Form


@dataclass(frozen=True, slots=True)
class Each:
    """The items that a function is called for: a list, or a function that gives one when asked.

    `parameter` receives the item; `inputs` are those of the function that gives the list.
    """

    parameter: str
    given: Function | tuple[Any, ...]
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """The form of the rows that a function gives, and what its parameters receive."""

    form: Form
    inputs: tuple[Input, ...] = ()
    window: str = ""
    each: Each | None = None
    cursor: str = ""


def read_signature(function: Function, for_each: Any = None) -> Signature:
    """What the function gives and takes. `for_each` is what was declared of its items.

    Raises:
        DefinitionError: an annotation or a parameter that says nothing.
    """
    name = function.__name__
    hints = _hints(function)
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
    cursors = [p.name for p in every if hints.get(p.name) is Cursor]
    parameters = [p for p in every if p.name not in (*windows, *cursors)]
    if len(windows) > 1 or len(cursors) > 1:
        twice = ", ".join(windows if len(windows) > 1 else cursors)
        raise DefinitionError(f"{name}() takes two of the same: {twice}")
    if form in (Form.SQL, Form.SOURCE) and (parameters or cursors):
        raise DefinitionError(
            f"{name}() gives {form} and takes no parameters but a Window",
            hint="name tables in the SQL itself",
        )
    each = None
    if for_each is not None:
        items = [p for p in parameters if p.default is p.empty]
        if len(items) != 1:
            raise DefinitionError(
                f"for_each gives {name}() one item at a time, and "
                f"{len(items) or 'none'} of its parameters could receive it",
                hint=f"write: def {name}(item: str, ...)",
            )
        parameters.remove(items[0])
        each = _each(items[0].name, for_each)
    return Signature(
        form,
        tuple(_input(name, p, hints) for p in parameters),
        "".join(windows),
        each,
        "".join(cursors),
    )


def _hints(function: Function) -> Mapping[str, Any]:
    try:
        return annotations(function)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            f"an annotation of {function.__name__}() cannot be evaluated: {error}",
            hint="import the name outside of TYPE_CHECKING",
        ) from error


def _each(parameter: str, given: Any) -> Each:
    if isinstance(given, list | tuple):
        return Each(parameter, tuple(given))
    if not isinstance(given, FunctionType):
        raise DefinitionError(
            f"for_each={given!r:.60} is no list and no function that gives one",
            hint='write: for_each=["NL", "GB"]',
        )
    hints = _hints(given)
    taken = inspect.signature(given).parameters.values()
    return Each(parameter, given, tuple(_input(given.__name__, p, hints) for p in taken))


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


def _show(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)
