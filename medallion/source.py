"""Sources: where the rows of a bronze model come from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from string import Formatter

from medallion.address import is_remote
from medallion.errors import DefinitionError
from medallion.usage import written

SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"
MOST_UNPARSABLE = 0.5
WINDOW_FIELDS = frozenset({"start", "end"})


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells at a glance that a landed file is as it was: its size, and when it changed."""

    bytes: int
    changed_ns: int


class SchemaChange(StrEnum):
    """What is done when a file has other columns than the table."""

    FAIL = "fail"
    ADD = "add"
    WIDEN = "widen"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a model come from: what `files` or `table` gives."""


@dataclass(frozen=True, slots=True)
class Landing(Source):
    """Landed files: CSV, TSV, JSON or Parquet, by the ending of their names.

    The rows get two more columns: `_source_file`, the name of the file they came from, and
    `_loaded_at`, when the run read them. `quarantines` says that lines which cannot be parsed go to
    a table of their own, up to the share `most_unparsable` of a run's lines.
    """

    pattern: str
    columns: Mapping[str, str] = field(default_factory=dict)
    quarantines: bool = False
    most_unparsable: float = MOST_UNPARSABLE
    on_schema_change: SchemaChange = SchemaChange.ADD


@written('files("{landing}/trips_*.csv")')
def files(
    pattern: str,
    *,
    columns: Mapping[str, str] | None = None,
    unparsable: str = "fail",
    most_unparsable: float = MOST_UNPARSABLE,
    on_schema_change: str = "add",
) -> Source:
    """The rows of all files that match a pattern such as `{landing}/trips_*.csv`.

    `{landing}` stands for a location named in the settings; a relative pattern starts at the
    project. `{start}` and `{end}` are those of the window that is built, with a form such as
    `{start:%Y/%m/%d}`: files land for each window then. An address such as `s3://bucket/*.csv`
    is read where it is; one of the web is a single file.

    `columns` declares names and DuckDB types: a declared column that a file lacks reads as NULL;
    one that no declaration names is kept, as text where the file has no types. A value that is not
    of its declared type fails the build. Without `columns` the types are found by reading.

    `unparsable="quarantine"` puts lines of CSV, TSV and JSON lines that cannot be parsed into the
    table `<model>__quarantine`; if they are more than the share `most_unparsable` of a run's lines,
    the build fails. `on_schema_change` says what is done when a file has other columns than the
    table: "fail"; "add" them, with NULL for those that are missing; "widen" types as well, where no
    value is lost; "ignore" those that the table lacks.

    Raises:
        DefinitionError: an argument is none of these.
    """
    if unparsable not in ("fail", "quarantine"):
        raise DefinitionError(f"unparsable={unparsable!r}", hint='one of: "fail", "quarantine"')
    if on_schema_change not in set(SchemaChange):
        choices = ", ".join(f'"{choice}"' for choice in SchemaChange)
        raise DefinitionError(f"on_schema_change={on_schema_change!r}", hint=f"one of: {choices}")
    if isinstance(most_unparsable, bool) or not 0 <= most_unparsable <= 1:
        raise DefinitionError(
            f"most_unparsable={most_unparsable!r} is no share", hint="write: most_unparsable=0.01"
        )
    return Landing(
        pattern,
        dict(columns or {}),
        unparsable == "quarantine",
        most_unparsable,
        SchemaChange(on_schema_change),
    )


def fields(pattern: str) -> frozenset[str]:
    """The names between braces in a pattern; none where the braces do not fit together."""
    try:
        named = (name for _, name, _, _ in Formatter().parse(pattern))
        return frozenset(re.split(r"[.\[]", name)[0] for name in named if name)
    except ValueError:
        return frozenset()


def filled(pattern: str, start: datetime, end: datetime) -> str:
    """The pattern of one window: `{start:%Y-%m}` and `{end:%Y-%m}` become times, others stay."""
    parts = []
    for text, name, form, conversion in Formatter().parse(pattern):
        parts.append(text.replace("{", "{{").replace("}", "}}"))
        if name is not None:
            field = (
                f"{{{name}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}}}"
            )
            timed = fields(field) & WINDOW_FIELDS
            parts.append(field.format(start=start, end=end) if timed else field)
    return "".join(parts)


def shared(pattern: str, other: str) -> str:
    """A pattern of all that is below the folders that two patterns begin with."""
    pairs = zip(pattern.split("/")[:-1], other.split("/")[:-1], strict=False)
    return "/".join([*(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)), "*"])


def fixed_folder(pattern: str) -> str:
    """The part of a pattern before its first wildcard, as a folder: a path, or a remote address."""
    protocol, found, rest = pattern.partition("://")
    parts = rest.split("/") if is_remote(pattern) else Path(pattern).parts
    wild = next((i for i, part in enumerate(parts) if has_magic(part)), -1)
    if is_remote(pattern):
        return f"{protocol}{found}{'/'.join(parts[:wild])}"
    return str(Path(*parts[:wild]))
