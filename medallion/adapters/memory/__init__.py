"""Every port in memory, for tests and examples. It needs the standard library only."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from medallion.adapters.memory.auditor import MemoryAuditor
from medallion.adapters.memory.catalog import MemoryCatalog
from medallion.adapters.memory.engine import MemoryEngine
from medallion.adapters.memory.files import MemoryFiles
from medallion.adapters.memory.lake import MemoryLake
from medallion.adapters.memory.store import MemoryStore
from medallion.errors import SourceError
from medallion.extract import Database
from medallion.ports import Ports
from medallion.resources import NOTHING, Resources

__all__ = [
    "MemoryAuditor",
    "MemoryCatalog",
    "MemoryEngine",
    "MemoryFiles",
    "MemoryLake",
    "MemoryStore",
    "memory_ports",
]


T = TypeVar("T")


class _Database:
    """The `Database` port without any database."""

    def __getattr__(self, verb: str) -> Any:
        raise SourceError(f"{verb}: there is no database in memory", hint="give the rows by a task")


class _Executor:
    """The `Executor` port in the calling thread, without limits."""

    def call(self, fn: Callable[..., T], /, *args: Any, needs: Resources = NOTHING) -> T:  # noqa: ARG002
        return fn(*args)

    def close(self) -> None:
        """Nothing: it started nothing."""


def memory_ports() -> Ports:
    """The ports on an empty lake of their own."""
    lake = MemoryLake()
    return Ports(
        MemoryCatalog(lake),
        MemoryStore(lake),
        MemoryFiles(lake),
        MemoryEngine(lake),
        cast(Database, _Database()),
        MemoryAuditor(lake),
        _Executor(),
    )
