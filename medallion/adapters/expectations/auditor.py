"""The auditor: checks suites where they are written, and audits frames by them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from medallion.adapters.expectations.verdicts import verdict
from medallion.frame import Frame
from medallion.schema import Schema
from medallion.suite import Suite, Verdict

if TYPE_CHECKING:
    import duckdb

    from medallion.adapters.expectations.documents import Written
    from medallion.adapters.expectations.foreign_keys import Foreign

Opener = Callable[[Mapping[str, Frame]], AbstractContextManager["duckdb.DuckDBPyConnection"]]
"""Gives an open DuckDB connection with a view per frame: `batch`, and others as `layer.model`."""

# Fewer rows a file, and opening every file once more costs more than pruning saves.
_ROWS_WORTH_PRUNING = 50_000


class ExpectationsAuditor:
    """Audits by Great Expectations, through DuckDB.

    Threads may share an auditor: each audit has a connection and an engine of its own.
    """

    def __init__(self, open: Opener) -> None:
        self._open = open
        self._lock = threading.Lock()
        self._suites: dict[tuple[str, str], tuple[Written | Foreign, ...]] = {}

    def check(self, suite: Suite, columns: Schema | None) -> None:
        """Nothing, if every expectation of the suite can be evaluated and can fail.

        With `columns`, those of the table, the columns that expectations name are looked up too.

        Raises:
            DefinitionError: names the place, the expectation, the mistake, and the nearest right
                word where there is one.
        """
        expectations = self._written(suite)
        if columns is None:
            return
        from medallion.adapters.expectations.columns import check_columns

        for written in expectations:
            check_columns(written, suite.table, columns)

    def documents(self, suite: Suite) -> tuple[Mapping[str, Any], ...]:
        """Its expectations, those of scripts too, each as type, kwargs, severity and meta.

        Raises:
            DefinitionError: the suite is wrong.
        """
        return tuple(
            {
                "type": w.type,
                "kwargs": w.kwargs,
                "severity": w.severity,
                "meta": {"allow_vacuous": w.vacuous},
            }
            for w in self._written(suite)
        )

    def audit(
        self,
        suite: Suite,
        frame: Frame,
        *,
        keys: Sequence[str] = (),
        others: Mapping[str, Frame] | None = None,
    ) -> tuple[Verdict, ...]:
        """One verdict per expectation, in the order written.

        `keys` are the columns that name a failing row in a sample. `others` are the tables, as
        `layer.model`, that queries may join. A check that fails or cannot be evaluated raises
        nothing.

        Raises:
            DefinitionError: the suite is wrong, as `check` would have said.
        """
        expectations = self._written(suite)
        from medallion.adapters.expectations.evaluation import evaluate
        from medallion.adapters.expectations.foreign_keys import Foreign, judged

        known = [k for k in keys if k in frame.schema.names]
        prune = bool(frame.files) and frame.rows / len(frame.files) > _ROWS_WORTH_PRUNING
        with self._open({"batch": frame, **(others or {})}) as con:
            plain = [w for w in expectations if not isinstance(w, Foreign)]
            seen = iter(evaluate(con, plain, known, prune=prune) if plain else ())
            return tuple(
                judged(con, suite.table, w, others or ())
                if isinstance(w, Foreign)
                else verdict(w.type, w.kwargs, w.severity, next(seen), vacuous=w.vacuous, why=w.why)
                for w in expectations
            )

    def _written(self, suite: Suite) -> "tuple[Written | Foreign, ...]":
        key = (str(suite.table), suite.digest)
        with self._lock:
            if key not in self._suites:
                from medallion.adapters.expectations import documents

                self._suites[key] = documents.written(suite)
            return self._suites[key]
