"""The ports: what a run needs of the world. Adapters provide them, `wiring` chooses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from medallion.division import Dividing, Division
from medallion.extract import Database
from medallion.forms import Form
from medallion.frame import Frame
from medallion.model import Model
from medallion.names import TableName
from medallion.resources import NOTHING, Resources
from medallion.schema import Schema
from medallion.source import Stamp
from medallion.suite import Suite, Verdict
from medallion.tables import WHOLE, Draft, Guarantee, Part, Publication, Result, Table, Write
from medallion.window import Grain, Windows

T = TypeVar("T")


class Catalog(Protocol):
    """Where tables are listed and their refs are moved. It never touches rows."""

    def prepare(self) -> None:
        """Make sure that the catalog can be written; make an empty one where there is none.

        A publish that was interrupted is finished, or put back.

        Raises:
            CatalogError: it cannot be opened, or that publish cannot be finished now.
        """
        ...

    def tables(self, names: Iterable[TableName]) -> Mapping[TableName, Table]:
        """Those of the tables that exist, all as of one moment."""
        ...

    def location(self, name: TableName) -> str:
        """The folder of a table, existing or not."""
        ...

    def guarantee(self) -> Guarantee:
        """What the catalog promises of a group that is published.

        Raises:
            CatalogError: it has to be asked, and cannot be.
        """
        ...

    def unfinished(self) -> tuple[str, ...]:
        """The runs whose publish was interrupted, or is under way; `prepare` finishes them."""
        ...

    def publish(self, group: Sequence[Publication]) -> None:
        """Move `main` of every table of the group to its audited snapshot, or of none.

        Where tables cannot move in one step, they move in the order given, and those that have
        moved go back if one cannot. A table whose `main` is there already is left as it is, so
        publishing twice is publishing once. The schema of the snapshot becomes current and the
        branch is dropped in the same step. One that appends comes last in a group.

        Raises:
            ConflictError: a `main` is not the base, or a branch not the audited snapshot.
            CatalogError: the catalog failed; if it says that the publish is unfinished, `prepare`
                goes on with it.
        """
        ...

    def note(self, name: TableName, key: str, value: str | None) -> None:
        """Set a property of a table, or remove it."""
        ...

    def amend(self, name: TableName, base: int, before: str | None, after: str) -> None:
        """Replace the state of a table whose rows stay as they are.

        Raises:
            ConflictError: its `main` is no longer at `base`, or its state no longer `before`.
        """
        ...

    def discard(self, names: Iterable[TableName], branch: str) -> None:
        """Drop the branch from those of the tables that have it. `main` cannot be dropped."""
        ...


class Store(Protocol):
    """The rows of tables as files. It never moves `main`."""

    def frame(self, table: Table, snapshot: int, time_column: str = "") -> Frame:
        """The rows of a table at a snapshot; its files with their spans of the time column."""
        ...

    def commit(self, write: Write) -> int:
        """Make the written files one snapshot on the run's branch; the snapshot's id.

        The branch is forked from the base in the same step. A table that does not exist is created
        with no snapshot on `main`.

        Raises:
            ConflictError: `main` is no longer the base.
        """
        ...


class Files(Protocol):
    """Files that are no rows of a table: what landed, and small texts kept beside a table."""

    def landed(self, pattern: str) -> Mapping[str, Stamp]:
        """The files that match a pattern, by their names below its folder, in order."""
        ...

    def digest(self, pattern: str, name: str) -> str:
        """A hash of the content of a landed file.

        Raises:
            SourceError: it cannot be read.
        """
        ...

    def fetch(self, pattern: str, name: str, to: Path) -> None:
        """Copy a landed file to a path of this machine: all of it, or nothing.

        Raises:
            SourceError: it is gone, cannot be read, or did not come whole.
        """
        ...

    def read(self, address: str) -> str | None:
        """A kept text; None where there is none."""
        ...

    def write(self, address: str, text: str, *, lasting: bool = True) -> None:
        """Keep a text: all of it or, after a crash, nothing. A `lasting` one survives a power cut.

        Raises:
            StoreError: it cannot be kept.
        """
        ...

    def remove(self, addresses: Iterable[str]) -> None:
        """Forget texts, as far as they are there."""
        ...

    def kept(self, folder: str) -> Mapping[str, Stamp]:
        """The addresses of what is kept in a folder, and when each was last written or used."""
        ...

    def use(self, address: str) -> str | None:
        """A kept text, as `read` gives it, that counts as used now."""
        ...

    def expire(self, address: str, before: float) -> str | None:
        """Forget a text that was last used before that time, in seconds since 1970; what it was.

        Who uses it at the same moment gets the text and keeps it, or gets none.
        """
        ...

    def hashes(self, paths: Iterable[str]) -> Mapping[str, str]:
        """A hash of the content of each of the files, of those that are there.

        Raises:
            StoreError: one of them cannot be read.
        """
        ...


class Engine(Protocol):
    """Turns a model and its inputs into Parquet files. It knows no refs."""

    def columns(self, model: Model, inputs: Mapping[TableName, Schema]) -> Schema | None:
        """The columns that a model gives, found without reading rows; None where only a run tells.

        Raises:
            DefinitionError: the SQL cannot be bound to these inputs.
            SourceError: a source is missing or cannot be read.
        """
        ...

    def evaluate(
        self,
        model: Model,
        inputs: Mapping[TableName, Frame],
        draft: Draft,
        part: Part = WHOLE,
    ) -> Result:
        """Write the model's rows, or those of one part, as files of the draft's table.

        Raises:
            ModelError: the model failed, or gave rows that a table cannot keep.
            SourceError: a source is missing or cannot be read.
        """
        ...

    def items(self, model: Model, inputs: Mapping[TableName, Frame]) -> tuple[str, ...]:
        """What the model is called for, each as JSON.

        Raises:
            ModelError: the function that gives them failed, or gave no list of plain values.
        """
        ...

    def divide(self, given: Dividing) -> Division:
        """Write the rows that fail apart from the others; files of which none moves stay.

        Raises:
            ModelError: they cannot be divided, or `check` says so.
        """
        ...

    def windows(self, frame: Frame, column: str, grain: Grain) -> Windows:
        """The grain's windows in which the frame has rows; one that reads the time column."""
        ...

    def record(
        self,
        rows: Sequence[Mapping[str, Any]],
        schema: Schema,
        draft: Draft,
        like: Frame | None = None,
        where: str = "",
    ) -> Result:
        """Write a few given rows as files of the draft's table; a value may be given as its text.

        All name the same columns. The others are those of a row of `like` that meets `where`, a
        condition as in `open`, and NULL where there is none.

        Raises:
            ModelError: a value is none of its column's type.
        """
        ...

    def open(
        self,
        frame: Frame,
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Any:
        """The rows of a frame in that form; see `Frame.open`.

        Raises:
            DefinitionError: there is no such column or form, or `where` is no condition.
            StoreError: a file cannot be read.
        """
        ...

    def query(
        self,
        text: str,
        inputs: Mapping[str, Frame],
        form: Form = Form.ARROW,
        *,
        limit: int | None = None,
    ) -> Any:
        """The rows of a query over the inputs, the first `limit` of them, in the form asked for.

        Raises:
            DefinitionError: the SQL cannot be run over these inputs, or there is no such form.
        """
        ...


class Auditor(Protocol):
    """Says whether rows keep what a suite demands. It never writes or publishes."""

    def check(self, suite: Suite, columns: Schema | None) -> None:
        """Find the mistakes in a suite that show without rows.

        Raises:
            DefinitionError: an unknown expectation, argument, severity or column.
        """
        ...

    def documents(self, suite: Suite) -> tuple[Mapping[str, Any], ...]:
        """Its expectations, those of scripts too, each as type, kwargs, severity and meta.

        They are in the order of the verdicts.

        Raises:
            DefinitionError: the suite is wrong.
        """
        ...

    def audit(
        self,
        suite: Suite,
        frame: Frame,
        *,
        keys: Sequence[str] = (),
        others: Mapping[str, Frame] | None = None,
    ) -> tuple[Verdict, ...]:
        """One verdict per expectation, in the suite's order; it never raises because one failed.

        `keys` are the columns that name a failing row; `others` are tables that an expectation's
        own SQL may read, by `layer.model`.
        """
        ...


class Executor(Protocol):
    """Does calls somewhere. It knows no graph."""

    def call(self, fn: Callable[..., T], /, *args: Any, needs: Resources = NOTHING) -> T:
        """Do the call and wait: what it gives, or what it raised.

        A call whose worker is lost is done again elsewhere, up to 3 times.

        Raises:
            LostWorkerError: its workers were lost again and again.
            TimeLimitError: it was not done after `needs.timeout` seconds; it is stopped for good.
        """
        ...

    def close(self) -> None:
        """End what the executor started. Calls that go on are lost."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run needs of the world. `close` gives it back."""

    catalog: Catalog
    store: Store
    files: Files
    engine: Engine
    database: Database
    auditor: Auditor
    executor: Executor
    close: Callable[[], Any] = lambda: None
