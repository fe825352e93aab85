"""Reads a query of MySQL with connectorx, in a process of its own: rows as files in a folder.

A process, because connectorx holds Python's lock while it waits for the server, and panics where it
meets a value that it cannot take. Files, because it reads on whether its rows are taken or not, and
would keep them in memory. Standard input has the question as JSON; the address is in it, so that no
password is among the arguments. It imports nothing of the package.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

_FILE = 8 << 20  # bytes


def main() -> None:
    """Ask, and print the name of each file that is whole; a failure ends with another exit code."""
    import connectorx
    import pyarrow as pa

    asked = json.load(sys.stdin)
    rows = connectorx.read_sql(
        asked["address"],
        asked["query"],
        return_type="arrow_stream",
        batch_size=asked["batch"],
        pre_execution_query=asked["before"],
    )
    names = count()
    for batches in _parted(batch for batch in rows if batch.num_rows):
        path = Path(asked["folder"]) / f"{next(names)}.arrows"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, rows.schema) as stream:
            for batch in batches:
                stream.write_batch(batch)
        print(path, flush=True)  # noqa: T201  # it is read by who asked
    print("end", flush=True)  # noqa: T201


def _parted(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """The batches of one file after the other."""
    part: list[Any] = []
    for batch in batches:
        part.append(batch)
        if sum(b.nbytes for b in part) >= _FILE:
            yield part
            part = []
    if part:
        yield part


if __name__ == "__main__":
    main()
