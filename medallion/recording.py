"""Recording: what audits said, appended to the log and published with the tables they are of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from medallion.audits import ABOUT, LOG, SCHEMA, Entry, audit_rows, entries
from medallion.errors import ConflictError
from medallion.forms import Form
from medallion.names import TableName, branch_of
from medallion.ports import Ports
from medallion.suite import Audit
from medallion.tables import RUN, WINDOWS, Draft, Publication, Table, Write

_TRIES = 50  # to commit to the log while others do


def recorded(
    ports: Ports, run: str, audits: Iterable[tuple[Audit, Mapping[str, str]]]
) -> list[Publication]:
    """The verdicts on a branch of the log; what publishes them. Nothing where there are none.

    With each audit come the notes of the snapshot's commit, as far as this run committed it.
    """
    given = list(audits)
    if not given:
        return []
    now = datetime.now(UTC)
    bases = ports.catalog.tables({audit.table for audit, _ in given})
    rows = [
        row
        for audit, notes in given
        for row in audit_rows(
            run,
            now,
            audit,
            bases[audit.table].main if audit.table in bases else None,
            notes.get(WINDOWS, ""),
        )
    ]
    log, branch = ports.catalog.tables([LOG]).get(LOG), branch_of(run)
    if log and branch in log.refs:  # by its branch an unfinished publish of this run goes on
        ports.catalog.prepare()
    draft = _draft(ports, log, run)
    schema = draft.settle(SCHEMA)
    result = ports.engine.record(rows, schema, draft)
    for left in reversed(range(_TRIES)):
        table = ports.catalog.tables([LOG]).get(LOG)
        base = table.main if table else None
        notes = {RUN: run}
        write = Write(draft, branch, base, result, notes, ABOUT, frozenset(), appends=True)
        try:
            return [Publication(LOG, branch, base, ports.store.commit(write), appends=True)]
        except ConflictError:  # others published meanwhile
            if not left:
                raise
    return []


def entries_of(ports: Ports, names: Sequence[TableName]) -> tuple[Entry, ...]:
    """What the log says of these tables, newest first."""
    log = ports.catalog.tables([LOG]).get(LOG)
    if log is None or log.main is None or not names:
        return ()
    frame = ports.store.frame(log, log.main)
    wanted = ", ".join(f"'{name}'" for name in names)  # of letters, digits, _ and a dot
    found = ports.engine.open(frame, Form.ARROW, where=f"table_name in ({wanted})")
    return entries(found.to_pylist())


def _draft(ports: Ports, log: Table | None, run: str) -> Draft:
    draft = Draft(LOG, ports.catalog.location(LOG), run, keeps=True)
    return draft.upon(log) if log else draft
