"""The tree of errors, branched by whose turn it is.

    MedallionError
    ├── DefinitionError        the project is wrong: a model, a suite, a setting, a selection      2
    ├── ModelError             a model failed: its SQL, its function, the rows it gave             1
    │   ├── RaisedError        its function raised something
    │   │   └── MistakeError   a TypeError or the like, which another attempt would raise again
    │   ├── TimeLimitError     it was not done within its time limit
    │   └── QuarantineError    more of its rows fail than may be put aside
    ├── ConflictError          somebody else moved a table; nothing of theirs was touched          3
    └── InfrastructureError    the world failed                                                    4
        ├── CatalogError       the catalog could not be read or written
        ├── StoreError         a file of a table could not be read or written
        ├── SourceError        a source is missing, empty or unreadable
        └── LostWorkerError    the process that did the work is gone, and so were those after it

The number is the exit code of a command that ends with the error. A failed audit is no error but a
result: see `medallion.report`.
"""

from typing import ClassVar

from medallion.hiding import masked


class MedallionError(Exception):
    """What went wrong, for one thing, and what to do next.

    `message` names the thing and the value; `hint` is the next step, often a command. Values of
    secrets are masked in both.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = masked(message)
        self.hint = masked(hint)
        super().__init__(self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[MedallionError], message: str, hint: str) -> MedallionError:
    return kind(message, hint=hint)


class DefinitionError(MedallionError):
    """The project is wrong; nothing was touched."""

    exit_code = 2


class ModelError(MedallionError):
    """A model could not give its rows."""

    exit_code = 1


class RaisedError(ModelError):
    """The function of a model raised; the exception is the cause."""


class MistakeError(RaisedError):
    """What it raised is about itself, and it will raise it again."""


class TimeLimitError(ModelError):
    """A model was not done within its time limit, and was stopped. Tried again, it may be."""


class QuarantineError(ModelError):
    """More of a model's rows fail its suite than may be put aside."""


class ConflictError(MedallionError):
    """Somebody else moved a table between fork and publish."""

    exit_code = 3


class InfrastructureError(MedallionError):
    """The world failed: a catalog, a store, a source."""

    exit_code = 4


class CatalogError(InfrastructureError):
    """The catalog could not be read or written."""


class StoreError(InfrastructureError):
    """A file of a table could not be read or written."""


def told_in(text: str) -> StoreError | None:
    """The StoreError that is told in a text, if one is.

    What is called by DuckDB and fails reaches us as the text that Python would print.
    """
    _, found, last = f"\n{text}".rpartition("\nStoreError: ")
    message, *after = last.splitlines() or [""]
    hint = after[0].strip() if after and after[0].startswith("  ") else ""
    return StoreError(message, hint=hint) if found else None


class SourceError(InfrastructureError):
    """A source is missing, empty or unreadable."""


class LostWorkerError(InfrastructureError):
    """The process that did the work is gone, and so were those that did it again."""
