"""A Glue server in this process, which keeps the promise of AWS that moto's does not.

moto takes the version that an update names and does not look at it: of two updates from one version
both come through, and one is lost.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.table import Table
from pyiceberg.typedef import Identifier

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class PlainGlue(GlueCatalog):
    """PyIceberg's catalog of the project at that address; its tables by the names of models."""

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        region, _, self._prefix = address.removeprefix("glue://").partition("/")
        super().__init__("medallion", **{"glue.region": region, **options})

    def load_table(self, identifier: str | Identifier) -> Table:
        """The table of a model, or of a database."""
        return super().load_table(self._in_database(identifier))

    def table_exists(self, identifier: str | Identifier) -> bool:
        """Whether there is one."""
        return super().table_exists(self._in_database(identifier))

    def close(self) -> None:
        """Give the connection back."""
        self.glue.close()

    def _in_database(self, identifier: str | Identifier) -> str | Identifier:
        return f"{self._prefix}_{identifier}" if isinstance(identifier, str) else identifier


@contextmanager
def glue_server() -> Iterator[str]:
    """The address of an empty server, until the block ends."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it tells of each request
    with strict():
        server.start()
        try:
            host, port = server.get_host_and_port()
            yield f"http://{host}:{port}"
        finally:
            server.stop()


@contextmanager
def strict() -> Iterator[None]:
    """An update that names a version which is no longer there is refused."""
    from moto.glue.exceptions import GlueClientError
    from moto.glue.responses import GlueResponse

    real, lock = GlueResponse.update_table, threading.Lock()

    def update_table(self: Any) -> Any:
        database, table = self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"]
        with lock:
            there = self.glue_backend.get_table(database, table).as_dict()["VersionId"]
            if self.parameters.get("VersionId", there) != there:
                raise GlueClientError(
                    "ConcurrentModificationException",
                    "Update table failed due to concurrent modifications.",
                )
            return real(self)

    with patch.object(GlueResponse, "update_table", update_table):
        yield
