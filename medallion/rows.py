"""Rows: those of a table at a moment, or of a helper task that was done, to be opened."""

from collections.abc import Mapping
from dataclasses import replace

from medallion.errors import DefinitionError
from medallion.frame import Frame, Reader
from medallion.memo import Memo
from medallion.moment import frame_at
from medallion.names import TableName
from medallion.survey import Survey
from medallion.table import Table


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
    memo = memo_now(survey, name)
    if memo is None or memo.result is None:
        raise DefinitionError(
            f"{name} has no result for what it reads now", hint=f"medallion build --select {name}"
        )
    return replace(memo.frame, reader=reader)


def memo_now(survey: Survey, name: TableName) -> Memo | None:
    """What is kept of a task for what is published of its inputs; None where one is not there."""
    node = survey.graph[name]
    tables, pins = survey.ports.catalog.tables(node.reads), dict[TableName, int]()
    for read in node.reads:
        if read.is_task:
            memo = memo_now(survey, read)
            id = memo.id if memo and memo.result else None
        else:
            id = tables[read].main if read in tables else None
        if id is None:
            return None
        pins[read] = id
    return survey.memo(node, pins)
