"""Settings: read once, from `[tool.medallion]` of pyproject.toml and `MEDALLION_…` variables."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from medallion.address import is_remote
from medallion.errors import DefinitionError
from medallion.plan import Scope
from medallion.resources import parse_memory
from medallion.secrets import names_in
from medallion.source import Landing, Source
from medallion.stores import Options, read_stores
from medallion.values import limits_of, locations_of, options_of, value_of

_PREFIX = "MEDALLION_"
_LOCATION = "MEDALLION_LOCATIONS_"
_OPTION = "MEDALLION_CATALOG_OPTIONS_"
_TABLES = ("root", "locations", "catalog_options", "limits", "stores")


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
    locations = dict(locations_of(given.pop("locations", ({}, ""))))
    options = dict(options_of(given.pop("catalog_options", ({}, ""))))
    for variable, text in sorted(environment.items()):
        if variable.startswith(_LOCATION):
            locations[variable.removeprefix(_LOCATION).lower()] = text
        elif variable.startswith(_OPTION):
            options[variable.removeprefix(_OPTION).lower().replace("_", "-")] = text
        elif variable.startswith(_PREFIX):
            given[variable.removeprefix(_PREFIX).lower()] = (text, variable)
    locations |= locations_of((flags.pop("locations", {}), "locations"))
    options |= options_of((flags.pop("catalog_options", {}), "catalog_options"))
    limits = limits_of(*given.pop("limits", ({}, "")))
    stores = read_stores(*given.pop("stores", ({}, "")))
    given |= {k: (v, f"--{k}") for k, v in flags.items() if v is not None}
    kinds = {f.name: f.type for f in fields(Settings) if f.name not in _TABLES}
    return Settings(
        root,
        locations=locations,
        catalog_options=options,
        limits=limits,
        stores=stores,
        **{k: value_of(k, v, where, kinds) for k, (v, where) in given.items()},
    )


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file} is no TOML: {error}") from error
