"""Where a database is, and who asks. The password is never shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from medallion.errors import DefinitionError

_KINDS = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}
CHECK = "check host, port, user and password, and whether the server runs; then medallion doctor"
MEND = "correct the address, the names and the query, or give its user the right to read"
_PORTS = {"mysql": 3306, "postgresql": 5432}


@dataclass(frozen=True, slots=True)
class Address:
    """A database, its parts resolved. `kind` is `mysql` or `postgresql`."""

    kind: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    options: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.kind}://{self.user}:***@{self.host}:{self.port}/{self.database}"

    def clean(self, text: object) -> str:
        """The text on one line, without the password."""
        told = " ".join(str(text).split())
        for secret in {self.password, quote(self.password, safe="")} - {""}:
            told = told.replace(secret, "***")
        return told


def parse(text: str, resolve: Callable[[str], str]) -> Address:
    """The address of a text such as `mysql://reader:${SHOP_PASSWORD}@host/shop`.

    `resolve` fills in the `${NAME}` of a text. It is asked for each part on its own, so that a
    secret may hold any character; an address that is one `${NAME}` alone is filled in as a whole.

    Raises:
        DefinitionError: it is no address, or one of another kind of database.
    """
    if text.startswith("${") and "://" not in text:
        text, resolve = resolve(text), str
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        # What cannot be parsed is not shown: it may hold a password.
        raise DefinitionError(
            "the address of a database cannot be understood",
            hint="write mysql://user:${PASSWORD}@host:3306/database, with %40 for an @ in a name",
        ) from (error if "@" not in str(error) and "://" not in str(error) else None)
    kind = _KINDS.get(url.drivername.partition("+")[0])
    if kind is None:
        raise DefinitionError(
            f"{url.drivername}:// is the address of a database that cannot be read",
            hint=f"those that can: {', '.join(f'{name}://' for name in _KINDS)}",
        )
    return Address(
        kind,
        resolve(url.host or "127.0.0.1"),
        url.port or _PORTS[kind],
        resolve(url.username or ""),
        resolve(str(url.password or "")),
        resolve(url.database or ""),
        {k: resolve(v) for k, v in url.query.items() if isinstance(v, str)},
    )
