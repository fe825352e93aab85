"""Attempts: do something again that failed for a reason which may be gone by then."""

from collections.abc import Callable
from typing import TypeVar

from medallion.errors import InfrastructureError, MistakeError, RaisedError, TimeLimitError

T = TypeVar("T")

_LONGEST_S = 60


def attempted(call: Callable[[], T], retries: int, told: Callable[[int, float, str], None]) -> T:
    """What the call gives, tried again up to so many times after growing, random pauses.

    `told` is called before each pause: which retry it is, after how many seconds, and why.

    Raises:
        MedallionError: the last failure, or the first that another attempt would not change.
    """
    if not retries:
        return call()
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception,
        stop_after_attempt,
        wait_random_exponential,
    )

    def before(state: RetryCallState) -> None:
        assert state.outcome
        assert state.next_action
        told(state.attempt_number, state.next_action.sleep, str(state.outcome.exception()))

    return Retrying(
        retry=retry_if_exception(may_pass),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_S),
        stop=stop_after_attempt(retries + 1),
        before_sleep=before,
        reraise=True,
    )(call)


def may_pass(error: BaseException) -> bool:
    """Whether the same call may succeed later: the world failed, or a function for its sake."""
    if isinstance(error, RaisedError | TimeLimitError):
        return not isinstance(error, MistakeError)
    return isinstance(error, InfrastructureError)
