"""Masks: what a column of personal data is replaced with before it is written. NULL stays NULL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from medallion.errors import DefinitionError
from medallion.partition import Transform
from medallion.schema import Type
from medallion.secrets import names_in
from medallion.usage import written
from medallion.window import Grain

Kind = Literal["hashed", "redacted", "kept_last", "truncated", "nullified", "dropped"]
_TIMES = ("date", "timestamp", "timestamptz")
_UNITS = ("year", "month", "day", "hour")  # the coarsest first
_TELL_NOTHING = ("redacted", "nullified", "dropped")


@dataclass(frozen=True, slots=True)
class Mask:
    """How values are replaced. `text` is the key, the text, the number or the unit."""

    kind: Kind
    text: str = ""

    def __str__(self) -> str:
        shown = self.text if self.kind == "kept_last" else repr(self.text) if self.text else ""
        return f"{self.kind}({shown})"

    @property
    def keyed(self) -> bool:
        """Whether the value of a secret is its key."""
        return self.kind == "hashed" and bool(names_in(self.text))

    def gives(self, type: Type) -> Type | None:
        """The type of a column of that type when it is masked; None where there is no column.

        Raises:
            DefinitionError: such values cannot be masked so.
        """
        match self.kind:
            case "dropped":
                return None
            case "nullified":
                return type
            case "truncated":
                if type not in _TIMES or (type == "date" and self.text == "hour"):
                    raise DefinitionError(f"{self} is not for values of type {type}")
                return type
        return "string"


@written('hashed(secret("PII_KEY"))')
def hashed(key: str = "") -> Mask:
    """A hash in hexadecimal: equal values stay equal, in all tables with that key.

    With `hashed(secret("NAME"))` it is the HMAC-SHA256 of the value's text under the secret's
    value. With any other key it is the SHA-256 of the key and the text, which whoever knows the
    key can undo by trying values.

    Raises:
        DefinitionError: the key mentions what is no name of a secret.
    """
    names_in(key)
    return Mask("hashed", key)


@written('redacted("gone")')
def redacted(text: str = "***") -> Mask:
    """The same text for every value."""
    return Mask("redacted", text)


@written("kept_last(4)")
def kept_last(count: int) -> Mask:
    """The last characters as they are, `*` for each before; text that is no longer is all `*`.

    Raises:
        DefinitionError: it is no number from 0 on.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise DefinitionError(f"kept_last({count!r}) counts characters", hint="write: kept_last(4)")
    return Mask("kept_last", str(count))


@written('truncated("month")')
def truncated(unit: str) -> Mask:
    """The beginning of the year, month, day or hour of a date or a timestamp; the type stays.

    Raises:
        DefinitionError: it is another unit.
    """
    if unit not in _UNITS:
        raise DefinitionError(f"truncated({unit!r})", hint=f"one of: {', '.join(_UNITS)}")
    return Mask("truncated", unit)


@written("nullified()")
def nullified() -> Mask:
    """NULL for every value; the type stays."""
    return Mask("nullified")


@written("dropped()")
def dropped() -> Mask:
    """The column is not in the table."""
    return Mask("dropped")


def check_masks(
    masks: Mapping[str, Mask],
    *,
    unique_key: Sequence[str] = (),
    partition_by: Sequence[Transform] = (),
    time_column: str = "",
) -> None:
    """Whether rows that are masked so can still be told apart and placed.

    Raises:
        DefinitionError: a column is masked that a declaration needs.
    """
    for column, why, hint in _needed(masks, unique_key, partition_by, time_column):
        raise DefinitionError(f"{masks[column]} of {column!r}, {why}", hint=hint)


def _needed(
    masks: Mapping[str, Mask],
    unique_key: Sequence[str],
    partition_by: Sequence[Transform],
    time_column: str,
) -> Iterator[tuple[str, str, str]]:
    """The columns whose mask takes away what they are needed for, why, and what to do."""
    for column in unique_key:
        if column in masks and masks[column].kind in _TELL_NOTHING:
            yield column, "which is in the unique_key", 'mask it with hashed(secret("PII_KEY"))'
    for transform in partition_by:
        mask, column = masks.get(transform.column), transform.column
        why = "the time_column" if column == time_column else f"which is in {transform}"
        if mask and transform.kind in list(Grain):
            if mask.kind != "truncated" or not _keeps(mask.text, transform.kind):
                yield column, why, f'mask it with truncated("{transform.kind}"), or not at all'
        elif mask and mask.kind in _TELL_NOTHING:
            yield column, f"by which the table is partitioned: {transform}", "do not mask it"


def _keeps(unit: str, grain: str) -> bool:
    """Whether a time that is cut to the unit stays in its window."""
    return _UNITS.index(unit) >= _UNITS.index(grain)
