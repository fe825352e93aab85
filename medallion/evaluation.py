"""Evaluation: the parts of a task, each computed once and found again after a crash."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TypeVar

from medallion.attempts import attempted
from medallion.capture import printed_to
from medallion.errors import (
    LostWorkerError,
    MedallionError,
    ModelError,
    SourceError,
    TimeLimitError,
)
from medallion.forms import Form
from medallion.frame import Frame
from medallion.names import TableName
from medallion.order import Order, Worker
from medallion.parts import landed_of, parts_of
from medallion.plan import Task
from medallion.ports import Ports
from medallion.result import find, result_key
from medallion.schedule import Rules, Slots
from medallion.state import keeps_aside, state_of
from medallion.survey import Survey
from medallion.tables import Draft, Part, Result, Table

T = TypeVar("T")

_FIRSTS = 3  # items that may fail before one has told the columns
_SHOWN = 3  # items


@dataclass(frozen=True, slots=True)
class Means:
    """What a run computes with, shared by its tasks: so many windows of a model at a time."""

    ports: Ports
    survey: Survey
    worker: Worker
    rules: Rules
    slots: Slots
    windows: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """A part that is finished: its result, and where that is kept; it may have been found there."""

    part: Part
    result: Result
    reused: bool
    address: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what happens: a part that is done, as which of how many, or that failed.

    Then of a retry, and of a line that was printed.
    """

    evaluated: Callable[[Done, int, int], None]
    failed: Callable[[Part, MedallionError], None]
    retrying: Callable[[Part, int, float, str], None]
    printed: Callable[[Part, str], None]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the parts of a task came to together; how many there were, how many found finished.

    `addresses` are where their results are kept until nobody needs them again.
    """

    result: Result
    parts: int
    reused: int
    addresses: tuple[str, ...]


@dataclass(slots=True)
class Evaluation:
    """One task with its inputs opened, and its table as it was `before`, and that of rows `aside`.

    Results that were kept under another `salt` are none of its own.
    """

    means: Means
    task: Task
    inputs: Mapping[TableName, Frame]
    draft: Draft
    before: Table | None
    told: Told
    salt: str = ""
    aside: Table | None = None

    def run(self) -> Evaluated:
        """Compute the parts that are not finished yet.

        Raises:
            MedallionError: a part failed; what was finished before is kept.
        """
        parts = self._parts()
        if not parts:
            return Evaluated(self._no_rows(), 0, 0, ())
        first, rest, failed = self._first(parts)
        draft = _after(self.draft, first.result)
        done = [first]
        self.told.evaluated(first, 1, len(parts))
        if self._grows:  # each file may have other columns than those before it
            for part in rest:
                last = self._finished(part, draft)
                draft = _after(draft, last.result)
                done.append(last)
                self.told.evaluated(last, len(done), len(parts))
            rest = ()
        with ThreadPoolExecutor(self._lanes, thread_name_prefix="part") as pool:
            for found in pool.map(lambda part: self._tried(part, draft), rest):
                if isinstance(found, Done):
                    done.append(found)
                    self.told.evaluated(found, len(done), len(parts))
                else:
                    failed.append(found)
        if failed:
            raise self._failure(failed, len(parts))
        return Evaluated(
            _joined(draft, [d.result for d in done]),
            len(parts),
            sum(d.reused for d in done),
            tuple(d.address for d in done),
        )

    @property
    def _grows(self) -> bool:
        """Whether each part may add columns, so that one follows the other."""
        return self.task.model.form is Form.SOURCE and self._lanes == 1

    @property
    def _lanes(self) -> int:
        """How many parts are computed at a time; the items of a list as many as may be."""
        return self.means.rules.lanes if self.task.model.each else self.means.windows

    def _first(
        self, parts: Sequence[Part]
    ) -> tuple[Done, Sequence[Part], list[tuple[Part, MedallionError]]]:
        """The first part that comes through, which tells the columns of the others; what is left.

        Those that failed before it come with it.
        """
        failed: list[tuple[Part, MedallionError]] = []
        for number, part in enumerate(parts[:_FIRSTS], 1):
            found = self._tried(part, self.draft)
            if isinstance(found, Done):
                return found, parts[number:], failed
            failed.append(found)
        raise self._failure(failed, len(parts))

    def _tried(self, part: Part, draft: Draft) -> Done | tuple[Part, MedallionError]:
        """The part's result. An item that fails does not keep the others from being done."""
        try:
            return self._finished(part, draft)
        except MedallionError as error:
            self.told.failed(part, error)
            if part.item is None or self.means.rules.fail_fast:
                raise
            return part, error

    def _failure(self, failed: Sequence[tuple[Part, MedallionError]], count: int) -> MedallionError:
        items = [part.item or "" for part, _ in failed]
        shown = ", ".join(items[:_SHOWN]) + (", …" if len(items) > _SHOWN else "")
        error = failed[0][1]
        return type(error)(
            f"{len(failed)} of {count} items failed, {shown}: {error.message}", hint=error.hint
        )

    def _no_rows(self) -> Result:
        """The columns alone, of a model that has no part to compute."""
        schema, model = self.draft.current, self.task.model
        if schema is None and model.form is Form.SOURCE:
            raise SourceError(
                f"{model.name}: no window has a landed file yet", hint="land one, then build again"
            )
        if schema is None and model.each:
            raise ModelError(
                f"{model.name}: for_each gave no items, so nothing tells its columns",
                hint="give at least one item the first time",
            )
        engine = self.means.ports.engine
        if schema is None:
            inputs = {name: frame.schema for name, frame in self.inputs.items()}
            schema = engine.columns(model, inputs)
        if schema is None:
            empty = {name: replace(frame, files=()) for name, frame in self.inputs.items()}
            return engine.evaluate(model, empty, self.draft)
        return Result(self.draft.settle(schema), ())

    def _parts(self) -> Sequence[Part]:
        parts = parts_of(
            self.task, self.means.survey, state_of(self.before), self._current, self._aside
        )
        if not self.task.model.each or not parts:
            return parts
        task = self.task
        order = Order(
            task.name,
            task.code,
            self._referred(self.inputs),
            self.draft,
            needs=task.model.needs,
        )
        items = self._carried_out(self.means.worker.items, order)
        return [replace(part, item=item) for part in parts for item in items]

    def _current(self) -> Frame | None:
        """The table's rows now; those that fail its suite are the model's as well."""
        if self.before is None or self.before.main is None:
            return None
        column, store = self.task.model.time_column, self.means.ports.store
        frame = store.frame(self.before, self.before.main, column)
        quarantines = self.task.model.quarantines and keeps_aside(self.before)
        if quarantines and self.aside and self.aside.main is not None:
            others = store.frame(self.aside, self.aside.main, column).files
            frame = replace(frame, files=(*frame.files, *others))
        return replace(frame, reader=self.means.worker)

    def _aside(self) -> Frame | None:
        """What is put aside of the table's rows now."""
        if self.aside is None or self.aside.main is None or self.task.model.quarantines:
            return None
        return self.means.ports.store.frame(self.aside, self.aside.main)

    def _finished(self, part: Part, draft: Draft) -> Done:
        """A part's result, found or computed, and where it is kept."""
        task, clock = self.task, time.perf_counter()
        inputs = self.means.survey.slices(task.node, self.inputs, part.window)
        entries = landed_of(task, part)
        digests = {name: entry.digest for name, entry in entries.items()}
        key = result_key(task.code, inputs, part, digests, self.salt)
        address = f"{draft.location}/results/{key}.json"
        if kept := find(self.means.ports.files, address, draft):
            return Done(part, kept, True, address, time.perf_counter() - clock)
        order = Order(
            task.name,
            task.code,
            self._referred(inputs),
            draft,
            part,
            address,
            {name: entry.stamp for name, entry in entries.items()},
            fixed=draft is not self.draft and not self._grows,
            needs=task.model.needs,
        )
        result = self._carried_out(self.means.worker.evaluate, order)
        return Done(part, result, False, address, time.perf_counter() - clock)

    def _carried_out(self, work: Callable[[Order], T], order: Order) -> T:
        """What the work on an order comes to, wherever it is done."""
        model = self.task.model

        def attempt() -> T:
            with (
                self.means.slots.taken(model.tags),
                printed_to(lambda line: self.told.printed(order.part, line)),
            ):
                try:
                    return self.means.ports.executor.call(work, order, needs=model.needs)
                except (TimeLimitError, LostWorkerError) as error:
                    raise type(error)(f"{model.name}: {error.message}", hint=error.hint) from error

        return attempted(attempt, model.retries, partial(self.told.retrying, order.part))

    def _referred(self, inputs: Mapping[TableName, Frame]) -> dict[TableName, Frame]:
        """The frames as they can be sent elsewhere, and be opened there."""
        return {n: replace(frame, reader=self.means.worker) for n, frame in inputs.items()}


def _joined(draft: Draft, results: Sequence[Result]) -> Result:
    """What the results of parts are together; `draft` is that of the parts after the first."""
    first, *others = results
    schema = reduce(
        lambda schema, r: replace(
            draft, current=schema, last_column_id=max(draft.last_column_id, schema.last_id)
        ).settle(r.schema),
        others,
        first.schema,
    )
    asides = [r.aside for r in results if r.aside and draft.aside]
    return Result(
        schema,
        tuple(file for r in results for file in r.files),
        frozenset(path for r in results for path in r.replaced),
        cursor=first.cursor,
        aside=_joined(draft.aside, asides) if draft.aside and asides else None,
        taken=sum(r.taken for r in results),
        refused=sum(r.refused for r in results),
        sample=next((r.sample for r in results if r.sample), ""),
        remarks=tuple(dict.fromkeys(remark for r in results for remark in r.remarks)),
        removed=sum(r.removed for r in results),
    )


def _after(draft: Draft, first: Result) -> Draft:
    """Where the parts after the first one go: beside its columns."""
    return replace(
        draft,
        current=first.schema,
        known=(*draft.known, first.schema),
        last_column_id=max(draft.last_column_id, first.schema.last_id),
        renamed={},
        keeps=True,
    )
