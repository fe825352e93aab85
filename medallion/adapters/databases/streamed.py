"""Rows that connectorx reads in a process of its own; those that wait to be taken are on disk."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa


def streamed(
    asked: Mapping[str, Any], spill: Path | None, give: Callable[[Any], None]
) -> str | None:
    """Give the batches of what is asked of `child`; why it could not be read, None if it was.

    The files with its rows are in a folder below `spill`, which is gone in the end.
    """
    if spill:
        spill.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="rows-", dir=spill) as folder,
        tempfile.TemporaryFile(dir=folder) as told,
        _child(told) as process,
    ):
        ended = False
        with suppress(OSError, pa.ArrowException):
            with process.stdin as question:
                question.write(json.dumps({**asked, "folder": folder}).encode())
            for line in process.stdout:
                name = line.decode().removesuffix("\n")
                ended = name == "end"
                if not ended:
                    _give_file(name, give)
        if ended and process.wait() == 0:
            return None
        told.seek(0)
        return _panic(told.read().decode(errors="replace"))


def _give_file(name: str, give: Callable[[Any], None]) -> None:
    with pa.OSFile(name) as file, pa.ipc.open_stream(file) as batches:
        Path(name).unlink()
        for batch in batches:
            give(batch)


@contextmanager
def _child(told: Any) -> Iterator[Any]:
    """A process that reads. It does not outlive this."""
    process = subprocess.Popen(  # noqa: S603  # our own file, and no argument of anybody's
        [sys.executable, "-P", str(Path(__file__).with_name("child.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=told,
        env={**os.environ, "RUST_BACKTRACE": "0"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _panic(told: str) -> str:
    """What a panic says, without where in the library it was."""
    _, _, reason = told.partition("cx writer failed: ")
    return (reason or told)[:300].partition(" note: run with")[0] or "the reader ended early"
