"""Foreign keys among the expectations of a suite, judged in SQL of their own.

Great Expectations has none. All tables are views of the connection, as `layer.model`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from medallion.adapters.expectations.samples import SAMPLE, different
from medallion.adapters.expectations.verdicts import Observation, verdict
from medallion.errors import told_in
from medallion.foreign_key import ForeignKey
from medallion.names import TableName
from medallion.suite import Outcome, Severity, Verdict


@dataclass(frozen=True, slots=True)
class Foreign:
    """A foreign key, and the place it was written at; `vacuous` says that no value is a pass."""

    place: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    vacuous: bool
    key: ForeignKey


def judged(
    con: duckdb.DuckDBPyConnection, owner: TableName, foreign: Foreign, others: Collection[str]
) -> Verdict:
    """The verdict on the view `batch`, rows of `owner`; `others` are the tables that are there."""
    seen = _observed(con, owner, foreign.key, others)
    found = verdict(foreign.type, foreign.kwargs, foreign.severity, seen, vacuous=foreign.vacuous)
    failed = found.outcome is Outcome.FAILED
    return replace(found, rows=foreign.key.missing(owner)) if failed else found


def _observed(
    con: duckdb.DuckDBPyConnection, owner: TableName, key: ForeignKey, others: Collection[str]
) -> Observation:
    if key.table != owner and str(key.table) not in others:
        return Observation(error=f"{key.table} was never published")
    column = f'"{key.column.replace(chr(34), chr(34) * 2)}"'
    lost = f"from batch where {key.missing(owner)}"
    try:
        rows = _one(con, f"select count({column}) from batch")
        failing = _one(con, f"select count(*) {lost}") if rows else 0
        some = f"select distinct {column} {lost} order by all limit {SAMPLE}"
        sample = con.execute(some).fetchall() if failing else []
    except duckdb.Error as error:
        if trouble := told_in(str(error)):
            raise trouble from error  # the rows were not read: nothing is wrong with them
        return Observation(error=str(error).strip().partition("\n")[0])
    return Observation(
        success=not failing,
        nothing="" if rows else f"there is no row with a value in {key.column}",
        failing=failing,
        rows=rows,
        sample=different(value for (value,) in sample),
    )


def _one(con: duckdb.DuckDBPyConnection, query: str) -> int:
    [(number,)] = con.execute(query).fetchall()
    return int(number)
