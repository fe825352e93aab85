"""Layers, table names, run ids and branch names: parse and print.

Names become paths and SQL, so they have one grammar and are checked here, at the door.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import total_ordering

from medallion.errors import DefinitionError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_RUN = re.compile(r"[0-9]{8}t[0-9]{6}-[0-9a-f]{6}")
_BRANCH = "run-"
_ASIDE = "__quarantine"

MAIN = "main"


class Layer(StrEnum):
    """A layer, in the order in which rows flow through them.

    `task` is none of tables: it is the first half of the names of helper tasks. `_medallion` is
    none of models: it is that of the tables that medallion keeps for itself.
    """

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    TASK = "task"
    MEDALLION = "_medallion"  # last: what is in it is published after all else

    @property
    def rank(self) -> int:
        """0 for bronze, 1 for silver, 2 for gold, then what is no layer of tables of models."""
        return list(Layer).index(self)

    @classmethod
    def parse(cls, text: str) -> "Layer":
        """The layer of that name, or a `DefinitionError` that lists them."""
        try:
            return cls(text)
        except ValueError:
            choices = ", ".join(layer for layer in cls if layer not in (cls.TASK, cls.MEDALLION))
            raise DefinitionError(f"unknown layer {text!r}", hint=f"one of: {choices}") from None


@total_ordering
@dataclass(frozen=True, slots=True)
class TableName:
    """`layer.model`: the name of a model and of its table.

    >>> str(TableName.parse("silver.trips"))
    'silver.trips'
    """

    layer: Layer
    model: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.model):
            raise DefinitionError(
                f"{self.model!r} is not a model name",
                hint="use lower-case letters, digits and _, at most 63, not starting with a digit",
            )

    @property
    def is_task(self) -> bool:
        """Whether it names a helper task, which has a result and no table."""
        return self.layer is Layer.TASK

    @property
    def aside(self) -> "TableName | None":
        """The table of what is put aside of this one's rows; None where its name is too long.

        >>> str(TableName.parse("bronze.trips").aside)
        'bronze.trips__quarantine'
        """
        name = f"{self.model}{_ASIDE}"
        return TableName(self.layer, name) if _NAME.fullmatch(name) else None

    def __str__(self) -> str:
        return f"{self.layer}.{self.model}"

    def __lt__(self, other: "TableName") -> bool:
        return (self.layer.rank, self.model) < (other.layer.rank, other.model)

    @classmethod
    def parse(cls, text: str) -> "TableName":
        """The inverse of `str`; a `DefinitionError` for anything else."""
        layer, dot, model = text.partition(".")
        if not dot:
            raise DefinitionError(
                f"{text!r} is not a table name", hint="write it as layer.model, e.g. silver.trips"
            )
        return cls(Layer.parse(layer), model)


def new_run(now: datetime, entropy: bytes) -> str:
    """A run id that sorts by time and does not repeat.

    >>> new_run(datetime(2026, 11, 21, 2, 0, tzinfo=UTC), bytes.fromhex("a1b2c3"))
    '20261121t020000-a1b2c3'
    """
    return f"{now.astimezone(UTC):%Y%m%dt%H%M%S}-{entropy[:3].hex()}"


def begin_of(run: str) -> datetime:
    """When a run began, in UTC without a zone; to the second.

    >>> begin_of("20261121t020000-a1b2c3").isoformat()
    '2026-11-21T02:00:00'
    """
    return datetime.strptime(run.partition("-")[0], "%Y%m%dt%H%M%S")


def branch_of(run: str) -> str:
    """The branch a run writes to: `run-<id>`. The run may be given with or without the prefix."""
    run = run.removeprefix(_BRANCH)
    if not _RUN.fullmatch(run):
        raise DefinitionError(f"{run!r} is not a run id", hint="see: medallion branches")
    return _BRANCH + run


def run_of(branch: str) -> str | None:
    """The run that a branch belongs to; None for a branch that is not ours."""
    run = branch.removeprefix(_BRANCH)
    return run if branch.startswith(_BRANCH) and _RUN.fullmatch(run) else None
