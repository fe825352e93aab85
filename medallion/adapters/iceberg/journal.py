"""Journal of a publish that moves one table after the other: a small text below the warehouse."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pyiceberg.table.metadata import TableMetadata

from medallion.errors import CatalogError, MedallionError
from medallion.names import TableName, run_of
from medallion.ports import Files
from medallion.tables import STATE, STATE_OF, Publication

_COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Move:
    """One table's part of a publish, and what the table was before: what going back restores."""

    to: Publication
    schema: int
    spec: int
    properties: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Journal:
    """What a publish is about to move, in this order; `back` says that it is being undone."""

    address: str
    moves: tuple[Move, ...]
    back: bool = False

    @property
    def run(self) -> str:
        """The run whose rows are published."""
        branch = self.moves[0].to.branch
        return run_of(branch) or branch


def move_of(publication: Publication, metadata: TableMetadata) -> Move:
    """The move of a table that is as this metadata says."""
    notes = [key for key in metadata.properties if key.endswith(f".{publication.branch}")]
    return Move(
        publication,
        metadata.current_schema_id,
        metadata.default_spec_id,
        {key: metadata.properties.get(key) for key in (_COMMENT, STATE, STATE_OF, *notes)},
    )


class Journals:
    """The journals of a lake, in a folder of their own."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder.rstrip("/")

    def begin(self, moves: Iterable[Move]) -> Journal:
        """Write down what is about to be moved.

        Raises:
            StoreError: it cannot be written; it is removed as far as it was.
        """
        kept = tuple(moves)
        name = f"{kept[0].to.branch}.{uuid.uuid4().hex[:8]}.json"
        journal = Journal(f"{self._folder}/{name}", kept)
        try:
            self._files.write(journal.address, _text(journal))
        except MedallionError:
            self._files.remove([journal.address])
            raise
        return journal

    def turn(self, journal: Journal) -> Journal | None:
        """Write down that it is undone from here on; None if somebody else has ended it."""
        if self._files.read(journal.address) is None:
            return None
        turned = replace(journal, back=True)
        self._files.write(turned.address, _text(turned))
        return turned

    def end(self, journal: Journal) -> None:
        """Forget it: every table is where it belongs."""
        self._files.remove([journal.address])

    def left(self) -> tuple[Journal, ...]:
        """Those of publishes that have not ended.

        Raises:
            CatalogError: one cannot be understood.
        """
        found = []
        for address in self._files.kept(self._folder):
            if text := self._files.read(address):
                found.append(_journal(address, text))
        return tuple(found)


def _text(journal: Journal) -> str:
    moves = [
        {
            "table": str(move.to.table),
            "branch": move.to.branch,
            "base": move.to.base,
            "snapshot": move.to.snapshot,
            "appends": move.to.appends,
            "schema": move.schema,
            "spec": move.spec,
            "properties": dict(move.properties),
        }
        for move in journal.moves
    ]
    return json.dumps({"version": 1, "back": journal.back, "moves": moves}, indent=1)


def _journal(address: str, text: str) -> Journal:
    try:
        found = json.loads(text)
        moves = tuple(
            Move(
                Publication(
                    TableName.parse(m["table"]),
                    m["branch"],
                    m["base"],
                    int(m["snapshot"]),
                    bool(m.get("appends")),
                ),
                int(m["schema"]),
                int(m["spec"]),
                dict(m["properties"]),
            )
            for m in found["moves"]
        )
        return Journal(address, (moves[0], *moves[1:]), bool(found["back"]))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, MedallionError) as error:
        raise CatalogError(
            f"the journal of an unfinished publish cannot be understood: {address}: {error!r}",
            hint="was it written by a newer medallion? with that one, any build finishes it",
        ) from error
