"""Personal data: which columns hold it, and where it would reach silver or gold unmasked.

A column holds it where a model says `pii=True`, and where such a column flows into it. A mask ends
that, and so does `pii=False`, which says that what comes out tells nothing of a person any more.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from medallion.derivation import as_read, check_derives, derived
from medallion.errors import DefinitionError, ModelError
from medallion.flow import REST, Origin, Origins, Relation
from medallion.forms import Form
from medallion.graph import Graph, Node
from medallion.model import Model
from medallion.names import Layer, TableName
from medallion.schema import Schema

Path = tuple[Origin, ...]
Unsaid = Mapping[TableName, Mapping[str, Path]]
_OPEN = (Layer.SILVER, Layer.GOLD)  # layers whose readers are not to see it
_SHOWN = 5


@dataclass(slots=True)
class Holdings:
    """The tables of a project, and the columns of each that hold personal data, by folded name.

    A path leads from the column that is tagged to the one that holds it. `unsaid` are names of
    columns that a Python model may give, which only its run tells.
    """

    read: dict[TableName, Relation] = field(default_factory=dict)
    held: dict[TableName, dict[str, Path]] = field(default_factory=dict)
    unsaid: dict[TableName, dict[str, Path]] = field(default_factory=dict)

    def path(self, origins: Origins) -> Path | None:
        """The shortest path to one of the columns, if one of them holds personal data."""
        found = [p for o in origins if (p := self.held[o.table].get(o.column.lower()))]
        return min(found, key=lambda p: (len(p), p), default=None)

    def table(self, name: TableName) -> Relation:
        """The columns of a table, as those see them that read it."""
        return self.read[name]


def check_personal(
    graph: Graph, known: Mapping[TableName, Schema], planned: Collection[TableName]
) -> Unsaid:
    """Find personal data that would reach silver or gold unmasked, in the whole project.

    `known` are the columns of tables, those of the `planned` models as they are now. Returns the
    columns that models may not give unmasked, for which only their run tells whether they do.

    Raises:
        DefinitionError: it would, with the path of each column; or a Python model that reads it
            does not declare what it makes of it.
    """
    models = [node.model for node in graph]
    tagged = any(c.pii for model in models for c in model.columns.values())
    if not tagged and all(model.derives is None for model in models):
        return {}
    holdings = find_personal(graph, known, planned)
    leaks = [
        path
        for name, columns in holdings.held.items()
        if name.layer in _OPEN
        for path in columns.values()
    ]
    if leaks:
        raise _leaking(leaks, graph)
    return holdings.unsaid


def check_given(model: Model, schema: Schema, unsaid: Mapping[str, Path]) -> None:
    """Whether a Python model gave a column that is one of its inputs', unmasked.

    Raises:
        ModelError: it did.
    """
    for name in schema.names:
        if path := unsaid.get(name.lower()):
            raise ModelError(
                f"{model.name} gives {name!r}, which is personal data of {path[0]}",
                hint=_mend(name),
            )


def find_personal(
    graph: Graph,
    known: Mapping[TableName, Schema],
    planned: Collection[TableName],
    *,
    strict: bool = True,
) -> Holdings:
    """What the tables of a project hold. A query is read only if its inputs hold personal data.

    If it is not `strict`, all that a Python model reads may be in all that it gives, where it does
    not declare what it makes of it.
    """
    found = Holdings()
    for node in graph:
        schema, name = known.get(node.name), node.name
        check_derives(node, found.table)
        given = None
        if any(found.held[read] for read in node.reads):
            given = _given(node, found, schema, sure=name in planned, strict=strict)
        found.held[name] = _held(node, found, given)
        names = [*node.model.columns, *(p[-1].column for p in found.held[name].values())]
        if name.layer not in _OPEN and name in found.unsaid:
            names += [p[-1].column for p in found.unsaid[name].values()]
            found.held[name] |= found.unsaid.pop(name)
        relation = as_read(name, schema, given, [n for n in names if n != REST])
        rest = frozenset((Origin(name, REST),)) if REST in found.held[name] else None
        found.read[name] = Relation(relation.columns, relation.tables, rest)
    return found


def _given(
    node: Node, found: Holdings, schema: Schema | None, *, sure: bool, strict: bool
) -> Relation:
    """The columns of a model some of whose inputs hold personal data."""
    model = node.model
    held = {c: p[-1] for read in node.reads for c, p in found.held[read].items()}
    undeclared = model.form is not Form.SQL and model.derives is None
    if undeclared and (node.name.is_task or not strict):  # nobody says what becomes of it
        given = Relation((), others=frozenset(held.values()))
        columns = tuple((n, given.maybe(n)) for n in schema.names) if schema else ()
        return Relation(tuple((n, v) for n, v in columns if v), others=given.others)
    if undeclared:
        inputs = sorted(str(o) for o in held.values())
        raise DefinitionError(
            f"{model.place}: {model.name} reads personal data, {', '.join(inputs[:_SHOWN])}, "
            "and does not say what it makes of it",
            hint=f'declare its columns that are made of it: derives={{"column": ["{inputs[0]}"]}}; '
            "derives={} if none is",
        )
    named = {c: o for c, o in held.items() if c != REST}
    given = derived(node, found.table, schema, sure=sure, named=named)
    if model.form is Form.SQL or schema is not None:
        return given
    folded = {c.lower() for c in model.derives or {}}
    maybe = {c: o for c, o in named.items() if c not in folded}
    paths = {c: (*found.held[o.table][c], Origin(node.name, o.column)) for c, o in maybe.items()}
    found.unsaid[node.name] = {c: p for c, p in paths.items() if not _ended(model, c)}
    kept = tuple((n, v) for n, v in given.columns if n.lower() not in maybe)
    return Relation(kept, given.tables, given.others)


def _held(node: Node, found: Holdings, given: Relation | None) -> dict[str, Path]:
    """The columns of a model's table that hold personal data."""
    model, held = node.model, dict[str, Path]()
    for name, value in given.columns if given else ():
        shown = name or REST
        if (path := found.path(value.origins)) and not _ended(model, shown):
            held.setdefault(shown.lower(), (*path, Origin(node.name, shown)))
    if given and given.others and (path := found.path(given.others)):
        held.setdefault(REST, (*path, Origin(node.name, REST)))
    for name, contract in model.columns.items():
        if contract.pii and not _ended(model, name):
            held.setdefault(name.lower(), (Origin(node.name, name),))
    return held


