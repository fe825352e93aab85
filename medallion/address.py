"""Addresses: of files on this machine, a path or `file://` and a path, and of files in a store."""


def is_remote(address: str) -> bool:
    """Whether the address is one of a store, such as `s3://bucket/trips`.

    >>> is_remote("s3://bucket/trips"), is_remote("file:///trips"), is_remote("/trips")
    (True, False, False)
    """
    protocol, found, _ = address.partition("://")
    return bool(found) and protocol != "file" and "/" not in protocol


def protocol_of(address: str) -> str:
    """The kind of store of a remote address, such as `s3`."""
    return address.partition("://")[0]


def inside(address: str, folder: str) -> bool:
    """Whether a remote address is that of the folder, or of what is below it.

    >>> inside("s3://trips/2019", "s3://trips"), inside("s3://trips_old/2019", "s3://trips")
    (True, False)
    """
    prefix = folder if folder.endswith("/") else f"{folder}/"
    return f"{address}/".startswith(prefix)


def is_web(address: str) -> bool:
    """Whether the address is one of the web, where nothing is listed."""
    return protocol_of(address) in ("http", "https")


def shown(address: str) -> str:
    """The address as it may be told: one of the web without its query and a password.

    >>> shown("https://me:secret@host/trips.csv?token=1")
    'https://host/trips.csv'
    """
    if not is_web(address):
        return address
    protocol, _, rest = address.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{protocol}://{host.rpartition('@')[2]}{slash}{path}"
