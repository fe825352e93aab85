"""What a SQL text reads, and its normal form. The only importer of sqlglot."""

import difflib

from medallion.errors import DefinitionError
from medallion.names import Layer, TableName


def reads(text: str, owner: object) -> tuple[TableName, ...]:
    """The tables that a query reads, sorted; names of its own CTEs are none.

    Raises:
        DefinitionError: the text is not one query, or names a table otherwise than `layer.model`.
    """
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    query = _parsed(text, owner)
    found: set[TableName] = set()
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                found.add(_table(source, owner))
    return tuple(sorted(found))


def normal(text: str, owner: object) -> str:
    """The query without comments and formatting: equal for texts that say the same."""
    query = _parsed(text, owner)
    return str(query.sql(dialect="duckdb", comments=False))


def _parsed(text: str, owner: object):  # type: ignore[no-untyped-def]  # sqlglot is imported late
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements = [s for s in sqlglot.parse(text, dialect="duckdb") if s is not None]
    except SqlglotError as error:
        raise DefinitionError(f"{owner}: the SQL does not parse: {_first(error)}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise DefinitionError(
            f"{owner}: the SQL is not one query",
            hint="write one select; medallion writes the table",
        )
    return statements[0]


def _first(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if details:
        first = details[0]
        return f"{first['description']} (line {first['line']}, column {first['col']})"
    return str(error).splitlines()[0]


def _table(table, owner: object) -> TableName:  # type: ignore[no-untyped-def]
    written = table.sql(dialect="duckdb", comments=False).split(" AS ")[0]
    layer, model = table.db.lower(), table.name.lower()
    if layer not in set(Layer) or table.catalog:
        near = difflib.get_close_matches(layer, list(Layer), 1)
        hint = f"did you mean {near[0]}.{model}?" if near else "name tables as layer.model"
        raise DefinitionError(f"{owner}: the SQL reads {written}, which is no table", hint=hint)
    try:
        return TableName(Layer(layer), model)
    except DefinitionError as error:
        raise DefinitionError(f"{owner}: {error.message}", hint=error.hint) from None