def _ended(model: Model, column: str) -> bool:
    """Whether a mask or a waiver keeps personal data out of a column."""
    folded = column.lower()
    waived = any(n.lower() == folded and c.pii is False for n, c in model.columns.items())
    return waived or any(n.lower() == folded for n in model.mask)


def _leaking(leaks: Collection[Path], graph: Graph) -> DefinitionError:
    """The error that tells of all leaks: of each where it gets in, and how far it goes."""
    begun = dict[Origin, Path]()
    for path in sorted(leaks, key=len):
        entered = next(o for o in path if o.table.layer in _OPEN)
        begun[entered] = path
    lines = list(_told(begun, graph))
    more = f"\n  and {len(lines) - _SHOWN} more columns" if len(lines) > _SHOWN else ""
    first = next(iter(sorted(begun)))
    return DefinitionError(
        "personal data would reach silver or gold unmasked\n  "
        + "\n  ".join(lines[:_SHOWN])
        + more,
        hint=_mend(first.column),
    )


def _told(begun: Mapping[Origin, Path], graph: Graph) -> Iterator[str]:
    for entered, path in sorted(begun.items()):
        column = "a column whose name is not known" if entered.column == REST else entered.column
        where = f"{graph[entered.table].model.place}: {entered.table} gives {column}"
        yield f"{where}: {path_text(path)}"


def path_text(path: Path) -> str:
    """The columns of a path, from the first to the last."""
    return " -> ".join(map(str, path))


def _mend(column: str) -> str:
    named = '"column"' if column == REST else f'"{column}"'
    return (
        f'mask it: mask={{{named}: hashed(secret("PII_KEY"))}}; or, if it tells nothing of a '
        f"person: columns={{{named}: column(pii=False)}}"
    )
