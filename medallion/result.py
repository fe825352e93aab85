"""Results as text: what a finished piece of work left, to be found again after a crash.

The name of a result is a hash of all that determines its rows, so that one that is found is the one
that would be computed.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from medallion.errors import StoreError
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.ports import Files
from medallion.schema import Schema
from medallion.tables import ColumnStats, Draft, Part, Result, WrittenFile
from medallion.window import Window


def result_key(
    code: str,
    inputs: Mapping[TableName, Frame],
    part: Part,
    landed: Mapping[str, str],
    salt: str = "",
) -> str:
    """32 hexadecimal digits for the code, the files it reads and the part of the table it makes.

    `landed` are the hashes of the landed files that are read, by name. Another `salt` gives another
    key, for what is to be computed again.
    """
    meaning = {
        "code": code,
        "inputs": {str(k): _frame(v) for k, v in sorted(inputs.items())},
        "window": part.window and [part.window.first, part.window.past],
        "landed": sorted(landed.items()) if part.landed is not None else None,
        "again": sorted(part.again),
        "current": part.current and _frame(part.current),
        "item": part.item,
        "span": part.span and asdict(part.span),
        "cursor": part.cursor,
        "salt": salt,
    }
    if part.aside is not None:
        meaning["aside"] = _frame(part.aside)
    return _hash(json.dumps(meaning, sort_keys=True))[:32]


def result_text(result: Result) -> str:
    """A result as text. Its second line is a hash of the first."""
    line = json.dumps(_plain(result))
    return f"{line}\n{_hash(line)}\n"


def read_result(text: str) -> Result:
    """The inverse of `result_text`; a `ValueError` for a text that is not whole."""
    line, _, rest = text.partition("\n")
    if rest != f"{_hash(line)}\n":
        raise ValueError(f"no result: {text:.60}")
    return _read(json.loads(line))


def find(files: Files, address: str, draft: Draft) -> Result | None:
    """The result at that address, if it and all its files are there as they were written."""
    try:
        text = files.use(address)
        found = read_result(text) if text else None
        there = files.hashes(f.path for f in files_of(found)) if found else {}
    except (StoreError, ValueError):  # as good as none: it is computed again
        return None
    return found if found and usable(found, draft, there) else None


def files_of(result: Result) -> Iterator[WrittenFile]:
    """All files that a result left, those of rows that are put aside too."""
    yield from result.files
    if result.aside:
        yield from files_of(result.aside)


def frame_text(frame: Frame) -> str:
    """A frame as text: its columns and its files, no rows."""
    within = frame.within and [frame.within[0], frame.within[1].first, frame.within[1].past]
    files = [[f.path, f.rows, f.bytes, f.span and [f.span.first, f.span.past]] for f in frame.files]
    return json.dumps({"schema": frame.schema.to_json(), "within": within, "files": files})


def read_frame(text: str) -> Frame:
    """The inverse of `frame_text`."""
    read = json.loads(text)
    files = (
        DataFile(path, rows, size, span=Window(*span) if span else None)
        for path, rows, size, span in read["files"]
    )
    within = read["within"] and (read["within"][0], Window(*read["within"][1:]))
    return Frame(Schema.from_json(read["schema"]), tuple(files), within)


def hashed(result: Result, hashes: Mapping[str, str]) -> Result:
    """The result with the hashes of its files."""
    files = tuple(replace(f, hash=hashes[f.path]) for f in result.files)
    aside = result.aside and hashed(result.aside, hashes)
    return replace(result, files=files, aside=aside)


def usable(result: Result, draft: Draft, hashes: Mapping[str, str]) -> bool:
    """Whether all files of a result are there and whole, and their columns those of the table.

    A column must have the field id as well that the table would give it now.
    """
    there = all(hashes.get(f.path) == f.hash for f in result.files)
    settled = draft.settle(result.schema)
    # Equal schemas may differ in field ids, by which the files' columns are found.
    same = there and settled.to_json()["fields"] == result.schema.to_json()["fields"]
    if not same or result.aside is None or draft.aside is None:
        return same and (result.aside is None) == (draft.aside is None)
    return usable(result.aside, draft.aside, hashes)


def _frame(frame: Frame) -> list[Any]:
    within = frame.within and [frame.within[0], frame.within[1].first, frame.within[1].past]
    return [
        frame.schema.to_json()["fields"],
        within,
        sorted((f.path, f.bytes) for f in frame.files),
    ]


def _plain(result: Result) -> dict[str, Any]:
    told = {
        k: getattr(result, k)
        for k in ("cursor", "taken", "refused", "sample", "remarks", "removed")
    }
    return {
        "finished": result.finished,
        "schema": result.schema.to_json(),
        "files": [
            {
                "path": f.path,
                "rows": f.rows,
                "bytes": f.bytes,
                "partition": f.partition,
                "stats": {str(id): asdict(s) for id, s in f.stats.items()},
                "hash": f.hash,
            }
            for f in result.files
        ],
        "replaced": sorted(result.replaced),
        **({"aside": _plain(result.aside)} if result.aside else {}),
        **{k: v for k, v in told.items() if v},
    }


def _read(read: Mapping[str, Any]) -> Result:
    return Result(
        replace(Schema.from_json(read["schema"]), id=None),
        tuple(map(_file, read["files"])),
        frozenset(read["replaced"]),
        finished=float(read["finished"]),
        cursor=read.get("cursor", ""),
        aside=_read(read["aside"]) if "aside" in read else None,
        taken=read.get("taken", 0),
        refused=read.get("refused", 0),
        sample=read.get("sample", ""),
        remarks=tuple(read.get("remarks", ())),
        removed=read.get("removed", 0),
    )


def _file(read: Mapping[str, Any]) -> WrittenFile:
    return WrittenFile(
        read["path"],
        read["rows"],
        read["bytes"],
        tuple(read["partition"]),
        {int(id): ColumnStats(**stats) for id, stats in read["stats"].items()},
        read["hash"],
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
