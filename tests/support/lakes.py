"""Where the projects of the tests have their tables: on disk or on servers, as `--lake` says."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from support.aws import REGION, Aws

LOCAL, GLUE = "local", "glue+s3"
NAMES = (LOCAL, "postgresql+s3", GLUE)


@dataclass
class Lakes:
    """Makes an empty lake for each project that names none itself."""

    name: str
    aws: Aws
    postgres: str
    _made: list[tuple[str, str]] = field(default_factory=list)

    def settings(self) -> str:
        """The settings of a new lake: a catalog and a bucket of its own."""
        own = f"medallion_lake_{uuid.uuid4().hex[:12]}"
        catalog, bucket = f"glue://{REGION}/{own}", self.aws.bucket()
        if self.name != GLUE:
            self._do(f"create database {own}")
            catalog = make_url(self.postgres).set(database=own).render_as_string(False)
        self._made.append((own, bucket))
        return f'catalog = "{catalog}"\nwarehouse = "s3://{bucket}/lake"\n'

    def clear(self) -> None:
        """Remove what was made, for servers keep all in memory."""
        for own, bucket in self._made:
            self.aws.empty(bucket)
            if self.name != GLUE:
                self._do(f"drop database {own} with (force)")
        self._made.clear()

    def _do(self, statement: str) -> None:
        engine = create_engine(self.postgres, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as server:
            server.execute(text(statement))


_chosen: Lakes | None = None


@contextmanager
def chosen(lakes: Lakes) -> Iterator[None]:
    """Projects have their lakes there until the block ends."""
    global _chosen
    _chosen = lakes
    try:
        yield
    finally:
        _chosen = None


def settings() -> str:
    """What a project without settings says of its lake."""
    return _chosen.settings() if _chosen else ""


def in_turn() -> bool:
    """Whether readers see the tables of a group move one by one."""
    return _chosen is not None and _chosen.name == GLUE


def clear() -> None:
    """Forget all lakes so far."""
    if _chosen:
        _chosen.clear()
