"""Secrets: named in settings and code as `${NAME}`, and looked up when the value is needed.

What is kept, sent or compared holds the name alone.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from medallion.errors import DefinitionError
from medallion.hiding import hide
from medallion.usage import written

_WORD = r"[A-Za-z_][A-Za-z0-9_/-]*"
_NAME = re.compile(rf"{_WORD}(?:\.[A-Za-z0-9_-]+)?")
_PLACE = re.compile(r"\$\{([^}]*)(\}?)")
_mentioned: dict[str, None] = {}
_open: "list[Secrets]" = []


class Place(Protocol):
    """Where values of secrets are kept. `shown` is what a message calls it."""

    @property
    def shown(self) -> str:
        """What a message calls it."""
        ...

    @property
    def near(self) -> bool:
        """Whether it is on this machine, so that looking costs nothing."""
        ...

    def find(self, name: str) -> str | None:
        """The value of that name; None where there is none.

        Raises:
            InfrastructureError: the place cannot be asked.
        """
        ...


class Environment:
    """The variables of this process."""

    shown = "the environment"
    near = True

    def find(self, name: str) -> str | None:
        """The value of the variable. An empty one is none."""
        return os.environ.get(name) or None


@dataclass(frozen=True, slots=True)
class Found:
    """The value of a secret, which no repr shows, and the place that it is from."""

    name: str
    value: str = field(repr=False)
    place: str


@written('secret("PII_KEY")')
def secret(name: str) -> str:
    """A text that stands for the value of a secret: `${NAME}`.

    It can be a part of another text: `f"mysql://reader:{secret('SHOP_PASSWORD')}@host/shop"`. The
    value is put in its place where it is used, so that code, plans and results never hold it. It is
    looked for in the environment, then in the project's `.env`, then where the setting `secrets`
    says. `NAME.key` is one key of a secret that is a JSON object.

    Raises:
        DefinitionError: that is no name.
    """
    checked = _checked(name)
    _mention(checked)
    return f"${{{checked}}}"


def reveal(text: str) -> str:
    """The text with values in the places of names, for a library that a model itself calls.

    `reveal(secret("TOKEN"))` is the value. What a model puts into its rows can be read there.

    Raises:
        DefinitionError: nobody knows a name.
        InfrastructureError: a place cannot be asked.
    """
    secrets = _open[-1] if _open else Secrets([Environment()])
    return secrets.resolve(text)


def names_in(text: str) -> tuple[str, ...]:
    """The names of the secrets that a text stands for, each once, in order.

    Raises:
        DefinitionError: a `${` begins no name.
    """
    found = _PLACE.findall(text)
    return tuple(dict.fromkeys(_checked(name if end else "", "${" + name) for name, end in found))


def mentioned() -> tuple[str, ...]:
    """The names that `secret` was called with in this process."""
    return tuple(_mentioned)


class Secrets:
    """Looks names up in places, the first that knows one. A value is looked for once.

    What it finds is hidden from then on: see `medallion.hiding`.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = tuple(places)
        self._found: dict[str, Found] = {}
        self._lock = threading.Lock()

    def resolve(self, text: str, used: str = "") -> str:
        """The text with values in the places of names. `used` tells a message what it is for.

        Raises:
            DefinitionError: nobody knows a name.
            InfrastructureError: a place cannot be asked.
        """
        return self._replaced(text, used, lambda value, _: value)

    def resolve_address(self, text: str, used: str = "") -> str:
        """The same for an address: a value is escaped, so that it may hold `@`, `:` and `/`.

        One that the address begins with is left as it is: it holds the whole beginning.

        Raises:
            DefinitionError: nobody knows a name.
            InfrastructureError: a place cannot be asked.
        """
        return self._replaced(
            text, used, lambda value, start: quote(value, safe="") if start else value
        )

    def find(self, name: str, *, near: bool = False) -> Found | None:
        """The value of a name and where it is from; `near` asks only places on this machine."""
        with self._lock:
            if name not in self._found:
                found = self._looked(name, near=near)
                if found is None:
                    return None
                hide(found.value, f"${{{name}}}")
                self._found[name] = found
            return self._found[name]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have `reveal` look here in the block, wherever in this process it is called."""
        _open.append(self)
        try:
            yield
        finally:
            _open.remove(self)

    def hide(self, names: Iterable[str]) -> None:
        """Mask the values of these names from now on, as far as they are on this machine."""
        for name in names:
            self.find(name, near=True)

    def _looked(self, name: str, *, near: bool) -> Found | None:
        whole, _, key = name.partition(".")
        for place in self._places:
            kept = place.find(whole) if place.near or not near else None
            if kept is not None:
                return Found(name, _of_key(whole, key, kept) if key else kept, place.shown)
        return None

    def _replaced(self, text: str, used: str, escaped: Callable[[str, int], str]) -> str:
        values = {name: self._value(name, used) for name in names_in(text)}
        return _PLACE.sub(lambda found: escaped(values[found[1]], found.start()), text)

    def _value(self, name: str, used: str) -> str:
        found = self.find(name)
        if found is None:
            places = ", ".join(place.shown for place in self._places)
            raise DefinitionError(
                f"there is no secret {name}" + (f", which {used} needs" if used else ""),
                hint=f"looked in: {places}; set it in one of them",
            )
        return found.value


def _of_key(name: str, key: str, kept: str) -> str:
    hide(kept, f"${{{name}}}")
    try:
        value = json.loads(kept)[key]
    except (ValueError, TypeError, KeyError, IndexError):
        value = None
    if not isinstance(value, str | int | float):
        # Not `from`: what JSON says of a text it cannot read may show some of it.
        raise DefinitionError(
            f"the secret {name} is no JSON object with a text or a number at {key!r}",
            hint=f'keep it as {{"{key}": "..."}}, or name another key',
        )
    return str(value)


def _mention(name: str) -> None:
    _mentioned[name] = None
    # An exception that a model's file raises a line later may hold it.
    if name in os.environ:
        hide(os.environ[name], f"${{{name}}}")


def _checked(name: str, shown: str = "") -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DefinitionError(
            f"{shown or name!r} names no secret",
            hint="write ${NAME} or ${NAME.key}: letters, digits, _, - and /, no digit first",
        )
    return name
