"""Results as text: what a finished piece of work left, to be found again after a crash.

The name of a result is a hash of all that determines its rows, so that one that is found is the one
that would be computed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from medallion.frame import Frame
from medallion.names import TableName
from medallion.schema import Schema
from medallion.table import ColumnStats, Draft, Part, Result, WrittenFile


def result_key(
    code: str, inputs: Mapping[TableName, Frame], part: Part, landed: Mapping[str, str]
) -> str:
    """32 hexadecimal digits for the code, the files it reads and the part of the table it makes.

    `landed` are the hashes of the landed files that are read, by name.
    """
    meaning = {
        "code": code,
        "inputs": {str(k): _frame(v) for k, v in sorted(inputs.items())},
        "window": part.window and [part.window.first, part.window.past],
        "landed": sorted(landed.items()) if part.landed is not None else None,
        "again": sorted(part.again),
        "current": part.current and _frame(part.current),
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:32]


def result_text(result: Result) -> str:
    """A result as text."""
    return json.dumps(
        {
            "schema": result.schema.to_json(),
            "files": [
                {
                    "path": f.path,
                    "rows": f.rows,
                    "bytes": f.bytes,
                    "partition": f.partition,
                    "stats": {str(id): asdict(s) for id, s in f.stats.items()},
                }
                for f in result.files
            ],
            "replaced": sorted(result.replaced),
        }
    )


def read_result(text: str) -> Result:
    """The inverse of `result_text`; a `ValueError` for another text."""
    try:
        read = json.loads(text)
        schema = replace(Schema.from_json(read["schema"]), id=None)
        return Result(schema, tuple(map(_file, read["files"])), frozenset(read["replaced"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no result: {text:.60}") from error


def usable(result: Result, draft: Draft, sizes: Mapping[str, int]) -> bool:
    """Whether all files of a result are there, and their columns still those of the table."""
    there = all(sizes.get(f.path) == f.bytes for f in result.files)
    settled = draft.settle(result.schema)
    # Equal schemas may differ in field ids, by which the files' columns are found.
    return there and settled.to_json()["fields"] == result.schema.to_json()["fields"]


def _frame(frame: Frame) -> list[Any]:
    within = frame.within and [frame.within[0], frame.within[1].first, frame.within[1].past]
    return [
        frame.schema.to_json()["fields"],
        within,
        sorted((f.path, f.bytes) for f in frame.files),
    ]


def _file(read: Mapping[str, Any]) -> WrittenFile:
    return WrittenFile(
        read["path"],
        read["rows"],
        read["bytes"],
        tuple(read["partition"]),
        {int(id): ColumnStats(**stats) for id, stats in read["stats"].items()},
    )
