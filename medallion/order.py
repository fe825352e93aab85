"""Order: a piece of work as data that can be sent to another process, and who carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from medallion.frame import Frame, Reader
from medallion.names import TableName
from medallion.resources import Resources
from medallion.source import Stamp
from medallion.tables import WHOLE, Draft, Part, Result


@dataclass(frozen=True, slots=True)
class Order:
    """One part of a model to be computed: what is read, by reference, and where the rows go.

    `code` is the fingerprint that the model must have where the work is done. `address` is where
    the result is kept. `stamps` are the landed files that are read, as they were seen. `fixed`:
    the columns must be those of the draft. `needs` is what the work may use.
    """

    model: TableName
    code: str
    inputs: Mapping[TableName, Frame]
    draft: Draft
    part: Part = WHOLE
    address: str = ""
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    fixed: bool = False
    needs: Resources = field(default_factory=Resources)


class Worker(Reader, Protocol):
    """Carries out orders in whichever process it is called; it can be pickled and sent there."""

    def evaluate(self, order: Order) -> Result:
        """Compute the part, unless its result is there already, and keep what it left.

        Raises:
            ModelError: the model failed, or gave rows that its table cannot keep.
        """
        ...

    def items(self, order: Order) -> tuple[str, ...]:
        """What the model is called for, each as JSON.

        Raises:
            ModelError: the function that gives them failed, or gave no list of plain values.
        """
        ...
