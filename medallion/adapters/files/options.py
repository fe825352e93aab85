"""Options of stores: from a table of the settings to a file system of fsspec."""

import weakref
from collections.abc import Mapping
from functools import cache
from typing import Any

from medallion.errors import DefinitionError

_ATTEMPTS = 5  # of one request, with growing pauses: 8 s in all where nothing answers
_CONNECT_S = 5
_READ_S = 60
_END_S = 5
_PART = 16 << 20  # bytes of a file that are sent at a time, and in memory until then


def opened(protocol: str, options: Mapping[str, Any]) -> Any:
    """The file system of fsspec for a kind of store.

    Raises:
        DefinitionError: a library is missing, or the options are not those of the store.
    """
    _thread_ends_in_time()
    if protocol == "s3":
        return _s3(options)
    import fsspec

    try:
        if protocol in ("http", "https"):
            options = _web(options)
        return fsspec.filesystem(protocol, skip_instance_cache=True, **options)
    except ImportError as error:
        raise DefinitionError(
            f"addresses of {protocol}:// need a library that is not installed: {error}",
            hint="install it where medallion is installed",
        ) from error
    except (TypeError, ValueError) as error:
        known = ", ".join(options) or "none"
        raise DefinitionError(
            f"the store {protocol}:// cannot be opened: {type(error).__name__}",
            hint=f"its options in [tool.medallion.stores] are given to fsspec: {known}",
        ) from error


@cache
def _thread_ends_in_time() -> None:
    """End fsspec's thread before Python ends; what it still holds, DuckDB would list as leaked.

    The last finalizer is called first: those of connections need the thread, and are made later.
    """
    weakref.finalize(_end_thread, _end_thread)


def _end_thread() -> None:
    from fsspec import asyn

    loop, thread = asyn.loop[0], asyn.iothread[0]
    if loop is not None and thread is not None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_END_S)


def _web(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """A large file may take long; a server that is silent may not."""
    import aiohttp

    limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_READ_S)
    # What comes compressed is of another size than was said.
    headers = {"Accept-Encoding": "identity", **options.get("headers", {})}
    return {"client_kwargs": {"timeout": limits}, **options, "headers": headers}


def _s3(options: Mapping[str, Any]) -> Any:
    try:
        import s3fs
    except ImportError as error:
        raise DefinitionError(
            "addresses of s3:// need s3fs, which is not installed",
            hint="pip install 'medallion[s3]'",
        ) from error

    class S3(s3fs.S3FileSystem):  # type: ignore[misc]  # it has no types
        """Leaves it to botocore to try again: both together would try a hundred times."""

        retries = 1
        cachable = False

    client = {"region_name": options["region"]} if "region" in options else {}
    session = {"profile": options["profile"]} if "profile" in options else {}
    config = {
        "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
        "connect_timeout": _CONNECT_S,
        "read_timeout": int(options.get("timeout", _READ_S)),
        "max_pool_connections": 50,
        "s3": {"addressing_style": options.get("style", "auto")},
    }
    return S3(
        key=options.get("key"),
        secret=options.get("secret"),
        endpoint_url=options.get("endpoint"),
        client_kwargs=client,
        config_kwargs=config,
        # DuckDB reads what it needs: what is fetched ahead for it is fetched for nothing.
        default_cache_type="none",
        default_block_size=_PART,
        # What others write at the same time must be seen.
        use_listings_cache=False,
        max_concurrency=1,
        **session,
    )
