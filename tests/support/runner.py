"""Runs builds in processes that can be killed at any step.

    python runner.py

Serves jobs as `support.forks` does. A job is
{"root": …, "kill": n | null, "options": {…}, "answer": file}: build the project at `root`, or
backfill the model that the key "backfill" names; with `kill`, the process kills itself (SIGKILL) at
its n-th event.
Events are everything that could leave something behind:
each file opened for writing, each rename, each statement of the catalog, each request to S3 or to
Glue before it is sent, each step of the run.
The answer: {"status": exit code, "events": how many, "report": …}.
"""

import json
import os
import signal
import sys
import threading
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from support.forks import serve


def _warm() -> None:
    import great_expectations  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import medallion.adapters.duckdb.engine
    import medallion.adapters.iceberg.store

    if find_spec("s3fs"):
        import s3fs  # noqa: F401

        import medallion.adapters.files.stores
        import medallion.adapters.iceberg.glue  # noqa: F401


class _Counter:
    """Counts events and ends the process at the one that was asked for."""

    def __init__(self, kill: int | None) -> None:
        self.kill = kill
        self.events = 0
        self._lock = threading.RLock()

    def __call__(self) -> None:
        with self._lock:
            self.events += 1
            if self.events == self.kill:
                os.kill(os.getpid(), signal.SIGKILL)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" or (event == "open" and _writes(arguments)):
            self()


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) or (isinstance(mode, str) and "w" in mode)


def _count_requests(count: _Counter) -> None:
    """Also those that boto sends again by itself."""
    if "AWS_ENDPOINT_URL" not in os.environ:
        return
    from aiobotocore.endpoint import AioEndpoint
    from botocore.endpoint import Endpoint

    for kind in (Endpoint, AioEndpoint):

        def send(self: Any, request: Any, real: Any = kind._send) -> Any:
            count()
            return real(self, request)

        kind._send = send


def _build(job: dict[str, Any]) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from medallion import Project
    from medallion.errors import MedallionError

    count = _Counter(job["kill"])
    sys.addaudithook(count.hook)
    event.listen(Engine, "before_cursor_execute", lambda *_: count())
    event.listen(Engine, "commit", lambda _: count())
    _count_requests(count)
    report: dict[str, Any]
    try:
        with Project.load(job["root"], **job.get("settings", {})) as project:
            status, report = _carry_out(project, job, lambda _: count())
    except MedallionError as error:
        status, report = error.exit_code, {"error": str(error)}
    answer = json.dumps({"status": status, "events": count.events, "report": report})
    Path(job["answer"]).write_text(answer)


def _carry_out(project: Any, job: dict[str, Any], listener: Any) -> tuple[int, dict[str, Any]]:
    options = job.get("options", {})
    if "backfill" in job:
        done = project.backfill(job["backfill"], listener=listener, **options)
        return max(r.exit_code for r in done), {"reports": [r.to_dict() for r in done]}
    report = project.build(listener=listener, **options)
    return report.exit_code, report.to_dict()


def main(job: dict[str, Any]) -> None:
    """Do a job, and end without a word."""
    try:
        _build(job)
    except BaseException:
        traceback.print_exc()  # what no build may end with
        sys.stderr.flush()
        os._exit(70)
    os._exit(0)


if __name__ == "__main__":
    _warm()
    serve(main)
