"""Secrets in a file on this machine: the project's `.env`."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from medallion.errors import DefinitionError


class EnvFile:
    """A file of lines like `NAME=value`. The environment is not changed by it."""

    near = True

    def __init__(self, file: Path) -> None:
        self._file = file
        self.shown = str(file)

    def find(self, name: str) -> str | None:
        """The value at that name. An empty one is none.

        Raises:
            DefinitionError: the file cannot be read.
        """
        return self._values.get(name) or None

    @cached_property
    def _values(self) -> Mapping[str, str | None]:
        if not self._file.is_file():
            return {}
        from dotenv import dotenv_values

        try:
            # A `$` in a password is one.
            return dotenv_values(self._file, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            # Not `from`: what cannot be decoded may be a password.
            raise DefinitionError(
                f"{self._file} cannot be read: {type(error).__name__}",
                hint="it is UTF-8 text with lines like NAME=value; look at its rights",
            ) from None
