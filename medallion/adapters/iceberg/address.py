"""Addresses of a catalog and of its metadata files, and the errors that name them."""

from enum import StrEnum
from pathlib import Path

from medallion.errors import CatalogError, StoreError
from medallion.names import TableName

CATALOG = "medallion"
CHECK = "check catalog in [tool.medallion] of pyproject.toml, or MEDALLION_CATALOG"
GLUE = "glue://"
_SQLITE = "sqlite:///"


class Kind(StrEnum):
    """The kinds of catalog."""

    SQL = "sql"
    GLUE = "glue"
    REST = "rest"


def kind_of(address: str) -> Kind:
    """Which kind of catalog is at an address."""
    if address == "glue" or address.startswith(GLUE):
        return Kind.GLUE
    return Kind.REST if address.startswith(("http://", "https://")) else Kind.SQL


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite catalog, if its address says no more than the path.

    Drivers, options and escapes are SQLAlchemy's to understand, and its versions differ in them.
    """
    path = uri.removeprefix(_SQLITE)
    if path == uri or path in ("", ":memory:") or {"?", "%"} & set(path):
        return None
    return Path(path).absolute()


def local_path(location: str) -> Path:
    """The path of a file at an absolute path, or at an address like `file:///absolute/path`.

    Raises:
        ValueError: it is neither.
    """
    path = Path(location.removeprefix("file://"))
    if not path.is_absolute():
        raise ValueError(f"no address of a local file: {location}")
    return path


def unusable(shown: str, error: object, hint: str = CHECK) -> CatalogError:
    """The error of a catalog that cannot be asked; `shown` is its address without a password."""
    reason = str(error).partition("\n")[0]
    return CatalogError(f"the catalog {shown} cannot be used: {reason}", hint=hint)


def unreadable(name: TableName, location: str, error: object) -> StoreError:
    """The error of a metadata file that is gone or broken."""
    return StoreError(
        f"the metadata of {name} cannot be read: {location}: {error}",
        hint="was the warehouse moved or deleted without its catalog?",
    )
