"""Lineage: from which columns of tables the columns of a query come, by reading its SQL.

The query is walked as DuckDB would bind it: each FROM clause gives a scope, each select a relation.
What is not understood flows in full into all that could hold it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from medallion.expression import value
from medallion.flow import (
    NOTHING,
    Origins,
    Relation,
    Value,
    either,
    mixed,
    united,
    united_by_name,
)
from medallion.names import Layer, TableName
from medallion.pivoting import pivoted
from medallion.projection import more, projected, starred
from medallion.scope import Scope, Seen
from medallion.sql import tree

_ROUNDS = 20  # of a recursive CTE, which mostly needs two
_TEXT_TABLES = frozenset(("query", "query_table"))


def lineage(text: str, owner: object, table: Callable[[TableName], Relation]) -> Relation:
    """The columns of a query, each with the columns of tables that flow into it.

    `table` says which columns a table has: itself as a relation.

    Raises:
        DefinitionError: the text is not one query.
    """
    return _query(tree(text, owner), Scope(table, _query))


def _query(node: Any, scope: Scope) -> Relation:
    """The columns of a query within a scope."""
    around = _with(node, scope)
    match node.key:
        case "select":
            return _select(node, around)
        case "subquery":
            return _pivots(node, _query(node.this, around), around)
        case "union" | "intersect" | "except":
            return _both(node, around)
        case "values":
            return _rows(node, around)
        case "table":
            inner = around.inner()
            _see(node, inner)
            return starred(inner)
        case "pivot":
            return pivoted(node, _query(node.this, around), around)
        case "describe":
            return Relation((), others=frozenset())
    return _unknown(node, around)


def _both(node: Any, scope: Scope) -> Relation:
    left, right = _query(node.this, scope), _query(node.expression, scope)
    if node.key == "except":  # rows of the right are only compared
        return left
    return united_by_name(left, right) if node.args.get("by_name") else united(left, right)


def _unknown(node: Any, scope: Scope) -> Relation:
    """All columns of all tables below; of which columns is not known."""
    return Relation((), others=_all_below(node, scope))


def _all_below(node: Any, scope: Scope) -> Origins:
    tables = (
        _base(n, scope).whole
        for n in node.walk()
        if n.key == "table" and n.this.key == "identifier"
    )
    return mixed((*tables, scope.everything())).origins


def _with(node: Any, scope: Scope) -> Scope:
    """The scope with the CTEs of the query."""
    clause = node.args.get("with_")
    if clause is None:
        return scope
    inner = scope.inner()
    for cte in clause.expressions:
        name, names = cte.alias.lower(), cte.alias_column_names
        body = cte.this
        if clause.args.get("recursive") and body.key == "union":
            found = _repeated(body, name, names, inner)
        else:
            found = _query(body, inner).renamed(names)
        inner.ctes = {**inner.ctes, name: found.apart()}
    return inner


def _repeated(body: Any, name: str, names: Sequence[str], scope: Scope) -> Relation:
    """A CTE that reads itself: what flows once more, until nothing new does."""

    def once(node: Any, known: Relation) -> Relation:
        inner = scope.inner()
        inner.ctes = {**scope.ctes, name: known}
        return _query(node, inner).renamed(names).apart()

    known = once(body.this, Relation((), others=frozenset()))
    for _ in range(_ROUNDS):
        before, known = known, once(body, known)
        if known == before:
            return known
    return known.blurred


def _rows(node: Any, scope: Scope) -> Relation:
    rows = [row.expressions if row.key == "tuple" else [row] for row in node.expressions]
    columns = [either(value(v, scope) for v in cells) for cells in zip(*rows, strict=False)]
    return Relation(tuple((f"col{n}", v) for n, v in enumerate(columns)))


def _select(node: Any, around: Scope) -> Relation:
    scope = around.inner()
    if (clause := node.args.get("from_")) is not None:
        _see(clause.this, scope)
    for join in (*(node.args.get("joins") or ()), *(node.args.get("laterals") or ())):
        _join(join, scope)
    columns: list[tuple[str, Value]] = []
    tables, others = frozenset[TableName](), None
    for projection in node.expressions:
        given = projected(projection, scope)
        columns += given.columns
        tables |= given.tables
        others = more(others, given.others)
        for name, made in given.columns:
            if name and projection.key == "alias":
                before = scope.aliases.get(name.lower(), NOTHING)
                scope.aliases[name.lower()] = either((before, made))
    return Relation(tuple(columns), tables, others)


def _see(node: Any, scope: Scope) -> None:
    """Take what a FROM clause names into the scope."""
    alias, names = node.alias.lower(), node.alias_column_names
    inner, layer = scope.inner(), ""
    if node.key == "subquery" and node.this.key == "table" and not alias:
        _see(node.this, scope)  # parentheses around a join
    else:
        if pivots := node.args.get("pivots"):
            alias = pivots[-1].alias.lower() or alias
        if node.key == "table" and not alias:
            alias, layer = node.name.lower(), node.db.lower()
        found = _pivots(node, _named(node, inner), inner) if node.key == "table" else None
        found = _from(node, inner) if found is None else found
        scope.seen.append(Seen(alias, found.renamed(names).apart(), layer))
    for join in node.args.get("joins") or ():
        _join(join, scope)


def _from(node: Any, scope: Scope) -> Relation:
    match node.key:
        case "lateral":
            return _from(node.this, scope)
        case "unnest":
            return _unnested([value(v, scope) for v in node.expressions], node.alias_column_names)
        case "subquery" | "select" | "values" | "union" | "intersect" | "except" | "pivot":
            return _query(node, scope)
    return _unknown(node, scope)


def _unnested(values: Sequence[Value], names: Sequence[str]) -> Relation:
    """The items of lists, one column for each; fields of structs under their own names."""
    items = [v.one if v.item else v for v in values]
    shown = [*names, *["unnest"] * len(items)]
    columns = tuple(zip(shown, items, strict=False))
    return Relation(columns, others=None if names else mixed(items).origins)


def _named(node: Any, scope: Scope) -> Relation:
    if node.this.key != "identifier":
        return _called(node.this, scope)
    return _base(node, scope)


def _base(node: Any, scope: Scope) -> Relation:
    """A CTE or a table by its name."""
    if not node.db:
        return scope.ctes.get(node.name.lower()) or Relation((), others=scope.everything().origins)
    return scope.table(TableName(Layer(node.db.lower()), node.name.lower()))


def _called(node: Any, scope: Scope) -> Relation:
    """A table function: what goes into it comes out of it."""
    if node.name.lower() in _TEXT_TABLES:  # a text says what they read
        return _unknown(node.root(), scope)
    return Relation((), others=value(node, scope).origins)


def _pivots(node: Any, relation: Relation, scope: Scope) -> Relation:
    for pivot in node.args.get("pivots") or ():
        relation = pivoted(pivot, relation, scope).renamed(pivot.alias_column_names)
    return relation


def _join(join: Any, scope: Scope) -> None:
    if join.key != "join":
        _see(join, scope)
        return
    kind, side, method = join.kind, join.side, join.method
    if kind in ("SEMI", "ANTI"):  # rows of the right are only looked for
        return
    left = len(scope.seen)
    _see(join.this, scope)
    names = [name.name.lower() for name in join.args.get("using") or ()]
    if method == "NATURAL":
        mine, theirs = (
            {n.lower() for s in seen for n, _ in s.relation.columns}
            for seen in (scope.seen[:left], scope.seen[left:])
        )
        names = sorted(mine & theirs)
    scope.use(names, left, both=side in ("RIGHT", "FULL") or method == "ASOF")
