"""Expressions of a query, as DuckDB's dialect is parsed: which columns flow into their values.

A column flows where its value is kept or computed with. It does not where it is only counted,
ranked, compared or a condition. What is not known here flows in full.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from medallion.flow import NOTHING, Value, array, either, mixed, struct
from medallion.scope import Scope


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


# Kinds of nodes, as sqlglot calls them.
_COMPARED = _words(
    "eq neq gt gte lt lte nullsafeeq nullsafeneq is in between like ilike similarto glob exists",
    "regexplike regexpilike regexpfullmatch startswith endswith contains arraycontains",
    "arraycontainsall arraycontainedby arrayoverlaps isnan isinf",
)
_COUNTED = _words(
    "count countif approxdistinct grouping groupingid rownumber rank denserank percentrank",
    "cumedist ntile typeof",
)
_QUIET = _COMPARED | _COUNTED
_QUERIES = _words("select subquery union intersect except values table")
# What is beside the value orders, filters, compares, or says where.
_BY_THIS = _words(
    "alias paren window filter ignorenulls respectnulls try nullif argmax argmin arrayfilter",
    "first last firstvalue lastvalue anyvalue max min",
)
# Functions of DuckDB that the parser has no kind for.
_QUIET_NAMES = _words(
    "contains starts_with ends_with prefix suffix regexp_matches regexp_full_match list_contains",
    "list_has array_contains array_has list_has_any list_has_all array_has_any array_has_all",
    "isnan isinf isfinite count_if countif count_star approx_count_distinct regr_count row_number",
    "rank dense_rank percent_rank cume_dist ntile grouping grouping_id typeof",
)
_FIRST_NAMES = _words(
    "arg_max_null arg_min_null list_filter array_filter filter list_sort list_distinct",
    "list_reverse list_where",
)
_ITEM_NAMES = _words("element_at list_extract list_element array_extract")
_MADE_NAMES = _words("list_apply array_apply array_transform apply")


def value(node: Any, scope: Scope) -> Value:
    """What the value of an expression is made from."""
    if node is None or quiet(node):
        return NOTHING
    return _RULES.get(node.key, _unknown)(node, scope)


def quiet(node: Any) -> bool:
    """Whether the value says only how many, in which order, or whether."""
    if node.key in _COMPARED and _of_star(node.args.get("this")):
        return False  # `* like 'a%'` are columns
    return node.key in _QUIET or (node.key == "anonymous" and node.name.lower() in _QUIET_NAMES)


def _of_star(node: Any) -> bool:
    return not isinstance(node, str | None) and (
        node.key == "star" or (node.key == "column" and node.this.key == "star")
    )


def parts_of(node: Any) -> list[str] | None:
    """The names between the dots of a column; None for anything else."""
    if node.key == "identifier":
        return [node.name]
    if node.key == "column":
        return [part.name for part in node.parts]
    if node.key == "dot" and node.expression.key == "identifier":
        before = parts_of(node.this)
        return before and [*before, node.expression.name]
    return None


def _values(nodes: Iterable[Any], scope: Scope) -> Iterator[Value]:
    return (value(node, scope) for node in nodes)


def _unknown(node: Any, scope: Scope) -> Value:
    """All that is below it."""
    nodes = [n for n in node.iter_expressions() if n.key not in ("datatype", "tablealias")]
    plain = mixed(_values((n for n in nodes if n.key != "lambda"), scope))
    made = (_body(n, plain, scope) for n in nodes if n.key == "lambda")
    return mixed((plain, *made))


def _body(node: Any, item: Value, scope: Scope) -> Value:
    """What a function that is written in the query makes of an item."""
    names = [name.name.lower() for name in node.expressions]
    return value(node.this, scope.inner(parameters=dict.fromkeys(names, item)))


def _column(node: Any, scope: Scope) -> Value:
    if node.this.key == "star" and not node.table:
        return scope.everything()
    return scope.path([part.name for part in node.parts])


def _identifier(node: Any, scope: Scope) -> Value:
    return scope.name(node.name.lower()) or NOTHING


def _dot(node: Any, scope: Scope) -> Value:
    """A field, or a function that is written after its first argument."""
    parts = parts_of(node)
    if parts:
        return scope.path(parts)
    called = node.expression
    if called.key == "identifier":
        return value(node.this, scope).at(called.name)
    before = parts_of(node.this)
    own = scope.path(before) if before else value(node.this, scope)
    return NOTHING if quiet(called) else mixed((own, value(called, scope)))


def _this(node: Any, scope: Scope) -> Value:
    return value(node.this, scope)


def _plain(node: Any, scope: Scope) -> Value:
    return Value(value(node.this, scope).origins)


def _order(node: Any, scope: Scope) -> Value:
    """The order of an aggregate's rows; without a value it orders what is aggregated."""
    if node.args.get("this") is not None:
        return value(node.this, scope)
    return mixed(_values((ordered.this for ordered in node.expressions), scope))


