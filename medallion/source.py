"""Sources: where the rows of a bronze model come from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from string import Formatter

from medallion.address import is_remote

SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"
WINDOW_FIELDS = frozenset({"start", "end"})


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells at a glance that a landed file is as it was: its size, and when it changed."""

    bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """Landed files: CSV, TSV, JSON or Parquet, by the ending of their names.

    The rows get two more columns: `_source_file`, the name of the file they came from, and
    `_loaded_at`, when the run read them.
    """

    pattern: str
    columns: Mapping[str, str] = field(default_factory=dict)


def files(pattern: str, *, columns: Mapping[str, str] | None = None) -> Source:
    """The rows of all files that match a pattern such as `{landing}/trips_*.csv`.

    `{landing}` stands for a location named in the settings; a relative pattern starts at the
    project. `{start}` and `{end}` are those of the window that is built, with a form such as
    `{start:%Y/%m/%d}`: files land for each window then. `columns` declares names and DuckDB types: a declared column that a file lacks reads as
    NULL; one that no declaration names is kept, as text where the file has no types. A value that
    is not of its declared type fails the build. Without `columns` the types are found by reading.
    """
    return Source(pattern, dict(columns or {}))


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
            field = f"{{{name}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}}}"
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
