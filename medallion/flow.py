"""Flow: which columns of tables the values of a column come from, and how relations pass them on.

Names are compared without regard to upper and lower case, as DuckDB does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from medallion.names import TableName

REST = "*"  # stands for columns whose names are not known


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A column of a table: where values come from."""

    table: TableName
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


Origins = frozenset[Origin]


@dataclass(frozen=True, slots=True)
class Value:
    """What a value is made from; that of a struct by its fields, of a list by its items."""

    origins: Origins = frozenset()
    fields: Mapping[str, "Value"] | None = field(default=None, hash=False)
    item: "Value | None" = None

    def at(self, name: str) -> "Value":
        """A field of a struct; all of what is none that is known."""
        found = (self.fields or {}).get(name.lower())
        return Value(self.origins) if found is None else found

    @property
    def one(self) -> "Value":
        """An item of a list."""
        return self.item or Value(self.origins)


NOTHING = Value()


def mixed(values: Iterable[Value]) -> Value:
    """A value that is computed from others."""
    return Value(frozenset[Origin]().union(*(v.origins for v in values)))


def either(values: Iterable[Value]) -> Value:
    """A value that is one of several."""
    given = [v for v in values if v != NOTHING]
    if len(given) < 2:
        return given[0] if given else NOTHING
    fields = [v.fields for v in given if v.fields is not None]
    items = [v.item for v in given if v.item is not None]
    shared: dict[str, Value] | None = None
    if len(fields) == len(given):
        names = dict.fromkeys(name for f in fields for name in f)
        shared = {name: either(f[name] for f in fields if name in f) for name in names}
    return Value(mixed(given).origins, shared, either(items) if len(items) == len(given) else None)


def struct(columns: Iterable[tuple[str, Value]]) -> Value:
    """A struct of these fields."""
    named = {name.lower(): value for name, value in columns}
    return Value(mixed(named.values()).origins, named)


def array(item: Value) -> Value:
    """A list of such items."""
    return Value(item.origins, item=item)


@dataclass(frozen=True)
class Relation:
    """Columns in their order; one without a name has one that is not known.

    There may be more: the columns of `tables` that are not known, and, unless `others` is None,
    some that are made from those.
    """

    columns: tuple[tuple[str, Value], ...] = ()
    tables: frozenset[TableName] = frozenset()
    others: Origins | None = None

    @property
    def closed(self) -> bool:
        """Whether there are no columns but these."""
        return not self.tables and self.others is None

    @cached_property
    def _named(self) -> Mapping[str, Value]:
        named: dict[str, Value] = {}
        for name, value in self.columns:
            known = named.get(name.lower())
            named[name.lower()] = either((known, value)) if known else value
        return named

    def column(self, name: str) -> Value | None:
        """The column that is known by that name."""
        return self._named.get(name.lower()) if name else None

    def maybe(self, name: str) -> Value | None:
        """What a column of that name is made from, if there may be one that is not known."""
        nameless = self._named.get("")
        if self.closed and nameless is None:
            return None
        origins = {Origin(table, name) for table in self.tables} | (self.others or frozenset())
        return either((Value(frozenset(origins)), nameless or NOTHING))

    @property
    def whole(self) -> Value:
        """A row as one value."""
        known = struct(self.columns)
        if self.closed and "" not in self._named:
            return known
        unknown = {Origin(table, REST) for table in self.tables}
        return Value(known.origins | unknown | (self.others or frozenset()))

    def renamed(self, names: Sequence[str]) -> "Relation":
        """With other names for the first columns."""
        if not names:
            return self
        if not self.closed:  # which column is the first is not known
            return Relation(tuple((n, self._blurred) for n in names), self.tables, self._all)
        values = [value for _, value in self.columns]
        return Relation((*zip(names, values, strict=False), *self.columns[len(names) :]))

    def apart(self) -> "Relation":
        """With another name for each column that has one of an earlier: `id`, `id_1`."""
        taken: dict[str, int] = {}
        columns = []
        for name, value in self.columns:
            count = taken.get(name.lower(), 0)
            taken[name.lower()] = count + 1
            columns.append((f"{name}_{count}" if count and name else name, value))
        return replace(self, columns=tuple(columns))

    @property
    def blurred(self) -> "Relation":
        """Where nobody knows which column is which."""
        return Relation(tuple((n, self._blurred) for n, _ in self.columns), self.tables, self._all)

    @property
    def _all(self) -> Origins:
        return self.whole.origins

    @property
    def _blurred(self) -> Value:
        return Value(self._all)


def united(left: Relation, right: Relation) -> Relation:
    """The rows of both, column by column."""
    if left.closed and right.closed and len(left.columns) == len(right.columns):
        pairs = zip(left.columns, right.columns, strict=True)
        return Relation(tuple((name, either((a, b))) for (name, a), (_, b) in pairs))
    tables, origins = left.tables | right.tables, left.whole.origins | right.whole.origins
    names = [name for name, _ in (left if left.columns else right).columns]
    return Relation(tuple((name, Value(origins)) for name in names), tables, origins)


def united_by_name(left: Relation, right: Relation) -> Relation:
    """The rows of both, each column beside the one of its name."""
    names = dict.fromkeys(n.lower() for r in (left, right) for n, _ in r.columns if n)
    shown = {n.lower(): n for r in (right, left) for n, _ in r.columns}
    found = [
        (shown[n], either(r.column(n) or r.maybe(n) or NOTHING for r in (left, right)))
        for n in names
    ]
    nameless = [(n, v) for r in (left, right) for n, v in r.columns if not n]
    some = [r.others for r in (left, right) if r.others is not None]
    others = frozenset[Origin]().union(*some) if some else None
    return Relation((*found, *nameless), left.tables | right.tables, others)
