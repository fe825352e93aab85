"""Fetching: landed files at remote addresses, as they are listed, and as copies on this machine.

An address of the web is one file, not a pattern: the web lists nothing. Its query is no part of the
file's name, and is never shown.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from medallion.adapters.files.troubles import trouble
from medallion.address import is_web, shown
from medallion.errors import SourceError, StoreError
from medallion.source import Stamp, fixed_folder

_CHUNK = 1 << 20
_GONE = (404, 410)
_AGAIN = "build again when it has landed whole"


def web_page(store: Any, address: str) -> Mapping[str, Stamp]:
    """The file at an address of the web, by its name; nothing where there is none.

    Its stamp is made of what the server says of it, or of its content where that is nothing.

    Raises:
        SourceError: the server does not tell.
    """
    with _told(address):
        try:
            info = store.info(address)
        except FileNotFoundError as error:
            # It is raised whatever went wrong; a server that is down says nothing of its files.
            if getattr(error.__cause__, "status", None) in _GONE:
                return {}
            raise error.__cause__ or error from None
    size = info.get("size")
    said = [str(info[k]) for k in ("ETag", "Last-Modified") if info.get(k)]
    text = " ".join(said) if said else digest(store, address)
    mark = int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)
    return {name_of(address): Stamp(-1 if size is None else size, mark)}


def name_of(address: str) -> str:
    """The name of the file at an address of the web."""
    return address.partition("?")[0].partition("#")[0].rpartition("/")[2]


def digest(store: Any, address: str) -> str:
    """The SHA-256 of a file, read piece by piece.

    Raises:
        SourceError: it is gone, or cannot be read.
    """
    with _told(address):
        return hashed(store, address)


def hashed(store: Any, address: str) -> str:
    """The SHA-256 of a file; whatever the store raises."""
    found = hashlib.sha256()
    with store.open(address, "rb", **_whole(address)) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def fetch(
    store: Any, address: str, name: str, to: Path, listed: Callable[[], Stamp | None]
) -> None:
    """Copy a file to a path of this machine, all of it or nothing.

    `listed` gives what is known of the file now.

    Raises:
        SourceError: it is gone, cannot be read, did not come whole, or changed meanwhile.
    """
    if ".." in PurePosixPath(name).parts or not to.name:
        raise SourceError(f"{shown(address)} has a name that is none of a file", hint="rename it")
    before = listed()
    if before is None:
        raise SourceError(f"{shown(address)} is gone since it was listed", hint="build again")
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}.part")
    try:
        with _told(address):
            store.get_file(address, str(part))
        size = part.stat().st_size
        if before.bytes not in (-1, size):
            raise SourceError(
                f"{shown(address)} did not come whole: {size} bytes of {before.bytes}", hint=_AGAIN
            )
        if listed() != before:
            raise SourceError(f"{shown(address)} changed while it was read", hint=_AGAIN)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def address_of(pattern: str, name: str) -> str:
    """The address of a file of a pattern."""
    return pattern if is_web(pattern) else f"{fixed_folder(pattern)}/{name}"


def _whole(address: str) -> dict[str, Any]:
    """Read from its start to its end: the web may not give a part of a file."""
    return {"block_size": 0} if is_web(address) else {}


@contextmanager
def _told(address: str) -> Iterator[None]:
    try:
        yield
    except (SourceError, StoreError):
        raise
    except Exception as error:  # a store raises whatever its library does
        problem = trouble(shown(address), "read", error)
        if not is_web(address):
            raise SourceError(problem.message, hint=problem.hint) from error
        # What the library says may hold the query, which may be a secret: it is not even the cause.
        status = getattr(error, "status", None)
        what = f"the server answers {status}" if status else type(error).__name__
        known = not status and "?" not in problem.message
        message = problem.message if known else f"{shown(address)} cannot be read: {what}"
        raise SourceError(message, hint=problem.hint) from None
