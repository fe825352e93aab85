"""Files that landed elsewhere, as copies on this machine that are read like those that landed here.

Errors name a file where it landed.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from medallion.adapters.duckdb.landed import Landed, looked
from medallion.address import shown
from medallion.errors import SourceError
from medallion.ports import Files
from medallion.source import Landing, fixed_folder

_AT_ONCE = 4
_FOLDER = "fetched"


def fetched(
    files: Files, source: Landing, names: Collection[str] | None, scratch: Path
) -> tuple[Landed, ...]:
    """The files of a source, or those of them with such names, copied below `scratch`.

    Raises:
        SourceError: there is none, or one is gone, did not come whole, or is not what its ending
            says.
    """
    wanted = sorted(listed(files, source) if names is None else names)
    paths = {name: scratch / _FOLDER / name for name in wanted}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch") as pool:
        list(pool.map(lambda name: files.fetch(source.pattern, name, paths[name]), wanted))
    return looked(paths)


def listed(files: Files, source: Landing) -> Collection[str]:
    """The names of the files that are there.

    Raises:
        SourceError: there is none.
    """
    names = files.landed(source.pattern)
    if not names:
        raise SourceError(
            f"no file matches {shown(source.pattern)}",
            hint="land one there, or correct the pattern",
        )
    return names


@contextmanager
def told(source: Landing, scratch: Path) -> Iterator[None]:
    """Errors of the copies as those of the files."""
    try:
        yield
    except SourceError as error:
        there = shown(fixed_folder(source.pattern))
        message = error.message.replace(str(scratch / _FOLDER), there)
        raise SourceError(message, hint=error.hint) from error
