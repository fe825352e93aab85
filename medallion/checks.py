"""Checks: what is looked at to tell whether a project and its world are fit for a build.

Each gives what it saw, or raises what is wrong. What one writes to try a right, it removes.
"""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from medallion import config, wiring
from medallion.errors import DefinitionError, InfrastructureError
from medallion.extraction import Extract
from medallion.forms import Form
from medallion.graph import Node
from medallion.hiding import LEAST
from medallion.loading import Definition, load
from medallion.names import Layer, TableName
from medallion.ports import Files, Ports
from medallion.resources import parse_size, shown_size
from medallion.secrets import mentioned, names_in
from medallion.source import Landing

_SHOWN = ("duckdb", "pyiceberg", "pyarrow", "great-expectations", "sqlalchemy")
_DRIVERS = {"postgresql": "psycopg2", "mysql": "pymysql"}
_CLUSTERS = {"dask": "distributed", "ray": "ray"}
_EXTRAS = {"psycopg2": "postgres", "pymysql": "mysql", "distributed": "dask"}
_EXTRAS |= {"ray": "ray", "s3fs": "s3"}
_CLOCK_S, _CLOCK_FAILS_S = 2, 60
_ROOM = 10 * 10**9  # bytes
_PASSWORD = re.compile(r"(?<=:)(?!\$\{)[^:@/]+(?=@)")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check saw. With a `next` step it is something to look after."""

    text: str
    next: str = ""


@dataclass
class Subject:
    """What is examined, as far as it could be read."""

    start: Path
    read: config.Settings | None = None
    definition: Definition | None = None
    opened: Ports | None = None
    ahead: float = 0.0  # seconds, of the store's clock

    @property
    def settings(self) -> config.Settings:
        """The settings, when they were read."""
        assert self.read
        return self.read

    @property
    def ports(self) -> Ports:
        """The world that the settings ask for."""
        if self.opened is None:
            sources = self.definition.sources if self.definition else ()
            self.opened = wiring.connect(self.settings, sources)
        return self.opened

    @property
    def nodes(self) -> Sequence[Node]:
        """The models, as far as they could be loaded."""
        return tuple(self.definition.graph) if self.definition else ()

    @property
    def landing(self) -> Sequence[Node]:
        """The models that take files that landed."""
        return [node for node in self.nodes if node.model.form is Form.SOURCE]

    @property
    def secrets(self) -> Sequence[str]:
        """The names that the settings and the models have for secrets."""
        found: list[str] = []
        for text in _texts(self.read):
            try:
                found += names_in(text)
            except DefinitionError:  # told by whoever needs it
                continue
        return tuple(dict.fromkeys([*found, *mentioned()]))


def settings(subject: Subject) -> Seen:
    """Read the settings."""
    read = config.read_settings(config.find_root(subject.start))
    told = (
        f"{read.root}: warehouse {read.warehouse}, catalog {_shown(read.catalog_uri)}, "
        f"executor {read.executor}, memory {read.memory_limit}"
    )
    subject.read = read
    if _PASSWORD.search(read.catalog) and "MEDALLION_CATALOG" not in os.environ:
        name = "write ${LAKE_PASSWORD} for the catalog's password, and set that in the environment"
        return Seen(told, name)
    return Seen(told)


def libraries(subject: Subject) -> Seen:
    """Find the libraries that are installed, and those that the settings need."""
    missing = [m for m in _modules(subject.read) if importlib.util.find_spec(m) is None]
    if missing:
        install = [f"'medallion[{_EXTRAS[m]}]'" if m in _EXTRAS else m for m in missing]
        raise DefinitionError(
            f"the settings need {', '.join(missing)}, which this Python does not have",
            hint=f"pip install {' '.join(install)}",
        )
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _SHOWN]
    return Seen(f"Python {platform.python_version()}, {', '.join(versions)}")


def models(subject: Subject) -> Seen:
    """Load the models, and ask those that land files for their sources."""
    definition = load(subject.settings)
    sources = definition.sources
    subject.definition = definition
    counts = Counter(node.name.layer for node in definition.graph)
    if not counts:
        return Seen("there is none", "write one, or set models in [tool.medallion]")
    told = ", ".join(f"{counts[layer]} {layer}" for layer in Layer if counts[layer])
    return Seen(
        f"{told}; {len(sources)} of them {'reads' if len(sources) == 1 else 'read'} sources"
    )


def secret(subject: Subject, name: str) -> Seen:
    """Look a secret up."""
    secrets = wiring.secrets_of(subject.settings)
    secrets.resolve(f"${{{name}}}")
    found = secrets.find(name)
    assert found
    if len(found.value) < LEAST:
        told = f"from {found.place}; it is too short to be masked"
        return Seen(told, f"choose one of at least {LEAST} characters")
    return Seen(f"from {found.place}")


def catalog(subject: Subject) -> Seen:
    """Ask the catalog for the models' tables."""
    names = [node.name for node in subject.nodes if not node.name.is_task]
    # Where no model is known, the catalog is to answer as well.
    found = subject.ports.catalog.tables(names or [TableName(Layer.BRONZE, "doctor")])
    shown = _shown(subject.settings.catalog_uri)
    return Seen(f"{shown}: {len(found)} of {len(names)} tables are there")


