"""Slowly changing dimensions of type 2: every version of a row, and when it was valid."""

from dataclasses import dataclass

VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"


@dataclass(frozen=True, slots=True)
class Scd2:
    """Rows are versions of what `key` names, each valid from `changed_at` until the next one.

    `deleted` is a condition in SQL: such a row ends the last version and begins none. The rows are
    all changes of the keys they name; `snapshots` says that they are what is there now instead.
    """

    key: tuple[str, ...]
    changed_at: str
    deleted: str = ""
    snapshots: bool = False


def scd2(*key: str, changed_at: str, deleted: str = "", snapshots: bool = False) -> Scd2:
    """Keep history: `strategy=scd2("customer_id", changed_at="updated_at")`."""
    return Scd2(key, changed_at, deleted, snapshots)
