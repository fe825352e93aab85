"""Sources: where the rows of a bronze model come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path

from medallion.address import is_remote

SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"


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
    project. `columns` declares names and DuckDB types: a declared column that a file lacks reads as
    NULL; one that no declaration names is kept, as text where the file has no types. A value that
    is not of its declared type fails the build. Without `columns` the types are found by reading.
    """
    return Source(pattern, dict(columns or {}))


def fixed_folder(pattern: str) -> str:
    """The part of a pattern before its first wildcard, as a folder: a path, or a remote address."""
    protocol, found, rest = pattern.partition("://")
    parts = rest.split("/") if is_remote(pattern) else Path(pattern).parts
    wild = next((i for i, part in enumerate(parts) if has_magic(part)), -1)
    if is_remote(pattern):
        return f"{protocol}{found}{'/'.join(parts[:wild])}"
    return str(Path(*parts[:wild]))
