"""Slowly changing dimensions of type 2: every version of a row, and when it was valid."""

from dataclasses import dataclass

from medallion.errors import DefinitionError
from medallion.usage import written

VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"
ADDED = (VALID_FROM, VALID_TO, IS_CURRENT)
"""The columns that a history adds to those of its rows."""


@dataclass(frozen=True, slots=True)
class Scd2:
    """Rows are versions of what `key` names, each valid from `changed_at` until the next one.

    `deleted` is a condition in SQL: such a row ends the last version and begins none. The rows are
    all changes of the keys they name; `snapshots` says that they are what is there now instead.

    Raises:
        DefinitionError: it names no key, or one column for two things.
    """

    key: tuple[str, ...]
    changed_at: str
    deleted: str = ""
    snapshots: bool = False

    def __post_init__(self) -> None:
        columns = (*self.key, self.changed_at)
        if not self.key or not all(columns) or len({*columns, *ADDED}) < len(columns) + len(ADDED):
            raise DefinitionError(
                f"scd2({', '.join(map(repr, self.key))}, changed_at={self.changed_at!r}) needs the "
                "columns of a key and one more that tells when a row changed",
                hint='write: strategy=scd2("customer_id", changed_at="updated_at")',
            )


@written('scd2("customer_id", changed_at="updated_at")')
def scd2(*key: str, changed_at: str, deleted: str = "", snapshots: bool = False) -> Scd2:
    """Keep history: `strategy=scd2("customer_id", changed_at="updated_at")`."""
    return Scd2(key, changed_at, deleted, snapshots)
