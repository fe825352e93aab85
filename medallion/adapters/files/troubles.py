"""Troubles: what an exception of a store's library means, and what to do about it."""

from collections.abc import Iterator
from typing import Any

from medallion.address import is_web
from medallion.errors import StoreError

_KEYS = (
    "give credentials as for the AWS command line: variables AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, a profile, or a role of the machine"
)
_ENDPOINT = "check endpoint in [tool.medallion.stores], and the network"
_PAGE = "check the address and the network"
_AGAIN = "run the same command again; what is done is found"
_RIGHTS = (
    "its rights are listed in docs/stores.md; without that to list, what is not there is denied"
)

# By the codes of S3's answers and the names of exceptions: what is said, and what helps.
_MEANINGS = {
    "NoSuchBucket": ("there is no such bucket", "make it, or correct the address"),
    "InvalidBucketName": ("that is no name of a bucket", "correct the address"),
    "InvalidAccessKeyId": ("the access key is not known there", _KEYS),
    "SignatureDoesNotMatch": ("the secret does not fit the access key", _KEYS),
    "ExpiredToken": ("the credentials have expired", _KEYS),
    "RequestTimeTooSkewed": ("the clock of this machine is wrong", "set the clock"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "set its region"),
    "PermanentRedirect": ("the bucket is in another region", "set its region"),
    "IllegalLocationConstraintException": ("the bucket is in another region", "set its region"),
    "SlowDown": ("it asks for fewer requests", _AGAIN),
    "ServiceUnavailable": ("it is too busy", _AGAIN),
    "InternalError": ("it failed by itself", _AGAIN),
    "AccessDenied": ("access is denied", _RIGHTS),
    "NoCredentialsError": ("there are no credentials", _KEYS),
    "PartialCredentialsError": ("the credentials are not complete", _KEYS),
    "CredentialRetrievalError": ("no credentials can be had", _KEYS),
    "TokenRetrievalError": ("the login has expired", _KEYS),
    "UnauthorizedSSOTokenError": ("the login has expired", "log in again: aws sso login"),
    "ProfileNotFound": ("there is no such profile", "correct profile, or ~/.aws/config"),
    "NoRegionError": ("no region is set", "set its region"),
    "InvalidEndpoint": ("its endpoint is no address", _ENDPOINT),
    "SSLError": ("its certificate is not accepted", _ENDPOINT),
    "ConnectTimeoutError": ("the endpoint does not answer", _ENDPOINT),
    "EndpointConnectionError": ("the endpoint cannot be reached", _ENDPOINT),
    "ConnectionRefusedError": ("the endpoint cannot be reached", _ENDPOINT),
    "ClientConnectorError": ("the endpoint cannot be reached", _ENDPOINT),
    "ReadTimeoutError": ("it did not answer in time", _AGAIN),
    "FSTimeoutError": ("it did not answer in time", _AGAIN),
    "TimeoutError": ("it did not answer in time", _AGAIN),
    "ConnectionClosedError": ("the connection was cut", _AGAIN),
    "ServerDisconnectedError": ("the connection was cut", _AGAIN),
    "ClientPayloadError": ("its answer was cut off", _AGAIN),
    "ResponseStreamingError": ("its answer was cut off", _AGAIN),
    "IncompleteRead": ("its answer was cut off", _AGAIN),
    "IncompleteReadError": ("its answer was cut off", _AGAIN),
    "HTTPClientError": ("the connection failed", _AGAIN),
    "PermissionError": ("access is denied", _RIGHTS),
    "FileNotFoundError": ("it is not there", "was it removed? build again"),
}

_CUT = {
    "AioReadTimeoutError",
    "ClientPayloadError",
    "IncompleteRead",
    "IncompleteReadError",
    "ResponseStreamingError",
}


def trouble(address: str, what: str, error: Exception) -> StoreError:
    """The error of an address that could not be `what`: read, written, removed.

    What the exception itself says is left out where it is known: it may hold more than it should.
    """
    for name in _names(error):
        if name in _MEANINGS:
            reason, hint = _MEANINGS[name]
            break
    else:
        reason, hint = f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.200}", _AGAIN
    if is_web(address) and hint == _ENDPOINT:
        reason, hint = reason.replace("the endpoint", "its server"), _PAGE
    return StoreError(f"{address} cannot be {what}: {reason}", hint=hint)


def no_bucket(error: BaseException) -> bool:
    """Whether it is the bucket that is not there, and not a file in it."""
    return "NoSuchBucket" in _names(error)


def broke_off(error: BaseException) -> bool:
    """Whether an answer began and did not come to its end."""
    return not _CUT.isdisjoint(_names(error))


def _names(error: BaseException) -> list[str]:
    """What is known of an exception: the codes of answers first, then classes, special ones first.

    Its causes tell more than it does, for s3fs makes one thing of many.
    """
    chain = list(_chain(error))
    codes = [str(_response(e).get("Error", {}).get("Code", "")) for e in chain]
    return [*codes, *(kind.__name__ for e in reversed(chain) for kind in type(e).__mro__)]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__


def _response(error: BaseException) -> dict[str, Any]:
    found = getattr(error, "response", None)
    return found if isinstance(found, dict) else {}
