"""Derivation: from which columns the columns of a model's table are made.

For SQL its text says it, for Python what the model declares with `derives`; lookups, dimensions and
histories add columns of their own.
"""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping

from medallion.errors import DefinitionError
from medallion.flow import NOTHING, Origin, Relation, Value, array, mixed, struct
from medallion.forms import Form
from medallion.graph import Node
from medallion.history import IS_CURRENT, VALID_FROM, VALID_TO
from medallion.lineage import lineage
from medallion.model import Model
from medallion.names import TableName
from medallion.schema import ListType, Schema, StructType, Type
from medallion.star import Dimension

Tables = Callable[[TableName], Relation]
_SAID = (Form.SQL, Form.SOURCE)  # what a run need not be asked for


def derived(
    node: Node,
    table: Tables,
    schema: Schema | None,
    *,
    sure: bool = False,
    named: Mapping[str, Origin] | None = None,
) -> Relation:
    """The columns of a model's table, each with the columns that flow into it.

    `schema` are those that the table has, where that is known; `sure` says that it is what the
    model gives now: then a column that nothing explains may hold all that the model reads. A column
    of a Python model that is not declared is one of `named`, if it has its name.

    Raises:
        DefinitionError: `derives` names what the model does not read.
    """
    model = node.model
    if model.form is Form.SQL:
        found = lineage(model.text(), model.place, table)
    else:
        found = _declared(node, table, named or {})
    found = _shaped(model, found)
    if schema is None:
        kept = tuple((n, v) for n, v in found.columns if not _dropped(model, n))
        return Relation(kept, found.tables, found.others)
    rest = NOTHING
    if sure and model.form is Form.SQL:
        rest = mixed(table(name).whole for name in node.reads)
    return Relation(tuple((n, found.column(n) or found.maybe(n) or rest) for n in schema.names))


def _dropped(model: Model, column: str) -> bool:
    mask = model.mask.get(column)
    return mask is not None and mask.kind == "dropped"


def _declared(node: Node, table: Tables, named: Mapping[str, Origin]) -> Relation:
    """The columns that a function is said to make."""
    said = {c: _origins(node, table, c) for c in node.model.derives or {}}
    folded = {column.lower() for column in said}
    same = {o.column: [o] for n, o in named.items() if n.lower() not in folded}
    columns = {name: Value(frozenset(origins)) for name, origins in {**same, **said}.items()}
    return Relation(tuple(columns.items()), others=frozenset())


def check_derives(node: Node, table: Tables) -> None:
    """Whether a model that declares `derives` can, and reads what it names.

    Raises:
        DefinitionError: it does not.
    """
    model = node.model
    if model.derives is None:
        return
    if model.form in _SAID:
        raise DefinitionError(
            f"{model.place}: {model.name} declares derives, which is for Python models",
            hint="take it away: what a query makes its columns of is read from its text",
        )
    for column in model.derives:
        _origins(node, table, column)


def _origins(node: Node, table: Tables, column: str) -> list[Origin]:
    assert node.model.derives is not None
    return [_origin(node, table, text) for text in node.model.derives[column]]


def _origin(node: Node, table: Tables, text: str) -> Origin:
    where = f"{node.model.place}: {node.name} derives a column from {text!r}"
    head, _, column = text.rpartition(".")
    names = [str(name) for name in node.reads]
    if head not in names:
        read = ", ".join(names) or "no table"
        raise DefinitionError(
            f"{where}, of no table that it reads", hint=_near(head, names, f"it reads {read}")
        )
    name = TableName.parse(head)
    relation = table(name)
    if relation.closed and relation.column(column) is None:
        columns = [n for n, _ in relation.columns]
        hint = _near(column, columns, f"its columns: {', '.join(columns)}")
        raise DefinitionError(f"{where}, and {name} has no such column", hint=hint)
    shown = next((n for n, _ in relation.columns if n.lower() == column.lower()), column)
    return Origin(name, shown)


def _near(name: str, names: Collection[str], otherwise: str) -> str:
    found = difflib.get_close_matches(name, names, 1)
    return f"did you mean {found[0]}?" if found else otherwise


def _shaped(model: Model, found: Relation) -> Relation:
    """With the columns that declarations add."""
    added = dict(_added(model, found))
    names = {name.lower() for name in added}
    kept = tuple((n, v) for n, v in found.columns if n.lower() not in names)
    return Relation((*kept, *added.items()), found.tables, found.others)


def _added(model: Model, found: Relation) -> Iterator[tuple[str, Value]]:
    def of(names: Collection[str]) -> Value:
        return mixed(found.column(n) or found.maybe(n) or NOTHING for n in names)

    for column, lookup in model.lookups.items():
        yield column, of(lookup.columns)
    if kept := model.dimension:
        keys = {key: mixed([of((key,)), *_inferred(kept, n)]) for n, key in enumerate(kept.key)}
        yield kept.name, mixed(keys.values())
        yield from keys.items()
    if model.history:
        changed = of((model.history.changed_at,))
        yield from ((VALID_FROM, changed), (VALID_TO, changed), (IS_CURRENT, NOTHING))


def _inferred(kept: Dimension, number: int) -> Iterator[Value]:
    """What a part of the key is in the members that other tables name."""
    for table, columns in kept.inferred.items():
        yield Value(frozenset((Origin(table, columns[number]),)))


def as_read(
    name: TableName, schema: Schema | None, given: Relation | None, known: Collection[str] = ()
) -> Relation:
    """The columns of a table as those see them that read it.

    Where there is no schema they are those of `given` and some that are `known`; there may be more
    if nothing or not all of them is given.
    """
    if schema is not None:
        return Relation(tuple((c.name, _typed(c.type, Origin(name, c.name))) for c in schema))
    names = [n for n, _ in given.columns if n] if given else []
    folded = {n.lower() for n in names}
    names += [n for n in known if n.lower() not in folded]
    columns = tuple((n, Value(frozenset((Origin(name, n),)))) for n in names)
    closed = given is not None and given.closed and all(n for n, _ in given.columns)
    return Relation(columns, frozenset() if closed else frozenset((name,)))


def _typed(type: Type, origin: Origin) -> Value:
    """A column: of each of its fields and items is known that they are of it."""
    match type:
        case StructType():
            fields = struct((f.name, _typed(f.type, origin)) for f in type.fields)
            return Value(frozenset((origin,)), fields.fields)
        case ListType():
            return array(_typed(type.element, origin))
    return Value(frozenset((origin,)))
