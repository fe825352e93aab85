"""Names and values as DuckDB's SQL text: the only way either gets into a statement."""


def quote(name: str) -> str:
    """A name, whatever it contains.

    >>> quote('the "net" fare')
    '"the ""net"" fare"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text value.

    >>> literal("O'Hare")
    "'O''Hare'"
    """
    return "'" + text.replace("'", "''") + "'"
