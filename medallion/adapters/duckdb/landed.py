"""The files of a source: which there are, what their headers say, how their lines end."""

import codecs
import csv
import glob
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from medallion.adapters.duckdb.content import COMPRESSIONS, copied, measured, opened
from medallion.errors import SourceError
from medallion.source import Landing, fixed_folder

DELIMITERS = {".csv": ",", ".tsv": "\t"}
LINES = (".jsonl", ".ndjson")
ARRAY = ".json"
_PARQUET = ".parquet"
_TEXTS = (*DELIMITERS, *LINES, ARRAY)
_HEAD = 1 << 12


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed file: how it is called below the pattern's folder, and where it can be read.

    `size` is that on disk; once the file was looked through, that of what is compressed in it.
    """

    name: str
    path: Path
    readable: Path
    size: int
    columns: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The ending that says what kind of file it is, without that of a compression."""
        return _kind(self.path)


def landed(source: Landing, names: Collection[str] | None = None) -> tuple[Landed, ...]:
    """The files of a source, or those of them with such names; of each only the header is read.

    Raises:
        SourceError: there is none, one is empty, or one is not what its ending says.
    """
    paths = [Path(p) for p in sorted(glob.glob(source.pattern, recursive=True))]
    if not paths:
        raise SourceError(
            f"no file matches {source.pattern}", hint="land one there, or correct the pattern"
        )
    folder = Path(fixed_folder(source.pattern))
    named = {str(path.relative_to(folder)): path for path in paths}
    if names is not None and (gone := set(names) - named.keys()):
        raise SourceError(
            f"{folder / min(gone)} is gone since the build was planned", hint="build again"
        )
    return looked({n: p for n, p in named.items() if names is None or n in set(names)})


def looked(named: Mapping[str, Path]) -> tuple[Landed, ...]:
    """The files with such names at those paths; of each only the header is read.

    Raises:
        SourceError: one is empty, or not what its ending says.
    """
    return tuple(_landed(path, name) for name, path in named.items())


def uniform(files: Iterable[Landed], scratch: Path) -> tuple[Landed, ...]:
    """The files; those that mix kinds of line ends as copies in `scratch` with line feeds only.

    A line end inside of a quoted value becomes a line feed with the others. What is compressed is
    read to its end.

    Raises:
        SourceError: a file is damaged, or not all there.
    """
    return tuple(_uniform(file, scratch / str(number)) for number, file in enumerate(files))


def _uniform(file: Landed, scratch: Path) -> Landed:
    plain = file.path.suffix == file.kind
    if file.kind == _PARQUET or (plain and file.kind in LINES):
        return file
    content = measured(file.path)
    # DuckDB takes an array that ends after a comma for a whole one.
    if file.kind == ARRAY and content.last != b"]":
        raise SourceError(f"{file.path} has an array that does not end", hint="land it again")
    file = replace(file, size=content.size)
    if file.kind not in DELIMITERS or not content.mixed:
        return file
    copy = scratch / (file.path.name if plain else file.path.stem)
    copied(file.path, copy)
    return replace(file, readable=copy)


def _landed(path: Path, name: str) -> Landed:
    kind = _kind(path)
    if kind not in (*_TEXTS, _PARQUET) or (kind == _PARQUET and path.suffix != kind):
        raise SourceError(
            f"{path} is of no known kind",
            hint=f"the name ends in one of: {', '.join((*_TEXTS, _PARQUET))}; "
            f"all but the last also with {' or '.join(COMPRESSIONS)}",
        )
    with opened(path) as file:
        start, size = file.read(_HEAD), path.stat().st_size
    if not start.removeprefix(codecs.BOM_UTF8):
        raise SourceError(f"{path} is empty: not even a header", hint="remove it or land it again")
    if kind == ARRAY:
        _check_array(path, start)
    columns = _header(path, DELIMITERS[kind]) if kind in DELIMITERS else ()
    return Landed(name, path, path, size, columns)


def _kind(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix in COMPRESSIONS else path.suffix


def _check_array(path: Path, start: bytes) -> None:
    before, opening, first = start.removeprefix(codecs.BOM_UTF8).partition(b"[")
    if not opening or before.strip() or first.lstrip()[:1] not in (b"{", b"]", b""):
        raise SourceError(
            f"{path} is not one JSON array of objects",
            hint="if it has one object a line, let its name end in .jsonl",
        )


def _header(path: Path, delimiter: str) -> tuple[str, ...]:
    try:
        # What is no text shows in the names; further down, the reader tells its line.
        with opened(path) as file:
            lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
            names = tuple(next(csv.reader(lines, delimiter=delimiter, strict=True)))
    except csv.Error as error:
        raise SourceError(
            f"{path} has no header that can be read: {error}", hint="is it text?"
        ) from error
    folded = [name.strip().casefold() for name in names]
    if not all(folded) or len(set(folded)) < len(folded) or not all(map(_is_text, names)):
        raise SourceError(
            f"{path} has a header with a missing, repeated or unprintable name: {names!r:.200}",
            hint="mend the first line",
        )
    return names


def _is_text(name: str) -> bool:
    return name.isprintable() and "\N{REPLACEMENT CHARACTER}" not in name
