"""What a SQL text reads, and its normal form. The only importer of sqlglot."""

import difflib
import re
from dataclasses import dataclass
from typing import Any

from medallion.errors import DefinitionError
from medallion.names import Layer, TableName


@dataclass(frozen=True, slots=True)
class Query:
    """The tables that a query reads, sorted; names of its own CTEs are none.

    `normal` is it without comments and formatting: equal for texts that say the same.
    """

    reads: tuple[TableName, ...]
    normal: str


def parse(text: str, owner: object) -> Query:
    """What a text says.

    Raises:
        DefinitionError: it is not one query, or names a table otherwise than `layer.model`.
    """
    from sqlglot import exp

    query = _parsed(text, owner)
    named = (t for t in query.find_all(exp.Table) if not isinstance(t.this, exp.Func))
    tables = {_table(t, owner) for t in named if t.db or not _is_cte(t)}
    return Query(tuple(sorted(tables)), str(query.sql(dialect="duckdb", comments=False)))


def reads(text: str, owner: object) -> tuple[TableName, ...]:
    """The tables that a query reads; the errors are those of `parse`."""
    return parse(text, owner).reads


def tree(text: str, owner: object) -> Any:
    """What sqlglot makes of the text of a query; the errors are those of `parse`."""
    return _parsed(text, owner)


def _parsed(text: str, owner: object):  # type: ignore[no-untyped-def]  # sqlglot is imported late
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements = [s for s in sqlglot.parse(text, dialect="duckdb") if s is not None]
    except SqlglotError as error:
        raise DefinitionError(f"{owner}: the SQL does not parse: {_first(error)}") from error
    # A CTE of a query can hold a statement that writes.
    if (
        len(statements) != 1
        or not isinstance(statements[0], exp.Query)
        or statements[0].find(exp.DML, exp.DDL)
    ):
        raise DefinitionError(
            f"{owner}: the SQL is not one query",
            hint="write one select; medallion writes the table",
        )
    return statements[0]


def _first(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if details:
        first = details[0]
        said = re.sub(r"<Token .*?text: (.*?), line: .*?>", r"'\1'", first["description"])
        return f"{said} (line {first['line']}, column {first['col']})"
    return str(error).splitlines()[0]


def _is_cte(table) -> bool:  # type: ignore[no-untyped-def]
    """Whether a CTE of that name can be seen from where the table is named."""
    from sqlglot import exp

    node = table
    while node.parent:
        node, below = node.parent, node
        if isinstance(node, exp.With):
            # From within a CTE: those before it, and itself if it may be recursive.
            seen = node.expressions[: below.index + bool(node.recursive)]
        elif (clause := node.args.get("with_")) and clause is not below:
            seen = clause.expressions
        else:
            continue
        if table.name.lower() in {cte.alias.lower() for cte in seen}:
            return True
    return False


def _table(table, owner: object) -> TableName:  # type: ignore[no-untyped-def]
    written = ".".join(part.name for part in table.parts)
    layer, model = table.db.lower(), table.name.lower()
    if layer not in set(Layer) or table.catalog:
        choices = [known for known in Layer if known is not Layer.MEDALLION]
        near = difflib.get_close_matches(layer, choices, 1)
        hint = f"did you mean {near[0]}.{model}?" if near else "name tables as layer.model"
        raise DefinitionError(f"{owner}: the SQL reads {written}, which is no table", hint=hint)
    try:
        return TableName(Layer(layer), model)
    except DefinitionError as error:
        raise DefinitionError(f"{owner}: {error.message}", hint=error.hint) from None
