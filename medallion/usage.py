"""Usage: functions that people call in their models, and what is said to who calls one wrongly."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from medallion.errors import DefinitionError

F = TypeVar("F", bound=Callable[..., Any])


def written(example: str) -> Callable[[F], F]:
    """Make a function refuse arguments that it does not take, and say how a call is written.

    An argument fits if it is of the type that its parameter is annotated with.

    Raises:
        DefinitionError: by the function that is decorated, before it is called.
    """

    def checked(function: F) -> F:
        signature, hints = inspect.signature(function), get_type_hints(function)
        name, takes = function.__name__, ", ".join(signature.parameters)
        hint = f"write: {example}" + (f"; it takes {takes}" if takes else "")

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise DefinitionError(f"{name}(): {error}", hint=hint) from None
            for parameter, value in given.items():
                several = signature.parameters[parameter].kind is inspect.Parameter.VAR_POSITIONAL
                for one in value if several else (value,):
                    if not _fits(one, hints[parameter]):
                        told = getattr(one, "__name__", None) or repr(one)[:60]
                        raise DefinitionError(
                            f"{name}(): {parameter}={told} does not fit", hint=hint
                        )
            return function(*args, **kwargs)

        return cast(F, call)

    return checked


def _fits(value: Any, hint: Any) -> bool:
    kind, of = get_origin(hint), get_args(hint)
    if isinstance(hint, UnionType):
        return any(_fits(value, one) for one in of)
    if kind is Mapping:
        fits = isinstance(value, Mapping)
        return fits and all(_fits(k, of[0]) and _fits(v, of[1]) for k, v in value.items())
    if kind is Sequence:
        fits = isinstance(value, Sequence) and not isinstance(value, str)
        return fits and all(_fits(one, of[0]) for one in value)
    if isinstance(value, bool) and hint is not bool:
        return False
    return isinstance(value, int | float if hint is float else hint)
