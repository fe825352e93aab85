"""Arriving: the landed files that one piece of work takes, as queries of their rows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from medallion.adapters.duckdb.fetched import fetched
from medallion.adapters.duckdb.landed import LINES, landed, uniform
from medallion.adapters.duckdb.landing import queries
from medallion.adapters.duckdb.merging import without
from medallion.adapters.duckdb.types import duckdb_type
from medallion.adapters.duckdb.unparsable import TABLE, Sorted, sorted_out
from medallion.address import is_remote
from medallion.errors import SourceError
from medallion.model import Model
from medallion.ports import Files
from medallion.quoting import literal, quote
from medallion.schema import Column, Schema
from medallion.source import LOADED_AT, SOURCE_FILE, Landing, SchemaChange
from medallion.tables import ASIDE_TIME, Draft, Part, Result, WrittenFile

_ADDED = (SOURCE_FILE, LOADED_AT)
_ASIDE = {
    SOURCE_FILE: "string",
    "line": "long",
    "column": "string",
    "reason": "string",
    "text": "string",
    "run": "string",
    LOADED_AT: "timestamptz",
}


@dataclass(frozen=True, slots=True)
class Arrived:
    """Queries of the rows that landed, when they did, and what of the files is not among them."""

    texts: tuple[str, ...]
    now: str
    parsed: Sorted | None = None
    left: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be told of it."""
        names = ", ".join(self.left)
        return (f"columns that its table lacks were not taken: {names}",) if names else ()


def arrived(
    connection: duckdb.DuckDBPyConnection,
    files: Files,
    source: Landing,
    part: Part,
    known: Schema | None,
    scratch: Path,
    *,
    reading: bool,
    masked: Collection[str] = (),
) -> Arrived:
    """The rows of a source's files. `known` are the columns of the table that keeps its rows.

    Those that are `masked` are not in it as they land.
    `reading` says whether they will be read, or their columns are all that is asked for.
    """
    remote = is_remote(source.pattern)
    found = fetched(files, source, part.landed, scratch) if remote else landed(source, part.landed)
    table = {c.name: duckdb_type(c.type) for c in known or () if c.name not in _ADDED}
    parsed: Sorted | None = None
    # The columns of lines of JSON are found by reading them, whatever is declared.
    objects = source.quarantines and any(file.kind in LINES for file in found)
    if reading or not source.columns or objects:
        found = uniform(found, scratch)
        if source.quarantines:
            parsed = sorted_out(connection, found, {**table, **source.columns}, scratch)
            found = parsed.files
    if not reading:  # the table is not known here, and files that were taken long ago may differ
        source = replace(source, on_schema_change=SchemaChange.ADD)
    left: set[str] = set()
    now = datetime.now(UTC).isoformat()
    texts = queries(connection, source, found, now, table, left, masked)
    return Arrived(texts, now, parsed, tuple(sorted(left)))


def put_aside(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    arrived: Arrived | None,
    result: Result,
    draft: Draft,
    part: Part,
    write: Callable[
        [duckdb.DuckDBPyConnection, Sequence[str], Schema, Draft], tuple[WrittenFile, ...]
    ],
) -> Result:
    """The result with what is put aside of the files that arrived; `write` writes rows."""
    if arrived is None:
        return result
    result, parsed = replace(result, remarks=arrived.remarks), arrived.parsed
    if parsed is None:
        return result
    if draft.aside is None:
        if parsed.refused:  # they are not lost
            raise SourceError(f"{model.name}: {_sample(model, parsed)}", hint="mend the file")
        return result
    schema, rows, replaced = _aside(connection, model, arrived, draft.aside, part)
    return replace(
        result,
        aside=Result(schema, write(connection, [rows], schema, draft.aside), replaced),
        taken=parsed.taken,
        refused=parsed.refused,
        sample=_sample(model, parsed),
    )


def _sample(model: Model, parsed: Sorted) -> str:
    """A line that could not be parsed: where it is, and why, which tells its values."""
    return parsed.sample.partition(": ")[0] if model.discreet else parsed.sample


def _aside(
    connection: duckdb.DuckDBPyConnection, model: Model, arrived: Arrived, draft: Draft, part: Part
) -> tuple[Schema, str, frozenset[str]]:
    """The lines that could not be parsed as rows of their table: its columns, and what to write.

    Lines of the files in `part.again` take the place of earlier ones, whose files are named.
    """
    kinds: Mapping[str, str] = _ASIDE | ({ASIDE_TIME: "timestamp"} if part.window else {})
    schema = draft.settle(Schema(tuple(Column(name, type) for name, type in kinds.items())))
    values = {
        **{quote(name): quote(name) for name in (SOURCE_FILE, "line", "column")},
        # A masked value would be seen in them.
        **{quote(name): "null" if model.mask else quote(name) for name in ("reason", "text")},
        quote("run"): literal(draft.run),
        quote(LOADED_AT): literal(arrived.now),
    }
    if part.window:
        values[quote(ASIDE_TIME)] = literal(str(part.window.start))
    types = {quote(c.name): duckdb_type(c.type) for c in schema}
    columns = ", ".join(f"({values[name]})::{type} as {name}" for name, type in types.items())
    rows, replaced = f"select {columns} from {TABLE}", frozenset[str]()
    if part.aside is not None and part.again:
        kept, replaced = without(connection, schema, part.aside, part.again)
        rows = f"{rows} union all by name ({kept})" if replaced else rows
    return schema, rows, replaced