def _ranked(node: Any, scope: Scope) -> Value:
    return mixed((value(node.this, scope), value(node.expression, scope)))


def _case(node: Any, scope: Scope) -> Value:
    results = [branch.args.get("true") for branch in node.args.get("ifs") or ()]
    return either(_values((*results, node.args.get("default")), scope))


def _if(node: Any, scope: Scope) -> Value:
    return either(_values((node.args.get("true"), node.args.get("false")), scope))


def _first_that_is(node: Any, scope: Scope) -> Value:
    if _has_stars(node):
        return _unknown(node, scope)
    return either(_values((node.this, *node.expressions), scope))


def _has_stars(node: Any) -> bool:
    return any(n.key in ("columns", "star") for n in node.walk())


def _struct(node: Any, scope: Scope) -> Value:
    if any(pair.key != "propertyeq" for pair in node.expressions):
        return _unknown(node, scope)
    return struct((pair.this.name, value(pair.expression, scope)) for pair in node.expressions)


def _map(node: Any, scope: Scope) -> Value:
    """A map: its keys are values, which are parsed like names of fields."""
    pairs = [n for n in node.this.expressions if n.key == "propertyeq"]
    others = [n for n in node.this.expressions if n.key != "propertyeq"]
    sides = (side for pair in pairs for side in (pair.this, pair.expression))
    return mixed(_values((*sides, *others), scope))


def _pair(node: Any, scope: Scope) -> Value:
    return value(node.expression, scope)


def _bracket(node: Any, scope: Scope) -> Value:
    whole, index = value(node.this, scope), node.expressions[0]
    if index.key == "slice":
        return whole
    if index.key == "literal" and index.is_string:
        return whole.at(index.name)
    return whole.one


def _extracted(node: Any, scope: Scope) -> Value:
    whole = value(node.this, scope)
    return whole.at(node.expression.name) if node.expression.key == "literal" else whole


def _array(node: Any, scope: Scope) -> Value:
    if _has_stars(node):
        return _unknown(node, scope)
    return array(either(_values(node.expressions, scope)))


def _listed(node: Any, scope: Scope) -> Value:
    return array(value(node.this, scope))


def _unnested(node: Any, scope: Scope) -> Value:
    whole = value(node.this, scope)
    return whole.one if whole.item else whole


def _comprehension(node: Any, scope: Scope) -> Value:
    item = value(node.args["iterator"], scope).one
    name = node.expression.name.lower()
    return value(node.this, scope.inner(parameters={name: item}))


def _transformed(node: Any, scope: Scope) -> Value:
    return array(_body(node.expression, value(node.this, scope).one, scope))


def _columns(_: Any, scope: Scope) -> Value:
    return scope.everything() if scope.drawn is None else scope.drawn


def _star(_: Any, scope: Scope) -> Value:
    return scope.everything()


def _subquery(node: Any, scope: Scope) -> Value:
    found = scope.query(node, scope)
    if found.closed and len(found.columns) == 1:
        return found.columns[0][1]
    return Value(found.whole.origins)


def _anonymous(node: Any, scope: Scope) -> Value:
    """A function that the parser does not know."""
    name, given = node.name.lower(), node.expressions
    if name in _FIRST_NAMES and given:
        return value(given[0], scope)
    if name in _ITEM_NAMES and given:
        whole = value(given[0], scope)
        return whole.one if whole.fields is None else Value(whole.origins)
    if name in _MADE_NAMES and len(given) == 2 and given[1].key == "lambda":
        return array(_body(given[1], value(given[0], scope).one, scope))
    return _unknown(node, scope)


_RULES: Mapping[str, Callable[[Any, Scope], Value]] = {
    "column": _column,
    "identifier": _identifier,
    "dot": _dot,
    "star": _star,
    "columns": _columns,
    "order": _order,
    "withingroup": _ranked,
    "case": _case,
    "if": _if,
    "coalesce": _first_that_is,
    "struct": _struct,
    "tomap": _map,
    "propertyeq": _pair,
    "kwarg": _pair,
    "bracket": _bracket,
    "structextract": _extracted,
    "array": _array,
    "arrayagg": _listed,
    "explode": _unnested,
    "comprehension": _comprehension,
    "transform": _transformed,
    "anonymous": _anonymous,
    "cast": _plain,
    "trycast": _plain,
    "collate": _plain,
    **dict.fromkeys(_BY_THIS, _this),
    **dict.fromkeys(_QUERIES, _subquery),
}
