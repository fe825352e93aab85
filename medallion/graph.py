"""Graph: models and what each reads."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from medallion.errors import DefinitionError
from medallion.model import Model
from medallion.names import TableName


@dataclass(frozen=True, slots=True)
class Node:
    """A model, the tables it reads, and those that its foreign keys refer to."""

    model: Model
    reads: tuple[TableName, ...]
    references: tuple[TableName, ...] = ()

    @property
    def name(self) -> TableName:
        """The name of the model's table."""
        return self.model.name

    @property
    def after(self) -> tuple[TableName, ...]:
        """The tables that must be there before it: it reads them, or refers to them."""
        return tuple(dict.fromkeys((*self.reads, *self.references)))


@dataclass(frozen=True)
class Graph:
    """The models of a project in an order in which each comes after what it reads or refers to."""

    nodes: Mapping[TableName, Node]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __getitem__(self, name: TableName) -> Node:
        if name not in self.nodes:
            raise DefinitionError(f"there is no model {name}", hint=near(name, self.nodes))
        return self.nodes[name]

    def upstream(self, names: Iterable[TableName]) -> set[TableName]:
        """The tables that the named ones need, however far, without themselves.

        They are made from them, or refer to them.
        """
        return _closure(names, {n.name: n.after for n in self})

    def helpers(self, names: Iterable[TableName]) -> set[TableName]:
        """The tasks that the named models need, and that those need."""
        return _closure(names, {n.name: [r for r in n.reads if r.is_task] for n in self})

    def downstream(self, names: Iterable[TableName]) -> set[TableName]:
        """The tables that are made from the named ones, however far, without themselves."""
        readers: dict[TableName, list[TableName]] = {}
        for node in self:
            for read in node.reads:
                readers.setdefault(read, []).append(node.name)
        return _closure(names, readers)


def make_graph(nodes: Iterable[Node]) -> Graph:
    """The graph of these models.

    Raises:
        DefinitionError: two models of one name, an input or a reference that no model gives or that
            is of a later layer, or a cycle, told as its path.
    """
    by_name: dict[TableName, Node] = {}
    for node in nodes:
        if (other := by_name.get(node.name)) is not None:
            raise DefinitionError(
                f"{node.name} is defined twice: {other.model.place} and {node.model.place}"
            )
        by_name[node.name] = node
    for node in by_name.values():
        for read in node.reads:
            _check(node, read, by_name)
        for read in node.references:
            _check(node, read, by_name, "references")
        for name in sorted(node.model.whole - set(node.reads)):
            raise DefinitionError(
                f"{node.model.place}: {node.name} reads no {name}, declared as whole",
                hint=f"it reads {', '.join(map(str, node.reads)) or 'no table'}",
            )
    nodes = sorted(by_name.values(), key=lambda n: n.name)
    order = _order({n.name: n.reads for n in nodes}, "read each other")
    if any(node.references for node in nodes):
        order = _order({n.name: n.after for n in nodes}, "read or reference each other")
    ranks = _ranks(order, by_name)
    return Graph({name: by_name[name] for name in sorted(order, key=lambda n: ranks[n])})


def _order(needs: Mapping[TableName, Collection[TableName]], what: str) -> list[TableName]:
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        path = " -> ".join(map(str, error.args[1]))
        raise DefinitionError(f"models {what} in a circle: {path}") from None


def _ranks(order: Iterable[TableName], nodes: Mapping[TableName, Node]) -> Mapping[TableName, int]:
    """The rank of each layer; a task is of the latest layer that it reads."""
    ranks: dict[TableName, int] = {}
    for name in order:
        node = nodes[name]
        latest = max(node.reads, key=lambda read: ranks[read], default=name)
        ranks[name] = ranks.get(latest, 0) if name.is_task else name.layer.rank
        if ranks.get(latest, 0) > ranks[name]:
            raise DefinitionError(
                f"{node.model.place}: {name} reads {latest}, which is of a later layer",
                hint=f"a {name.layer} model reads models of its own or an earlier layer",
            )
        for other in node.references:
            if ranks[other] > ranks[name]:
                raise DefinitionError(
                    f"{node.model.place}: {name} references {other}, which is of a later layer",
                    hint=f"{name} is published before {other}; audit it in the suite of {other}",
                )
    return ranks


def near(name: object, names: Iterable[object]) -> str:
    """A hint with the names that look most like one that does not exist."""
    found = difflib.get_close_matches(str(name), [str(n) for n in names], 3)
    return f"did you mean {' or '.join(found)}?" if found else "see: medallion ls"


def _check(
    node: Node, read: TableName, nodes: Mapping[TableName, Node], does: str = "reads"
) -> None:
    place = node.model.place
    if read not in nodes:
        raise DefinitionError(
            f"{place}: {node.name} {does} {read}, and no model gives it", hint=near(read, nodes)
        )


def _closure(
    names: Iterable[TableName], edges: Mapping[TableName, Collection[TableName]]
) -> set[TableName]:
    found: set[TableName] = set()
    todo = list(names)
    while todo:
        for name in edges.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found
