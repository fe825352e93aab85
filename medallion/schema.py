"""Columns and their types, in Iceberg's words, and how a table's columns may change.

A primitive type is Iceberg's own text for it: `long`, `decimal(12, 2)`, `timestamptz`. A type is
compared without regard to field ids and documentation; a schema carries both.
Source of names and promotions: the Iceberg table specification, version 2.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medallion.errors import ModelError

PRIMITIVES = (
    "boolean", "int", "long", "float", "double", "date", "time",
    "timestamp", "timestamptz", "string", "uuid", "binary",
)  # fmt: skip
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of one type."""

    element: "Type"
    element_id: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class MapType:
    """A map; its keys are never null."""

    key: "Type"
    value: "Type"
    key_id: int = field(default=0, compare=False)
    value_id: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class StructType:
    """Named fields inside one column."""

    fields: tuple["Column", ...]


Type = str | ListType | MapType | StructType


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, or a field of a struct; no row lacks a `required` one."""

    name: str
    type: Type
    id: int = field(default=0, compare=False)
    doc: str = field(default="", compare=False)
    required: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table. `id` is the number Iceberg gave it, None before it has one."""

    columns: tuple[Column, ...]
    id: int | None = field(default=None, compare=False)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the top-level columns, in order."""
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> Column | None:
        """The top-level column of that name."""
        return next((c for c in self.columns if c.name == name), None)

    @property
    def last_id(self) -> int:
        """The highest field id, of nested types too."""
        return max(_ids(self.columns), default=0)

    def to_json(self) -> dict[str, Any]:
        """Iceberg's JSON form of a schema."""
        return {"type": "struct", "schema-id": self.id or 0, "fields": _fields(self.columns)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Schema":
        """The inverse of `to_json`."""
        return cls(_columns(document["fields"]), document.get("schema-id"))


def decimal_of(type: Type) -> tuple[int, int] | None:
    """Precision and scale, if the type is a decimal."""
    match = _DECIMAL.fullmatch(type) if isinstance(type, str) else None
    return (int(match[1]), int(match[2])) if match else None


def checked(columns: Sequence[Column], owner: object) -> Schema:
    """The columns as a schema, if a table can have them; else a `ModelError` that names one."""
    if not columns:
        raise ModelError(f"{owner} gives no columns", hint="a table needs at least one column")
    seen: dict[str, str] = {}
    for column in columns:
        if not column.name.strip():
            raise ModelError(f"{owner} gives a column without a name", hint="name it: `... as x`")
        folded = column.name.casefold()
        if folded in seen:
            raise ModelError(
                f"{owner} gives two columns {seen[folded]!r} and {column.name!r}",
                hint="names must differ by more than upper and lower case; rename one with `as`",
            )
        seen[folded] = column.name
    return Schema(tuple(columns))


def evolve(
    wanted: Schema,
    current: Schema | None,
    *,
    known: Iterable[Schema] = (),
    last_id: int = 0,
    renamed: Mapping[str, str] | None = None,
    owner: object = "the table",
) -> Schema:
    """The schema with field ids that a table gets when a model gives the `wanted` columns.

    A column keeps its id by name, or by `renamed` (new name: old name). Its type may widen as
    Iceberg allows; a narrower one is stored as the wider one the table has. Columns that are no
    longer wanted are dropped; new ones get ids after `last_id`. One is required if it is wanted so.
    A schema among `known` that is the same table-wise (left by a run that was not published) is
    reused with its ids.

    Raises:
        ModelError: a type changes in a way that old rows could not be read.
    """
    ids = itertools.count(last_id + 1)
    before = {c.name: c for c in current} if current else {}
    kept = {name: before.pop(name) for name in wanted.names if name in before}
    columns = []
    for column in wanted:
        old = kept.get(column.name) or before.pop((renamed or {}).get(column.name, ""), None)
        columns.append(_evolve_column(column, old, ids, f"{owner} column {column.name!r}"))
    schema = Schema(tuple(columns))
    old_ids = set(_ids(current.columns)) if current else set()
    for other in known:
        if schema == other and all(
            a == b
            for a, b in zip(_ids(schema.columns), _ids(other.columns), strict=True)
            if a in old_ids or b in old_ids
        ):
            docs = [c.doc for c in schema] == [c.doc for c in other]
            if docs:
                return other
            schema = Schema(
                tuple(replace(o, doc=c.doc) for o, c in zip(other, schema, strict=True))
            )
    return schema


def _evolve_column(column: Column, old: Column | None, ids: Iterator[int], what: str) -> Column:
    id = old.id if old else next(ids)
    return replace(
        column, id=id, type=_evolve_type(column.type, old.type if old else None, ids, what)
    )


def _evolve_type(new: Type, old: Type | None, ids: Iterator[int], what: str) -> Type:
    match new, old:
        case ListType(), ListType() | None:
            id = old.element_id if old else next(ids)
            return ListType(_evolve_type(new.element, old and old.element, ids, what), id)
        case MapType(), MapType() | None:
            if old and new.key != old.key:
                raise _changed(what, old, new)
            key_id = old.key_id if old else next(ids)
            value_id = old.value_id if old else next(ids)
            key = _evolve_type(new.key, old and old.key, ids, what)
            return MapType(
                key, _evolve_type(new.value, old and old.value, ids, what), key_id, value_id
            )
        case StructType(), StructType() | None:
            before = {c.name: c for c in old.fields} if old else {}
            return StructType(
                tuple(
                    _evolve_column(c, before.get(c.name), ids, f"{what}.{c.name}")
                    for c in new.fields
                )
            )
        case str(), None:
            return new
        case str(), str():
            both = wider(old, new)
            if both is None:
                raise _changed(what, old, new)
            return both
    raise _changed(what, old, new)


def _ids(columns: Iterable[Column]) -> Iterator[int]:
    """All ids in the order of the columns, of nested types too."""
    for column in columns:
        yield column.id
        yield from _type_ids(column.type)


def _type_ids(type: Type) -> Iterator[int]:
    match type:
        case ListType():
            yield type.element_id
            yield from _type_ids(type.element)
        case MapType():
            yield from (type.key_id, type.value_id)
            yield from _type_ids(type.key)
            yield from _type_ids(type.value)
        case StructType():
            yield from _ids(type.fields)


def wider(old: str, new: str) -> str | None:
    """The type that keeps the values of both without loss; None where Iceberg widens to none."""
    if old == new:
        return old
    for pair in (("int", "long"), ("float", "double")):
        if {old, new} == set(pair):
            return pair[1]
    a, b = decimal_of(old), decimal_of(new)
    if a and b and a[1] == b[1]:
        return f"decimal({max(a[0], b[0])}, {a[1]})"
    return None


def _changed(what: str, old: Type | None, new: Type) -> ModelError:
    return ModelError(
        f"{what} changes from {show(old)} to {show(new)}; rows of the table could not be read so",
        hint="cast it back in the model, or give the column a new name",
    )


def show(type: Type | None) -> str:
    """A type as people write it: `list<struct<a: int>>`."""
    match type:
        case ListType():
            return f"list<{show(type.element)}>"
        case MapType():
            return f"map<{show(type.key)}, {show(type.value)}>"
        case StructType():
            return "struct<" + ", ".join(f"{c.name}: {show(c.type)}" for c in type.fields) + ">"
    return str(type)


def _fields(columns: Sequence[Column]) -> list[dict[str, Any]]:
    return [
        {"id": c.id, "name": c.name, "type": _type_json(c.type), "required": c.required}
        | ({"doc": c.doc} if c.doc else {})
        for c in columns
    ]


def _type_json(type: Type) -> Any:
    match type:
        case ListType():
            return {
                "type": "list", "element-id": type.element_id,
                "element": _type_json(type.element), "element-required": False,
            }  # fmt: skip
        case MapType():
            return {
                "type": "map", "key-id": type.key_id, "key": _type_json(type.key),
                "value-id": type.value_id, "value": _type_json(type.value), "value-required": False,
            }  # fmt: skip
        case StructType():
            return {"type": "struct", "fields": _fields(type.fields)}
    return type


def _columns(fields: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    return tuple(
        Column(f["name"], _type(f["type"]), f["id"], f.get("doc", ""), f.get("required", False))
        for f in fields
    )


def _type(document: Any) -> Type:
    if isinstance(document, str):
        precision = decimal_of(document)
        return f"decimal({precision[0]}, {precision[1]})" if precision else document
    match document["type"]:
        case "list":
            return ListType(_type(document["element"]), document["element-id"])
        case "map":
            return MapType(
                _type(document["key"]), _type(document["value"]),
                document["key-id"], document["value-id"],
            )  # fmt: skip
    return StructType(_columns(document["fields"]))
