"""Local files for PyIceberg, without pyarrow. A file is whole and on the disk, or not there."""

import os
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pyiceberg.io import FileIO, InputFile, OutputFile

from medallion.adapters.iceberg.address import local_path
from medallion.durable import make_folder, sync


class DiskIO(FileIO):
    """Files at absolute paths, or at addresses like `file:///absolute/path`."""

    def new_input(self, location: str) -> "DiskFile":
        """The file to read."""
        return DiskFile(location)

    def new_output(self, location: str) -> "DiskFile":
        """The file to write."""
        return DiskFile(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove the file.

        Raises:
            FileNotFoundError: it is not there.
        """
        local_path(location if isinstance(location, str) else location.location).unlink()


class DiskFile(InputFile, OutputFile):
    """One file, to read or to write."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self._path = local_path(location)

    def __len__(self) -> int:
        return self._path.stat().st_size

    def exists(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    def open(self, seekable: bool = True) -> BinaryIO:  # noqa: ARG002  # any file can be sought in
        """The file's bytes.

        Raises:
            FileNotFoundError: it is not there.
        """
        return self._path.open("rb")

    def to_input_file(self) -> "DiskFile":
        """The same file, to read."""
        return self

    def create(self, overwrite: bool = False) -> "Whole":
        """A stream whose bytes become the file when it is closed.

        Raises:
            FileExistsError: the file is there, and is not to be overwritten.
        """
        if not overwrite and self._path.exists():
            raise FileExistsError(f"the file exists: {self.location}")
        return Whole(self._path)


class Whole:
    """Bytes on their way into a file. Nobody sees the file before all of them are on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        make_folder(path.parent)
        self._stream = self._draft.open("xb")

    @property
    def closed(self) -> bool:
        """Whether no more bytes are taken. pyarrow asks."""
        return self._stream.closed

    def write(self, b: bytes) -> int:
        """Take more bytes."""
        return self._stream.write(b)

    def tell(self) -> int:
        """How many bytes were taken."""
        return self._stream.tell()

    def close(self) -> None:
        """Make the bytes the file. Closing again does nothing."""
        if self._stream.closed:
            return
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._draft.replace(self._path)
        sync(self._path.parent)

    def __enter__(self) -> "Whole":
        return self

    def __exit__(
        self,
        exctype: type[BaseException] | None,
        excinst: BaseException | None,
        exctb: TracebackType | None,
    ) -> None:
        if exctype is None:
            self.close()
        else:
            self._stream.close()
            with suppress(FileNotFoundError):
                self._draft.unlink()
