"""Survey: look at tables and landed files, and find what each model needs.

Metadata is looked at first; manifests are read only where a table moved on.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from medallion.bounds import bounds, widened
from medallion.changes import Changes
from medallion.conformity import promised
from medallion.declaration import Strategy
from medallion.forms import Form
from medallion.frame import DataFile, Frame
from medallion.graph import Graph, Node
from medallion.ledger import Arrivals, Ledger, entry_name, home
from medallion.memo import Memo, read_memo
from medallion.model import Model
from medallion.names import TableName
from medallion.need import (
    Need,
    Reading,
    Request,
    need_of_all,
    need_of_landed,
    need_of_read,
    need_of_replay,
    need_of_task,
    need_of_windows,
)
from medallion.outside import goes_on, reads_outside
from medallion.ports import Ports
from medallion.source import Landing, Source
from medallion.state import State, keeps_aside, state_of
from medallion.suite import Suite
from medallion.tables import Table
from medallion.window import ALL, NONE, Window, Windows

Tables = Mapping[TableName, Table]
_LANDED = "landed files"


@dataclass(slots=True)
class Survey:
    """What models need, found through the ports. `place` completes the pattern of a source."""

    ports: Ports
    graph: Graph
    codes: Mapping[TableName, str]
    suites: Mapping[TableName, Suite]
    place: Callable[[Source], Source]
    _changes: Changes = field(init=False)

    def __post_init__(self) -> None:
        self._changes = Changes(self.ports.store, self.ports.engine)

    def need(
        self,
        node: Node,
        tables: Tables,
        pins: Mapping[TableName, int],
        request: Request = Request(),  # noqa: B008  # it cannot be changed
        coming: Mapping[TableName, Windows] | None = None,
    ) -> Need:
        """What the model needs when its inputs are at the snapshots `pins`.

        `coming` are windows of inputs that will be built before it.
        """
        if node.name.is_task:
            return need_of_task(self.memo(node, pins), request)
        model, code, table = node.model, self.codes[node.name], tables.get(node.name)
        state = state_of(table)
        if request.replay:
            return need_of_replay(model, state, code)
        if state and state.aside and not (model.quarantines or model.cursor):
            state = replace(state, code="")  # its rows that are aside are to be in it again
        if reads_outside(model) and not model.windowed:
            need = need_of_read(model, state, code, request, _now(), goes_on=goes_on(model, state))
        elif model.form is Form.SOURCE and not model.windowed:
            need = need_of_landed(model, state, code, self._arrivals(model, state), request)
            if table and table.main is not None and state is None and not request.full_refresh:
                need = replace(need, anew=False)  # rows of files that are gone may be in it
        elif self.by_window(node):
            need = self._need_of_windows(node, state, tables, pins, request, coming or {})
        else:
            changed = self._all_changes(node, tables, pins, state, coming or {})
            need = need_of_all(model, state, code, changed, request)
        need = replace(need, creates=table is None or table.main is None)
        if model.history and model.history.snapshots and not need.creates:
            # The versions are known nowhere else.
            need = replace(need, anew=request.full_refresh)
        stricter = state is not None and state.suite != self.suites[node.name].digest
        referred = tuple(
            n for n in node.references if state and n in pins and state.inputs.get(n) != pins[n]
        )
        # Snapshots expire: what has not changed since is better known of a newer one. So is the
        # time of a landed file, or its content is hashed again and again.
        moved = state is not None and (
            dict(state.inputs) != dict(pins) or bool(need.arrivals and need.arrivals.touched)
        )
        return replace(
            need,
            audits=stricter or bool(referred),
            referred=() if stricter else referred,
            reshapes=_reshapes(model, table),
            settles=need.settles or moved,
        )

    def memo(self, node: Node, pins: Mapping[TableName, int]) -> Memo:
        """What is kept of a helper task whose inputs are at these snapshots."""
        location = self.ports.catalog.location(node.name)
        code = self.codes[node.name]
        return read_memo(self.ports.files, node.model, code, pins, location, _now())

    def by_window(self, node: Node) -> bool:
        """Whether the model is built window by window."""
        windows = any(self.time_column(node, name) for name in node.reads)
        return node.model.strategy is Strategy.WINDOW and bool(windows or node.model.windowed)

    def time_column(self, node: Node, name: TableName) -> str:
        """The time column by which the model reads an input; nothing if it reads it whole."""
        whole = node.model.strategy is not Strategy.WINDOW or name in node.model.whole
        return "" if whole else self.graph[name].model.time_column

    def slices(
        self, node: Node, frames: Mapping[TableName, Frame], window: Window | None
    ) -> dict[TableName, Frame]:
        """What the model reads of its inputs to build a window; all of them without one."""
        if window is None or node.model.grain is None:
            return dict(frames)
        reach = window.before(node.model.lookback, node.model.grain)
        return {
            name: frame.between(column, reach)
            if (column := self.time_column(node, name))
            else frame
            for name, frame in frames.items()
        }

    def changes(
        self,
        node: Node,
        tables: Tables,
        before: Mapping[TableName, int],
        now: Mapping[TableName, int],
    ) -> dict[str, Windows]:
        """In which windows each input changed between two sets of snapshots."""
        tasks = {
            str(n): NONE if before.get(n) == now[n] else ALL
            for n in node.reads
            if n.is_task and n in now
        }
        return tasks | {
            str(name): self._changes.since(
                tables[name],
                before.get(name),
                now[name],
                self.time_column(node, name),
                node.model.grain,
            )
            for name in node.reads
            if name in now and name in tables
        }

    def new_state(
        self,
        node: Node,
        need: Need,
        before: State | None,
        pins: Mapping[TableName, int],
        cursor: str | None = None,
    ) -> State:
        """What the table is built from when the need is met; its ledger is written.

        `cursor` is where the next build goes on; where it did before if nothing is said.
        """
        code, suite = self.codes[node.name], self.suites[node.name].digest
        aside = node.model.quarantines or bool(before and before.aside and node.model.cursor)
        if need.replays and before:
            return replace(before, suite=suite, aside=aside)
        built = before.built if before else NONE
        stale = before.stale if before else NONE
        state = State(code, suite, dict(pins), built, stale).settled(need.windows, need.stale)
        kept, read = (before.cursor, before.read) if before else ("", 0.0)
        kept = kept if cursor is None else cursor
        state = replace(state, cursor=kept, read=need.read or read, aside=aside)
        if need.arrivals is None:
            return state
        ledger = self._new_ledger(node.model, need, before).to_text()
        folder = f"{self.ports.catalog.location(node.name)}/metadata"
        address = f"{folder}/landed-{_digest(ledger)}.json"
        self.ports.files.write(address, ledger)
        return replace(state, ledger=address)

    def _new_ledger(self, model: Model, need: Need, before: State | None) -> Ledger:
        """The files that were taken, and those whose rows stay although they are gone."""
        assert need.arrivals is not None
        kept = {} if need.anew else self.ledger(before).entries
        taken = need.arrivals.entries
        if model.windowed and model.grain:
            # A window is replaced whole: what is gone of it stays in no row.
            built = {str(window) for window in need.windows.split(model.grain)}
            kept = {n: e for n, e in kept.items() if home(n)[0] not in built}
            taken = {n: e for n, e in taken.items() if home(n)[0] in built}
        return Ledger({**kept, **taken})

    def ledger(self, state: State | None) -> Ledger:
        """The landed files that a table was built from; none where their list was lost."""
        text = self.ports.files.read(state.ledger) if state and state.ledger else None
        known = state and text and state.ledger.endswith(f"-{_digest(text)}.json")
        return Ledger.from_text(text) if text and known else Ledger()

    def source(self, model: Model, window: Window | None = None) -> Source:
        """The source that a model reads, with its pattern completed."""
        return self.place(model.source(window))

    def _pattern(self, model: Model, window: Window | None = None) -> str:
        source = self.source(model, window)
        assert isinstance(source, Landing)
        return source.pattern

    def _need_of_windows(
        self,
        node: Node,
        state: State | None,
        tables: Tables,
        pins: Mapping[TableName, int],
        request: Request,
        coming: Mapping[TableName, Windows],
    ) -> Need:
        model, grain, arrivals = node.model, node.model.grain, None
        assert grain is not None
        changed = self._all_changes(node, tables, pins, state, coming)
        if not any(self.time_column(node, name) for name in node.reads):
            request = replace(request, asked=bounds(model, state, request.asked))
            domain = Windows.of([request.asked]).cover(grain)
        else:
            domain = NONE
        if model.form is Form.SOURCE and not reads_outside(model):
            arrivals, changed[_LANDED], domain = self._by_window(model, state, domain)
        need = need_of_windows(model, state, self.codes[node.name], changed, request)
        if not need.windows:
            return replace(need, arrivals=arrivals)
        for name in node.reads:
            if column := self.time_column(node, name):
                if name in pins:
                    domain |= self._changes.rows_in(tables[name], pins[name], column, grain)
                domain |= coming.get(name, NONE).cover(grain)
        table = tables.get(node.name)
        own = self._own_files(table, model)
        if model.quarantines and model.aside and keeps_aside(table):  # as good as its own
            own += self._own_files(tables.get(model.aside), model)
        windows = widened(need.windows, own, grain)
        return replace(
            need,
            windows=windows,
            filled=domain & windows,
            replaces=frozenset(f.path for f in own if f.span is None or windows.meets(f.span)),
            arrivals=arrivals,
        )

    def _all_changes(
        self,
        node: Node,
        tables: Tables,
        pins: Mapping[TableName, int],
        state: State | None,
        coming: Mapping[TableName, Windows],
    ) -> dict[str, Windows]:
        if state is None:
            return {}
        found = self.changes(node, tables, state.inputs, pins)
        for name, windows in coming.items():
            whole = bool(windows) and not self.time_column(node, name)
            found[str(name)] = found.get(str(name), NONE) | (ALL if whole else windows)
        return found

    def _own_files(self, table: Table | None, model: Model) -> tuple[DataFile, ...]:
        if table is None or table.main is None:
            return ()
        return self.ports.store.frame(table, table.main, model.time_column).files

    def _arrivals(self, model: Model, state: State | None) -> Arrivals:
        pattern = self._pattern(model)
        files, ledger = self.ports.files, self.ledger(state)
        found = ledger.arrivals(files.landed(pattern), lambda name: files.digest(pattern, name))
        if state and not ledger.entries:  # it was lost: rows of any file may be in the table
            return replace(found, new=(), again=found.new)
        return found

    def _by_window(
        self, model: Model, state: State | None, asked: Windows
    ) -> tuple[Arrivals, Windows, Windows]:
        """What landed for the windows, in which it is another than before, and in which any is."""
        assert model.grain is not None
        files, stamps, places, shown = self.ports.files, {}, {}, set()
        for window in asked.split(model.grain):
            pattern = self._pattern(model, window)
            shown.add(str(window))
            for name, stamp in files.landed(pattern).items():
                entry = entry_name(window, name)
                stamps[entry], places[entry] = stamp, (window, pattern, name)
        arrivals = self.ledger(state).arrivals(
            stamps, lambda entry: files.digest(*places[entry][1:])
        )
        other = Windows.of(places[entry][0] for entry in (*arrivals.new, *arrivals.again))
        gone = tuple(entry for entry in arrivals.gone if home(entry)[0] in shown)
        there = Windows.of(window for window, _, _ in places.values())
        return replace(arrivals, gone=gone), other, there

    def reading(
        self, node: Node, need: Need, tables: Tables, pins: Mapping[TableName, int]
    ) -> Reading:
        """How much is read of the inputs that are there already."""
        if not need.filled:
            return Reading()
        if need.arrivals is not None:
            taken = (*need.arrivals.new, *need.arrivals.again)
            sizes = [need.arrivals.entries[name].stamp.bytes for name in taken]
            return Reading(len(sizes), 0, sum(sizes))
        files = [
            file
            for name, pin in pins.items()
            if name in node.reads and not name.is_task
            for column in [self.time_column(node, name)]
            for file in self.ports.store.frame(tables[name], pin, column).files
            if not column or file.span is None or need.filled.meets(file.span)
        ]
        return Reading(len(files), sum(f.rows for f in files), sum(f.bytes for f in files))


def _reshapes(model: Model, table: Table | None) -> bool:
    """Whether the contract makes other columns of those that readers see."""
    if table is None or table.main is None:
        return False
    schema = table.schema_at(table.main)
    return promised(model.columns, schema) != schema


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
