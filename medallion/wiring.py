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

from medallion.adapters.files.anywhere import AnyFiles
from medallion.adapters.files.local import LocalFiles
from medallion.adapters.iceberg.address import Kind, kind_of, sqlite_file
from medallion.adapters.iceberg.sqlite import SqliteCatalog
from medallion.adapters.secrets.local import EnvFile
from medallion.address import is_remote, protocol_of
from medallion.config import Settings
from medallion.extract import Database
from medallion.ports import Auditor, Catalog, Engine, Executor, Files, Ports, Store
from medallion.secrets import Environment, Place, Secrets, mentioned
from medallion.source import Landing, Source, fixed_folder
from medallion.spill import own_folder, remove

if TYPE_CHECKING:
    from medallion.adapters.duckdb.duck import Duck
    from medallion.adapters.files.once import Once
    from medallion.adapters.files.stores import Stores
    from medallion.adapters.files.view import View
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
    stores = later(lambda: _stores(settings, secrets))
    blobs = later(lambda: _blobs(stores))
    files = AnyFiles(LocalFiles(), later(lambda: _remote_files(stores)))
    lake = later(lambda: _lake(settings, secrets, stores, blobs, held))
    duck = later(lambda: _duck(settings, landing, spill, stores, held))
    database = later(lambda: _database(secrets, spill))
    return Ports(
        _catalog(settings, lake, blobs, files),
        later(lambda: _store(lake, spill)),
        files,
        later(lambda: _engine(duck, spill, settings, files, database, secrets)),
        database,
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
    secrets.hide((*mentioned(), *settings.secret_names))
    return secrets


def _stores(settings: Settings, secrets: Secrets) -> "Stores":
    from medallion.adapters.files.stores import Stores

    return Stores(settings.stores, secrets.resolve)


def _blobs(stores: "Stores") -> "Once":
    from medallion.adapters.files.once import Once

    return Once(stores)


def _remote_files(stores: "Stores") -> Files:
    from medallion.adapters.files.remote import RemoteFiles

    return RemoteFiles(stores)


def _view(stores: "Stores", address: str) -> "View":
    from medallion.adapters.files.view import View

    return View(stores, protocol_of(address))


def _catalog(settings: Settings, lake: "Lake", blobs: "Once", files: Files) -> Catalog:
    def iceberg() -> Catalog:
        from medallion.adapters.iceberg.catalog import IcebergCatalog
        from medallion.adapters.iceberg.journal import Journals

        if kind_of(settings.catalog_uri) is Kind.SQL:
            return IcebergCatalog(lake, results=settings.results_address)
        journals = Journals(files, settings.journals)
        return IcebergCatalog(lake, journals, settings.results_address)

    file = None if settings.catalog_options else sqlite_file(settings.catalog_uri)
    if file is None:
        return later(iceberg)
    remote = is_remote(settings.warehouse_address)
    return SqliteCatalog(file, later(iceberg), blobs if remote else None)


def _store(lake: "Lake", spill: Path) -> Store:
    from medallion.adapters.iceberg.store import IcebergStore

    return IcebergStore(lake, spill)


def _engine(
    duck: "Duck",
    spill: Path,
    settings: Settings,
    files: Files,
    database: Database,
    secrets: Secrets,
) -> Engine:
    from medallion.adapters.duckdb.engine import DuckDBEngine

    place, codec = settings.place, settings.codec
    return DuckDBEngine(duck, spill, place, files, database, codec, secrets.resolve)


def _database(secrets: Secrets, spill: Path) -> Database:
    from medallion.adapters.databases.reader import DatabaseReader

    return DatabaseReader(secrets.resolve, spill=spill)


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


def _lake(
    settings: Settings, secrets: Secrets, stores: "Stores", blobs: "Once", held: ExitStack
) -> "Lake":
    from medallion.adapters.iceberg.blobs import BlobIO
    from medallion.adapters.iceberg.opening import opened

    uri = secrets.resolve_address(settings.catalog_uri, "catalog in [tool.medallion]")
    options = {
        name: secrets.resolve(text, f"the catalog option {name}")
        for name, text in settings.catalog_options.items()
    }
    warehouse = settings.warehouse_address
    io = BlobIO(blobs, _view(stores, warehouse)) if is_remote(warehouse) else None
    lake = opened(uri, warehouse, options, io)
    held.callback(lake.close)
    return lake


def _duck(
    settings: Settings, sources: Iterable[Source], spill: Path, stores: "Stores", held: ExitStack
) -> "Duck":
    from medallion.adapters.duckdb.duck import Duck, Limits

    placed = (settings.place(s) for s in sources)
    landing = {fixed_folder(s.pattern) for s in placed if isinstance(s, Landing)}
    # What landed elsewhere is fetched first.
    near = {folder for folder in landing if not is_remote(folder)}
    own = {settings.warehouse_address, settings.results_address}
    remote = {protocol_of(address): address for address in sorted(own) if is_remote(address)}
    duck = Duck(
        sorted({address.removeprefix("file://") for address in own} | near),
        spill,
        Limits(f"{settings.memory_bytes}B", settings.threads, settings.spill_limit),
        [_view(stores, address) for address in remote.values()],
    )
    held.callback(duck.close)
    return duck
