"""Settings: read once, from `[tool.medallion]` of pyproject.toml and `MEDALLION_…` variables."""

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from medallion.errors import DefinitionError
from medallion.plan import Scope
from medallion.resources import parse_memory, parse_size
from medallion.source import Source

_PREFIX = "MEDALLION_"
_LOCATION = "MEDALLION_LOCATIONS_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a project is and what it may use. Relative paths start at `root`.

    Each setting but `root` can be given as a variable: `MEDALLION_WAREHOUSE`, and a location as
    `MEDALLION_LOCATIONS_<NAME>`. A flag of the command line goes before a variable, a variable
    before the file.
    """

    root: Path
    models: str = "models"
    expectations: str = "expectations"
    warehouse: str = "warehouse"
    catalog: str = field(default="", repr=False)  # a SQLAlchemy address, maybe with a password
    locations: Mapping[str, str] = field(default_factory=dict)
    memory_limit: str = "2GB"  # or a share of the machine's: "50%"
    spill_limit: str = "50GB"
    codec: str = "zstd"  # of the tables' Parquet files; "zstd:3" sets the level
    threads: int = 0  # of DuckDB; 0 stands for one per core
    workers: int = 2
    executor: str = "local"  # or processes, dask, ray; dask@ADDRESS for a cluster
    publish: Scope = Scope.LAYER
    fail_fast: bool = False  # start nothing more after a failure
    limits: Mapping[str, int] = field(default_factory=dict)  # models at a time, by tag
    secrets: str = ""  # where else to look for them: "aws", or "aws:PREFIX"

    @property
    def warehouse_path(self) -> Path:
        """The folder of the warehouse."""
        if "://" in self.warehouse.removeprefix("file://"):
            raise DefinitionError(
                f"warehouse = {self.warehouse!r} is no folder", hint="name a folder on this machine"
            )
        return (self.root / self.warehouse.removeprefix("file://")).resolve()

    @property
    def memory_bytes(self) -> int:
        """The memory limit as a number; a share is one of the machine that asks."""
        return parse_memory(self.memory_limit)

    @property
    def spill_path(self) -> Path:
        """Where rows go that do not fit into memory."""
        return self.warehouse_path / ".spill"

    @property
    def log_path(self) -> Path:
        """Where the log of each run is."""
        return self.warehouse_path / ".runs"

    @property
    def frames_path(self) -> Path:
        """Where the descriptions of frames are that were sent to other processes."""
        return self.warehouse_path / ".frames"

    @property
    def env_path(self) -> Path:
        """A file with values of secrets."""
        return self.root / ".env"

    @property
    def catalog_uri(self) -> str:
        """The catalog's address; the path of a SQLite file made absolute."""
        if not self.catalog:
            return f"sqlite:///{self.warehouse_path / 'catalog.db'}"
        path = self.catalog.removeprefix("sqlite:///")
        if path == self.catalog or path.startswith("/"):
            return self.catalog
        return f"sqlite:///{(self.root / path).resolve()}"

    def place(self, source: Source) -> Source:
        """The source with its named location filled in and its path made absolute.

        Raises:
            DefinitionError: the pattern names a location that is not set.
        """
        try:
            pattern = source.pattern.format_map(self.locations)
        except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
            known = ", ".join(self.locations) or "none"
            raise DefinitionError(
                f"files({source.pattern!r}) names the location {error}, which is not set",
                hint=f"set it in [tool.medallion.locations]; there are: {known}",
            ) from None
        return replace(source, pattern=str(self.root / pattern))


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upwards, whose pyproject.toml has `[tool.medallion]`.

    Raises:
        DefinitionError: there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file() and "medallion" in _toml(file).get("tool", {}):
            return folder
    raise DefinitionError(
        f"{start} is in no medallion project: no pyproject.toml with [tool.medallion]",
        hint="make one: medallion init my_lake",
    )


def read_settings(
    root: Path, environment: Mapping[str, str] = os.environ, **flags: Any
) -> Settings:
    """The settings of the project at `root`.

    Raises:
        DefinitionError: a setting that does not exist, or a value that does not fit.
    """
    file = root / "pyproject.toml"
    table = _toml(file).get("tool", {}).get("medallion", {}) if file.is_file() else {}
    if not isinstance(table, dict):
        raise DefinitionError(
            f"{file}: medallion = {table!r} is no table", hint="write: [tool.medallion]"
        )
    given = {k: (v, str(file)) for k, v in table.items()}
    locations = dict(_table(given.pop("locations", ({}, ""))))
    for variable, text in sorted(environment.items()):
        if variable.startswith(_LOCATION):
            locations[variable.removeprefix(_LOCATION).lower()] = text
        elif variable.startswith(_PREFIX):
            given[variable.removeprefix(_PREFIX).lower()] = (text, variable)
    locations |= _table((flags.pop("locations", {}), "locations"))
    limits = _limits(*given.pop("limits", ({}, "")))
    given |= {k: (v, f"--{k}") for k, v in flags.items() if v is not None}
    kinds = {f.name: f.type for f in fields(Settings) if f.name not in _TABLES}
    return Settings(
        root,
        locations=locations,
        limits=limits,
        **{k: _value(k, v, where, kinds) for k, (v, where) in given.items()},
    )


def _value(key: str, value: Any, where: str, kinds: Mapping[str, Any]) -> Any:
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


_LEAST = {"workers": 1}
_TABLES = ("root", "locations", "limits")


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


_EXECUTORS = ("local", "processes", "dask", "ray")
_LEAST_BYTES, _MOST_BYTES = 10**7, 10**18  # with less or more DuckDB does not start
_CODECS = ("zstd", "snappy", "gzip", "lz4", "uncompressed")
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


def _limits(value: Any, where: str) -> Mapping[str, int]:
    try:
        return {tag: _whole(number, 1) for tag, number in value.items()}
    except (AttributeError, ValueError):
        raise DefinitionError(
            f"{where}: limits = {value!r} does not fit",
            hint="write tags and how many at a time: database = 2",
        ) from None


def _table(given: tuple[Any, str]) -> Mapping[str, str]:
    value, where = given
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise DefinitionError(
            f"{where}: locations = {value!r} does not fit",
            hint='write: trips = "warehouse/landing"',
        )
    return value


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file} is no TOML: {error}") from error
