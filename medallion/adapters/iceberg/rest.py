"""Lake of an Iceberg REST catalog: its server writes the metadata.

A commit says what it was decided on and what is to change. A server that offers it commits many
tables in one step.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError as Unreadable
from pyiceberg.catalog.rest import Endpoint, HttpMethod, RestCatalog
from pyiceberg.catalog.rest.response import _handle_non_200_response
from pyiceberg.exceptions import (
    AuthorizationExpiredError,
    CommitFailedException,
    CommitStateUnknownException,
    ForbiddenError,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    OAuthError,
    RESTError,
    ServerError,
    ServiceUnavailableError,
    TooManyRequestsError,
    UnauthorizedError,
)
from pyiceberg.io import FileIO
from pyiceberg.table import CommitTableRequest, Table, TableIdentifier
from requests import HTTPError, PreparedRequest, RequestException, Response, Session
from requests.adapters import HTTPAdapter
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from medallion.adapters.iceberg.address import CATALOG, CHECK
from medallion.adapters.iceberg.guards import asked, is_done, numbered, requirements
from medallion.adapters.iceberg.lake import IN_TURN, Change, Lake, Loaded, Moved
from medallion.errors import CatalogError
from medallion.names import Layer, TableName
from medallion.tables import Guarantee

_WAIT_S = (10, 120)  # to connect; for the next bytes of an answer
_MANY = Endpoint(http_method=HttpMethod.POST, path="/v1/{prefix}/transactions/commit")
_IN_ONE_COMMIT = Guarantee(
    True,
    "A group of tables is published in one commit of the catalog's server: readers see all of it, "
    "or nothing.",
)
_SIGN_IN = (
    "set MEDALLION_CATALOG_OPTIONS_TOKEN (or _CREDENTIAL), or write "
    'token = "${NAME}" in [tool.medallion.catalog_options]'
)
_LATER = "look at the server, and try again in a while"


class RestLake(Lake):
    """The `Lake` of the server at an address. Options are PyIceberg's."""

    one_look = False

    def __init__(
        self, uri: str, options: Mapping[str, str], warehouse: str, io: FileIO | None = None
    ) -> None:
        super().__init__(warehouse, io)
        found = urlsplit(uri)
        if found.username or found.password or not found.hostname:
            raise CatalogError(
                "the catalog's address has a name or password in it, or no host",
                hint=f"write https://HOST/PATH, and {_SIGN_IN}",
            )
        self._shown = f"{found.scheme}://{found.netloc}{found.path}"
        self._uri, self._options = uri, dict(options)
        self._namespaces: set[Layer] = set()

    @property
    def guarantee(self) -> Guarantee:
        """What the server promises of a group."""
        return _IN_ONE_COMMIT if self._server.commits_many else IN_TURN

    def prepare(self) -> None:
        """Ask the server how it is to be used.

        Raises:
            CatalogError: it does not answer, or does not let us.
        """
        assert self._server

    def close(self) -> None:
        """Give the connections back."""
        if "_server" in self.__dict__:
            self._server.close()

    @cached_property
    def _server(self) -> "_Server":
        with self._plain():
            return _Server(self._uri, self._options, self.io)

    def _load(self, names: Sequence[TableName]) -> dict[TableName, Loaded]:
        found = {}
        for name in names:
            with self._plain():
                try:
                    table = self._server.load_table((str(name.layer), name.model))
                except NoSuchTableError:
                    continue
            found[name] = Loaded(table.metadata, table.metadata_location or "")
        return found

    def _commit(self, changes: Sequence[Change]) -> Mapping[TableName, Loaded]:
        try:
            self._ensure_namespaces(changes)
            return self._send(changes)
        except Moved:
            raise
        except Exception as error:
            # The answer may be lost, or be that to a repetition, although the commit landed.
            now = self._look(changes, error)
            if all(c.name in now and is_done(c, now[c.name].metadata) for c in changes):
                return now
            moved = (_moved(change, now.get(change.name)) for change in changes)
            if isinstance(error, CommitFailedException) or any(moved):
                raise Moved(changes[0].name) from error
            raise self._told(error) from error

    def _send(self, changes: Sequence[Change]) -> Mapping[TableName, Loaded]:
        if len(changes) > 1:
            self._server.commit_many([_request(change) for change in changes])
            return {}
        [change] = changes
        answer = self._server.commit_table(self._table(change), requirements(change), asked(change))
        if not numbered(change, answer.metadata):
            raise Moved(change.name)
        return {change.name: Loaded(answer.metadata, answer.metadata_location or "")}

    def _look(self, changes: Sequence[Change], error: Exception) -> Mapping[TableName, Loaded]:
        """The tables after a commit of which nothing is known but an error."""
        try:
            return self._load([change.name for change in changes])
        except CatalogError as blind:
            told = self._told(error)
            if not isinstance(told, CatalogError):
                raise error from None
            raise CatalogError(
                f"{told.message}; whether the commit landed could not be seen", hint=blind.hint
            ) from error

    def _table(self, change: Change) -> Table:
        metadata = change.before.metadata if change.before else change.initial
        location = change.before.location if change.before else ""
        assert metadata is not None
        identifier = (str(change.name.layer), change.name.model)
        return Table(identifier, metadata, location, self.io, self._server)

    def _ensure_namespaces(self, changes: Sequence[Change]) -> None:
        for layer in {c.name.layer for c in changes if c.before is None} - self._namespaces:
            # It may be there, or another run may make it at the same time.
            with suppress(NamespaceAlreadyExistsError):
                self._server.create_namespace((str(layer),))
            self._namespaces.add(layer)

    @contextmanager
    def _plain(self) -> Iterator[None]:
        try:
            yield
        except _FOREIGN as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> Exception:
        """What an error of the server means; one that is not its own stays as it is."""
        if not isinstance(error, _FOREIGN):
            return error
        reason, hint = str(error).partition("\n")[0], CHECK
        match error:
            case UnauthorizedError() | OAuthError():
                reason, hint = f"it does not know who asks (401): {reason}", _SIGN_IN
            case ForbiddenError():
                reason, hint = f"it does not allow this (403): {reason}", _SIGN_IN
            case ServiceUnavailableError() | CommitStateUnknownException() | ServerError():
                reason, hint = f"it failed: {reason}", _LATER
            case TooManyRequestsError():
                reason, hint = f"it is asked too much: {reason}", _LATER
            case Unreadable():
                reason = "its answer is none of an Iceberg REST catalog"
            case RequestException():
                reason, hint = f"it cannot be reached: {reason}", f"{CHECK}; or {_LATER}"
        return CatalogError(f"the catalog {self._shown} cannot be used: {reason}", hint=hint)


