"""Model: a function that says what one table's rows are, and the declaration around it."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medallion.contract import ColumnContract
from medallion.declaration import (
    Strategy,
    grain_of,
)
from medallion.deduplication import Deduplication
from medallion.errors import DefinitionError, MedallionError
from medallion.extraction import Extract
from medallion.forms import Form
from medallion.history import Scd2
from medallion.mask import Mask
from medallion.names import TableName
from medallion.partition import Transform
from medallion.resources import Resources
from medallion.signature import Each, Function, Input
from medallion.source import SOURCE_FILE, WINDOW_FIELDS, Landing, Source, fields, filled, shared
from medallion.star import Dimension, Lookup
from medallion.window import Grain, Window

_SOME = 262_968  # the first hour of the year 2000
_OTHER = 1_262_254  # late on 30 December 2113: no part of its times is the same


@dataclass(frozen=True)
class Model:
    """One table's definition. Calling it calls the function, with plain DataFrames in a test.

    `window` is the name of the parameter that receives the window to build, if there is one;
    `by_pattern` says that the pattern of its landed files names the window instead. `cursor` is
    the parameter that receives where to go on reading. A helper task is a model without a table:
    its rows are a result that others read.
    """

    name: TableName
    function: Function
    form: Form
    place: str
    inputs: tuple[Input, ...] = ()
    partition_by: tuple[Transform, ...] = ()
    time_column: str = ""
    lookback: int = 0
    whole: frozenset[TableName] = frozenset()
    start: str = ""
    strategy: Strategy = Strategy.FULL
    window: str = ""
    cursor: str = ""
    by_pattern: bool = False
    each: Each | None = None
    retries: int = 0
    timeout: float = 0
    cpu: float = 0
    memory: int = 0
    max_age: float | None = None
    key: str | Callable[[], str] = ""
    unique_key: tuple[str, ...] = ()
    mask: Mapping[str, Mask] = field(default_factory=dict)
    columns: Mapping[str, ColumnContract] = field(default_factory=dict)
    closed: bool = False
    derives: Mapping[str, tuple[str, ...]] | None = None
    deduplicate: Deduplication | None = None
    deleted: str = ""
    history: Scd2 | None = None
    dimension: Dimension | None = None
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    on_failure: str = "block"
    max_quarantine: float = 1.0
    renamed: Mapping[str, str] = field(default_factory=dict)
    expectations: tuple[Any, ...] = ()
    tags: frozenset[str] = frozenset()
    owner: str = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102  # the class tells
        return self.function(*args, **kwargs)

    @property
    def description(self) -> str:
        """The docstring without its `Columns:` section: the table's comment."""
        return _doc(self.function)[0]

    @property
    def comments(self) -> Mapping[str, str]:
        """The comments of columns: what they are declared with, or the docstring's `Columns:`."""
        declared = {n: c.description for n, c in self.columns.items() if c.description}
        return _doc(self.function)[1] | declared

    @property
    def personal(self) -> frozenset[str]:
        """The columns of its table that it says hold personal data."""
        return frozenset(n for n, c in self.columns.items() if c.pii) - set(self.mask)

    @property
    def discreet(self) -> bool:
        """Whether a value of its rows may be personal data, so that no message has one."""
        return bool(self.mask) or any(c.pii is not None for c in self.columns.values())

    def key_text(self, names: Sequence[str], values: Sequence[object]) -> str:
        """A key for a message: columns with their values, but for those of personal data."""
        hidden = {*self.mask, *self.personal}
        shown = zip(names, values, strict=True)
        return ", ".join(f"{n}={'***' if n in hidden else repr(v)}" for n, v in shown)

    @property
    def joins(self) -> tuple[TableName, ...]:
        """The tables that its declaration reads, beside those that its function reads, sorted."""
        read = [k.dimension for k in self.lookups.values() if k.joins]
        return tuple(sorted({*read, *(self.dimension.inferred if self.dimension else ())}))

    @property
    def references(self) -> Mapping[str, str]:
        """The columns that lookups give, and what each refers to, as `layer.model.column`."""
        found = {n: (k.dimension, k.target) for n, k in self.lookups.items()}
        return {n: f"{table}.{to.name}" for n, (table, to) in found.items() if to}

    @property
    def grain(self) -> Grain | None:
        """How long its windows are; None for a model without a time column."""
        return grain_of(self.time_column, self.partition_by)

    @property
    def windowed(self) -> bool:
        """Whether what it is made from is told by the window alone."""
        return bool(self.window) or self.by_pattern

    @property
    def quarantines(self) -> bool:
        """Whether rows that fail its suite are put aside, and the others published."""
        return self.on_failure == "quarantine"

    @property
    def aside(self) -> TableName | None:
        """The table of rows that are put aside: those that fail, or lines that are no rows.

        Raises:
            DefinitionError: the model's name leaves no room for the table's.
        """
        source = self.source() if self.form is Form.SOURCE and not self.quarantines else None
        if not self.quarantines and not (isinstance(source, Landing) and source.quarantines):
            return None
        if self.name.aside is None:
            raise DefinitionError(
                f"{self.place}: {self.name} has a name too long for a table beside it, "
                f"{self.name}__quarantine",
                hint="use at most 51 letters",
            )
        return self.name.aside

    @property
    def needs(self) -> Resources:
        """What one call of it may use."""
        return Resources(self.cpu, self.memory, self.timeout)

    @property
    def reads(self) -> tuple[TableName, ...]:
        """What its parameters name, sorted; what a SQL text names is not known here."""
        inputs = (*self.inputs, *(self.each.inputs if self.each else ()))
        return tuple(sorted({*(i.table for i in inputs), *self.joins}))

    def text(self, window: Window | None = None) -> str:
        """The query of a SQL model; that of some window where none is said."""
        text = self._called(window)
        if not isinstance(text, str) or not text.strip():
            raise DefinitionError(f"{self.place}: {self.name} gives no SQL text but {text!r:.60}")
        return text

    def source(self, window: Window | None = None) -> Source:
        """The source of a model that lands rows; that of some window where none is said."""
        source = self._source(window)
        if not isinstance(source, Landing) or not fields(source.pattern) & WINDOW_FIELDS:
            return source
        window = window or self._some
        return replace(source, pattern=filled(source.pattern, window.start, window.end))

    def landing(self) -> Source:
        """The source; of files with a pattern of all folders where they can be in any window."""
        source = self.source()
        if not self.windowed or not isinstance(source, Landing):
            return source
        last = self.source(Grain.HOUR.window(_OTHER))
        assert isinstance(last, Landing)
        return replace(source, pattern=shared(source.pattern, last.pattern))

    def settled(self) -> "Model":
        """The model as its source means it: built by window where its pattern names one.

        Raises:
            DefinitionError: such a model has no time column, or another strategy.
        """
        if self.form is not Form.SOURCE or self.window:
            return self
        source = self._source(None)
        named = fields(source.pattern) & WINDOW_FIELDS if isinstance(source, Landing) else ()
        if not named:
            return self
        if self.grain is None or self.strategy is not Strategy.APPEND:
            lacks = "no time_column" if self.grain is None else f"strategy={str(self.strategy)!r}"
            raise DefinitionError(
                f"{self.place}: the files of {self.name} are named by {{{min(named)}}}, the window "
                f"that is built, and it declares {lacks}",
                hint='declare: time_column="pickup_at", partition_by=day("pickup_at")',
            )
        return replace(self, strategy=Strategy.WINDOW, by_pattern=True)

    def _source(self, window: Window | None) -> Source:
        source = self._called(window)
        if not isinstance(source, Source):
            raise DefinitionError(
                f"{self.place}: {self.name} gives no source but {source!r:.60}",
                hint='return files("...") or table("...")',
            )
        _check_source(self, source)
        return source

    def given(self, window: Window | None) -> dict[str, Window]:
        """The argument that says which window is built, for a function that takes one."""
        return {self.window: window or self._some} if self.window else {}

    @property
    def _some(self) -> Window:
        grain = self.grain or Grain.DAY
        return grain.window(grain.ordinal(_SOME))

    def _called(self, window: Window | None) -> Any:
        try:
            return self.function(**self.given(window))
        except DefinitionError as error:
            raise DefinitionError(f"{self.place}: {error.message}", hint=error.hint) from error
        except MedallionError:
            raise
        except Exception as error:
            raise DefinitionError(
                f"{self.place}: {self.name} could not say its rows: {type(error).__name__}: {error}"
            ) from error


