"""Deduplication: which of the rows with one key is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from medallion.errors import DefinitionError
from medallion.usage import written


@dataclass(frozen=True, slots=True)
class Deduplication:
    """Of the rows with equal values in `key` one is kept: the first in the order of `by`.

    Raises:
        DefinitionError: it names no key, or nothing to order by.
    """

    key: tuple[str, ...]
    by: tuple[str, ...]
    descending: bool

    def __post_init__(self) -> None:
        if not self.key or not self.by or not all((*self.key, *self.by)):
            raise DefinitionError(
                f"deduplicate by key={self.key} and by={self.by} names too few columns",
                hint='write: deduplicate=latest("id", by="loaded_at")',
            )


@written('latest("id", by="loaded_at")')
def latest(*key: str, by: str | Sequence[str]) -> Deduplication:
    """Keep the row with the greatest `by` of those with one key."""
    return Deduplication(key, (by,) if isinstance(by, str) else tuple(by), True)


@written('earliest("id", by="loaded_at")')
def earliest(*key: str, by: str | Sequence[str]) -> Deduplication:
    """Keep the row with the least `by` of those with one key."""
    return Deduplication(key, (by,) if isinstance(by, str) else tuple(by), False)
