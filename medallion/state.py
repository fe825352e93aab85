"""State: what a table was built from. It is kept in the table's properties, with its rows.

A table has one state however many windows it has and in whatever order they were built: what its
rows were built from when it was last published, which windows are built, and which of those were
known to be out of date then.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from medallion.errors import DefinitionError
from medallion.names import TableName
from medallion.tables import STATE, STATE_OF, Table
from medallion.window import ALL, NONE, Window, Windows

_LONG = 100  # numbers; more are packed


@dataclass(frozen=True, slots=True)
class State:
    """`built` less `stale` are the windows that hold what `code` makes of `inputs`.

    `inputs` are snapshots; `ledger` is the address of the list of landed files that were taken. Of
    what is outside, `cursor` is where the next build goes on, and `read` when it was last read, in
    seconds since 1970. `aside` says that rows which failed are in the table beside it.
    """

    code: str
    suite: str
    inputs: Mapping[TableName, int]
    built: Windows = ALL
    stale: Windows = NONE
    ledger: str = ""
    cursor: str = ""
    read: float = 0
    aside: bool = False

    def settled(self, rebuilt: Windows, stale: Windows) -> "State":
        """The state after some windows were rebuilt and others were found out of date."""
        built = self.built | rebuilt
        return replace(self, built=built, stale=((self.stale | stale) & built) - rebuilt)

    def to_text(self) -> str:
        """The state as the text of a property, of a few kB at most."""
        return json.dumps(
            {
                "code": self.code,
                "suite": self.suite,
                "inputs": {str(k): v for k, v in sorted(self.inputs.items())},
                "built": _packed(self.built),
                "stale": _packed(self.stale),
                "ledger": self.ledger,
                "cursor": self.cursor,
                "read": self.read,
                **({"aside": True} if self.aside else {}),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> "State":
        """The inverse; a `ValueError` for another text."""
        try:
            read = json.loads(text)
            return cls(
                read["code"],
                read["suite"],
                {TableName.parse(k): int(v) for k, v in read["inputs"].items()},
                _unpacked(read["built"]),
                _unpacked(read["stale"]),
                read["ledger"],
                read.get("cursor", ""),
                float(read.get("read", 0)),
                bool(read.get("aside")),
            )
        except (KeyError, TypeError, AttributeError, DefinitionError, zlib.error) as error:
            raise ValueError(f"no state of a table: {text:.60}") from error


def state_of(table: Table | None) -> State | None:
    """What readers of the table see was built from; None where nothing tells.

    The state is that of one snapshot. Snapshots after it that only rewrote files (`replace`) have
    the same rows; after any other, or after a rollback, nothing is known.
    """
    if table is None or STATE not in table.properties or table.main is None:
        return None
    of, id = int(table.properties.get(STATE_OF, -1)), table.main
    while id != of:
        snapshot = table.snapshots.get(id)
        if snapshot is None or snapshot.parent is None or snapshot.operation != "replace":
            return None
        id = snapshot.parent
    try:
        return State.from_text(table.properties[STATE])
    except ValueError:
        return None


def keeps_aside(table: Table | None) -> bool:
    """Whether rows in the table beside this one are its own: they are not where it had none."""
    state = state_of(table)
    return state is None or state.aside


def _packed(windows: Windows) -> Any:
    """The ranges as the steps from edge to edge; many of them compressed, as text."""
    edges = [edge for w in windows.ranges for edge in (w.first, w.past)]
    steps = [*edges[:1], *(b - a for a, b in pairwise(edges))]
    if len(steps) <= _LONG:
        return steps
    return base64.b85encode(zlib.compress(json.dumps(steps).encode(), 9)).decode()


def _unpacked(packed: Any) -> Windows:
    steps = packed
    if isinstance(packed, str):
        steps = json.loads(zlib.decompress(base64.b85decode(packed)))
    edges: list[int] = []
    for step in steps:
        edges.append(step + (edges[-1] if edges else 0))
    return Windows(tuple(Window(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)))
