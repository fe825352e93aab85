"""Declaration: what can be said of a model beside its function, and whether it fits together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypedDict

from medallion.conformity import check_contract
from medallion.contract import ColumnContract
from medallion.deduplication import Deduplication
from medallion.errors import DefinitionError
from medallion.forms import Form
from medallion.history import ADDED, VALID_FROM, Scd2
from medallion.mask import Mask, check_masks
from medallion.names import TableName
from medallion.partition import Transform
from medallion.shapes import kept
from medallion.star import Dimension, Lookup
from medallion.window import Grain, parse_range

_ON_FAILURE = ("block", "quarantine")


class Strategy(StrEnum):
    """How a build brings a table up to date."""

    FULL = "full"  # all rows anew
    WINDOW = "window"  # the windows that are out of date
    APPEND = "append"  # what is new or changed in a source
    MERGE = "merge"  # the rows that differ, by `unique_key`


class Declaration(TypedDict, total=False):
    """What can be declared of a model, for every layer.

    - `partition_by`: one transform or several, such as `month("pickup_at")`
    - `time_column`: when a row happened; never NULL. Its transform in `partition_by` is how long a
      window is
    - `lookback`: so many windows before its own are read as well
    - `whole`: inputs that are read whole although they have a time column
    - `start`: the first window of a model without an input that has windows: `"2019-01-01"`
    - `strategy`: `"full"`, `"window"`, `"append"`, `"merge"` or `scd2(...)`; without it a model
      with a time column is built by window, a source by what is new in it, anything else in full
    - `max_age`: a table of a database, or a model with a `Cursor`, is not read again before it is
      that old: `"1h"`
    - `unique_key`: columns that together are not null and name one row; audited
    - `mask`: `{column: hashed()}`, applied to what the model gives
    - `columns`: `{column: column("bigint", nullable=False)}`, a contract; with `closed` there
      are no others
    - `derives`: `{column: ["layer.model.column"]}`, what a Python model makes its columns of
    - `deduplicate`: `latest("id", by="loaded_at")`, which of the rows with one key is kept
    - `deleted`: a condition in SQL: with the strategy `"merge"` such a row removes the one with its
      key
    - `dimension`, `lookups`: of a star schema: `dimension("id")`,
      `{"customer_key": lookup("gold.dim_customer", "customer_id")}`
    - `on_failure`: `"block"` or `"quarantine"`: what becomes of rows that fail an expectation
    - `max_quarantine`: the share of a build's rows above which quarantine blocks
    - `renamed`: `{new column: old column}`, so that a renamed column keeps its identity
    - `expectations`: Great Expectations objects or their JSON, besides the suite file
    - `retries`: how often it is tried again after a failure of the world, or of its function
    - `for_each`: a list, or a function that gives one when the model is built; the function is
      called once for each item
    - `timeout`: after which an attempt is stopped: `"10m"`
    - `cpu`, `memory`: what it needs, told to the executor: `2`, `"4GB"`
    - `tags`, `owner`
    """

    partition_by: Transform | Sequence[Transform]
    time_column: str
    lookback: int
    whole: str | Sequence[str]
    start: str
    strategy: str | Scd2
    unique_key: str | Sequence[str]
    mask: Mapping[str, Mask]
    columns: Mapping[str, str | ColumnContract]
    closed: bool
    derives: Mapping[str, str | Sequence[str]]
    deduplicate: Deduplication
    deleted: str
    dimension: Dimension
    lookups: Mapping[str, Lookup]
    on_failure: str
    max_quarantine: float
    renamed: Mapping[str, str]
    expectations: Sequence[Any]
    retries: int
    for_each: Sequence[Any] | Callable[..., Any]
    max_age: str | float | timedelta
    timeout: str | float | timedelta
    cpu: float
    memory: str
    tags: str | Collection[str]
    owner: str


class TaskDeclaration(TypedDict, total=False):
    """What can be declared of a helper task. What models have too means the same.

    - `max_age`: how long its result is good: `"1h"`; without it until its code or inputs change
    - `key`: a text, or a function that gives one; under another key there is another result
    """

    max_age: str | float | timedelta
    key: str | Callable[[], str]
    retries: int
    for_each: Sequence[Any] | Callable[..., Any]
    timeout: str | float | timedelta
    cpu: float
    memory: str
    tags: str | Collection[str]
    owner: str


def read_declaration(
    given: Mapping[str, Any], form: Form, window: str, cursor: str = "", *, task: bool = False
) -> dict[str, Any]:
    """The declared values as a model keeps them.

    `window` and `cursor` are the parameters that receive one.

    Raises:
        DefinitionError: something that cannot be declared, that is not of its shape, or that does
            not go with the rest.
    """
    if task and (form is Form.SOURCE or window or cursor):
        what = "a window" if window else "a cursor" if cursor else "a source"
        raise DefinitionError(f"{what} belongs to a table", hint="use @bronze, @silver or @gold")
    fields: dict[str, Any] = {}
    known = (TaskDeclaration if task else Declaration).__annotations__
    for key, value in given.items():
        if key not in known:
            raise DefinitionError(
                f"{key!r} cannot be declared", hint=f"what can: {', '.join(known)}"
            )
        fields[key] = kept(key, value)
    if "whole" in fields:
        fields["whole"] = frozenset(map(TableName.parse, fields["whole"]))
    if "start" in fields:
        parse_range(fields["start"], None)
    if fields.get("retries", 0) < 0:
        raise DefinitionError(f"retries={fields['retries']} counts attempts after the first")
    if fields.get("cpu", 1) <= 0:
        raise DefinitionError(f"cpu={fields['cpu']} counts cores")
    if "for_each" in fields:
        _check_items(fields, form)
    check_contract(fields.get("columns", {}), closed=fields.get("closed", False))
    _check_quarantine(fields)
    _check_cursor(fields, window, cursor)
    _check_time(fields, window)
    _take_history(fields, cursor)
    fields["strategy"] = _strategy(fields, form, window, cursor)
    _check_deleted(fields)
    check_masks(
        fields.get("mask", {}),
        unique_key=fields.get("unique_key", ()),
        partition_by=fields.get("partition_by", ()),
        time_column=fields.get("time_column", ""),
    )
    return fields


def _check_deleted(fields: Mapping[str, Any]) -> None:
    said, strategy = fields.get("deleted"), fields["strategy"]
    if said is not None and (strategy is not Strategy.MERGE or not said.strip()):
        raise DefinitionError(
            f"deleted={said!r} is to be a condition for rows that remove the one with their key, "
            f"with the strategy {str(Strategy.MERGE)!r}; this one is {str(strategy)!r}",
            hint='declare: strategy="merge", unique_key="id", deleted="op = \'D\'"',
        )


def _take_history(fields: dict[str, Any], cursor: str) -> None:
    """A history is merged by its key and when each version began."""
    history = fields.get("strategy")
    if not isinstance(history, Scd2):
        return
    if "unique_key" in fields or "deleted" in fields:
        raise DefinitionError(
            "scd2 says by itself what names a version, and which rows delete",
            hint='write: strategy=scd2("id", changed_at="updated_at", deleted="op = \'D\'")',
        )
    if cursor:
        raise DefinitionError(
            f"parameter {cursor!r} receives where to go on, and a history is made of all rows",
            hint="make the history in a model that reads this one",
        )
    if "time_column" in fields:
        raise DefinitionError(
            f"time_column={fields['time_column']!r}: what reads a history by window would miss the "
            "versions that began before it",
            hint='take it away; partition_by=month("valid_from") may stay',
        )
    if hidden := {history.changed_at, *ADDED} & set(fields.get("mask", ())):
        raise DefinitionError(
            f"mask: {min(hidden)!r} says when a version is valid", hint="take its mask away"
        )
    fields |= {"history": history, "strategy": str(Strategy.MERGE)}
    fields["unique_key"] = (*history.key, VALID_FROM)


def _check_quarantine(fields: Mapping[str, Any]) -> None:
    said = fields.get("on_failure", "block")
    if said not in _ON_FAILURE:
        raise DefinitionError(f"on_failure={said!r}", hint=f"one of: {', '.join(_ON_FAILURE)}")
    if "max_quarantine" in fields and said != "quarantine":
        raise DefinitionError(
            'max_quarantine says nothing without on_failure="quarantine"',
            hint='declare: on_failure="quarantine"',
        )
    if not 0 <= fields.get("max_quarantine", 1) <= 1:
        raise DefinitionError(
            f"max_quarantine={fields['max_quarantine']:g} is no share of the rows",
            hint="write: max_quarantine=0.01",
        )


def _check_cursor(fields: Mapping[str, Any], window: str, cursor: str) -> None:
    if cursor and (window or "for_each" in fields):
        raise DefinitionError(
            f"parameter {cursor!r} receives where to go on, and a model that is built in parts "
            "goes on nowhere",
            hint="take the cursor, or the window and for_each, away",
        )


def _check_items(fields: Mapping[str, Any], form: Form) -> None:
    if form in (Form.SQL, Form.SOURCE):
        raise DefinitionError(
            f"for_each calls a function for each item, and one that gives {form} is called once",
            hint="give rows: -> pd.DataFrame, pa.Table, pl.LazyFrame",
        )
    if fields.get("strategy") == Strategy.MERGE:
        raise DefinitionError("for_each makes a table of all its items, which cannot be merged")


def grain_of(time_column: str, partition_by: Sequence[Transform]) -> Grain | None:
    """How long the windows of a table are that is partitioned so."""
    grains = [t.kind for t in partition_by if t.column == time_column and t.kind in list(Grain)]
    return Grain(grains[0]) if len(grains) == 1 else None


def _check_time(fields: Mapping[str, Any], window: str) -> None:
    column = fields.get("time_column")
    if column is None:
        for key in ("lookback", "whole", "start"):
            if key in fields:
                raise DefinitionError(f"{key} says nothing without a time_column")
        if window:
            raise DefinitionError(
                f"parameter {window!r} receives a window, and there is no time_column",
                hint='declare: time_column="pickup_at", partition_by=day("pickup_at")',
            )
    elif grain_of(column, fields.get("partition_by", ())) is None:
        raise DefinitionError(
            f"time_column={column!r} is not partitioned by one of its times",
            hint=f"declare: partition_by=day({column!r}), or hour, month, year",
        )
    if fields.get("lookback", 0) < 0:
        raise DefinitionError(f"lookback={fields['lookback']} counts windows before a window")


def _strategy(fields: Mapping[str, Any], form: Form, window: str, cursor: str) -> Strategy:
    said = fields.get("strategy")
    if said is None:
        if cursor or (form is Form.SOURCE and not window):
            return Strategy.APPEND
        return Strategy.WINDOW if "time_column" in fields else Strategy.FULL
    if said not in set(Strategy):
        raise DefinitionError(
            f"strategy={said!r}", hint=f"one of: {', '.join(Strategy)}, or scd2(...) without quotes"
        )
    strategy = Strategy(said)
    lacks = {
        Strategy.WINDOW: "" if "time_column" in fields else "a time_column",
        Strategy.MERGE: "" if "unique_key" in fields else "a unique_key",
        Strategy.APPEND: "" if form is Form.SOURCE or cursor else "a source to go on reading",
        Strategy.FULL: f"a function without the parameter {cursor!r}" if cursor else "",
    }[strategy]
    if form is Form.SOURCE and not window and strategy is Strategy.WINDOW:
        lacks = "a Window parameter"
    if window and strategy is not Strategy.WINDOW:
        lacks = f"a function without the parameter {window!r}, which receives a window"
    if lacks:
        raise DefinitionError(f"strategy={said!r} needs {lacks}")
    return strategy
