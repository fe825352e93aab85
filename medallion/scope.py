"""Scope: what names stand for at one place of a query."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medallion.flow import NOTHING, REST, Relation, Value, either, mixed
from medallion.names import TableName

# Words that DuckDB answers itself, and the parser takes for columns.
_ANSWERED = frozenset(
    ("user", "session_user", "current_role", "current_catalog", "current_database", "rowid")
)


@dataclass(slots=True)
class Seen:
    """A relation that a FROM clause names. Columns in `merged` are those of a USING clause."""

    alias: str
    relation: Relation
    layer: str = ""
    merged: set[str] = field(default_factory=set)

    def column(self, name: str) -> Value | None:
        """A column that can be named alone."""
        return None if name in self.merged else self.relation.column(name)


@dataclass(slots=True)
class Scope:
    """The relations, aliases and parameters that can be named; `outer` is the query around it.

    `table` gives the columns of a table, `query` those of a query. `drawn` is what stands for
    COLUMNS(...) while an expression is repeated for each of them.
    """

    table: Callable[[TableName], Relation]
    query: Callable[[Any, "Scope"], Relation]
    outer: "Scope | None" = None
    ctes: Mapping[str, Relation] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    merged: dict[str, Value] = field(default_factory=dict)
    aliases: dict[str, Value] = field(default_factory=dict)
    parameters: Mapping[str, Value] = field(default_factory=dict)
    drawn: Value | None = None

    def inner(self, **given: Any) -> "Scope":
        """The scope of a query within this one."""
        return Scope(self.table, self.query, self, self.ctes, **given)

    def with_drawn(self, value: Value) -> "Scope":
        """The same, for one of the columns that COLUMNS(...) stands for."""
        return replace(self, drawn=value)

    def name(self, name: str) -> Value | None:
        """What a name alone stands for; None where nothing has it."""
        known = self.exactly(name)
        if known is not None:
            return known
        found = [v for s in self.seen if (v := s.relation.maybe(name)) is not None]
        found += [s.relation.whole for s in self.seen if s.alias == name]
        around = self.outer.name(name) if self.outer else None
        if around is not None:
            found.append(around)
        return either(found) if found else None

    def exactly(self, name: str) -> Value | None:
        """The same, for a name that is known to be a column, an alias or a parameter.

        An alias goes before a column of its name in some places and after it in others: both count.
        """
        found = [v for v in (self.parameters.get(name), self.aliases.get(name)) if v is not None]
        if name in self.merged:
            found.append(self.merged[name])
        found += [v for s in self.seen if (v := s.column(name)) is not None]
        return either(found) if found else None

    def path(self, parts: Sequence[str]) -> Value:
        """What a name with dots stands for; all that can be seen where nobody knows."""
        names = [part.lower() for part in parts]
        if not names[1:]:
            return self._alone(names[0])
        found = [v for scope in self._around() if (v := scope._of_parameter(names)) is not None]
        for scope in self._around():
            of_relation = [v for s in scope.seen for v in _of(s, names)]
            of_struct = scope.exactly(names[0])
            if of_relation:
                return either((*found, *of_relation))
            if of_struct is not None:
                return either((*found, _inside(of_struct, names[1:])))
        if found:
            return either(found)
        return _inside(self._alone(names[0]), names[1:])

    def _alone(self, name: str) -> Value:
        found = self.name(name)
        if found is None:
            return NOTHING if name in _ANSWERED else self.everything()
        return found

    def everything(self) -> Value:
        """All columns that can be seen, as one value."""
        return mixed(s.relation.whole for scope in self._around() for s in scope.seen)

    def star(self, alias: str = "") -> Iterator[tuple[str, str, Value]]:
        """All known columns of the relations, or of one, each with its relation's alias."""
        shown = set[str]()
        for seen in self.seen:
            if alias and seen.alias != alias:
                continue
            for name, value in seen.relation.columns:
                key = name.lower()
                if not alias and key in self.merged:
                    if key not in shown:
                        yield seen.alias, name, self.merged[key]
                    shown.add(key)
                else:
                    yield seen.alias, name, value

    def use(self, names: Sequence[str], left: int, *, both: bool) -> None:
        """Merge columns of the relations from number `left` on into those before, as USING does.

        With `both`, a value may be that of either side.
        """
        for name in names:
            mine = [v for s in self.seen[:left] if (v := _either(s, name)) is not None]
            theirs = [v for s in self.seen[left:] if (v := _either(s, name)) is not None]
            before = self.merged.get(name)
            sides = [before] if before is not None else mine
            self.merged[name] = either((*sides, *(theirs if both else ())))
            for seen in self.seen:
                seen.merged.add(name)

    def _around(self) -> "Iterator[Scope]":
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def _of_parameter(self, names: Sequence[str]) -> Value | None:
        value = self.parameters.get(names[0])
        return None if value is None else _inside(value, names[1:])


def _either(seen: Seen, name: str) -> Value | None:
    known = seen.relation.column(name)
    return seen.relation.maybe(name) if known is None else known


def _of(seen: Seen, names: Sequence[str]) -> Iterator[Value]:
    """What the parts of a name stand for if they begin with the relation's."""
    if seen.layer and names[:2] == [seen.layer, seen.alias]:
        names = names[1:]
    elif names[0] != seen.alias:
        return
    if len(names) == 1 or names[1] == REST:
        yield seen.relation.whole
    elif (value := _either(seen, names[1])) is not None:
        yield _inside(value, names[2:])


def _inside(value: Value, names: Sequence[str]) -> Value:
    for name in names:
        value = value.at(name)
    return value
