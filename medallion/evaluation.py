"""Evaluation: the parts of a task, each computed once and found again after a crash."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce

from medallion.attempts import attempted
from medallion.declaration import Strategy
from medallion.errors import ModelError, SourceError, StoreError
from medallion.forms import Form
from medallion.frame import Frame
from medallion.ledger import entry_name, home
from medallion.names import TableName
from medallion.plan import Task
from medallion.ports import Ports
from medallion.result import hashed, read_result, result_key, result_text, usable
from medallion.survey import Survey
from medallion.table import WHOLE, Draft, Part, Result, Table
from medallion.window import Window


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
    """One task with its inputs opened, and its table as it was `before`.

    `retrying` is told of a part that failed and will be tried again; `windows` is how many are
    computed at a time.
    """

    ports: Ports
    survey: Survey
    task: Task
    inputs: Mapping[TableName, Frame]
    draft: Draft
    before: Table | None
    retrying: Callable[[int, float, str], None]
    windows: int = 1

    def run(self, told: Callable[[int, int], None]) -> Evaluated:
        """Compute the parts that are not finished yet.

        Raises:
            MedallionError: a part failed; what was finished before is kept.
        """
        parts = self._parts()
        if not parts:
            return Evaluated(self._no_rows(), 0, 0, ())
        first = self._finished(parts[0], self.draft)
        told(1, len(parts))
        rest, done = _after(self.draft, first[0]), [first]
        with ThreadPoolExecutor(self.windows, thread_name_prefix="window") as pool:
            for found in pool.map(lambda part: self._finished(part, rest), parts[1:]):
                done.append(found)
                told(len(done), len(parts))
        return Evaluated(
            Result(
                reduce(
                    lambda schema, f: replace(rest, current=schema).settle(f[0].schema),
                    done[1:],
                    first[0].schema,
                ),
                tuple(file for result, _, _ in done for file in result.files),
                frozenset(path for result, _, _ in done for path in result.replaced),
            ),
            len(parts),
            sum(reused for _, reused, _ in done),
            tuple(address for _, _, address in done),
        )

    def _no_rows(self) -> Result:
        """The columns alone, of a model whose inputs have no rows to build a window from."""
        schema, model = self.draft.current, self.task.model
        if schema is None and model.form is Form.SOURCE:
            raise SourceError(
                f"{model.name}: no window has a landed file yet", hint="land one, then build again"
            )
        if schema is None:
            inputs = {name: frame.schema for name, frame in self.inputs.items()}
            schema = self.ports.engine.columns(model, inputs)
        if schema is None:
            empty = {name: replace(frame, files=()) for name, frame in self.inputs.items()}
            return self.ports.engine.evaluate(model, empty, self.draft)
        return Result(self.draft.settle(schema), ())

    def _parts(self) -> Sequence[Part]:
        need, model = self.task.need, self.task.model
        if self.survey.by_window(self.task.node):
            assert model.grain is not None
            return self._window_parts(need.filled.split(model.grain))
        if need.arrivals is not None:
            new, again = need.arrivals.new, need.arrivals.again
            merges = not need.anew and bool(again)
            current = self._current() if merges else None
            return [Part(landed=(*new, *again), again=again if merges else (), current=current)]
        if model.strategy is Strategy.MERGE and not need.anew:
            return [Part(current=self._current())]
        return [WHOLE]

    def _window_parts(self, windows: Iterable[Window]) -> Sequence[Part]:
        arrivals = self.task.need.arrivals
        if arrivals is None:
            return [Part(window) for window in windows]
        landed: dict[str, list[str]] = {}
        for entry in arrivals.entries:
            window, name = home(entry)
            landed.setdefault(window, []).append(name)
        return [Part(window, landed=tuple(landed.get(str(window), ()))) for window in windows]

    def _current(self) -> Frame | None:
        """The table's rows now."""
        if self.before is None or self.before.main is None:
            return None
        column = self.task.model.time_column
        return self.ports.store.frame(self.before, self.before.main, column)

    def _finished(self, part: Part, draft: Draft) -> tuple[Result, bool, str]:
        """A part's result, whether it was found, and where it is kept."""
        ports, model = self.ports, self.task.model
        inputs = self.survey.slices(self.task.node, self.inputs, part.window)
        digests = self._digests(part)
        key = result_key(self.task.code, inputs, part, digests)
        address = f"{draft.location}/results/{key}.json"
        if not self.task.request.full_refresh and (kept := self._kept(address, draft)):
            return kept, True, address
        result = attempted(
            lambda: ports.executor.submit(
                ports.engine.evaluate, model, inputs, draft, part
            ).result(),
            model.retries,
            self.retrying,
        )
        self._check_landed(part)
        if draft is not self.draft and result.schema.last_id > draft.last_column_id:
            raise ModelError(
                f"{model.name} gives other columns in window {part.window} than before: "
                f"{', '.join(result.schema.names)}",
                hint="give the same columns in every window; build with --full-refresh after that",
            )
        whole = hashed(result, ports.files.hashes(f.path for f in result.files))
        # One that a power cut takes is computed again, and seen not to be whole.
        ports.files.write(address, result_text(whole), lasting=False)
        return result, False, address

    def _kept(self, address: str, draft: Draft) -> Result | None:
        """The result at that address, if it and all its files are there as they were written."""
        files = self.ports.files
        try:
            text = files.read(address)
            found = read_result(text) if text else None
            there = files.hashes(f.path for f in found.files) if found else {}
        except (StoreError, ValueError):  # as good as none: it is computed again
            return None
        return found if found and usable(found, draft, there) else None

    def _digests(self, part: Part) -> dict[str, str]:
        arrivals = self.task.need.arrivals
        if arrivals is None or part.landed is None:
            return {}
        return {n: arrivals.entries[entry_name(part.window, n)].digest for n in part.landed}

    def _check_landed(self, part: Part) -> None:
        """A file that changes while it is read would be taken for what it was."""
        arrivals, model = self.task.need.arrivals, self.task.model
        if arrivals is None or part.landed is None:
            return
        now = self.ports.files.landed(self.survey.landed(model, part.window).pattern)
        for name in part.landed:
            if now.get(name) != arrivals.entries[entry_name(part.window, name)].stamp:
                raise SourceError(
                    f"{model.name}: {name} changed while it was read",
                    hint="build again when it has landed whole",
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
