"""Every port in memory, for tests and examples. It needs the standard library only."""

from concurrent.futures import ThreadPoolExecutor

from medallion.adapters.memory.auditor import MemoryAuditor
from medallion.adapters.memory.catalog import MemoryCatalog
from medallion.adapters.memory.engine import MemoryEngine
from medallion.adapters.memory.files import MemoryFiles
from medallion.adapters.memory.lake import MemoryLake
from medallion.adapters.memory.store import MemoryStore
from medallion.ports import Ports

__all__ = [
    "MemoryAuditor",
    "MemoryCatalog",
    "MemoryEngine",
    "MemoryFiles",
    "MemoryLake",
    "MemoryStore",
    "memory_ports",
]


def memory_ports() -> Ports:
    """The ports on an empty lake of their own."""
    lake, pool = MemoryLake(), ThreadPoolExecutor()
    return Ports(
        MemoryCatalog(lake),
        MemoryStore(lake),
        MemoryFiles(lake),
        MemoryEngine(lake),
        MemoryAuditor(lake),
        pool,
        pool.shutdown,
    )
