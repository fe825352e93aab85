"""What is tried again, and how often."""

import pytest

from medallion.attempts import attempted, may_pass
from medallion.errors import (
    CatalogError,
    ConflictError,
    DefinitionError,
    LostWorkerError,
    MedallionError,
    MistakeError,
    ModelError,
    RaisedError,
    SourceError,
    StoreError,
    TimeLimitError,
)


@pytest.mark.parametrize(
    "error",
    [
        CatalogError("x"),
        StoreError("x"),
        SourceError("x"),
        RaisedError("it raised ConnectionError"),
        TimeLimitError("too long"),
        LostWorkerError("gone"),
    ],
)
def test_a_failure_of_the_world_may_pass(error: MedallionError) -> None:
    assert may_pass(error)


@pytest.mark.parametrize(
    "error",
    [
        ModelError("bad SQL"),
        DefinitionError("x"),
        ConflictError("x"),
        KeyboardInterrupt(),
        MistakeError("it raised TypeError"),
    ],
)
def test_a_mistake_does_not(error: BaseException) -> None:
    assert not may_pass(error)


class Calls:
    """Fails so many times and then works; remembers what it was told."""

    def __init__(self, failures: int, error: MedallionError) -> None:
        self.failures, self.error = failures, error
        self.count = 0
        self.told: list[tuple[int, str]] = []

    def __call__(self) -> str:
        self.count += 1
        if self.count <= self.failures:
            raise self.error
        return "done"

    def tell(self, retry: int, pause: float, why: str) -> None:
        assert 0 <= pause <= 60
        self.told.append((retry, why))


def test_what_fails_twice_and_then_works_is_done() -> None:
    calls = Calls(2, SourceError("not there"))
    assert attempted(calls, 2, calls.tell) == "done"
    assert calls.told == [(1, "not there"), (2, "not there")]


def test_what_fails_for_ever_fails_as_it_did_last() -> None:
    calls = Calls(9, SourceError("not there"))
    with pytest.raises(SourceError, match="not there"):
        attempted(calls, 1, calls.tell)
    assert (calls.count, len(calls.told)) == (2, 1)


def test_a_mistake_is_made_once() -> None:
    calls = Calls(9, ModelError("bad SQL"))
    with pytest.raises(ModelError):
        attempted(calls, 5, calls.tell)
    assert (calls.count, calls.told) == (1, [])


def test_without_retries_there_is_one_attempt() -> None:
    calls = Calls(9, SourceError("not there"))
    with pytest.raises(SourceError):
        attempted(calls, 0, calls.tell)
    assert calls.count == 1
