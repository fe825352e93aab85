"""What every executor promises. The standard library's are executors too."""

from concurrent.futures import wait

import pytest
from conformance.world import TRIPS, World, model, rows

from medallion.errors import ModelError
from medallion.ports import Executor


def halved(number: int, *, by: int = 2) -> float:
    return number / by


def refused() -> None:
    raise ModelError("no rows", hint="look")


def test_the_result_comes_with_the_future(executor: Executor) -> None:
    assert executor.submit(halved, 3).result() == 1.5
    assert executor.submit(halved, 3, by=3).result() == 1


def test_the_exception_comes_with_the_future_and_not_before(executor: Executor) -> None:
    future = executor.submit(refused)

    with pytest.raises(ModelError, match="no rows") as raised:
        future.result()
    assert raised.value.hint == "look"
    assert future.exception() is raised.value


def test_a_call_that_failed_does_not_keep_others_from_working(executor: Executor) -> None:
    assert isinstance(executor.submit(halved, 1, by=0).exception(), ZeroDivisionError)
    assert executor.submit(halved, 1).result() == 0.5


def test_a_result_can_be_asked_for_again_and_be_waited_for(executor: Executor) -> None:
    futures = [executor.submit(halved, number) for number in range(20)]
    done, waiting = wait(futures)

    assert (len(done), len(waiting)) == (20, 0)
    for _ in range(2):
        assert [f.result() for f in futures] == [number / 2 for number in range(20)]
    assert all(f.done() and not f.cancelled() for f in futures)


def test_a_function_is_called_once_and_with_the_very_arguments(executor: Executor) -> None:
    calls: list[object] = []
    argument = object()

    executor.submit(calls.append, argument).result()

    assert calls == [argument]


def test_engines_and_auditors_work_in_an_executor(executor: Executor, world: World) -> None:
    """Whichever executor, whichever engine."""
    made = model(TRIPS, rows((1, 1.5, "a"), (2, 2.5, "b")))
    futures = [executor.submit(world.evaluate, made) for _ in range(4)]

    assert [f.result().rows for f in futures] == [2] * 4
    assert len({f.path for future in futures for f in future.result().files}) == 4
