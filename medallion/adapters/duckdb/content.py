"""The content of a landed file: its bytes as they were before they were compressed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from medallion.errors import SourceError

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """What reading all of a file tells: its size, if it mixes line ends, its last visible byte."""

    size: int
    mixed: bool
    last: bytes


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, decompressed as it is read where its name says that it is compressed.

    Raises:
        SourceError: it cannot be read, or what is compressed is damaged or not all there.
    """
    try:
        with _raw(path) as file:
            yield file
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error}", hint="mend its rights, or land it again"
        ) from error


def measured(path: Path) -> Content:
    """What the whole file is like.

    DuckDB takes the first part of a truncated zstd file for all of it; here it is refused.

    Raises:
        SourceError: it cannot be read to its end.
    """
    size = both = feeds = 0
    last = b""
    for chunk in _chunks(path):
        size += len(chunk)
        last = chunk.rstrip()[-1:] or last
        # Most files have none, and looking for a byte is many times faster than counting.
        if b"\r" in chunk:
            both += chunk.count(b"\r\n")
            feeds += chunk.count(b"\n")
        elif b"\n" in chunk:
            feeds += 1
    return Content(size, 0 < both < feeds, last)


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of the file, each with the line feed that ends it.

    Raises:
        SourceError: it cannot be read to its end.
    """
    rest = b""
    for chunk in _chunks(path):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def copied(path: Path, copy: Path) -> None:
    """Copy the file decompressed, with line feeds as its only line ends.

    Raises:
        SourceError: it cannot be read to its end.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    with copy.open("wb") as out:
        out.writelines(chunk.replace(b"\r\n", b"\n") for chunk in _chunks(path))


def _raw(path: Path) -> IO[bytes]:
    if path.suffix not in COMPRESSIONS:
        return path.open("rb")
    import pyarrow as pa

    return cast(IO[bytes], pa.CompressedInputStream(str(path), COMPRESSIONS[path.suffix]))


def _chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes; no chunk ends between the two halves of a line end."""
    with opened(path) as file:
        while chunk := file.read(_CHUNK):
            while chunk.endswith(b"\r") and (more := file.read(1)):
                chunk += more
            yield chunk
