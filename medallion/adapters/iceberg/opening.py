"""Opens the lake of a catalog at an address, whatever kind of catalog that is."""

import difflib
from collections.abc import Mapping

from pyiceberg.io import FileIO

from medallion.adapters.iceberg.address import Kind, kind_of
from medallion.adapters.iceberg.lake import Lake
from medallion.errors import DefinitionError

_HEADER = "header."
_KNOWN: Mapping[Kind, frozenset[str]] = {
    Kind.SQL: frozenset(),
    Kind.GLUE: frozenset(
        f"glue.{name}"
        for name in (
            "access-key-id",
            "endpoint",
            "id",
            "max-retries",
            "profile-name",
            "retry-mode",
            "secret-access-key",
            "session-token",
        )
    ),
    Kind.REST: frozenset(
        (
            "audience",
            "credential",
            "oauth2-server-uri",
            "prefix",
            "resource",
            "rest.sigv4-enabled",
            "rest.signing-name",
            "rest.signing-region",
            "scope",
            "token",
            "warehouse",
        )
    ),
}


def opened(
    address: str, warehouse: str, options: Mapping[str, str], io: FileIO | None = None
) -> Lake:
    """The lake whose tables the catalog at that address lists. Nothing is asked of it yet.

    Raises:
        CatalogError: the address is none.
        DefinitionError: the catalog has no such option.
    """
    kind = kind_of(address)
    _check(kind, options)
    if kind is Kind.REST:
        from medallion.adapters.iceberg.rest import RestLake

        return RestLake(address, options, warehouse, io)
    from medallion.adapters.iceberg.pointers import PointerLake, Pointers

    pointers: Pointers
    if kind is Kind.GLUE:
        from medallion.adapters.iceberg.glue import GluePointers

        pointers = GluePointers(address, options)
    else:
        from medallion.adapters.iceberg.sql import SqlPointers

        pointers = SqlPointers(address, warehouse)
    return PointerLake(pointers, warehouse, io)


def _check(kind: Kind, options: Mapping[str, str]) -> None:
    for name, text in options.items():
        if name not in _KNOWN[kind] and not (kind is Kind.REST and name.startswith(_HEADER)):
            close = difflib.get_close_matches(name, _KNOWN[kind], 1)
            there = ", ".join(sorted(_KNOWN[kind])) or "none: all is in the address"
            raise DefinitionError(
                f"catalog_options: a {kind} catalog has no option {name!r}",
                hint=f"did you mean {close[0]}?" if close else f"options are: {there}",
            )
        if name == "glue.max-retries" and not text.isdecimal():
            raise DefinitionError(
                f"catalog_options: {name} = {text!r} is no whole number",
                hint='write how often boto3 asks again: "10"',
            )
