"""Settings to ports: the only place that knows all adapters.

A port is made when its first verb is called: who only looks at the catalog does not wait for the
libraries that read, write and audit rows.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from medallion.adapters.files.local import LocalFiles
from medallion.adapters.iceberg.address import sqlite_file
from medallion.adapters.iceberg.sqlite import SqliteCatalog
from medallion.adapters.secrets.local import EnvFile
from medallion.config import Settings
from medallion.ports import Auditor, Catalog, Engine, Executor, Ports, Store
from medallion.secrets import Environment, Place, Secrets, mentioned, names_in
from medallion.source import Source, fixed_folder
from medallion.spill import own_folder, remove

if TYPE_CHECKING:
    from medallion.adapters.duckdb.duck import Duck
    from medallion.adapters.iceberg.lake import Lake

T = TypeVar("T")


def connect(settings: Settings, sources: Iterable[Source] = ()) -> Ports:
    """The ports that the settings ask for. `sources` are those whose files may be read."""
    secrets = secrets_of(settings)
    landing = tuple(sources)
    spill = own_folder(settings.spill_path)
    held = ExitStack()
    held.callback(remove, spill)
    held.enter_context(secrets.opened())
    lake = later(lambda: _lake(settings, secrets, held))
    duck = later(lambda: _duck(settings, landing, spill, held))
    return Ports(
        _catalog(settings, lake),
        later(lambda: _store(lake, spill)),
        LocalFiles(),
        later(lambda: _engine(duck, spill, settings)),
        later(lambda: _auditor(duck)),
        later(lambda: _executor(settings, spill, held)),
        held.close,
    )


def later(make: Callable[[], T]) -> T:
    """Something that stands for what `make` gives, and makes it when it is first asked for."""
    return cast(T, _Later(make))


class _Later:
    """Has the attributes of what it stands for. Threads that ask at once get the same one."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._made: object = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)


def secrets_of(settings: Settings) -> Secrets:
    """Where the settings say that secrets are kept.

    The values of names that are known by now are masked, as far as they are kept on this machine.
    """
    places: list[Place] = [Environment(), EnvFile(settings.env_path)]
    kind, _, prefix = settings.secrets.partition(":")
    if kind == "aws":
        from medallion.adapters.secrets.aws import SecretsManager

        places.append(SecretsManager(prefix))
    secrets = Secrets(places)
    secrets.hide((*mentioned(), *names_in(settings.catalog_uri)))
    return secrets


def _catalog(settings: Settings, lake: "Lake") -> Catalog:
    def iceberg() -> Catalog:
        from medallion.adapters.iceberg.catalog import IcebergCatalog

        return IcebergCatalog(lake)

    file = sqlite_file(settings.catalog_uri)
    return SqliteCatalog(file, later(iceberg)) if file else later(iceberg)


def _store(lake: "Lake", spill: Path) -> Store:
    from medallion.adapters.iceberg.store import IcebergStore

    return IcebergStore(lake, spill)


def _engine(duck: "Duck", spill: Path, settings: Settings) -> Engine:
    from medallion.adapters.duckdb.engine import DuckDBEngine

    return DuckDBEngine(duck, spill, settings.place, settings.codec)


def _auditor(duck: "Duck") -> Auditor:
    from medallion.adapters.expectations import ExpectationsAuditor

    return ExpectationsAuditor(duck.session)


def _executor(settings: Settings, spill: Path, held: ExitStack) -> Executor:
    kind, _, address = settings.executor.partition("@")
    made = _EXECUTORS[kind](settings, address, spill)
    held.callback(made.close)
    return made


def _local(settings: Settings, *_: object) -> Executor:
    from medallion.adapters.executors.local import LocalExecutor

    return LocalExecutor(settings.memory_bytes, os.cpu_count() or 1)


def _processes(settings: Settings, *_: object) -> Executor:
    from medallion.adapters.executors.processes import ProcessExecutor

    return ProcessExecutor(settings.workers, settings.memory_bytes, os.cpu_count() or 1)


def _dask(settings: Settings, address: str, spill: Path) -> Executor:
    from medallion.adapters.executors.dask import DaskExecutor

    return DaskExecutor(address, settings.workers, settings.memory_bytes, spill)


def _ray(settings: Settings, address: str, *_: object) -> Executor:
    from medallion.adapters.executors.ray import RayExecutor

    return RayExecutor(address, settings.workers)


_EXECUTORS: Mapping[str, Callable[[Settings, str, Path], Executor]] = {
    "local": _local,
    "processes": _processes,
    "dask": _dask,
    "ray": _ray,
}


def _lake(settings: Settings, secrets: Secrets, held: ExitStack) -> "Lake":
    from medallion.adapters.iceberg.lake import Lake

    uri = secrets.resolve_address(settings.catalog_uri, "catalog in [tool.medallion]")
    lake = Lake(uri, f"file://{settings.warehouse_path}")
    held.callback(lake.close)
    return lake


def _duck(settings: Settings, sources: Iterable[Source], spill: Path, held: ExitStack) -> "Duck":
    from medallion.adapters.duckdb.duck import Duck, Limits

    landing = {str(fixed_folder(settings.place(s).pattern)) for s in sources}
    duck = Duck(
        [str(settings.warehouse_path), *sorted(landing)],
        spill,
        Limits(f"{settings.memory_bytes}B", settings.threads, settings.spill_limit),
    )
    held.callback(duck.close)
    return duck
