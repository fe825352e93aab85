"""Options of stores: what the settings say of the addresses below a prefix."""

import difflib
from collections.abc import Mapping
from typing import Any

from medallion.address import is_remote
from medallion.errors import DefinitionError

_S3 = {
    "endpoint": "the address of the server, where it is not Amazon's",
    "region": "the region of the bucket",
    "profile": "a profile of ~/.aws/config",
    "style": '"path" or "virtual": where the bucket stands in an address',
    "key": "an access key",
    "secret": "its secret",
    "timeout": "after how many seconds without an answer a request is sent again",
}
_STYLES = ("path", "virtual")

Options = Mapping[str, Mapping[str, Any]]


def read_stores(value: Any, where: str) -> Options:
    """The options by prefix; those of other stores than S3 are for fsspec to judge.

    Raises:
        DefinitionError: a prefix is no address of a store, or there is no such option of S3.
    """
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise DefinitionError(
            f"{where}: stores is no table of tables",
            hint='write: [tool.medallion.stores."s3://bucket"], and its options below',
        )
    for prefix, options in value.items():
        if not is_remote(prefix):
            raise DefinitionError(
                f"{where}: stores.{prefix!r} is no address of a store",
                hint='write "s3://bucket", or "s3://" for all of S3',
            )
        if prefix.startswith("s3://"):
            for name, given in options.items():
                _check(f"{where}: stores.{prefix!r}", name, given)
    return value


def _check(place: str, name: str, given: Any) -> None:
    if name not in _S3:
        close = difflib.get_close_matches(name, _S3, 1)
        hint = f"did you mean {close[0]}?" if close else f"options are: {', '.join(_S3)}"
        raise DefinitionError(f"{place}: there is no option {name!r}", hint=hint)
    fits = isinstance(given, str) and given and (name != "style" or given in _STYLES)
    if name == "timeout":
        fits = isinstance(given, int) and not isinstance(given, bool) and given > 0
    if not fits:  # what was given is not shown: it may be a secret
        raise DefinitionError(f"{place}: {name} does not fit", hint=f"it is {_S3[name]}")
