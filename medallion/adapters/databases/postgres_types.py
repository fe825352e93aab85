"""What a column of PostgreSQL is read as, and the SQL that gives its values.

Choices:

- `numeric` without a precision holds any number of digits, and NaN: a text. One with a precision
  of up to 38 is a decimal, and a NaN in it is an error.
- `char(n)` is a text without the padding, as PostgreSQL itself casts it.
- arrays of plain values are lists; one with more than one dimension is an error when it is met.
  Of a numeric array in the result of a query the precision is not known: a list of texts.
- domains are what they are made of; enums, ranges, addresses, `hstore`, `money`, `timetz` and other
  types that have a text are texts.
- `infinity`, years before 1 and after 9999, and the time 24:00 are errors when they are met.
"""

from dataclasses import dataclass

from medallion.adapters.databases.planned import Planned, decimal_type, refused
from medallion.schema import ListType, Type

_TYPES = {
    "bool": "boolean",
    "int2": "int",
    "int4": "int",
    "int8": "long",
    "oid": "long",
    "float4": "float",
    "float8": "double",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "uuid": "uuid",
    "bytea": "binary",
    "text": "string",
    "varchar": "string",
    "json": "string",
    "jsonb": "string",
}
_REFUSED = {
    "interval": "extract(epoch from it), or it cast to text",
    **dict.fromkeys(("geometry", "geography", "raster"), "ST_AsText() of it"),
    **dict.fromkeys(
        ("point", "line", "lseg", "box", "path", "polygon", "circle"), "it cast to text"
    ),
}


@dataclass(frozen=True, slots=True)
class Declared:
    """A type as the catalog has it: domains taken away, arrays by their element.

    `kind` is `pg_type.typtype`: b, c, d, e, m, p or r. `modifier` is that of the column.
    """

    name: str
    kind: str = "b"
    modifier: int = -1
    array: bool = False


def plan_column(what: str, name: str, declared: Declared, doc: str = "") -> Planned:
    """How a column of that type is read.

    Raises:
        DefinitionError: no table can keep its values.
    """
    if declared.name in _REFUSED:
        raise refused(what, name, declared.name, _REFUSED[declared.name])
    if declared.kind in ("c", "p"):
        raise refused(what, name, declared.name, "to_jsonb() of it, or it cast to text")
    element = _kept(declared)
    if declared.array:
        return Planned(name, ListType(element), "to_json({}::text[])::text", doc)
    plain = declared.name in _TYPES or element != "string"
    return Planned(name, element, "{}" if plain else "{}::text", doc)


def _kept(declared: Declared) -> Type:
    if declared.name == "numeric" and declared.modifier >= 4:
        precision, scale = (declared.modifier - 4) >> 16, (declared.modifier - 4) & 0x7FF
        return decimal_type(precision, (scale ^ 1024) - 1024)
    return _TYPES.get(declared.name, "string")
