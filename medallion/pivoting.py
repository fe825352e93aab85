"""PIVOT and UNPIVOT: which columns flow into those that they make."""

from typing import Any

from medallion.expression import parts_of, value
from medallion.flow import NOTHING, Relation, Value, mixed
from medallion.scope import Scope, Seen


def pivoted(node: Any, base: Relation, scope: Scope) -> Relation:
    """The columns of a relation that is pivoted; not understood, all flows everywhere."""
    inner = scope.inner(seen=[Seen(_alias(node), base)])
    if node.args.get("unpivot"):
        return _unpivoted(node, base)
    return _pivoted(node, base, inner)


def _alias(node: Any) -> str:
    of = node.this if node.args.get("this") is not None else node.parent
    return str(of.alias_or_name).lower() if of is not None else ""


def _pivoted(node: Any, base: Relation, scope: Scope) -> Relation:
    """Groups keep their columns; the others are made from aggregates, named by values."""
    fields = node.args.get("fields") or ()
    by = fields or node.expressions
    aggregates = node.expressions if fields else node.args.get("using") or ()
    made = mixed(value(a, scope) for a in aggregates).origins
    named = mixed(value(f.this if f.key == "in" else f, scope) for f in by if not _listed(f))
    group = node.args.get("group")
    used = {n.name.lower() for f in (*by, *aggregates) for n in f.walk() if n.key == "column"}
    kept = [pair for pair in base.columns if pair[0].lower() not in used]
    if group is not None:
        names = [parts_of(g) for g in group.expressions]
        if not all(names):
            return Relation((), base.tables, base.whole.origins)
        pairs = zip(names, group.expressions, strict=True)
        kept = [(name[-1], value(g, scope)) for name, g in pairs if name]
    tables = base.tables if group is None else frozenset()
    return Relation(tuple(kept), tables, made | named.origins | (base.others or frozenset()))


def _listed(field: Any) -> bool:
    """Whether the query says the values that become names."""
    return field.key == "in" and all(v.key in ("literal", "alias") for v in field.expressions)


def _unpivoted(node: Any, base: Relation) -> Relation:
    """Values of several columns become one column, their names another."""
    fields = node.args.get("fields") or ()
    taken = fields[0].expressions if fields else node.expressions
    into = node.args.get("into")
    heads = node.expressions if fields else into.expressions if into else ()
    name = fields[0].this.name if fields else into.this.name if into else "name"
    heads = [h.name for h in heads] or ["value"]
    parts = [parts_of(t) for t in taken]
    if len(fields) > 1 or len(heads) > 1 or not all(parts):
        return Relation((), base.tables, base.whole.origins)
    columns = [p[-1] for p in parts if p]
    flows = mixed(base.column(c) or base.maybe(c) or NOTHING for c in columns)
    gone = {c.lower() for c in columns}
    kept = [pair for pair in base.columns if pair[0].lower() not in gone]
    made = [(name, NOTHING), (heads[0], Value(flows.origins))]
    return Relation((*kept, *made), base.tables, base.others)
