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
    """A model and the tables it reads."""

    model: Model
    reads: tuple[TableName, ...]

    @property
    def name(self) -> TableName:
        """The name of the model's table."""
        return self.model.name


@dataclass(frozen=True)
class Graph:
    """The models of a project in an order in which each comes after what it reads."""

    nodes: Mapping[TableName, Node]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __getitem__(self, name: TableName) -> Node:
        if name not in self.nodes:
            raise DefinitionError(f"there is no model {name}", hint=near(name, self.nodes))
        return self.nodes[name]

    def upstream(self, names: Iterable[TableName]) -> set[TableName]:
        """The tables that the named ones are made from, however far, without themselves."""
        return _closure(names, {n.name: n.reads for n in self})

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
        DefinitionError: two models of one name, an input that no model gives or that is of a later
            layer, or a cycle, told as its path.
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
        for name in sorted(node.model.whole - set(node.reads)):
            raise DefinitionError(
                f"{node.model.place}: {node.name} reads no {name}, declared as whole",
                hint=f"it reads {', '.join(map(str, node.reads)) or 'no table'}",
            )
    sorter = TopologicalSorter(
        {n.name: n.reads for n in sorted(by_name.values(), key=lambda n: n.name)}
    )
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        path = " -> ".join(map(str, error.args[1]))
        raise DefinitionError(f"models read each other in a circle: {path}") from None
    ranks = _ranks(order, by_name)
    return Graph({name: by_name[name] for name in sorted(order, key=lambda n: ranks[n])})


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
    return ranks


def near(name: object, names: Iterable[object]) -> str:
    """A hint with the names that look most like one that does not exist."""
    found = difflib.get_close_matches(str(name), [str(n) for n in names], 3)
    return f"did you mean {' or '.join(found)}?" if found else "see: medallion ls"


def _check(node: Node, read: TableName, nodes: Mapping[TableName, Node]) -> None:
    place = node.model.place
    if read not in nodes:
        raise DefinitionError(
            f"{place}: {node.name} reads {read}, and no model gives it", hint=near(read, nodes)
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
