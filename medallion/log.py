"""Log: what happened in a run, one JSON line per event, in a file of the run's own."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from medallion.hiding import masked
from medallion.report import Event, Listener, result_dict


@contextmanager
def logged(folder: Path, run: str, listener: Listener) -> Iterator[Listener]:
    """A listener that writes each event to `<run>.jsonl` in the folder, and passes it on.

    The file is made with the first event. A line is written whole before the event is passed on,
    so that the last line tells how far a run came that was killed.
    """
    lock = threading.Lock()
    with ExitStack() as stack:
        file: IO[str] | None = None

        def listen(event: Event) -> None:
            nonlocal file
            line = masked(json.dumps(event_dict(event), default=str))
            with lock:
                if file is None:
                    folder.mkdir(parents=True, exist_ok=True)
                    path = folder / f"{run}.jsonl"
                    file = stack.enter_context(path.open("a", encoding="utf-8"))
                file.write(f"{line}\n")
                file.flush()
            listener(event)

        yield listen


def event_dict(event: Event) -> dict[str, Any]:
    """An event as plain values, fit for JSON."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run": event.run,
        "step": event.step,
        "subject": event.subject,
        **event.details,
        **({"result": result_dict(event.result)} if event.result else {}),
    }
