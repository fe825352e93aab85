"""Tables as the catalog shows them at one moment, and what is to be written to one.

Snapshots and refs are Iceberg's; the catalog's adapter fills these in, nothing here acts.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from medallion.extract import Span
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.partition import Transform
from medallion.schema import Schema, evolve
from medallion.window import Window

RUN = "medallion.run"  # in a snapshot's summary: the run that wrote it
CODE = "medallion.code"  # the fingerprint of the model it was written by
SUITE = "medallion.suite"  # the digest of the suite it must pass to be published
INPUTS = "medallion.inputs"  # JSON: {input table: snapshot id}
COMMENT = "medallion.comment"  # the comment that the table gets with it
SPEC = "medallion.spec"  # the partition spec that the table gets with it
WINDOWS = "medallion.windows"  # the windows whose rows it replaced, for people
STATE = "medallion.state"  # a table property: what `main` was built from
STATE_OF = "medallion.state-of"  # a table property: the snapshot that the state is of
ASIDE_TIME = "window"  # of a table of rows put aside: when the window began whose files had them


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a table. `summary` is what its writer noted."""

    id: int
    parent: int | None
    operation: str
    timestamp_ms: int
    schema_id: int | None
    summary: Mapping[str, str]

    @property
    def run(self) -> str | None:
        """The medallion run that wrote it; None for another writer's."""
        return self.summary.get(RUN)


@dataclass(frozen=True, slots=True)
class Table:
    """A table at one moment: every version, every branch."""

    name: TableName
    uuid: str
    location: str
    schemas: Mapping[int, Schema]
    current_schema: int
    last_column_id: int
    refs: Mapping[str, int]
    snapshots: Mapping[int, Snapshot]
    properties: Mapping[str, str]

    @property
    def main(self) -> int | None:
        """What readers see; None before the first publish."""
        return self.refs.get("main")

    def schema_at(self, snapshot: int) -> Schema:
        """The columns that the snapshot was written with."""
        id = self.snapshots[snapshot].schema_id
        return self.schemas[self.current_schema if id is None else id]

    def lineage(self, snapshot: int | None) -> Iterator[Snapshot]:
        """The snapshot and its ancestors, newest first, as far as they are kept."""
        while snapshot is not None and (found := self.snapshots.get(snapshot)):
            yield found
            snapshot = found.parent


@dataclass(frozen=True, slots=True)
class Draft:
    """Where a table's new files go, and all that decides their columns and field ids.

    `keeps` says that rows of the table stay beside the new ones, so that a column which only they
    have stays as well. `aside` is where rows go that are none of the table's.
    """

    table: TableName
    location: str
    run: str
    partition_by: tuple[Transform, ...] = ()
    current: Schema | None = None
    known: tuple[Schema, ...] = ()
    last_column_id: int = 0
    renamed: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False
    aside: "Draft | None" = None

    def upon(self, table: Table) -> "Draft":
        """The same for a table that exists: in its folder, beside its columns."""
        return replace(
            self,
            location=table.location,
            current=table.schema_at(table.main) if table.main is not None else None,
            known=tuple(table.schemas.values()),
            last_column_id=table.last_column_id,
        )

    def settle(self, wanted: Schema) -> Schema:
        """The schema, with field ids, for the columns that a model gives."""
        return evolve(
            self._with_kept(wanted),
            self.current,
            known=self.known,
            last_id=self.last_column_id,
            renamed=self.renamed,
            owner=self.table,
        )

    def _with_kept(self, wanted: Schema) -> Schema:
        if not self.keeps or self.current is None:
            return wanted
        gone = {old for new, old in self.renamed.items() if wanted.column(new)}
        kept = [
            wanted.column(c.name) or replace(c, required=False)  # new rows lack it
            for c in self.current
            if c.name not in gone
        ]
        new = [c for c in wanted if self.current.column(c.name) is None]
        return Schema((*kept, *new))


@dataclass(frozen=True, slots=True)
class Part:
    """What of a model is evaluated in one go; all of it if nothing is said.

    `window`: the rows of one window. `item`: what a function is called for, as JSON. `landed`:
    those of a source's files that are to be read, by name. `current`: the table's rows as they are,
    to merge the model's into: a row takes the place of the one with its key, and rows of the landed
    files in `again` that of earlier ones; `aside` are those that were put aside before. `span`: the
    rows of a database that are read; they take the place of those from its least value on.
    `cursor`: where the last build stopped reading.
    """

    window: Window | None = None
    landed: tuple[str, ...] | None = None
    again: tuple[str, ...] = ()
    current: Frame | None = None
    item: str | None = None
    span: Span | None = None
    cursor: str = ""
    aside: Frame | None = None


WHOLE = Part()


def part_dict(part: Part) -> dict[str, Any]:
    """What tells a part from the others of its model, as plain values."""
    shown: dict[str, Any] = {}
    if part.window:
        shown["window"] = str(part.window)
    if part.item is not None:
        shown["item"] = json.loads(part.item)
    return shown


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """What a file's metadata says of one column; bounds are text as DuckDB prints the value."""

    bytes: int
    values: int
    nulls: int
    lower: str | None = None
    upper: str | None = None


@dataclass(frozen=True, slots=True)
class WrittenFile(DataFile):
    """A new file of a table: its partition (one text per transform) and its columns by field id.

    A partition value is the text of Iceberg's value: an ordinal for year, month, day, hour (hours,
    days, months, years since 1970) and bucket, the value itself for identity and truncate; None is
    NULL. `hash` is one of the whole file, where a kept result is checked by it.
    """

    partition: tuple[str | None, ...] = ()
    stats: Mapping[int, ColumnStats] = field(default_factory=dict)
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What evaluating a model left: files in the table's location, and their columns.

    `replaced` are the paths of the table's files whose rows the new ones hold as well, where the
    model's rows were merged into those that were there. `finished` is when, in seconds since 1970.
    `cursor` is where the next build goes on to read. `aside` are rows that are none of the table's:
    of so many that were `taken`, so many were `refused`, such as `sample`. `remarks` are for
    whoever reads the report. `removed` counts the rows that deduplication left out.
    """

    schema: Schema
    files: tuple[WrittenFile, ...]
    replaced: frozenset[str] = frozenset()
    finished: float = 0
    cursor: str = ""
    aside: "Result | None" = None
    taken: int = 0
    refused: int = 0
    sample: str = ""
    remarks: tuple[str, ...] = ()
    removed: int = 0

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return sum(f.rows for f in self.files)

    @property
    def bytes(self) -> int:
        """How many bytes were written."""
        return sum(f.bytes for f in self.files)


@dataclass(frozen=True, slots=True)
class Write:
    """One snapshot for a run's branch, forked from `base`.

    The files of `result` take the place of those at the paths `replaces`; of all where it is None.
    `state` is the table's new state, kept beside the branch and published with it. One that
    `appends` has files that are new to the table: what is there stays, and is not looked at.
    """

    draft: Draft
    branch: str
    base: int | None
    result: Result
    summary: Mapping[str, str]
    comment: str = ""
    replaces: frozenset[str] | None = None
    state: str = ""
    appends: bool = False


@dataclass(frozen=True, slots=True)
class Publication:
    """`main` of one table may move from `base` to the audited `snapshot`, and nowhere else.

    One that `appends` is of a table to which many append: where `main` moved, the files that the
    snapshot added are added to what is there now. It never is a conflict.
    """

    table: TableName
    branch: str
    base: int | None
    snapshot: int
    appends: bool = False


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a catalog promises of a group that is published.

    `whole`: all its tables move in one step. `text` says in a sentence what readers may see.
    """

    whole: bool
    text: str
