"""Rows: those of a table at a moment, or of a helper task that was done, to be opened."""

from collections.abc import Mapping
from dataclasses import replace

from medallion.coverage import seen_memo
from medallion.errors import DefinitionError
from medallion.frame import Frame, Reader
from medallion.moment import frame_at
from medallion.names import TableName
from medallion.survey import Survey
from medallion.tables import Table


def rows_at(
    survey: Survey,
    reader: Reader,
    name: TableName,
    tables: Mapping[TableName, Table],
    branch: str | None = None,
    at: str | None = None,
) -> Frame:
    """The rows at that moment; those of a task are as of now.

    Raises:
        DefinitionError: there are none.
    """
    if not name.is_task:
        return replace(frame_at(survey.ports.store, name, tables, branch, at), reader=reader)
    memo = seen_memo(survey, name, survey.ports.catalog.tables(survey.graph.upstream([name])))
    if memo is None or memo.result is None:
        raise DefinitionError(
            f"{name} has no result for what it reads now", hint=f"medallion build --select {name}"
        )
    return replace(memo.frame, reader=reader)
