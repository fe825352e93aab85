"""Executors and their processes, beside what all of them promise."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conformance import calls

from medallion.adapters.executors.child import Child
from medallion.adapters.executors.local import LocalExecutor
from medallion.adapters.executors.processes import ProcessExecutor
from medallion.adapters.executors.room import Room
from medallion.adapters.executors.work import opened, packed
from medallion.capture import printed_to
from medallion.errors import (
    DefinitionError,
    LostWorkerError,
    TimeLimitError,
)
from medallion.resources import Resources


@pytest.fixture
def child() -> Iterator[Child]:
    """A process of our own."""
    child = Child()
    yield child
    child.end()


@pytest.fixture
def processes() -> Iterator[ProcessExecutor]:
    """An executor with as many processes as are asked for."""
    executor = ProcessExecutor()
    yield executor
    executor.close()


def test_what_hangs_is_seen_printing_before_it_is_stopped(
    processes: ProcessExecutor, tmp_path: Path
) -> None:
    found: list[str] = []
    with printed_to(found.append), pytest.raises(TimeLimitError, match="it was stopped after 1 s"):
        processes.call(calls.sleeps, tmp_path / "pid", needs=Resources(timeout=1))
    assert found == ["it hangs"]


def test_a_line_arrives_while_the_call_goes_on(processes: ProcessExecutor, tmp_path: Path) -> None:
    """The call ends only when its line has been seen."""
    seen = tmp_path / "seen"
    with printed_to(lambda _: seen.touch()):
        processes.call(calls.awaits, seen, needs=Resources(timeout=60))


def test_what_is_printed_below_python_breaks_nothing(processes: ProcessExecutor) -> None:
    assert processes.call(os.system, "echo on the real standard output; cat") == 0


def test_a_child_keeps_what_it_imported_and_is_used_again(processes: ProcessExecutor) -> None:
    assert processes.call(os.getpid) == processes.call(os.getpid) != os.getpid()


def test_there_are_no_more_processes_than_workers(tmp_path: Path) -> None:
    executor = ProcessExecutor(workers=2)
    with ThreadPoolExecutor(6) as pool:
        pids = {*pool.map(lambda _: executor.call(os.getpid), range(30))}
    executor.close()
    assert len(pids) <= 2
    for pid in pids:
        calls.await_end(pid)


def test_a_call_finds_the_folder_and_the_modules_of_this_moment(
    processes: ProcessExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.call(os.getcwd)
    (tmp_path / "latecomer.py").write_text("def name():\n    return __name__\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import latecomer  # type: ignore[import-not-found]

    assert processes.call(os.getcwd) == str(tmp_path)
    assert processes.call(latecomer.name) == "latecomer"


def test_large_arguments_and_values_pass(processes: ProcessExecutor) -> None:
    large = os.urandom(5_000_000)
    assert processes.call(bytes, large, needs=Resources(timeout=60)) == large


def test_a_call_that_cannot_be_sent_is_a_mistake(processes: ProcessExecutor) -> None:
    with pytest.raises(DefinitionError, match="cannot be sent to another process") as raised:
        processes.call(lambda: 1)
    assert "top level of a module" in raised.value.hint


def test_a_call_that_a_worker_cannot_load_is_a_mistake() -> None:
    request = packed(calls.halved, (1,)).replace(b"conformance.calls", b"conformance.nulls")
    child = Child()
    try:
        with pytest.raises(DefinitionError, match="a worker cannot load what it shall do"):
            opened(child.call(request))
    finally:
        child.end()


def test_a_process_that_ends_by_itself_is_lost_with_all_that_it_started(
    child: Child, tmp_path: Path
) -> None:
    """Its own child holds the pipes still."""
    pid = tmp_path / "pid"
    with pytest.raises(LostWorkerError, match="ended by itself with exit code 3"):
        child.call(packed(calls.starts_another_and_is_lost, (pid,)))
    calls.await_end(int(pid.read_text()))


def test_closing_ends_calls_that_go_on_and_starts_no_others(tmp_path: Path) -> None:
    executor, pid = ProcessExecutor(), tmp_path / "pid"
    started = threading.Event()
    lost: list[BaseException] = []

    def work() -> None:
        try:
            with printed_to(lambda _: started.set()):
                executor.call(calls.sleeps, pid)
        except LostWorkerError as error:
            lost.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(60)
    executor.close()
    thread.join()

    assert "killed by SIGKILL" in str(lost[0])
    with pytest.raises(LostWorkerError, match="the executor is closed"):
        executor.call(os.getpid)


PARENT = """
import sys
from pathlib import Path
from conformance import calls
from medallion.adapters.executors.processes import ProcessExecutor

