"""What every executor promises."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conformance import calls

from medallion.adapters.executors.local import LocalExecutor
from medallion.capture import printed_to
from medallion.errors import LostWorkerError, ModelError, TimeLimitError
from medallion.ports import Executor
from medallion.resources import Resources

LIMITED = Resources(timeout=60)


def test_a_call_gives_what_the_function_gives(executor: Executor) -> None:
    assert executor.call(calls.halved, 3) == 1.5
    assert executor.call(calls.halved, 3, 3, needs=LIMITED) == 1


def test_an_error_comes_with_its_message_and_hint(executor: Executor) -> None:
    for needs in (Resources(), LIMITED):
        with pytest.raises(ModelError, match="no rows") as raised:
            executor.call(calls.refused, needs=needs)
        assert raised.value.hint == "look"


def test_an_exception_comes_as_itself(executor: Executor) -> None:
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        executor.call(calls.halved, 1, 0)
    with pytest.raises(ValueError, match="invalid literal"):
        executor.call(int, "none", needs=LIMITED)


def test_an_exception_that_cannot_leave_its_process_comes_as_text(executor: Executor) -> None:
    with pytest.raises(ModelError, match="OddError: 1 and 2"):
        executor.call(calls.odd, needs=LIMITED)


def test_a_value_that_cannot_leave_its_process_is_an_error(executor: Executor) -> None:
    with pytest.raises(ModelError, match="what locked gave cannot be sent back"):
        executor.call(calls.locked, needs=LIMITED)


def test_a_call_that_failed_does_not_keep_others_from_working(executor: Executor) -> None:
    for needs in (Resources(), LIMITED):
        with pytest.raises(ModelError):
            executor.call(calls.refused, needs=needs)
        assert executor.call(calls.halved, 1, needs=needs) == 0.5


def test_calls_of_many_threads_are_done_once_each(executor: Executor, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda number: executor.call(calls.counted, tmp_path, number), range(20))

    assert list(found) == list(range(20))
    done = [int(file.name.partition("-")[0]) for file in tmp_path.iterdir()]
    assert sorted(done) == list(range(20))


def test_equal_calls_are_two_calls(executor: Executor, tmp_path: Path) -> None:
    for _ in range(2):
        executor.call(calls.counted, tmp_path, 1)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("needs", [Resources(), LIMITED], ids=["", "limited"])
def test_what_a_call_prints_reaches_its_sink_and_no_other(
    executor: Executor, needs: Resources
) -> None:
    def lines(number: int) -> list[str]:
        found: list[str] = []
        with printed_to(found.append):
            assert executor.call(calls.told, number, needs=needs) == number
        return found

    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(lines, range(8))):
            wanted = [f"{number}: {t}" for t in ("step 0", "step 1", "step 2", "a warning", "end")]
            assert sorted(found) == sorted(wanted)


def test_what_a_call_printed_before_it_failed_is_there(executor: Executor) -> None:
    found: list[str] = []
    with printed_to(found.append), pytest.raises(ModelError):
        executor.call(calls.told_and_refused)
    assert found == ["before it failed"]


def unlimited(executor: Executor) -> Resources:
    """Nothing; a time limit where a call without one is done in this very process."""
    return LIMITED if isinstance(executor, LocalExecutor) else Resources()


def test_a_call_whose_worker_is_lost_is_done_again(executor: Executor, tmp_path: Path) -> None:
    marker = tmp_path / "lost"
    needs = unlimited(executor)
    assert executor.call(calls.lost_at_first, marker, needs=needs) == "done"


def test_a_call_whose_workers_are_always_lost_is_given_up(
    executor: Executor, tmp_path: Path
) -> None:
    with pytest.raises(LostWorkerError, match="in 4 attempts"):
        executor.call(calls.lost_always, tmp_path, needs=unlimited(executor))

    assert len(list(tmp_path.iterdir())) == 4
    assert executor.call(calls.halved, 1, needs=unlimited(executor)) == 0.5


@pytest.mark.parametrize("hangs", [calls.sleeps, calls.spins, calls.starts_another])
def test_a_call_that_hangs_is_stopped_for_good(
    executor: Executor, tmp_path: Path, hangs: Callable[[Path], None]
) -> None:
    pid = tmp_path / "pid"

    with pytest.raises(TimeLimitError, match=r"after 1\.5 s"):
        executor.call(hangs, pid, needs=Resources(timeout=1.5))

    calls.await_end(int(pid.read_text()))
    assert executor.call(calls.halved, 1, needs=LIMITED) == 0.5


def test_a_call_that_needs_more_than_there_is_is_done(executor: Executor) -> None:
    needs = Resources(cpu=10_000, memory=10**18)
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda n: executor.call(calls.halved, n, needs=needs), range(4))
    assert list(found) == [0, 0.5, 1, 1.5]
