"""The files of a source: which there are, what their headers say, how their lines end."""

import csv
import glob
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from medallion.errors import SourceError
from medallion.source import Source, fixed_folder

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON = (".jsonl", ".ndjson")
_SUFFIXES = (*DELIMITERS, *JSON, ".parquet")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed file: how it is called below the pattern's folder, and where it can be read."""

    name: str
    path: Path
    readable: Path
    columns: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """The ending that says what kind of file it is."""
        return self.path.suffix


def landed(source: Source, names: Collection[str] | None = None) -> tuple[Landed, ...]:
    """The files of a source, or those of them with such names; of each only the header is read.

    Raises:
        SourceError: there is none, one is empty, or one is not what its ending says.
    """
    paths = [Path(p) for p in sorted(glob.glob(source.pattern, recursive=True))]
    if not paths:
        raise SourceError(
            f"no file matches {source.pattern}", hint="land one there, or correct the pattern"
        )
    folder = fixed_folder(source.pattern)
    named = {str(path.relative_to(folder)): path for path in paths}
    if names is not None and (gone := set(names) - named.keys()):
        raise SourceError(
            f"{folder / min(gone)} is gone since the build was planned", hint="build again"
        )
    return tuple(_landed(p, n) for n, p in named.items() if names is None or n in set(names))


def uniform(files: Iterable[Landed], scratch: Path) -> tuple[Landed, ...]:
    """The files; those that mix kinds of line ends as copies in `scratch` with line feeds only.

    A line end inside of a quoted value becomes a line feed with the others.
    """
    return tuple(
        replace(f, readable=_copy(f, number, scratch)) if _mixed(f) else f
        for number, f in enumerate(files)
    )


def _landed(path: Path, name: str) -> Landed:
    if path.suffix not in _SUFFIXES:
        raise SourceError(
            f"{path} is of no known kind", hint=f"the name ends in one of: {', '.join(_SUFFIXES)}"
        )
    try:
        if path.stat().st_size == 0:
            raise SourceError(
                f"{path} is empty: not even a header", hint="remove it or land it again"
            )
        columns = _header(path, DELIMITERS[path.suffix]) if path.suffix in DELIMITERS else ()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    return Landed(name, path, path, columns)


def _header(path: Path, delimiter: str) -> tuple[str, ...]:
    try:
        # What is no text shows in the names; further down, the reader tells its line.
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
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


def _mixed(file: Landed) -> bool:
    # Most files have none, and looking for one byte is many times faster than counting.
    if file.suffix not in DELIMITERS or not any(b"\r" in chunk for chunk in _chunks(file.path)):
        return False
    both = feeds = 0
    for chunk in _chunks(file.path):
        both += chunk.count(b"\r\n")
        feeds += chunk.count(b"\n")
    return 0 < both < feeds


def _copy(file: Landed, number: int, scratch: Path) -> Path:
    scratch.mkdir(parents=True, exist_ok=True)
    copy = scratch / f"{number}{file.suffix}"
    with copy.open("wb") as out:
        out.writelines(chunk.replace(b"\r\n", b"\n") for chunk in _chunks(file.path))
    return copy


def _chunks(path: Path) -> Iterable[bytes]:
    """The file's bytes; no chunk ends between the two halves of a line end."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk + file.read(1) if chunk.endswith(b"\r") else chunk
