"""Outside: models whose rows come from where nothing tells what changed: a database, an API."""

from medallion.declaration import Strategy
from medallion.errors import DefinitionError, SourceError
from medallion.extract import Database, Span
from medallion.extraction import Extract
from medallion.forms import Form
from medallion.frame import Frame
from medallion.model import Model
from medallion.need import Need
from medallion.state import State
from medallion.tables import Part

_TIMES = ("date", "timestamp", "timestamptz")
_NUMBERS = ("int", "long", "decimal")


def reads_outside(model: Model) -> bool:
    """Whether the model's rows are those of a database, or of a function that reads with a cursor.

    What landed, and what tables hold, can be compared with what it was.
    """
    if model.form is not Form.SOURCE:
        return bool(model.cursor)
    return isinstance(model.source(), Extract)


def goes_on(model: Model, state: State | None) -> bool:
    """Whether what was read before stays, and is added to or merged into.

    Where nothing says how far it was read, it does not: its rows would be there twice.
    """
    if model.strategy is Strategy.MERGE or model.cursor:
        return True
    source = model.source() if model.form is Form.SOURCE else None
    appends = model.strategy is Strategy.APPEND
    from_there = isinstance(source, Extract) and bool(source.cursor and state and state.cursor)
    return appends and from_there


def part_to_read(
    model: Model, need: Need, state: State | None, current: Frame | None, database: Database
) -> Part:
    """What is read now: all, or what is new since the state; `current` are the table's rows.

    Raises:
        SourceError: the database cannot be asked, or a row has no value to go on by.
    """
    before = None if need.anew else state
    span = _span(model, before, database)
    merges = model.strategy is Strategy.MERGE or (span is not None and span.least is not None)
    return Part(
        span=span,
        cursor=before.cursor if before else "",
        current=current if merges and not need.anew else None,
    )


def _span(model: Model, before: State | None, database: Database) -> Span | None:
    source = model.source() if model.form is Form.SOURCE else None
    if not isinstance(source, Extract) or not source.cursor:
        return None
    if database.nulls(source.query, source.cursor):
        raise SourceError(
            f"{source.query.what} has rows without {source.cursor!r}, the cursor",
            hint="read a query that fills it: select ..., coalesce(updated_at, created_at) ...",
        )
    _check_lag(source, database)
    past = database.greatest(source.query, source.cursor)
    return source.span(before.cursor or None if before else None, past)


def _check_lag(source: Extract, database: Database) -> None:
    """Whether the lag is one of the cursor's type."""
    column = database.schema(source.query).column(source.cursor) if source.lag else None
    if column is None:
        return
    kind = str(column.type).partition("(")[0]
    fits = kind in _TIMES if source.timed else kind in _NUMBERS
    if not fits:
        said = "a time" if source.timed else "a number"
        raise DefinitionError(
            f"table({source.query.table!r}): lag is {said}, and the cursor {source.cursor!r} is of "
            f"type {column.type}",
            hint='write lag="10m" for times, lag=1000 for numbers, and none for texts',
        )