def _check_source(model: Model, source: Source) -> None:
    """Whether a source is read as the model declares it."""
    merges, where = model.strategy is Strategy.MERGE, f"{model.place}: {model.name}"
    if isinstance(source, Landing) and merges:
        raise DefinitionError(
            f'{where}: landed files are not merged, strategy="merge" is for table()',
            hint="merge them in a silver model that reads this one",
        )
    if isinstance(source, Landing) and SOURCE_FILE in model.mask:
        raise DefinitionError(
            f"{where} masks {SOURCE_FILE!r}, by which rows of a file that changed are found",
            hint="mask it in a silver model that reads this one",
        )
    if isinstance(source, Landing) and source.quarantines and model.quarantines:
        raise DefinitionError(
            f"{where} puts lines aside that cannot be parsed, and rows that fail as well",
            hint='declare on_failure="quarantine" on the silver model that reads it',
        )
    if not isinstance(source, Extract):
        return
    if model.history and (source.cursor or source.deletes):
        raise DefinitionError(
            f"{where} makes a history of all rows, and {source.query.what} is not read so",
            hint="take cursor and deletes away: strategy=scd2(..., snapshots=True) finds what is "
            "gone",
        )
    if source.deletes and not merges:
        raise DefinitionError(
            f"{where} finds deletes by comparing keys",
            hint='declare: unique_key="id", strategy="merge"',
        )
    if source.deletes and (hidden := set(model.unique_key) & set(model.mask)):
        raise DefinitionError(
            f"{where} finds deletes by {min(hidden)!r}, which it masks",
            hint="take deletes=True away, or the mask",
        )
    if source.cursor in model.mask:
        raise DefinitionError(
            f"{where} masks {source.cursor!r}, by which it goes on to read",
            hint="read by another column",
        )


_COLUMN = re.compile(r"\s*(\w[\w ]*?):\s+(.+)")


def _doc(function: Function) -> tuple[str, dict[str, str]]:
    text, _, section = (inspect.getdoc(function) or "").partition("\nColumns:")
    matches = map(_COLUMN.fullmatch, section.splitlines())
    return text.strip(), {m[1]: m[2].strip() for m in matches if m}
