"""A small Iceberg REST server over PyIceberg's SQL catalog, on SQLite."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
)
from pyiceberg.table import CommitTableRequest, StagedTable, Table
from pyiceberg.table.update import AddSchemaUpdate, TableUpdate
from pyiceberg.typedef import IcebergBaseModel
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

_STATUS = {
    NoSuchNamespaceError: 404,
    NoSuchTableError: 404,
    NamespaceAlreadyExistsError: 409,
    CommitFailedException: 409,
    PermissionError: 401,
    ValueError: 400,
}
_USUAL = (
    "GET /v1/{prefix}/namespaces",
    "POST /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
)
_TOGETHER = "POST /v1/{prefix}/transactions/commit"


@contextmanager
def rest_server(folder: Path, *, together: bool = False, token: str = "") -> Iterator[str]:
    """The address of an empty server, until the block ends.

    `together`: it commits several tables in one transaction, and says so; else it lists no
    endpoints at all. A `token` is asked for where it is given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    server = _Server(folder, together=together, token=token)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.catalog.engine.dispose()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path, *, together: bool, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.together, self.token = together, token
        self.lock = threading.Lock()
        self.catalog = SqlCatalog(
            "rest",
            uri=f"sqlite:///{folder}/rest.db",
            warehouse=f"file://{folder}",
            **{"py-io-impl": "medallion.adapters.iceberg.disk.DiskIO"},
        )

    def commit(self, requests: Sequence[CommitTableRequest]) -> list[StagedTable]:
        """Commit all, or none."""
        staged = [self._stage(request) for request in requests]
        with Session(self.catalog.engine) as session:
            for before, after in staged:
                self.catalog._write_metadata(after.metadata, after.io, after.metadata_location)
                session.execute(self._moved(before, after))
            session.commit()
        return [after for _, after in staged]

    def _stage(self, request: CommitTableRequest) -> tuple[Table | None, StagedTable]:
        name = (*request.identifier.namespace.root, request.identifier.name)
        try:
            before: Table | None = self.catalog.load_table(name)
        except NoSuchTableError:
            before = None
        updates = tuple(_numbered(update, before) for update in request.updates)
        return before, self.catalog._update_and_stage_table(
            before, name, request.requirements, updates
        )

    def _moved(self, before: Table | None, after: StagedTable) -> Any:
        layer, name = after.name()
        if before is None:
            row = self.catalog._create_table_row(layer, name, after.metadata_location)
            return insert(IcebergTables).values(**row)
        return (
            update(IcebergTables)
            .where(IcebergTables.table_namespace == layer, IcebergTables.table_name == name)
            .values(metadata_location=after.metadata_location)
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_GET

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")][1:]
        try:
            self._check_who_asks()
            # One after the other: this is no test of SQLite.
            with self.server.lock:
                self._send(*self._do(self.command, path, json.loads(body) if body else {}))
        except Exception as error:
            status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
            shown = {"message": str(error), "type": type(error).__name__, "code": status}
            self._send(status, {"error": shown})

    def _check_who_asks(self) -> None:
        token = self.server.token
        if token and self.headers["Authorization"] != f"Bearer {token}":
            raise PermissionError("who asks?")

    def _send(self, status: int, answer: Any) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _do(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        catalog = self.server.catalog
        match method, *path:
            case "GET", "config":
                endpoints = {"endpoints": [*_USUAL, _TOGETHER]} if self.server.together else {}
                return 200, {"defaults": {}, "overrides": {}, **endpoints}
            case "GET", "namespaces":
                return 200, {"namespaces": catalog.list_namespaces()}
            case "POST", "namespaces":
                catalog.create_namespace(tuple(body["namespace"]))
                return 200, {"namespace": body["namespace"], "properties": {}}
            case "GET", "namespaces", layer, "tables":
                names = [{"namespace": [layer], "name": n} for _, n in catalog.list_tables(layer)]
                return 200, {"identifiers": names}
            case "GET", "namespaces", layer, "tables", name:
                return 200, _shown(catalog.load_table((layer, name)))
            case "POST", "namespaces", layer, "tables", name:
                body["identifier"] = {"namespace": [layer], "name": name}
                return 200, _shown(*self.server.commit([CommitTableRequest.model_validate(body)]))
            case "POST", "transactions", "commit" if self.server.together:
                changes = body["table-changes"]
                self.server.commit([CommitTableRequest.model_validate(c) for c in changes])
                return 204, None
        raise NoSuchTableError(f"no route {method} {self.path}")


def _numbered(update: TableUpdate, before: Table | None) -> TableUpdate:
    """The update; a new schema gets the next free number, whatever was asked for."""
    if before is None or not isinstance(update, AddSchemaUpdate):
        return update
    free = max(before.schemas()) + 1
    return AddSchemaUpdate(schema_=update.schema_.model_copy(update={"schema_id": free}))


def _shown(table: Table) -> dict[str, Any]:
    return {"metadata-location": table.metadata_location, "metadata": _plain(table.metadata)}


def _plain(model: IcebergBaseModel) -> Any:
    return json.loads(model.model_dump_json())
