"""Quoting: names and values as DuckDB's SQL text, the only way either gets into a statement."""

from medallion.errors import ModelError


def quote(name: str) -> str:
    """A name, whatever it contains.

    >>> quote('the "net" fare')
    '"the ""net"" fare"'

    Raises:
        ModelError: it contains a NUL, at which files would cut it.
    """
    if "\0" in name:
        raise ModelError(f"a name cannot contain a NUL: {name!r}", hint="rename the column")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text value.

    >>> literal("O'Hare")
    "'O''Hare'"
    """
    return "'" + text.replace("'", "''") + "'"
