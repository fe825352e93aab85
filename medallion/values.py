"""Values: what a setting may be, and what it is then."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from medallion.errors import DefinitionError
from medallion.plan import Scope
from medallion.resources import parse_memory, parse_size

_LEAST = {"workers": 1}
_EXECUTORS = ("local", "processes", "dask", "ray")
_LEAST_BYTES, _MOST_BYTES = 10**7, 10**18  # with less or more DuckDB does not start
_CODECS = ("zstd", "snappy", "gzip", "lz4", "uncompressed")


def value_of(key: str, value: Any, where: str, kinds: Mapping[str, Any]) -> Any:
    """The value of a setting, in its kind. `where` tells a message who set it.

    Raises:
        DefinitionError: there is no such setting, or the value does not fit.
    """
    if key not in kinds:
        close = difflib.get_close_matches(key, kinds, 1)
        hint = f"did you mean {close[0]}?" if close else f"settings are: {', '.join(kinds)}"
        raise DefinitionError(f"{where}: there is no setting {key!r}", hint=hint)
    kind = kinds[key]
    try:
        if kind is int:
            return _whole(value, _LEAST.get(key, 0))
        if kind is bool:
            return _truth(value)
        if kind is Scope:
            return Scope(value)
        return _text(value, key)
    except (ValueError, OverflowError, DefinitionError):
        choices = {
            int: f"a whole number, at least {_LEAST.get(key, 0)}",
            str: "a text",
            bool: "true or false",
            Scope: f"one of: {', '.join(Scope)}",
        }
        raise DefinitionError(
            f"{where}: {key} = {value!r} does not fit",
            hint=_TEXTS[key][1] if key in _TEXTS else choices[kind],
        ) from None


def _memory(text: str) -> None:
    if not _LEAST_BYTES <= parse_memory(text) <= _MOST_BYTES:
        raise ValueError


def _spill(text: str) -> None:
    if not _LEAST_BYTES <= parse_size(text) <= _MOST_BYTES:
        raise ValueError


def _codec(text: str) -> None:
    kind, colon, level = text.partition(":")
    if kind not in _CODECS or (colon and (kind != "zstd" or int(level) not in range(1, 23))):
        raise ValueError


def _executor(text: str) -> None:
    kind, at, address = text.partition("@")
    if kind not in _EXECUTORS or (at and (kind not in ("dask", "ray") or not address)):
        raise ValueError


def _secrets(text: str) -> None:
    if text.partition(":")[0] not in ("", "aws"):
        raise ValueError


_TEXTS: Mapping[str, tuple[Callable[[str], None], str]] = {
    "memory_limit": (_memory, 'a size from 10MB on, or a share of the memory: "2GB" or "50%"'),
    "spill_limit": (_spill, 'a size from 10MB on: "50GB"'),
    "executor": (_executor, f"one of: {', '.join(_EXECUTORS)}; a cluster is dask@ADDRESS"),
    "secrets": (_secrets, "aws for AWS Secrets Manager, or aws:PREFIX before the names there"),
    "codec": (_codec, f"one of: {', '.join(_CODECS)}; a level of zstd, 1 to 22, is zstd:3"),
}


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004  # a value from a file or a variable, not a wrong call
    if key in _TEXTS:
        check, _ = _TEXTS[key]
        check(value)
    return value


def _whole(value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or int(value) < least:
        raise ValueError
    return int(value)


def _truth(value: Any) -> bool:
    truths = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str) or value not in truths:
        raise ValueError
    return truths[value]


def limits_of(value: Any, where: str) -> Mapping[str, int]:
    """How many models at a time, by tag; a `DefinitionError` for anything else."""
    try:
        return {tag: _whole(number, 1) for tag, number in value.items()}
    except (AttributeError, ValueError):
        raise DefinitionError(
            f"{where}: limits = {value!r} does not fit",
            hint="write tags and how many at a time: database = 2",
        ) from None


def locations_of(given: tuple[Any, str]) -> Mapping[str, str]:
    """Folders and addresses by name; a `DefinitionError` for anything else."""
    value, where = given
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise DefinitionError(
            f"{where}: locations = {value!r} does not fit",
            hint='write: trips = "warehouse/landing"',
        )
    return value


def options_of(given: tuple[Any, str]) -> Mapping[str, str]:
    """Options of the catalog by name; the error shows no value, for one may be a password."""
    value, where = given
    if not isinstance(value, dict):
        raise DefinitionError(
            f"{where}: catalog_options is no table", hint="write: [tool.medallion.catalog_options]"
        )
    for name, text in value.items():
        if not isinstance(text, str):
            raise DefinitionError(
                f"{where}: the catalog option {name} is no text",
                hint=f'write: "{name}" = "…"; a name with a dot needs the quotes',
            )
    return value
