"""Call the functions of a model, and tell what they raise."""

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from medallion.errors import MedallionError, MistakeError, ModelError, RaisedError
from medallion.model import Model

# What a program raises about itself, and will raise again.
_MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    SyntaxError,
    TypeError,
)


def called(model: Model, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """What a function of the model gives; one that is `async` is run until it does."""
    try:
        value = function(**arguments)
        return asyncio.run(value) if inspect.iscoroutine(value) else value
    except Exception as error:
        raise raised(model, function, error) from error


def raised(model: Model, function: Callable[..., Any], error: Exception) -> MedallionError:
    """What the exception of a function means; one of ours says it itself."""
    if isinstance(error, MedallionError):
        return error
    kind = MistakeError if isinstance(error, _MISTAKES) else RaisedError
    where = _where(error, function)
    return kind(f"{model.name} raised {type(error).__name__}: {error}{where}")


def texts_of(items: Any, model: Model) -> tuple[str, ...]:
    """Items as JSON, each once."""
    if not isinstance(items, list | tuple):
        raise ModelError(
            f"{model.name}: for_each gives no list but {items!r:.60}", hint="return a list"
        )
    texts: dict[str, None] = {}
    for item in items:
        try:
            text = json.dumps(item, sort_keys=True)
        except TypeError as error:
            raise ModelError(
                f"{model.name}: for_each gives {item!r:.60}, which is no plain value",
                hint="give texts, numbers, lists or dictionaries of them; a date as text",
            ) from error
        if text in texts:
            raise ModelError(
                f"{model.name}: for_each gives {item!r:.60} twice, and its rows would be there "
                "twice",
                hint="give each item once: list(dict.fromkeys(...))",
            )
        texts[text] = None
    return tuple(texts)


def _where(error: Exception, function: Callable[..., Any]) -> str:
    """The line of the function's own file at which it raised."""
    path = function.__code__.co_filename
    trace, line = error.__traceback__, None
    while trace:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" ({path}:{line})" if line else ""
