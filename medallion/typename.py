"""Type names: DuckDB's, as people write them in declarations, and the types that tables keep.

A type that is stored as another, such as an unsigned integer, is that other type.
Source of the names: DuckDB's `duckdb_types()`.
"""

import difflib
import re
from collections.abc import Iterator, Mapping

from medallion.errors import DefinitionError
from medallion.quoting import quote
from medallion.schema import Column, ListType, MapType, StructType, Type, decimal_of, wider

# By the type that is kept; the first name is the one that is shown.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "boolean": ("boolean", "bool", "logical"),
    "int": (
        "integer", "int", "int4", "int32", "signed", "integral", "smallint", "int2", "int16",
        "short", "tinyint", "int1", "utinyint", "uint8", "usmallint", "uint16",
    ),
    "long": ("bigint", "int8", "int64", "long", "oid", "uinteger", "uint32"),
    "decimal(20, 0)": ("ubigint", "uint64"),
    "decimal(38, 0)": ("hugeint", "int128", "uhugeint", "uint128"),
    "decimal(18, 3)": ("decimal", "numeric", "dec"),
    "float": ("float", "float4", "real"),
    "double": ("double", "float8", "double precision"),
    "date": ("date",),
    "time": ("time", "time without time zone"),
    "timestamp": (
        "timestamp", "datetime", "timestamp_us", "timestamp_ms", "timestamp_s",
        "timestamp without time zone",
    ),
    "timestamptz": ("timestamptz", "timestamp with time zone"),
    "string": (
        "varchar", "text", "string", "char", "bpchar", "nvarchar", "json", "character varying",
    ),
    "uuid": ("uuid", "guid"),
    "binary": ("blob", "binary", "bytea", "varbinary"),
}  # fmt: skip
_TYPES = {name: type for type, names in _NAMES.items() for name in names}
_MOST = 38  # digits of a decimal
_LIST = re.compile(r"(.*)\[\d*\]", re.DOTALL)
_CALL = re.compile(r"(.*?)\((.*)\)", re.DOTALL)
_FIELD = re.compile(r'("(?:[^"]|"")+"|\w+)\s+(.+)', re.DOTALL)
_PIECE = re.compile(r'"(?:[^"]|"")*"|.', re.DOTALL)


def parse_type(text: str) -> Type:
    """The type that a table keeps for a DuckDB type's name.

    >>> parse_type("DECIMAL(12,2)[]")
    ListType(element='decimal(12, 2)', element_id=0)

    Raises:
        DefinitionError: there is no such type, or a table cannot keep it; says the nearest one.
    """
    text = text.strip()
    if inner := _LIST.fullmatch(text):
        return ListType(parse_type(inner[1]))
    if called := _CALL.fullmatch(text):
        return _called(text, called[1].strip().lower(), list(_split(called[2])))
    name = " ".join(text.lower().split())
    if name not in _TYPES:
        raise _unknown(text, name)
    return _TYPES[name]


def type_name(type: Type) -> str:
    """DuckDB's name of a type, as it is declared.

    >>> type_name(ListType("long")), type_name(StructType((Column("a b", "string"),)))
    ('bigint[]', 'struct("a b" varchar)')
    """
    match type:
        case ListType():
            return f"{type_name(type.element)}[]"
        case MapType():
            return f"map({type_name(type.key)}, {type_name(type.value)})"
        case StructType():
            inner = (f"{_quoted(c.name)} {type_name(c.type)}" for c in type.fields)
            return f"struct({', '.join(inner)})"
    return type if decimal_of(type) or type not in _NAMES else _NAMES[type][0]


def widens(given: Type, declared: Type) -> bool:
    """Whether each value of the given type is one of the declared type, kept without loss."""
    match given, declared:
        case ListType(), ListType():
            return widens(given.element, declared.element)
        case MapType(), MapType():
            return given.key == declared.key and widens(given.value, declared.value)
        case StructType(), StructType():
            names = [c.name for c in given.fields] == [c.name for c in declared.fields]
            return names and all(
                widens(a.type, b.type) for a, b in zip(given.fields, declared.fields, strict=True)
            )
        case str(), str():
            return wider(given, declared) == declared
    return False


def _called(text: str, name: str, arguments: list[str]) -> Type:
    """A type with something in brackets."""
    kept = _TYPES.get(name)
    if kept == "string" and len(arguments) == 1 and arguments[0].isdigit():
        return kept  # DuckDB does not keep the length either
    if kept == "decimal(18, 3)" and all(a.isdigit() for a in arguments) and len(arguments) < 3:
        precision, scale = (int(a) for a in (*arguments, "0")[:2])
        if 0 < precision <= _MOST and scale <= precision:
            return f"decimal({precision}, {scale})"
    if name == "map" and len(arguments) == 2:
        return MapType(parse_type(arguments[0]), parse_type(arguments[1]))
    if name in ("struct", "row") and arguments:
        fields = [_FIELD.fullmatch(a) for a in arguments]
        if None not in fields:
            return StructType(tuple(Column(_plain(f[1]), parse_type(f[2])) for f in fields if f))
    raise _unknown(text, name)


def _split(text: str) -> Iterator[str]:
    """What stands between commas, where these are in no brackets and no quotes."""
    depth, part = 0, ""
    for piece in _PIECE.findall(text):
        depth += piece.count("(") - piece.count(")") if piece[0] != '"' else 0
        if piece == "," and not depth:
            yield part.strip()
            part = ""
        else:
            part += piece
    yield part.strip()


def _unknown(text: str, name: str) -> DefinitionError:
    names = (*_TYPES, "struct", "map")
    near = difflib.get_close_matches(name, names, 1)
    same = name in names  # its brackets are wrong
    return DefinitionError(
        f"{text!r} is no type that a table keeps",
        hint=f"did you mean {near[0]!r}?"
        if near and not same
        else "such as bigint, decimal(12, 2), varchar[], struct(a bigint), map(varchar, double)",
    )


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[0] == '"' else name


def _quoted(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
    return name if plain else quote(name)
