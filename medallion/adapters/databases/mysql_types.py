"""What a column of MySQL or MariaDB is read as, and the SQL that gives its values.

Numbers, texts and bytes come as they are. All else comes as the text that the server makes of it,
which is exact whatever the driver: decimals, dates, moments. Choices:

- `tinyint(1)`, which is what BOOL is declared as, is a boolean; a row with another number than 0
  and 1 is an error, not a true. `tinyint(1) unsigned` and other lengths are whole numbers.
- a FLOAT is widened to a double by the server, which shows but six digits of one.
- TIME is a length of time, from -838 to 838 hours, not a time of day: a text.
- DATETIME is a `timestamp`, TIMESTAMP is a moment: `timestamptz`.
- unsigned BIGINT and BIT(64) are `decimal(20, 0)`; decimals of more than 38 digits are texts.
"""

import re
from dataclasses import dataclass

from medallion.adapters.databases.planned import Planned, decimal_type, refused

_TEXT = "CAST({} AS CHAR CHARACTER SET utf8mb4)"
_SIGNED = "CAST({} AS SIGNED)"
_TYPES: dict[str, tuple[str, str]] = {
    "tinyint": ("int", "{}"),
    "smallint": ("int", "{}"),
    "mediumint": ("int", "{}"),
    "int": ("int", "{}"),
    "bigint": ("long", "{}"),
    "int unsigned": ("long", "{}"),
    "bigint unsigned": ("decimal(20, 0)", "{}"),
    "year": ("int", _SIGNED),
    "float": ("float", "({} * 1e0)"),
    "double": ("double", "{}"),
    "date": ("date", _TEXT),
    "datetime": ("timestamp", _TEXT),
    "timestamp": ("timestamptz", "CONCAT(" + _TEXT + ", '+00:00')"),
    "time": ("string", _TEXT),
    "uuid": ("uuid", _TEXT),
    **dict.fromkeys(("enum", "set", "json", "inet4", "inet6"), ("string", _TEXT)),
    **dict.fromkeys(
        ("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), ("string", "{}")
    ),
    **dict.fromkeys(
        ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), ("binary", "{}")
    ),
}
_DECLARED = re.compile(r"(\w+)\s*(?:\(([^)]*)\))?(.*)", re.DOTALL)


def plan_column(what: str, name: str, declared: str, doc: str = "") -> Planned:
    """How a column is read that is declared so: `int(10) unsigned`, `decimal(10,2)`.

    Raises:
        DefinitionError: no table can keep its values.
    """
    match = _DECLARED.match(declared.strip().lower())
    kind, size, rest = match.groups() if match else ("", "", "")
    unsigned = " unsigned" if "unsigned" in rest else ""
    if kind == "tinyint" and size == "1" and not unsigned:
        return Planned(name, "boolean", _SIGNED, doc)
    if kind == "decimal":
        precision, _, scale = (size or "10,0").partition(",")
        return Planned(name, decimal_type(int(precision), int(scale or 0)), _TEXT, doc)
    if kind == "bit":
        bits = int(size or 1)
        kept = "boolean" if bits == 1 else "long" if bits < 64 else "decimal(20, 0)"
        return Planned(name, kept, "CAST({} AS UNSIGNED)", doc)
    found = _TYPES.get(kind + unsigned) or _TYPES.get(kind)
    if found is None:
        remedy = "ST_AsText() of it" if kind in _SHAPES else "it cast to char or binary"
        raise refused(what, name, declared, remedy)
    return Planned(name, *found, doc)


_SHAPES = (
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
)  # fmt: skip

_UNSIGNED, _ENUM, _SET, _BYTES = 32, 256, 2048, 63
_NUMBERS = {1: "tinyint", 2: "smallint", 3: "int", 8: "bigint", 9: "mediumint"}
_OTHERS = {
    4: "float", 5: "double", 7: "timestamp", 10: "date", 11: "time", 12: "datetime", 13: "year",
    14: "date", 242: "vector", 245: "json", 255: "geometry",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Described:
    """A column of a result, in the numbers of the protocol."""

    name: str
    code: int
    flags: int
    length: int
    scale: int
    charset: int


def declared(column: Described) -> str:
    """The declaration of a table's column that holds such results."""
    unsigned = " unsigned" if column.flags & _UNSIGNED else ""
    if column.code in _NUMBERS:
        return f"{_NUMBERS[column.code]}({column.length}){unsigned}"
    if column.code in (0, 246):
        precision = column.length - (column.scale > 0) - (not unsigned)
        return f"decimal({precision},{column.scale})"
    if column.code == 16:
        return f"bit({column.length})"
    if column.code in _OTHERS:
        return _OTHERS[column.code]
    if column.flags & (_ENUM | _SET):
        return "enum"
    return "longblob" if column.charset == _BYTES else "longtext"
