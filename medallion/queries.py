"""Queries: what the SQL texts of a project say, remembered from one process to the next.

Parsing takes most of the time in which a large project loads. Nothing depends on what is
remembered: a file that is missing, broken or of another version is as good as an empty one.
"""

import hashlib
import json
import uuid
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from medallion import sql
from medallion.errors import DefinitionError
from medallion.names import TableName
from medallion.sql import Query


class Queries:
    """Parsed queries, and the file that keeps them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._parser = _parser()
        self._known = _read(file, self._parser)
        self._asked: dict[str, Query] = {}

    def parse(self, text: str, owner: object) -> Query:
        """What a text says, a hash for its normal form; the errors are those of `sql.parse`."""
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in self._asked:
            self._asked[key] = self._known.get(key) or _hashed(sql.parse(text, owner))
        return self._asked[key]

    def keep(self) -> None:
        """Remember the queries that were asked for, if the lake is there and can be written.

        For builds alone: what only looks at a lake leaves no file in it.
        """
        if self._asked == self._known or not self._file.parent.parent.is_dir():
            return
        queries = {k: [list(map(str, q.reads)), q.normal] for k, q in self._asked.items()}
        draft = self._file.with_name(f".{self._file.name}.{uuid.uuid4().hex}")
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            try:
                draft.write_text(json.dumps({"parser": self._parser, "queries": queries}), "utf-8")
                # Of two processes at once the later one's file stays, whole.
                draft.replace(self._file)
            finally:
                draft.unlink(missing_ok=True)


def _hashed(query: Query) -> Query:
    """The query with a hash for its normal form: a literal may be something to keep secret."""
    return replace(query, normal=hashlib.sha256(query.normal.encode()).hexdigest())


def _parser() -> str:
    """What a text's meaning depends on besides the text."""
    own = hashlib.sha256(Path(sql.__file__).read_bytes()).hexdigest()
    return f"sqlglot {version('sqlglot')}, {own}"


def _read(file: Path, parser: str) -> dict[str, Query]:
    try:
        kept = json.loads(file.read_bytes())
        if kept["parser"] != parser:
            return {}
        return {
            key: Query(tuple(map(TableName.parse, reads)), str(normal))
            for key, (reads, normal) in kept["queries"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DefinitionError):
        return {}
