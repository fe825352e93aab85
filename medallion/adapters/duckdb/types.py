"""Types: DuckDB's and Iceberg's, and how files are written and read by field id."""

from collections.abc import Iterable
from typing import Any, Protocol

from medallion.errors import ModelError
from medallion.quoting import literal, quote
from medallion.schema import Column, ListType, MapType, Schema, StructType, Type, decimal_of

_ICEBERG = {
    "boolean": "boolean",
    "tinyint": "int",
    "smallint": "int",
    "integer": "int",
    "utinyint": "int",
    "usmallint": "int",
    "uinteger": "long",
    "bigint": "long",
    "ubigint": "decimal(20, 0)",
    "hugeint": "decimal(38, 0)",
    "uhugeint": "decimal(38, 0)",
    "float": "float",
    "double": "double",
    "varchar": "string",
    "enum": "string",
    "uuid": "uuid",
    "blob": "binary",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamp_s": "timestamp",
    "timestamp_ms": "timestamp",
    "timestamp with time zone": "timestamptz",
}
_DUCKDB = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
}
_HINTS = {
    "null": "it is NULL in every row; say which type it is: `null::varchar as x`",
    "timestamp_ns": "cast it to timestamp; digits below a microsecond are lost",
    "timestamptz_ns": "cast it to timestamptz; digits below a microsecond are lost",
    "time_ns": "cast it to time; digits below a microsecond are lost",
    "time with time zone": "cast it to time, or to varchar to keep the offset",
    "interval": "cast it to varchar, or give its length: `epoch(x)`",
    "union": "give each member its own column: `union_extract(x, 'member')`",
    "tuple": "name its fields: `{'a': 1, 'b': 2}`",
    "geometry": "give its text or bytes: `ST_AsText(x)`, `ST_AsWKB(x)::blob`",
    "variant": "cast it to json or to the type that it holds",
}


class DuckDBType(Protocol):
    """What is used of DuckDB's description of a type."""

    @property
    def id(self) -> str:
        """The kind of type, in lower case."""
        ...

    @property
    def children(self) -> list[tuple[str, Any]]:
        """The types inside, or the numbers of a decimal."""
        ...


def iceberg_type(type: DuckDBType, what: str) -> Type:
    """The Iceberg type that keeps every value of a DuckDB type, without field ids.

    `what` is the name of the value in an error.

    Raises:
        ModelError: Iceberg has no such type.
    """
    match type.id:
        case "list" | "array":
            return ListType(iceberg_type(type.children[0][1], f"{what}.element"))
        case "map":
            key, value = (child for _, child in type.children)
            return MapType(iceberg_type(key, f"{what}.key"), iceberg_type(value, f"{what}.value"))
        case "struct":
            return StructType(
                tuple(Column(n, iceberg_type(t, f"{what}.{n}")) for n, t in type.children)
            )
        case "decimal":
            numbers = dict(type.children)
            return f"decimal({numbers['precision']}, {numbers['scale']})"
    found = _ICEBERG.get(type.id)
    if found is None:
        raise ModelError(
            f"{what} is of type {str(type).strip(chr(34))}, which a table cannot keep",
            hint=_HINTS.get(type.id, "cast it to varchar, or to a type that Iceberg has"),
        )
    return found


def duckdb_type(type: Type) -> str:
    """The DuckDB type that a column is cast to before it is written, and is read as.

    Raises:
        ModelError: DuckDB has no such type.
    """
    match type:
        case ListType():
            return f"{duckdb_type(type.element)}[]"
        case MapType():
            return f"MAP({duckdb_type(type.key)}, {duckdb_type(type.value)})"
        case StructType():
            fields = (f"{quote(c.name)} {duckdb_type(c.type)}" for c in type.fields)
            return f"STRUCT({', '.join(fields)})"
    if decimal := decimal_of(type):
        return f"DECIMAL({decimal[0]}, {decimal[1]})"
    if type not in _DUCKDB:
        raise ModelError(
            f"columns of type {type} cannot be read or written",
            hint=f"the types known: {', '.join(_DUCKDB)}, decimal, list, map, struct",
        )
    return _DUCKDB[type]


def field_ids(schema: Schema) -> str:
    """The option of COPY that writes the schema's field ids: `FIELD_IDS {…}`."""
    return f"FIELD_IDS {_ids(schema)}"


def reading(schema: Schema) -> str:
    """The argument of `read_parquet` that finds columns by field id, at every depth: `schema = …`.

    A column or inner field that a file does not have reads as NULL, one of a narrower type is
    widened, and names in the file do not matter. One thing DuckDB cannot do: read a list of structs
    inside another column from a file that has none of the struct's fields; it fails.
    """
    return f"schema = {_definitions(schema)}"


def parts(type: Type) -> tuple[Column, ...]:
    """The types inside a type, as columns with the names that DuckDB gives them."""
    match type:
        case ListType():
            return (Column("element", type.element, type.element_id),)
        case MapType():
            return Column("key", type.key, type.key_id), Column("value", type.value, type.value_id)
        case StructType():
            return type.fields
    return ()


def _ids(columns: Iterable[Column], own: int | None = None) -> str:
    entries = [f"{quote(c.name)}: {_id(c)}" for c in columns]
    if own is not None:
        entries.insert(0, f"__duckdb_field_id: {own}")
    return f"{{{', '.join(entries)}}}"


def _id(column: Column) -> str:
    inner = parts(column.type)
    return _ids(inner, column.id) if inner else str(column.id)


def _definitions(columns: Iterable[Column]) -> str:
    return f"MAP {{{', '.join(f'{c.id}: {_definition(c)}' for c in columns)}}}"


def _definition(column: Column) -> str:
    name, type = literal(column.name), literal(duckdb_type(column.type))
    inner = parts(column.type)
    children = f", children: {_definitions(inner)}" if inner else ""
    return f"{{name: {name}, type: {type}, default_value: NULL{children}}}"
