"""Projections: the columns that the expressions of a select give, stars and all."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from medallion.expression import parts_of, quiet, value
from medallion.flow import NOTHING, Origins, Relation, Value
from medallion.names import TableName
from medallion.scope import Scope


def more(one: Origins | None, other: Origins | None) -> Origins | None:
    """What other columns may hold, of two relations that are one now."""
    return one if other is None else other | (one or frozenset())


def starred(scope: Scope, alias: str = "") -> Relation:
    """All columns of the relations that can be seen, or of one."""
    seen = [s for s in scope.seen if not alias or s.alias == alias]
    tables = frozenset[TableName]().union(*(s.relation.tables for s in seen))
    others: Origins | None = None
    for s in seen:
        others = more(others, s.relation.others)
    return Relation(tuple((n, v) for _, n, v in scope.star(alias)), tables, others)


def projected(node: Any, scope: Scope) -> Relation:
    """The columns of one expression of a select."""
    alias = node.alias if node.key == "alias" else ""
    inner = node.this if node.key == "alias" else node
    star = _star_of(inner)
    if star is not None:
        return _liked(inner, _expanded(star, scope))
    if (drawn := _drawn(inner)) is not None:
        return _repeated_for(inner, drawn, scope, named=not alias)
    if inner.key == "explode":
        return _spread(value(inner.this, scope), alias, plain=not inner.expressions)
    made = value(inner, scope)
    if not alias:
        parts = parts_of(inner)
        alias = parts[-1] if parts else ""
    return Relation(((alias, made),))


def _spread(made: Value, alias: str, *, plain: bool) -> Relation:
    """The column of a list's items, or one for each field of a struct."""
    if plain and made.item is not None:
        return Relation(((alias, made.item),))
    if plain and made.fields is not None:
        return Relation(tuple(made.fields.items()))
    return Relation(((alias, Value(made.origins)),), others=made.origins)


def _star_of(node: Any) -> Any:
    """The star that an expression is, perhaps with a condition on names."""
    if node.key in ("star", "column"):
        return node if node.key == "star" or node.this.key == "star" else None
    if not quiet(node) and node.key in ("like", "ilike", "glob", "similarto", "regexplike", "in"):
        return _star_of(node.this)
    return _star_of(node.this) if node.key in ("not", "paren") else None


def _liked(node: Any, relation: Relation) -> Relation:
    """Those columns of a star whose names are as its condition says, where that is a plain LIKE."""
    if node.key != "like" or node.expression.key != "literal":
        return relation
    parts = (re.escape(part).replace("_", ".") for part in node.expression.name.split("%"))
    negated = bool(node.args.get("negate"))
    pattern = re.compile(".*".join(parts), re.DOTALL if negated else re.DOTALL | re.IGNORECASE)
    kept = ((n, v) for n, v in relation.columns if not n or bool(pattern.fullmatch(n)) != negated)
    return Relation(tuple(kept), relation.tables, relation.others)


def _expanded(node: Any, scope: Scope) -> Relation:
    alias = _table_of(node)
    star = node if node.key == "star" else node.this
    if alias and all(s.alias != alias for s in scope.seen):
        made = scope.path([alias])
        if made.fields is None:
            return Relation((), others=made.origins)
        items = [("", name, v) for name, v in made.fields.items()]
        base = Relation()
    else:
        items, base = list(scope.star(alias)), starred(scope, alias)
    items = list(_without(items, star.args.get("except_") or ()))
    columns = _replaced([(n, v) for _, n, v in items], star, scope, base)
    return Relation(tuple(columns), base.tables, base.others)


def _without(
    items: Sequence[tuple[str, str, Value]], names: Sequence[Any]
) -> Iterator[tuple[str, str, Value]]:
    gone = [(_table_of(n), n.name.lower()) for n in names]
    for alias, name, made in items:
        if not any(of in ("", alias) and name.lower() == left for of, left in gone):
            yield alias, name, made


def _table_of(node: Any) -> str:
    table = node.args.get("table")
    return table.name.lower() if table is not None else ""


def _replaced(
    columns: list[tuple[str, Value]], star: Any, scope: Scope, base: Relation
) -> list[tuple[str, Value]]:
    """The columns of a star with others in the places of some, and some under other names."""
    others = star.args.get("replace") or ()
    made = {r.alias.lower(): (r.alias, value(r.this, scope)) for r in others}
    shown = [(name, made[name.lower()][1] if name.lower() in made else v) for name, v in columns]
    known = {name.lower() for name, _ in columns}
    shown += [pair for name, pair in made.items() if name not in known]
    names = {r.this.name.lower(): r.alias for r in star.args.get("rename") or ()}
    shown = [(names.get(name.lower(), name), v) for name, v in shown]
    unknown = [old for old in names if old not in known]
    return shown + [(names[old], base.maybe(old) or NOTHING) for old in unknown]


def _drawn(node: Any) -> Any:
    """The COLUMNS(...) for which the expression is repeated."""
    for found in node.walk(prune=lambda n: n.key in ("select", "union", "subquery")):
        if found.key == "columns" and not found.args.get("unpack"):
            return found
    return None


def _repeated_for(node: Any, drawn: Any, scope: Scope, *, named: bool) -> Relation:
    """One column for each that COLUMNS(...) stands for."""
    given = drawn.this
    star = _star_of(given)
    base = _expanded(star, scope) if star is not None else starred(scope)
    columns = base.columns
    if given.key == "literal" and (pattern := _compiled(given.name)):
        columns = tuple((n, v) for n, v in columns if pattern.search(n))
    made = [(n, value(node, scope.with_drawn(v))) for n, v in columns]
    if named:
        return Relation(tuple(made), base.tables, base.others)
    return Relation(tuple(("", v) for _, v in made), base.tables, base.others)


def _compiled(pattern: str) -> "re.Pattern[str] | None":
    try:
        return re.compile(pattern)
    except re.error:  # DuckDB may know it: then all columns are taken for those it names
        return None
