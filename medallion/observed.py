"""Observed: the contract that the rows of a table keep now, as Python to paste into its model."""

from collections.abc import Iterator, Mapping
from typing import Any

from medallion.errors import DefinitionError
from medallion.forms import Form
from medallion.frame import Frame
from medallion.names import TableName
from medallion.project import Project
from medallion.quoting import quote
from medallion.schema import Column, Type, decimal_of
from medallion.typename import type_name

_NO_KEYS = ("float", "double", "boolean", "binary")
_SURE = 1.5  # an estimated count of different values is not further off than that


def observed(project: Project, name: str) -> dict[str, Any]:
    """What the published rows of a model say of its columns, with what it declares beside it.

    Raises:
        DefinitionError: it has no published table.
    """
    found = TableName.parse(name)
    model = project.graph[found].model
    if found.is_task:
        raise DefinitionError(f"{name} is a task, which has no table")
    frame = project.table(name, form=Form.FRAME)
    counts, columns = _counts(project, frame), []
    for column in frame.schema:
        declared = model.columns.get(column.name)
        columns.append(
            {
                "name": column.name,
                "type": type_name(column.type),
                "nullable": not frame.rows or counts[column.name] < frame.rows,
                "unique": _is_unique(project, frame, column, counts[column.name]),
                "references": declared.references if declared else "",
                "description": model.comments.get(column.name, ""),
                "pii": declared.pii if declared else None,
            }
        )
    return {"model": name, "rows": frame.rows, "columns": columns}


def observed_text(shown: Mapping[str, Any]) -> str:
    """The contract as an argument of the model's decorator."""
    return "\n".join(
        [
            "# from medallion import column",
            "columns={",
            f"    # nullable and unique: so are the {shown['rows']:,} rows now, perhaps by chance",
            *(f"    {_literal(c['name'])}: {_column(c)}," for c in shown["columns"]),
            "},",
        ]
    )


def _column(column: Mapping[str, Any]) -> str:
    said = [_literal(column["type"])]
    said += [] if column["nullable"] else ["nullable=False"]
    said += ["unique=True"] if column["unique"] else []
    said += [f"{k}={_literal(column[k])}" for k in ("references", "description") if column[k]]
    said += [] if column["pii"] is None else [f"pii={column['pii']}"]
    return f"column({', '.join(said)})"


def _literal(text: str) -> str:
    """A text as Python, in the quotes that formatters like."""
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in text else shown


def _counts(project: Project, frame: Frame) -> Mapping[str, int]:
    """How many rows have a value, by column."""
    counted = ", ".join(f"count({quote(n)}) as c{i}" for i, n in enumerate(frame.schema.names))
    [row] = _asked(project, frame, f"select {counted} from given")
    return dict(zip(frame.schema.names, row, strict=True))


def _is_unique(project: Project, frame: Frame, column: Column, values: int) -> bool:
    """Whether its values differ from each other; one alone tells nothing."""
    if values < 2 or not _can_be_key(column.type):
        return False
    name = quote(column.name)
    # Counting exactly takes memory for each value: most columns need not be.
    [(about,)] = _asked(project, frame, f"select approx_count_distinct({name}) from given")
    if about * _SURE < values:
        return False
    [(exact,)] = _asked(project, frame, f"select count(distinct {name}) from given")
    return bool(exact == values)


def _can_be_key(type: Type) -> bool:
    fraction = decimal_of(type)
    return isinstance(type, str) and type not in _NO_KEYS and not (fraction and fraction[1])


def _asked(project: Project, frame: Frame, query: str) -> Iterator[tuple[Any, ...]]:
    answer = project.ports.engine.query(query, {"given": frame})
    return (tuple(row.values()) for row in answer.to_pylist())
