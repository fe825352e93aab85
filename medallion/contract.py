"""Contract: what is promised of a table's columns."""

from dataclasses import dataclass

from medallion.usage import written


@dataclass(frozen=True, slots=True)
class ColumnContract:
    """What is promised of one column.

    `type` is DuckDB's name of one; any type without it. A column that is not `nullable` is required
    in the table. Each value is one of `references`, a `layer.model.column`. A `pii` column holds
    personal data; None where that is what its lineage says.
    """

    type: str = ""
    nullable: bool = True
    unique: bool = False
    references: str = ""
    description: str = ""
    pii: bool | None = None


@written('column("bigint", nullable=False)')
def column(
    type: str = "",
    *,
    nullable: bool = True,
    unique: bool = False,
    references: str = "",
    description: str = "",
    pii: bool | None = None,
) -> ColumnContract:
    """What is promised of a column, where a model declares its `columns`."""
    return ColumnContract(type, nullable, unique, references, description, pii)
