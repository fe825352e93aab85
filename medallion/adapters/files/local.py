"""Files of this machine."""

import glob
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from medallion.durable import make_folder, sync
from medallion.errors import SourceError, StoreError
from medallion.source import Stamp, fixed_folder

_GONE = (FileNotFoundError, NotADirectoryError)
_CHECK = "look at the file and its folder: their rights, and the space on the disk"


class LocalFiles:
    """The `Files` port on the file system. An address is a path, or `file://` and a path."""

    def landed(self, pattern: str) -> Mapping[str, Stamp]:
        """The files that match a pattern, by their names below its folder, in order.

        Raises:
            SourceError: one of them cannot be looked at.
        """
        folder = fixed_folder(pattern)
        found = {}
        for path in sorted(glob.glob(pattern, recursive=True)):
            try:
                status = os.stat(path)
            except _GONE:  # since it was listed
                continue
            except OSError as error:
                raise _unreadable(Path(path), error) from error
            if S_ISREG(status.st_mode):
                name = str(Path(path).relative_to(folder))
                found[name] = Stamp(status.st_size, status.st_mtime_ns)
        return found

    def digest(self, pattern: str, name: str) -> str:
        """The SHA-256 of the content of a landed file, in hexadecimal.

        Raises:
            SourceError: it cannot be read.
        """
        path = Path(fixed_folder(pattern), name)
        try:
            return _hash(path)
        except OSError as error:
            raise _unreadable(path, error) from error

    def fetch(self, pattern: str, name: str, to: Path) -> None:
        """Copy a landed file to another path: all of it, or nothing.

        Raises:
            SourceError: it is gone, or cannot be read.
        """
        path = Path(fixed_folder(pattern)) / name
        part = to.with_name(f"{to.name}.part")
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            part.replace(to)
        except OSError as error:
            raise _unreadable(path, error) from error
        finally:
            part.unlink(missing_ok=True)

    def read(self, address: str) -> str | None:
        """A kept text; None where there is none.

        Raises:
            StoreError: there is a file that cannot be read, or is no text.
        """
        try:
            return _path(address).read_bytes().decode()
        except _GONE:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{address} cannot be read: {error}", hint=_CHECK) from error

    def write(self, address: str, text: str, *, lasting: bool = True) -> None:
        """Keep a text: all of it or, after a crash, nothing. What was there stays until then.

        A `lasting` one survives a power cut; without it, what is read may be no whole text then.

        Raises:
            StoreError: it cannot be kept.
        """
        try:
            _write(_path(address), text.encode(), lasting=lasting)
        except (OSError, ValueError) as error:
            raise StoreError(f"{address} cannot be written: {error}", hint=_CHECK) from error

    def remove(self, addresses: Iterable[str]) -> None:
        """Forget texts, as far as they are there.

        Raises:
            StoreError: one is there and cannot be removed.
        """
        for address in addresses:
            try:
                _path(address).unlink()
            except _GONE:
                continue
            except OSError as error:
                raise StoreError(f"{address} cannot be removed: {error}", hint=_CHECK) from error

    def kept(self, folder: str) -> Mapping[str, Stamp]:
        """The addresses of what is kept in a folder, and when each was last written or used.

        Raises:
            StoreError: the folder cannot be looked at.
        """
        found = {}
        try:
            for path in sorted(_path(folder).iterdir()):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    if S_ISREG(status.st_mode) and not path.name.startswith("."):
                        found[str(path)] = Stamp(status.st_size, status.st_mtime_ns)
        except _GONE:
            return {}
        except OSError as error:
            raise StoreError(f"{folder} cannot be read: {error}", hint=_CHECK) from error
        return found

    def use(self, address: str) -> str | None:
        """A kept text that counts as used now; None where there is none.

        Raises:
            StoreError: there is a file that cannot be read, or is no text.
        """
        try:
            os.utime(_path(address))
        except _GONE:
            return None
        except OSError as error:
            raise StoreError(f"{address} cannot be used: {error}", hint=_CHECK) from error
        return self.read(address)

    def expire(self, address: str, before: float) -> str | None:
        """Forget a text that was last used before that time; what it was.

        Raises:
            StoreError: it is there and cannot be removed.
        """
        path = _path(address)
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            # Who uses it from here on finds none; who did before has moved its time.
            path.rename(aside)
            if aside.stat().st_mtime >= before:
                aside.rename(path)
                return None
            text = aside.read_bytes().decode(errors="replace")
            aside.unlink()
        except _GONE:
            return None
        except OSError as error:
            raise StoreError(f"{address} cannot be removed: {error}", hint=_CHECK) from error
        return text

    def hashes(self, paths: Iterable[str]) -> Mapping[str, str]:
        """The SHA-256 of the content of each of the files, of those that are there.

        Raises:
            StoreError: one of them cannot be read.
        """
        found = {}
        for path in paths:
            try:
                found[path] = _hash(_path(path))
            except _GONE:
                continue
            except OSError as error:
                raise StoreError(f"{path} cannot be read: {error}", hint=_CHECK) from error
        return found


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path(address: str) -> Path:
    return Path(address.removeprefix("file://"))


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path} cannot be read: {error}", hint="mend its rights, or land it again")


def _write(path: Path, content: bytes, *, lasting: bool) -> None:
    if lasting:
        make_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        draft.replace(path)
        if lasting:
            sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)
