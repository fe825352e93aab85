"""Work: a call as bytes, for a process that does it, and how it ended as bytes."""

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medallion.errors import DefinitionError, ModelError
from medallion.hiding import masked


@dataclass(frozen=True, slots=True)
class _Place:
    """Where modules are looked for, and relative paths start."""

    path: list[str]
    folder: str

    def enter(self) -> None:
        sys.path[:] = self.path
        os.chdir(self.folder)


@dataclass(frozen=True, slots=True)
class _End:
    """What a call gave or raised."""

    value: Any = None
    error: BaseException | None = None


def name_of(fn: Callable[..., Any]) -> str:
    """What a message calls a function."""
    return str(getattr(fn, "__qualname__", fn))


def packed(fn: Callable[..., Any], args: tuple[Any, ...], *, here: bool = True) -> bytes:
    """The call. One done `here`, on this machine, finds the modules and files that this one does.

    Raises:
        DefinitionError: it cannot be sent to another process.
    """
    place = _Place(sys.path, os.getcwd()) if here else None
    try:
        call = pickle.dumps((fn, args))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise DefinitionError(
            f"{name_of(fn)} cannot be sent to another process: {error}",
            hint="move what it needs to the top level of a module",
        ) from error
    return pickle.dumps((place, call))


def perform(request: bytes, do: Callable[..., Any]) -> bytes:
    """Do a packed call by `do(fn, *args)`; how it ended. Nothing is raised."""
    try:
        return pickle.dumps(_End(_given(request, do)))
    except BaseException as error:  # noqa: BLE001  # it is raised where the call came from
        return pickle.dumps(_End(None, _portable(error)))


def opened(reply: bytes) -> Any:
    """What the call gave; or what it raised is raised."""
    end = pickle.loads(reply)  # noqa: S301  # of a process that we started, or were told to trust
    assert isinstance(end, _End)
    if end.error is not None:
        raise end.error
    return end.value


def _given(request: bytes, do: Callable[..., Any]) -> Any:
    place, call = pickle.loads(request)  # noqa: S301  # of the process that started this one
    if place:
        place.enter()
    try:
        fn, args = pickle.loads(call)  # noqa: S301  # as above
    except (ImportError, AttributeError) as error:
        raise DefinitionError(
            f"a worker cannot load what it shall do: {error}",
            hint="install the project and what it imports where the workers are",
        ) from error
    value = do(fn, *args)
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ModelError(f"what {name_of(fn)} gave cannot be sent back: {error}") from error
    return value


def _portable(error: BaseException) -> BaseException:
    """The exception, or its text where it cannot leave its process, or holds a secret."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # just made
        told = f"{error} {error.args!r}"
        if masked(told) == told:
            return error
    except Exception:  # noqa: BLE001, S110  # whatever the class of somebody's exception does
        pass
    return ModelError(f"{type(error).__name__}: {error}")