_FOREIGN = (
    RequestException,
    Unreadable,
    RESTError,
    CommitFailedException,
    NoSuchTableError,
    NoSuchNamespaceError,
    NotImplementedError,
)


def _moved(change: Change, now: Loaded | None) -> bool:
    before = change.before
    if before is None or now is None:
        return (before is None) != (now is None)
    return (before.location, before.metadata.last_updated_ms) != (
        now.location,
        now.metadata.last_updated_ms,
    )


def _request(change: Change) -> CommitTableRequest:
    return CommitTableRequest(
        identifier=TableIdentifier(namespace=[str(change.name.layer)], name=change.name.model),
        requirements=requirements(change),
        updates=asked(change),
    )


class _Patient(HTTPAdapter):
    """Waits for an answer, but not for ever."""

    def send(self, request: PreparedRequest, **options: Any) -> Response:  # type: ignore[override]
        """Send it; `requests` sets no limit of its own."""
        options["timeout"] = options.get("timeout") or _WAIT_S
        return super().send(request, **options)


class _Server(RestCatalog):
    """PyIceberg's client, with a commit of several tables."""

    def __init__(self, uri: str, options: Mapping[str, str], io: FileIO) -> None:
        self._io = io
        super().__init__(CATALOG, **{**options, "uri": uri})

    @property
    def commits_many(self) -> bool:
        """Whether the server says that it commits several tables in one step."""
        return _MANY in self._supported_endpoints

    @retry(
        retry=retry_if_exception_type((AuthorizationExpiredError, UnauthorizedError)),
        stop=stop_after_attempt(2),
        before_sleep=lambda state: state.args[0]._refresh_token(),
        reraise=True,
    )
    def commit_many(self, requests: Sequence[CommitTableRequest]) -> None:
        """Commit the changes of several tables, all or none."""
        changes = [json.loads(request.model_dump_json()) for request in requests]
        answer = self._session.post(
            self.url("transactions/commit"), json={"table-changes": changes}
        )
        try:
            answer.raise_for_status()
        except HTTPError as error:
            unknown = dict.fromkeys((500, 502, 504), CommitStateUnknownException)
            _handle_non_200_response(error, {409: CommitFailedException, **unknown})

    def _create_session(self) -> Session:
        session = super()._create_session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Patient())
        return session

    def _load_file_io(self, *_: object, **__: object) -> FileIO:
        return self._io
