"""Selection: a subset of the graph, as people write it.

A term is a name or a glob (`silver.trips`, `trips`, `gold.dim_*`), `layer:silver` or `tag:daily`.
A `+` before it takes everything upstream too, one behind it everything downstream. Terms are
separated by spaces or commas and add up.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from medallion.errors import DefinitionError
from medallion.graph import Graph, Node, near
from medallion.names import Layer, TableName


def select(graph: Graph, terms: str = "", exclude: str = "") -> tuple[TableName, ...]:
    """The selected models in the graph's order; all of them if no term is given.

    Raises:
        DefinitionError: a term that matches nothing.
    """
    chosen = _union(graph, terms) if _split(terms) else {n.name for n in graph}
    dropped = _union(graph, exclude)
    return tuple(n.name for n in graph if n.name in chosen and n.name not in dropped)


def _union(graph: Graph, terms: str) -> set[TableName]:
    found: set[TableName] = set()
    for term in _split(terms):
        found |= _term(graph, term)
    return found


def _split(terms: str) -> list[str]:
    return terms.replace(",", " ").split()


def _term(graph: Graph, term: str) -> set[TableName]:
    bare = term.removeprefix("+").removesuffix("+")
    matched = {node.name for node in graph if _matches(node, bare)}
    if not matched:
        raise DefinitionError(f"nothing matches {term!r}", hint=_hint(graph, bare))
    upstream = graph.upstream(matched) if term.startswith("+") else set()
    downstream = graph.downstream(matched) if term.endswith("+") else set()
    return matched | upstream | downstream


def _matches(node: Node, term: str) -> bool:
    method, colon, value = term.partition(":")
    if colon and method == "layer":
        return node.name.layer == Layer.parse(value)
    if colon and method == "tag":
        return any(fnmatchcase(tag, value) for tag in node.model.tags)
    if colon:
        raise DefinitionError(
            f"{term!r}: there is no selection by {method!r}", hint="layer: or tag:"
        )
    return fnmatchcase(str(node.name) if "." in term else node.name.model, term)


def _hint(graph: Graph, term: str) -> str:
    if term.startswith("tag:"):
        tags: Iterable[str] = sorted({t for n in graph for t in n.model.tags})
        return f"tags there are: {', '.join(tags) or 'none'}"
    names = [n.name if "." in term else n.name.model for n in graph]
    return near(term, names)
