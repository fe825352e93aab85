"""Duck: one DuckDB in memory, and sessions on it that see nothing but their inputs."""

import errno
import itertools
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.duckdb.reading import no_rows, rows_of
from medallion.errors import MedallionError, ModelError, StoreError, told_in
from medallion.frame import Frame
from medallion.quoting import literal, quote
from medallion.resources import parse_size, spill_room
from medallion.schema import Schema

_BLOCK = 16 << 20
_LEAST_FREE = 256 * 10**6
_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


@dataclass(frozen=True, slots=True)
class Limits:
    """What DuckDB may use. `memory` is its buffers; the process needs some 200 MB more.

    Sizes are texts that `parse_size` reads, "2GB" or "123456789B".
    """

    memory: str = "2GB"
    threads: int = 0
    spill_size: str = "50GB"


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes may be spilled to a folder: those of the setting, or less on a full disk."""

    folder: Path
    size: int
    setting: str


# What such an exception says is of the query, and not of rows.
_OF_THE_TEXT = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
NOT_SHOWN = "what is there is not shown, it may be personal data"

# `failed` tells of the session that its caller is in.
_room: ContextVar[Room | None] = ContextVar("room", default=None)


class Duck:
    """One DuckDB for a whole run. It reads and writes below `folders` and nowhere else.

    `stores` are file systems of fsspec for those of the folders that are not on this machine.
    """

    def __init__(
        self, folders: Sequence[str], spill: Path, limits: Limits, stores: Sequence[Any] = ()
    ) -> None:
        self._folders = folders
        self._spill = spill
        self._limits = limits
        self._stores = stores
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @contextmanager
    def session(
        self, inputs: Mapping[str, Frame | Schema] | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own, in which every input is a view.

        A key `layer.model` is the view `model` in the schema `layer`. A schema instead of a frame
        gives a view without rows.
        """
        with self._lock:
            connection = self._root.cursor()
        _room.set(self._room)
        name = f"session_{next(self._numbers)}"
        try:
            run(connection, f"attach ':memory:' as {name}")
            run(connection, f"use {name}")
            for key, rows in (inputs or {}).items():
                _view(connection, key, rows)
            yield connection
        finally:
            run(connection, "use memory")
            run(connection, f"detach {name}")
            connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, for one thread or object. It sees no input."""
        with self._lock:
            return self._root.cursor()

    @cached_property
    def _root(self) -> duckdb.DuckDBPyConnection:
        statements = list(self._settings())
        connection = duckdb.connect()
        for store in self._stores:
            connection.register_filesystem(store)
        for statement in statements:
            run(connection, statement)
        return connection

    @cached_property
    def _room(self) -> Room:
        try:
            self._spill.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._spill).free
        except OSError as error:
            raise StoreError(
                f"the spill folder {self._spill} cannot be made: {error.strerror}",
                hint="make room on its disk, or check whose the folder is",
            ) from error
        if free < _LEAST_FREE:
            raise StoreError(
                f"the disk of the spill folder {self._spill} has {_megabytes(free)} free, "
                f"and work needs {_megabytes(_LEAST_FREE)}",
                hint="make room on that disk, or put the warehouse on a larger one",
            )
        limit = self._limits.spill_size
        return Room(self._spill, spill_room(parse_size(limit), free), limit)

    def _settings(self) -> Iterator[str]:
        folders = ", ".join(literal(f) for f in (*self._folders, str(self._spill)))
        yield f"set memory_limit = {literal(self._limits.memory)}"
        if self._limits.threads:
            yield f"set threads = {int(self._limits.threads)}"
        yield f"set temp_directory = {literal(str(self._spill))}"
        yield f"set max_temp_directory_size = {literal(f'{self._room.size}B')}"
        yield "set TimeZone = 'UTC'"
        yield "set preserve_insertion_order = false"
        yield "set parquet_metadata_cache = true"
        if self._stores:  # a request for each of more, smaller pieces would take longer
            yield f"set external_file_cache_remote_max_block_size = {_BLOCK}"
        yield "set python_enable_replacements = false"
        yield "set autoinstall_known_extensions = false"
        yield "set autoload_known_extensions = false"
        yield "set allow_community_extensions = false"
        yield f"set allowed_directories = [{folders}]"
        # From here on a query can reach no other file and change no setting.
        yield "set enable_external_access = false"
        yield "set lock_configuration = true"

    def remove(self, path: str) -> None:
        """Remove a file that was written for nothing."""
        store = next((s for s in self._stores if path.startswith(f"{s.protocol}://")), None)
        if store:
            store.rm(path)
        else:
            Path(path).unlink()

    def close(self) -> None:
        """Give the memory back."""
        if "_root" in self.__dict__:
            self._root.close()


def run(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[object, ...]]:
    """All rows of a statement; an unread result would own the connection."""
    rows: list[tuple[object, ...]] = connection.execute(statement).fetchall()
    return rows


def out_of_memory(error: Exception) -> bool:
    """Whether memory or spill space was missing. Where batches are read, Arrow tells it as text."""
    return isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in str(error)


def failed(what: object, error: Exception, *, discreet: bool = False) -> MedallionError:
    """The error that a DuckDB exception stands for; if it is `discreet`, without values of rows."""
    text = str(error).strip()
    if told := told_in(text):
        return told
    if out_of_memory(error):
        if "'max_temp_directory_size'" in text:
            return _spilled(what, _room.get())
        return ModelError(
            f"{what} needs more memory than it may use: {text.splitlines()[0]}",
            hint="raise memory_limit in [tool.medallion], or split the work",
        )
    if isinstance(error, duckdb.IOException) and any(full in text for full in _FULL):
        return StoreError(
            f"{what} cannot be written, the disk is full: {text.splitlines()[0]}",
            hint="make room on that disk, then run the same command again",
        )
    if isinstance(error, duckdb.PermissionException):
        return ModelError(
            f"{what} reaches outside of its inputs: {text.splitlines()[0]}",
            hint="read files through a bronze model: return files(...)",
        )
    if discreet and not isinstance(error, _OF_THE_TEXT):
        kind, (_, line, text) = text.partition(":")[0], text.partition("\nLINE ")
        text = f"{kind}: {NOT_SHOWN}{line}{text}"
    return ModelError(f"{what}: {_told(text)}")


def _spilled(what: object, room: Room | None) -> MedallionError:
    if room and room.size < parse_size(room.setting):
        return StoreError(
            f"{what} has used up the spill space: the disk of {room.folder} had "
            f"{_megabytes(room.size)} for it, less than spill_limit = {room.setting!r}",
            hint="make room on that disk, raise memory_limit, or split the work",
        )
    setting = f"spill_limit = {room.setting!r}" if room else "spill_limit"
    return ModelError(
        f"{what} has used up the spill space that the setting {setting} gives",
        hint="raise spill_limit or memory_limit in [tool.medallion], or split the work",
    )


def _megabytes(size: int) -> str:
    return f"{size // 10**6:,} MB"


def _told(text: str) -> str:
    """DuckDB's message without its candidate stack traces; the line it points at is kept."""
    return "\n  ".join(line for line in text.splitlines() if line.strip())[:1500]


def _view(connection: duckdb.DuckDBPyConnection, key: str, rows: Frame | Schema) -> None:
    layer, dot, model = key.rpartition(".")
    if dot:
        run(connection, f"create schema if not exists {quote(layer)}")
    name = f"{quote(layer)}.{quote(model)}" if dot else quote(model)
    query = rows_of(rows) if isinstance(rows, Frame) else no_rows(rows)
    run(connection, f"create view {name} as {query}")
