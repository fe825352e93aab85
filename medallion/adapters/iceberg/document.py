"""Tables out of the JSON of their metadata, with the standard library alone.

Source of the names: the Iceberg table specification. What has a default there has it here.
"""

import json
import uuid
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from medallion.adapters.iceberg.address import local_path, unreadable
from medallion.names import MAIN, TableName
from medallion.schema import Schema
from medallion.tables import Snapshot, Table

Document = Mapping[str, Any]

_VERSIONS = (1, 2, 3)


def disk(location: str) -> bytes:
    """The content of a metadata file of this machine."""
    return local_path(location).read_bytes()


def read_table(name: TableName, location: str, read: Callable[[str], bytes | None] = disk) -> Table:
    """The table that a metadata file describes; `read` gives its content.

    Raises:
        StoreError: the file is gone, or is no metadata of a table.
    """
    try:
        return table_of(name, _document(location, read(location)))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise unreadable(name, location, error) from error


def table_of(name: TableName, document: Document) -> Table:
    """The table that the JSON describes.

    Raises:
        ValueError: it does not describe one.
    """
    try:
        if document["format-version"] not in _VERSIONS:
            raise ValueError(f"unknown format-version {document['format-version']!r}")
        return _table(name, document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no metadata of a table: {error!r}") from error


def _document(location: str, content: bytes | None) -> Document:
    if content is None:
        raise FileNotFoundError("it is gone")
    if location.endswith(".gz.metadata.json"):
        import gzip

        content = gzip.decompress(content)
    document: Document = json.loads(content)
    return document


def _table(name: TableName, document: Document) -> Table:
    return Table(
        name,
        str(uuid.UUID(document["table-uuid"])),
        document["location"],
        {s["schema-id"]: Schema.from_json(s) for s in document["schemas"]},
        document["current-schema-id"],
        document["last-column-id"],
        _branches(document),
        {s["snapshot-id"]: _snapshot(s) for s in document.get("snapshots", ())},
        dict(document.get("properties", {})),
    )


def _branches(document: Document) -> dict[str, int]:
    """The branches; `main` may be told by the current snapshot alone, where -1 is none."""
    refs = document.get("refs", {})
    branches = {ref: r["snapshot-id"] for ref, r in refs.items() if r["type"] == "branch"}
    current = document.get("current-snapshot-id")
    return branches if current in (None, -1) else {MAIN: current} | branches


def _snapshot(document: Document) -> Snapshot:
    noted = document.get("summary")
    summary = {"operation": ""} if noted is None else {"operation": "overwrite"} | noted
    return Snapshot(
        document["snapshot-id"],
        document.get("parent-snapshot-id"),
        summary.pop("operation"),
        document["timestamp-ms"],
        document.get("schema-id"),
        summary,
    )
