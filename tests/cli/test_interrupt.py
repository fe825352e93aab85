"""Ctrl-C: a run stops at once, whatever it is doing, and can be gone on with."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.processes import below
from support.projects import rows, sql_model, write

ENDLESS_SQL = sql_model(
    "silver",
    "endless",
    "select sum(a.i * b.i) as n from range(1000000000) a(i), range(1000000000) b(i)",
)
ENDLESS_PYTHON = """
    import threading

    import pyarrow as pa

    from medallion import *

    @silver()
    def endless() -> pa.Table:
        threading.Event().wait()
"""


def build(root: Path, executor: str = "local") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "medallion", "build", "--workers", "2"]
    command += ["--executor", executor]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdout=pipe, stderr=pipe, text=True)


def runs(pid: int) -> bool:
    """Whether the process is still at work. Two agents of Ray's own stay for a minute."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z" and "Agent" not in command


def steps(root: Path) -> list[tuple[str, str]]:
    """What the run's log tells up to now."""
    found = [
        json.loads(line)
        for log in (root / "warehouse" / ".runs").glob("*")
        for line in log.read_text("utf-8").splitlines()
    ]
    return [(line["step"], line["subject"]) for line in found]


@pytest.mark.parametrize(
    ("endless", "executor"),
    [
        (ENDLESS_SQL, "local"),
        (ENDLESS_PYTHON, "local"),
        (ENDLESS_PYTHON.replace("silver()", "silver(timeout='1h')"), "local"),
        (ENDLESS_SQL, "processes"),
        (ENDLESS_PYTHON, "dask"),
        (ENDLESS_PYTHON, "ray"),
    ],
)
def test_a_run_stops_at_once_and_says_how_to_go_on(
    tmp_path: Path, endless: str, executor: str
) -> None:
    """With all its processes."""
    write(
        tmp_path,
        {
            "models/done.py": sql_model("silver", "done", "select 1 as id"),
            "models/endless.py": endless,
        },
    )
    process = build(tmp_path, executor)
    while not {("ended", "silver.done"), ("started", "silver.endless")} <= set(steps(tmp_path)):
        assert process.poll() is None
    started = list(below(process.pid))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()

    assert process.returncode == 130
    assert (not started) == (executor == "local" and "timeout" not in endless)
    while any(runs(pid) for pid in started):
        time.sleep(0.05)
    assert "interrupted: run" in errors
    assert "run the same command again" in errors
    assert "medallion discard" in errors
    write(tmp_path, {"models/endless.py": sql_model("silver", "endless", "select 2 as id")})
    again = build(tmp_path)
    printed, _ = again.communicate()
    assert again.returncode == 0
    assert "were finished before" in printed
    assert [rows(tmp_path, f"silver.{n}") for n in ("done", "endless")] == [
        [{"id": 1}],
        [{"id": 2}],
    ]