ProcessExecutor().call(getattr(calls, sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("hangs", ["sleeps", "spins", "starts_another"])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, hangs: str) -> None:
    pid = tmp_path / "pid"
    path = os.pathsep.join(p for p in sys.path if p)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, hangs, str(pid)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
    )
    while not pid.exists():
        assert parent.poll() is None
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    calls.await_end(int(pid.read_text()))


def test_a_call_without_a_limit_is_done_by_the_local_executor_itself() -> None:
    """So nothing needs to be sent anywhere."""
    executor = LocalExecutor()
    found: list[object] = []
    executor.call(found.append, lambda: 1)
    assert executor.call(threading.get_ident) == threading.get_ident()
    assert len(found) == 1


@pytest.mark.parametrize(
    ("needs", "most"),
    [
        (Resources(memory=3), 3),
        (Resources(memory=4), 2),
        (Resources(memory=6), 1),
        (Resources(memory=11), 1),
        (Resources(cpu=0.5), 4),
        (Resources(cpu=1, memory=1), 2),
        (Resources(), 8),
    ],
)
def test_no_more_run_than_there_is_room_for(needs: Resources, most: int) -> None:
    room, lock, running, seen = Room(memory=10, cpu=2), threading.Lock(), [0], set[int]()
    full = threading.Event()

    def work(_: int) -> None:
        with room.taken(needs):
            with lock:
                running[0] += 1
                seen.add(running[0])
                if running[0] == most:
                    full.set()
            assert full.wait(60)
            with lock:
                running[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    assert max(seen) == most


def test_an_executor_and_its_wiring_import_no_cluster() -> None:
    code = (
        "import sys, medallion.wiring, medallion.adapters.executors.dask, "
        "medallion.adapters.executors.ray; print({'dask', 'distributed', 'ray'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("library", ["dask", "ray"])
def test_a_cluster_whose_library_is_missing_says_how_to_get_it(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medallion.adapters.executors.dask import DaskExecutor
    from medallion.adapters.executors.ray import RayExecutor

    monkeypatch.setitem(sys.modules, library, None)
    executor = DaskExecutor() if library == "dask" else RayExecutor()
    with pytest.raises(DefinitionError) as raised:
        executor.call(os.getpid)
    assert f"pip install 'medallion[{library}]'" in raised.value.hint
    executor.close()


def test_workers_at_an_address_say_what_they_have(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    from medallion.adapters.executors.dask import DaskExecutor

    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        resources={"cpu": 2, "memory": 1e9},
        local_directory=str(tmp_path),
        silence_logs="CRITICAL",
    ) as cluster:
        executor = DaskExecutor(cluster.scheduler_address)
        assert executor.call(calls.halved, 1) == 0.5
        assert executor.call(calls.halved, 1, needs=Resources(cpu=2, memory=10**9)) == 0.5
        with pytest.raises(DefinitionError, match=r"declares cpu=3 memory=1e\+09") as raised:
            executor.call(calls.halved, 1, needs=Resources(cpu=3, memory=10**9))
        assert '--resources "cpu=3 memory=1e+09"' in raised.value.hint
        executor.close()
        assert len(cluster.scheduler_info["workers"]) == 1


@pytest.mark.parametrize(("library", "address"), [("dask", "nowhere://x"), ("ray", "127.0.0.1:1")])
def test_an_address_where_nobody_is_is_told(library: str, address: str) -> None:
    """In a process that is connected to no cluster yet."""
    pytest.importorskip(library)
    code = (
        f"from medallion.adapters.executors import {library}\n"
        f"{library}.{library.title()}Executor({address!r}).call(abs, 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 1
    assert f"answers at {address}" in done.stderr
    assert "InfrastructureError" in done.stderr
