"""A reader of frames, as small as one can be."""

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from medallion.config import Settings
from medallion.forms import Form
from medallion.frame import Frame
from medallion.ports import Ports
from medallion.wiring import connect


@cache
def ports(folder: Path) -> Ports:
    """The ports of the lake in that folder, one for each process."""
    return connect(Settings(folder, threads=2))


@dataclass(frozen=True)
class Shelf:
    """Reads by a lake's engine, and keeps descriptions beside it."""

    folder: Path

    def open(
        self,
        frame: Frame,
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Any:
        return ports(self.folder).engine.open(
            frame, form, columns=columns, where=where, limit=limit
        )

    def keep(self, frame: Frame) -> str:
        content = pickle.dumps(replace(frame, reader=None))
        address = self.folder / f"{hashlib.sha256(content).hexdigest()}.frame"
        address.write_bytes(content)
        return str(address)

    def restore(self, address: str) -> Frame:
        frame: Frame = pickle.loads(Path(address).read_bytes())
        return frame
