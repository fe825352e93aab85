"""Memo: the result of a helper task, kept under what it was made from while it is good."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from medallion.errors import DefinitionError
from medallion.frame import Frame
from medallion.model import Model
from medallion.names import TableName
from medallion.ports import Files
from medallion.result import find, result_text
from medallion.tables import Draft, Result


@dataclass(frozen=True, slots=True)
class Memo:
    """Where a result is or will be kept; `result` is None where it is still to be computed.

    `salt` tells it from an older one under the same address. `reason` says why there is none.
    """

    address: str
    salt: str = ""
    result: Result | None = None
    reason: str = ""

    @property
    def id(self) -> int:
        """A number for its content, as a table has its snapshot's."""
        assert self.result
        hashes = "".join(sorted(f.hash for f in self.result.files))
        columns = json.dumps(self.result.schema.to_json()["fields"])
        return int(hashlib.sha256(f"{hashes}{columns}".encode()).hexdigest()[:15], 16)

    @property
    def frame(self) -> Frame:
        """Its rows."""
        assert self.result
        return Frame(self.result.schema, self.result.files)

    @property
    def text(self) -> str:
        """It as text, to be kept at its address."""
        assert self.result
        return result_text(self.result)


def read_memo(
    files: Files, model: Model, code: str, pins: Mapping[TableName, int], location: str, now: float
) -> Memo:
    """What is kept of a task of this code whose inputs are at these snapshots.

    Raises:
        DefinitionError: its declared key cannot be had.
    """
    meaning = json.dumps([code, _key(model), sorted((str(n), id) for n, id in pins.items())])
    name = hashlib.sha256(meaning.encode()).hexdigest()[:32]
    address = f"{location}/results/{name}.json"
    result = find(files, address, Draft(model.name, location, ""))
    if result is None:
        return Memo(address, reason="new")
    if model.max_age is not None and now - result.finished >= model.max_age:
        return Memo(address, salt=repr(result.finished), reason="its result is too old")
    return Memo(address, result=result)


def _key(model: Model) -> str:
    if isinstance(model.key, str):
        return model.key
    try:
        key = model.key()
    except Exception as error:
        raise DefinitionError(
            f"{model.place}: the key of {model.name} raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(key, str):
        raise DefinitionError(f"{model.place}: the key of {model.name} is no text: {key!r:.60}")
    return key
