"""Does things to a catalog in processes of their own, which may end at any step.

    python publisher.py

Reads jobs as JSON lines from standard input and answers each with one line. A job is
{"root": …, "catalog": …, "do": "publish" | "prepare" | "notes", "group": [[table, branch, base,
snapshot], …], "variables": {…}, "kill": n | null}; with `kill`, the process ends before its n-th
step. Steps are what others can see: a journal that is written or removed, and each request that
changes something.
The answer: {"status": "done" | "killed" | the name of an error, "steps": how many, "error": text}.
Several jobs in one line are done at the same time.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

_CHANGES = (b"UpdateTable", b"CreateTable")


class _Counter:
    """Counts steps and ends the process before the one that was asked for."""

    def __init__(self, kill: int | None) -> None:
        self.kill = kill
        self.steps = 0

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "http.client.send":
            counts = _changes(arguments[1])
        else:
            path = {"os.rename": 1, "os.remove": 0}.get(event)
            counts = path is not None and _is_journal(str(arguments[path]))
        if counts:
            self.steps += 1
            if self.steps == self.kill:
                os._exit(9)


def _is_journal(path: str) -> bool:
    return "/.publish/" in path and path.endswith(".json")


def _changes(sent: Any) -> bool:
    if not isinstance(sent, bytes):
        return False
    head = sent.split(b"\r\n\r\n")[0]
    if b"X-Amz-Target" in head or b"x-amz-target" in head:
        return any(name in head for name in _CHANGES)
    return head.startswith(b"POST") and (b"/tables/" in head or b"/transactions" in head)


def _do(job: dict[str, Any]) -> None:
    from medallion.config import Settings
    from medallion.names import TableName
    from medallion.tables import Publication
    from medallion.wiring import connect

    os.environ.update(job["variables"])
    ports = connect(Settings(Path(job["root"]), catalog=job["catalog"]))
    group = [Publication(TableName.parse(t), b, base, s) for t, b, base, s in job["group"]]
    if job["do"] == "publish":
        ports.catalog.publish(group)
    elif job["do"] == "prepare":
        ports.catalog.prepare()
    else:
        for number in range(5):
            ports.catalog.note(group[0].table, f"note.{os.getpid()}.{number}", "made")
    ports.close()


def _child(job: dict[str, Any], answer: Path) -> None:
    count = _Counter(job.get("kill"))
    sys.addaudithook(count.hook)
    status, text = "done", ""
    try:
        _do(job)
    except Exception as error:
        status, text = type(error).__name__, str(error)
    count.kill = None
    answer.write_text(json.dumps({"status": status, "steps": count.steps, "error": text}))
    os._exit(0)


def _started(job: dict[str, Any], answer: Path) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _child(job, answer)
        finally:
            os._exit(70)
    return pid


def main() -> None:
    """Serve jobs until standard input ends. Libraries are imported once, and jobs are forks."""
    import medallion.adapters.iceberg.catalog
    import medallion.adapters.iceberg.glue
    import medallion.adapters.iceberg.rest  # noqa: F401

    for line in sys.stdin:
        jobs = json.loads(line)
        with tempfile.TemporaryDirectory() as folder:
            answers = [Path(folder) / str(number) for number in range(len(jobs))]
            pids = [_started(job, answer) for job, answer in zip(jobs, answers, strict=True)]
            for pid in pids:
                os.waitpid(pid, 0)
            texts = [a.read_text() if a.exists() else '{"status": "killed"}' for a in answers]
        print(f"[{', '.join(texts)}]", flush=True)


if __name__ == "__main__":
    main()
