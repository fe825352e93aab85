"""Settings: read once, from `[tool.medallion]` of pyproject.toml and `MEDALLION_…` variables."""

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from medallion.address import is_remote
from medallion.errors import DefinitionError
from medallion.plan import Scope
from medallion.resources import parse_memory, parse_size
from medallion.secrets import names_in
from medallion.source import Landing, Source
from medallion.stores import Options, read_stores

_PREFIX = "MEDALLION_"
_LOCATION = "MEDALLION_LOCATIONS_"
_OPTION = "MEDALLION_CATALOG_OPTIONS_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a project is and what it may use. Relative paths start at `root`.

    Each setting but `root` can be given as a variable: `MEDALLION_WAREHOUSE`, and a location as
    `MEDALLION_LOCATIONS_<NAME>`, an option of the catalog as `MEDALLION_CATALOG_OPTIONS_<NAME>`
    with `_` for a dash. A flag of the command line goes before a variable, a variable
    before the file.
    """

    root: Path
    models: str = "models"
    expectations: str = "expectations"
    warehouse: str = "warehouse"
    results: str = ""  # of helper tasks; below the warehouse if not set
    catalog: str = field(default="", repr=False)  # an address, maybe with a password
    catalog_options: Mapping[str, str] = field(default_factory=dict, repr=False)  # maybe a token
    locations: Mapping[str, str] = field(default_factory=dict)
    stores: Options = field(default_factory=dict, repr=False)  # maybe with a secret
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
    def warehouse_address(self) -> str:
        """The address of the warehouse: of a folder, `file:///lake`, or in a store."""
        return self.warehouse.rstrip("/") if self._remote else f"file://{self.local_path}"

    @property
    def local_path(self) -> Path:
        """The folder of what stays on this machine: the warehouse, if that is one."""
        local = "warehouse" if self._remote else self.warehouse.removeprefix("file://")
        return (self.root / local).resolve()

    @property
    def results_address(self) -> str:
        """The address below which results of helper tasks are; that of the warehouse if not set."""
        if not self.results:
            return self.warehouse_address
        if is_remote(self.results):
            return self.results.rstrip("/")
        return f"file://{(self.root / self.results.removeprefix('file://')).resolve()}"

    @property
    def _remote(self) -> bool:
        return is_remote(self.warehouse)

    @property
    def memory_bytes(self) -> int:
        """The memory limit as a number; a share is one of the machine that asks."""
        return parse_memory(self.memory_limit)

    @property
    def spill_path(self) -> Path:
        """Where rows go that do not fit into memory."""
        return self.local_path / ".spill"

    @property
    def log_path(self) -> Path:
        """Where the log of each run is."""
        return self.local_path / ".runs"

    @property
    def journals(self) -> str:
        """Where it is noted which publish is under way, if tables cannot move in one step."""
        return f"{self.warehouse_address.removeprefix('file://')}/.publish"

    @property
    def cache_path(self) -> Path:
        """Where it is remembered what would be found out again."""
        return self.local_path / ".cache"

    @property
    def frames(self) -> str:
        """The address of the descriptions of frames that were sent to other processes."""
        return f"{self.warehouse_address.removeprefix('file://')}/.frames"

    @property
    def env_path(self) -> Path:
        """A file with values of secrets."""
        return self.root / ".env"

    @property
    def catalog_uri(self) -> str:
        """The catalog's address; the path of a SQLite file made absolute."""
        if not self.catalog:
            return f"sqlite:///{self.local_path / 'catalog.db'}"
        path = self.catalog.removeprefix("sqlite:///")
        if path == self.catalog or path.startswith("/"):
            return self.catalog
        return f"sqlite:///{(self.root / path).resolve()}"

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The names of the secrets that the settings mention."""
        options = [text for store in self.stores.values() for text in store.values()]
        texts = (self.catalog_uri, *self.catalog_options.values(), *options)
        return tuple(dict.fromkeys(name for text in texts for name in names_in(str(text))))

    def place(self, source: Source) -> Source:
        """The source; of landed files with its location filled in and its path made absolute.

        Raises:
            DefinitionError: the pattern names a location that is not set.
        """
        if not isinstance(source, Landing):
            return source
        try:
            pattern = source.pattern.format_map(self.locations)
        except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
            known = ", ".join(self.locations) or "none"
            raise DefinitionError(
                f"files({source.pattern!r}) names the location {error}, which is not set",
                hint=f"set it in [tool.medallion.locations]; there are: {known}",
            ) from None
        if is_remote(pattern):
            return replace(source, pattern=pattern)
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
    options = dict(_options(given.pop("catalog_options", ({}, ""))))
    for variable, text in sorted(environment.items()):
        if variable.startswith(_LOCATION):
            locations[variable.removeprefix(_LOCATION).lower()] = text
        elif variable.startswith(_OPTION):
            options[variable.removeprefix(_OPTION).lower().replace("_", "-")] = text
        elif variable.startswith(_PREFIX):
            given[variable.removeprefix(_PREFIX).lower()] = (text, variable)
    locations |= _table((flags.pop("locations", {}), "locations"))
    options |= _options((flags.pop("catalog_options", {}), "catalog_options"))
    limits = _limits(*given.pop("limits", ({}, "")))
    stores = read_stores(*given.pop("stores", ({}, "")))
    given |= {k: (v, f"--{k}") for k, v in flags.items() if v is not None}
    kinds = {f.name: f.type for f in fields(Settings) if f.name not in _TABLES}
    return Settings(
        root,
        locations=locations,
        catalog_options=options,
        limits=limits,
        stores=stores,
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
_TABLES = ("root", "locations", "catalog_options", "limits", "stores")


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


def _options(given: tuple[Any, str]) -> Mapping[str, str]:
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


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file} is no TOML: {error}") from error