def writing(subject: Subject) -> Seen:
    """Open the catalog as a build does."""
    subject.ports.catalog.prepare()
    return Seen("a build can open it for writing")


def publishing(subject: Subject) -> Seen:
    """What the catalog promises of a publish, and whether one was interrupted."""
    catalog = subject.ports.catalog
    if left := catalog.unfinished():
        told = f"the publish of {', '.join(left)} is under way, or was interrupted"
        return Seen(told, "if it was: medallion build finishes it, or puts it back")
    return Seen(catalog.guarantee().text)


def store(subject: Subject) -> Seen:
    """Write a small file below the warehouse, read it, list it and remove it."""
    files, folder = subject.ports.files, subject.settings.warehouse_address.removeprefix("file://")
    subject.ahead = _probed(files, folder)
    return Seen(f"{folder}: a file was written, read, listed and removed")


def clock(subject: Subject) -> Seen:
    """Compare the clock with that of the store, which said when the file was written."""
    seconds = abs(subject.ahead)
    if seconds < _CLOCK_S:
        return Seen(f"within {_CLOCK_S} s of the store's")
    told = f"{seconds:.0f} s {'behind' if subject.ahead > 0 else 'ahead of'} the store's"
    hint = "set the clock of this machine: history would be out of order"
    if seconds < _CLOCK_FAILS_S:
        return Seen(told, hint)
    raise InfrastructureError(told, hint=hint)


def source(subject: Subject, node: Node) -> Seen:
    """Count the files that a source finds, or ask its database for the columns."""
    place = subject.settings.place
    found = place(node.model.source())
    if isinstance(found, Extract):
        columns = subject.ports.database.schema(found.query).columns
        return Seen(f"{found.query.what}: {len(columns)} columns")
    assert isinstance(found, Landing)
    pattern = found.pattern
    if node.model.window and node.model.grain:
        # Each window has a pattern of its own: what lies below all of them is counted.
        other = place(node.model.source(node.model.grain.window(0)))
        assert isinstance(other, Landing)
        pattern = f"{os.path.commonpath([pattern, other.pattern])}/**"
    count = len(subject.ports.files.landed(pattern))
    if not count:
        return Seen(f"no file matches {pattern}", "land one, or correct the pattern")
    return Seen(f"{count} file{'s match' if count > 1 else ' matches'} {pattern}")


def spill(subject: Subject) -> Seen:
    """Look for room for rows that do not fit into memory."""
    path, limit = subject.settings.spill_path, subject.settings.spill_limit
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InfrastructureError(f"{there} is no folder to write to", hint="look at its rights")
    free = shutil.disk_usage(there).free
    told = f"{shown_size(free)} are free at {path}; the limit is {limit}"
    short = free < min(_ROOM, parse_size(limit))
    return Seen(told, "make room on the disk" if short else "")


def executor(subject: Subject) -> Seen:
    """Have the executor do one call."""
    pid = subject.ports.executor.call(os.getpid)
    where = "in this process" if pid == os.getpid() else f"from process {pid}"
    return Seen(f"{subject.settings.executor}: answers {where}")


def _modules(read: config.Settings | None) -> Iterator[str]:
    """The modules that only some settings need."""
    if read is None:
        return
    backend, _, driver = read.catalog_uri.partition(":")[0].partition("+")
    kind = read.executor.partition("@")[0]
    wanted = [driver or _DRIVERS.get(backend, ""), _CLUSTERS.get(kind, "")]
    yield from filter(None, wanted)
    if read.warehouse.startswith("s3://"):
        yield "s3fs"


def _texts(value: Any) -> Iterator[str]:
    """All texts of the settings, those of their tables as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, config.Settings):
        for part in fields(value):
            yield from _texts(getattr(value, part.name))


def _probed(files: Files, folder: str) -> float:
    """Try the store's rights; how many seconds its clock is ahead."""
    address, text = f"{folder}/doctor-{uuid.uuid4().hex}.txt", "medallion doctor was here\n"
    begun = time.time()
    files.write(address, text)
    written = (begun + time.time()) / 2
    try:
        read, kept = files.read(address), files.kept(folder)
    finally:
        files.remove([address])
    name = address.rpartition("/")[2]
    stamps = [stamp for kept_at, stamp in kept.items() if kept_at.endswith(name)]
    if read != text or not stamps or files.read(address) is not None:
        raise InfrastructureError(
            f"{folder} does not give back what is written to it",
            hint="is it one folder, or one bucket, for all who use it?",
        )
    return stamps[0].changed_ns / 1e9 - written


def _shown(address: str) -> str:
    """An address without a password that is written in it."""
    return _PASSWORD.sub("***", address.partition("?")[0])
