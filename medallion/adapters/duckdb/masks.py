"""Masks as SQL: columns with their masks put on, and the keys of hashes.

A key is the value of a secret. It is handed to the session as a variable, never as text, so that no
statement, error or plan shows it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import duckdb

from medallion.errors import DefinitionError, ModelError
from medallion.mask import Mask
from medallion.model import Model
from medallion.quoting import literal, quote
from medallion.schema import Schema

Resolve = Callable[[str, str], str]
_BLOCK = 64  # bytes, of SHA-256


def check_keys(model: Model, resolve: Resolve) -> None:
    """Look the secrets of its masks up.

    Raises:
        DefinitionError: nobody knows one.
    """
    for column, mask in model.mask.items():
        _key(model, column, mask, resolve)


def set_keys(connection: duckdb.DuckDBPyConnection, model: Model, resolve: Resolve) -> None:
    """Give the session the keys that the masks of a model need; it forgets them when it ends.

    The errors are those of `check_keys`.
    """
    for column, mask in model.mask.items():
        if key := _key(model, column, mask, resolve):
            # RFC 2104: a key is filled up to a block, and a longer one hashed first.
            block = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
            block = block.ljust(_BLOCK, b"\0")
            for name, pad in zip(_variables(mask), (0x36, 0x5C), strict=True):
                value = bytes(byte ^ pad for byte in block)
                connection.execute(f"set variable {name} = ?", [value]).fetchall()


def _key(model: Model, column: str, mask: Mask, resolve: Resolve) -> bytes:
    """The bytes of a hash's key; none for a mask that needs no secret."""
    if not mask.keyed:
        return b""
    return resolve(mask.text, f"the mask of {column!r} in {model.name}").encode()


def _variables(mask: Mask) -> tuple[str, str]:
    name = hashlib.sha256(mask.text.encode()).hexdigest()[:16]
    return f"mask_inner_{name}", f"mask_outer_{name}"


def masked(schema: Schema, model: Model) -> Schema:
    """The columns with the declared masks put on.

    Raises:
        ModelError: a mask names a column that the model does not give, or is not for its type.
    """
    for name in model.mask:
        if schema.column(name) is None:
            raise ModelError(
                f"{model.name} masks {name!r} and gives no such column",
                hint=f"its columns: {', '.join(schema.names)}",
            )
    columns = []
    for column in schema:
        mask = model.mask.get(column.name)
        try:
            type = mask.gives(column.type) if mask else column.type
        except DefinitionError as error:
            raise ModelError(
                f"{model.name} column {column.name!r}: {error.message}",
                hint="mask it with hashed(secret(...)), redacted(), nullified() or dropped()",
            ) from error
        if type is not None:
            columns.append(replace(column, type=type))
    return replace(schema, columns=tuple(columns))


def masking(name: str, type: str, mask: Mask | None) -> str:
    """The expression of a column as its table keeps it: of that type, masked."""
    column = quote(name)
    if mask is None:
        return f"{column}::{type}"
    match mask.kind:
        case "nullified" | "dropped":  # a table may still have rows with the column
            return f"null::{type}"
        case "truncated":
            return f"date_trunc({literal(mask.text)}, {column})::{type}"
        case "redacted":
            text = literal(mask.text)
        case "kept_last":
            text = _kept(f"{column}::varchar", int(mask.text))
        case _:
            text = _hash(f"{column}::varchar", mask)
    return f"case when {column} is not null then {text} end"


def _kept(text: str, count: int) -> str:
    """A text that is no longer than what is kept would be seen whole: nothing of it is kept."""
    whole = f"repeat('*', length({text}))"
    if not count:
        return whole
    stars = f"repeat('*', length({text}) - {count})"
    return f"if(length({text}) > {count}, {stars} || right({text}, {count}), {whole})"


def _hash(text: str, mask: Mask) -> str:
    if not mask.keyed:
        return f"sha256(concat({literal(mask.text)}, {text}))"
    inner, outer = (f"getvariable({literal(name)})" for name in _variables(mask))
    return f"sha256({outer} || unhex(sha256({inner} || encode({text}))))"
