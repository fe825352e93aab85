"""Lake: the tables and the rows that the ports in memory share."""

import itertools
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from medallion.errors import StoreError
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.schema import Schema
from medallion.tables import Table, WrittenFile

Row = tuple[Any, ...]


class MemoryLake:
    """Tables by name, files by snapshot, rows by path. `lock` is held while tables change."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tables: dict[TableName, Table] = {}
        self.files: dict[int, tuple[DataFile, ...]] = {}
        self.ids = itertools.count(1)
        self._rows: dict[str, tuple[Mapping[int, Any], ...]] = {}
        self._bytes: dict[str, int] = {}

    def location(self, name: TableName) -> str:
        """The folder of a table."""
        return f"memory://{name.layer}/{name.model}"

    def holds(self, path: str) -> bool:
        """Whether there is a file at that path."""
        return path in self._rows

    def size(self, path: str) -> int:
        """How many bytes the file at that path has."""
        return self._bytes[path]

    def write(self, folder: str, schema: Schema, rows: Sequence[Row]) -> WrittenFile:
        """Keep the rows as a new file, by field id. It has no partition and no statistics."""
        path = f"{folder}/data/{uuid.uuid4().hex}"
        ids = [c.id for c in schema]
        self._rows[path] = tuple(dict(zip(ids, row, strict=True)) for row in rows)
        self._bytes[path] = len(repr(rows))
        return WrittenFile(path, len(rows), self._bytes[path], (), {})

    def read(self, frame: Frame) -> list[Row]:
        """The rows of a frame. Columns are found by field id, a missing one is None.

        Raises:
            StoreError: a file is gone.
        """
        ids = [c.id for c in frame.schema]
        rows: list[Row] = []
        for file in frame.files:
            if not self.holds(file.path):
                raise StoreError(f"the file {file.path} is gone", hint="plan again")
            rows += [tuple(map(row.get, ids)) for row in self._rows[file.path]]
        return rows
