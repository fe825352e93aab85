"""Deduplication: which of the rows with one key is kept."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deduplication:
    """Of the rows with equal values in `key` one is kept: the first in the order of `by`."""

    key: tuple[str, ...]
    by: tuple[str, ...]
    descending: bool


def latest(*key: str, by: str | Sequence[str]) -> Deduplication:
    """Keep the row with the greatest `by` of those with one key."""
    return Deduplication(key, (by,) if isinstance(by, str) else tuple(by), True)


def earliest(*key: str, by: str | Sequence[str]) -> Deduplication:
    """Keep the row with the least `by` of those with one key."""
    return Deduplication(key, (by,) if isinstance(by, str) else tuple(by), False)
