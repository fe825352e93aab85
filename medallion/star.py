"""Star schemas: surrogate keys, dimensions with their unknown member, and facts that find them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from medallion.names import TableName


@dataclass(frozen=True, slots=True)
class Dimension:
    """A table that facts refer to by a surrogate key, a hash of the natural `key`.

    `version` is the column that tells versions of one key apart, where the table has a history.
    `unknown` adds a member for facts that name none. `inferred` are columns of other tables, by
    name, whose keys get a member as well if no row has them yet.
    """

    key: tuple[str, ...]
    version: str = ""
    unknown: bool = True
    inferred: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A column that refers to a dimension, found by the natural key in `columns`.

    `at` is the column that says as of when, for a dimension that has a history. What the dimension
    does not have refers to its unknown member if `missing` is "unknown", and else fails the audit.
    """

    dimension: TableName
    columns: tuple[str, ...]
    at: str = ""
    missing: str = "fail"
