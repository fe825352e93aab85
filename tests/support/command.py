"""The command line, in forks of a process that has imported its libraries.

    python command.py

Serves jobs as `support.forks` does: {"folder": …, "arguments": […], "out": file, "err": file}.
"""

import os
import sys
from typing import Any


def _warm() -> None:
    import great_expectations  # noqa: F401

    import medallion.adapters.duckdb.engine
    import medallion.adapters.iceberg.store
    import medallion.cli.app
    import medallion.wiring  # noqa: F401


def main(job: dict[str, Any]) -> None:
    """Become `python -m medallion`."""
    for stream, file in ((1, job["out"]), (2, job["err"])):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.chdir(job["folder"])
    sys.path[:2] = [job["folder"]]  # what `forking` has added goes
    sys.argv = ["medallion", *job["arguments"]]
    from medallion.cli.app import main as command

    command()


if __name__ == "__main__":
    from support.forks import serve

    _warm()
    serve(main)
