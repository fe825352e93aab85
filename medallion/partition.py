"""How a table is partitioned: Iceberg's transforms of a column, as declared."""

from dataclasses import dataclass
from typing import Literal

from medallion.errors import DefinitionError
from medallion.usage import written

Kind = Literal["identity", "year", "month", "day", "hour", "bucket", "truncate"]


@dataclass(frozen=True, slots=True)
class Transform:
    """One field of a partition spec: a transform of one column.

    >>> str(Transform("bucket", "zone", 16)), Transform("month", "pickup_at").field
    ('bucket(zone, 16)', 'pickup_at_month')
    """

    kind: Kind
    column: str
    argument: int | None = None

    @property
    def field(self) -> str:
        """The name of the partition field."""
        return self.column if self.kind == "identity" else f"{self.column}_{self.kind}"

    def __str__(self) -> str:
        argument = "" if self.argument is None else f", {self.argument}"
        return f"{self.kind}({self.column}{argument})"


@written('identity("zone")')
def identity(column: str) -> Transform:
    """One partition per value."""
    return Transform("identity", column)


@written('year("pickup_at")')
def year(column: str) -> Transform:
    """One partition per year of a date or timestamp (UTC)."""
    return Transform("year", column)


@written('month("pickup_at")')
def month(column: str) -> Transform:
    """One partition per month of a date or timestamp (UTC)."""
    return Transform("month", column)


@written('day("pickup_at")')
def day(column: str) -> Transform:
    """One partition per day of a date or timestamp (UTC)."""
    return Transform("day", column)


@written('hour("pickup_at")')
def hour(column: str) -> Transform:
    """One partition per hour of a timestamp (UTC)."""
    return Transform("hour", column)


@written('bucket("zone", 16)')
def bucket(column: str, buckets: int) -> Transform:
    """A fixed number of partitions, by hash of the value."""
    return Transform("bucket", column, _positive("bucket", column, buckets))


@written('truncate("name", 3)')
def truncate(column: str, width: int) -> Transform:
    """One partition per prefix of a text, or per multiple of `width` of a number."""
    return Transform("truncate", column, _positive("truncate", column, width))


def _positive(kind: str, column: str, number: int) -> int:
    if number < 1:
        raise DefinitionError(f"{kind}({column!r}, {number}): the number must be at least 1")
    return number
