"""Files in a store for PyIceberg. A file is there whole, or not there."""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, BinaryIO, Protocol

from pyiceberg.io import FileIO, InputFile, OutputFile

_AT_ONCE = 16


class Blobs(Protocol):
    """Small files that never change, by their addresses."""

    def read(self, address: str) -> bytes | None:
        """The content of a file; None where there is none."""
        ...

    def fetch(self, addresses: Iterable[str]) -> None:
        """Read several files at a time, so that each of them is at hand when it is asked for."""
        ...

    def size(self, address: str) -> int | None:
        """How many bytes any file has now, as the store tells; None where there is none."""
        ...

    def write(self, address: str, content: bytes) -> None:
        """Make the bytes the file, in one step."""
        ...

    def remove(self, address: str) -> None:
        """Remove a file, if it is there."""
        ...


class BlobIO(FileIO):
    """Files of metadata in a store; `files` is a file system of fsspec for the files of rows."""

    def __init__(self, blobs: Blobs, files: Any) -> None:
        super().__init__({})
        self.blobs = blobs
        self.files = files

    def new_input(self, location: str) -> "Blob":
        """The file to read."""
        return Blob(location, self.blobs)

    def new_output(self, location: str) -> "Blob":
        """The file to write."""
        return Blob(location, self.blobs)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove the file, if it is there."""
        self.blobs.remove(location if isinstance(location, str) else location.location)

    def sizes(self, paths: Iterable[str]) -> dict[str, int | None]:
        """How many bytes the files have now, as the store tells; None for one that is gone."""
        wanted = list(paths)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(self.blobs.size, wanted), strict=True))


class Blob(InputFile, OutputFile):
    """One file, to read or to write."""

    def __init__(self, location: str, blobs: Blobs) -> None:
        super().__init__(location)
        self._blobs = blobs

    def __len__(self) -> int:
        return len(self._content())

    def exists(self) -> bool:
        """Whether the file is there."""
        return self._blobs.read(self.location) is not None

    def open(self, seekable: bool = True) -> BinaryIO:  # noqa: ARG002  # any file can be sought in
        """The file's bytes.

        Raises:
            FileNotFoundError: it is not there.
        """
        return io.BytesIO(self._content())

    def to_input_file(self) -> "Blob":
        """The same file, to read."""
        return self

    def create(self, overwrite: bool = False) -> "Sending":
        """A stream whose bytes become the file when it is closed.

        Raises:
            FileExistsError: the file is there, and is not to be overwritten.
        """
        if not overwrite and self.exists():
            raise FileExistsError(f"the file exists: {self.location}")
        return Sending(self.location, self._blobs)

    def _content(self) -> bytes:
        content = self._blobs.read(self.location)
        if content is None:
            raise FileNotFoundError(f"there is no such file: {self.location}")
        return content


class Sending(io.BytesIO):
    """Bytes on their way into a file. Nobody sees the file before all of them are there."""

    def __init__(self, location: str, blobs: Blobs) -> None:
        super().__init__()
        self._location = location
        self._blobs = blobs

    def close(self) -> None:
        """Make the bytes the file. Closing again does nothing."""
        if self.closed:
            return
        content = self.getvalue()
        super().close()
        self._blobs.write(self._location, content)

    def __exit__(
        self,
        exctype: type[BaseException] | None,
        excinst: BaseException | None,
        exctb: TracebackType | None,
    ) -> None:
        if exctype is None:
            self.close()
        else:
            super().close()

    def __del__(self) -> None:
        # What nobody closed is not whole.
        super().close()
