"""The values of the metrics that the expectations of a suite are decided by."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from medallion.adapters.expectations.engine import MedallionDuckDBEngine
from medallion.adapters.expectations.library import (
    MetricPartialFunctionTypes,
    ValidationGraph,
    get_metric_provider,
)
from medallion.adapters.expectations.questions import Question, ask, question

_FUSED = (".condition", ".map", ".aggregate_fn", ".unexpected_count", ".filtered_row_count")
_KNOWN = ("great_expectations.", "medallion.")
METADATA = ("table.columns", "table.column_types")


class Resolution:
    """Metrics and questions over one batch, answered together.

    After `run`, everything asked for has either a value or an error: a metric that depends on one
    with an error has the same error.
    """

    def __init__(self, engine: MedallionDuckDBEngine) -> None:
        self.engine = engine
        self.values: dict[Any, Any] = {}
        self.errors: dict[Any, Exception] = {}
        self.metrics: dict[Any, Any] = {}
        self._questions: dict[Hashable, Question] = {}
        self._defaults = ValidationGraph(execution_engine=engine)

    def want(self, metric: Any) -> None:
        """Ask for a metric, and for those it depends on."""
        if metric.id in self.metrics:
            # Whoever asked reads the dependencies of its own object.
            metric.metric_dependencies = self.metrics[metric.id].metric_dependencies
            return
        self.metrics[metric.id] = metric
        try:
            provider, _ = self._defaults.set_metric_configuration_default_kwargs_if_absent(metric)
            dependencies = provider.get_evaluation_dependencies(
                metric=metric, execution_engine=self.engine
            )
            if _knows_its_rows(metric, provider, dependencies):
                dependencies.pop("table.row_count", None)
            metric.metric_dependencies = dependencies
        except Exception as error:  # noqa: BLE001 - a provider may raise anything
            self.errors[metric.id] = error
            return
        for dependency in metric.metric_dependencies.values():
            self.want(dependency)

    def ask(self, key: Hashable, asked: Question) -> None:
        """Ask a question of ours beside the metrics."""
        self._questions[key] = asked

    def run(self) -> None:
        """Answer everything that was asked for and is not answered yet.

        First whatever needs no rows, round by round; then all counts and aggregates together; then
        the metrics that need a query of their own.
        """
        while ready := self._ready():
            free = [m for m in ready if self._needs_no_rows(m)]
            if free:
                self._each(free)
                continue
            for metric in ready:
                self._turn_into_question(metric)
            if self._questions:
                self._ask_all()
            else:
                self._each([m for m in ready if m.id not in self.errors])
        if self._questions:
            self._ask_all()

    def error(self, metrics: Iterable[Any], *keys: Hashable) -> Exception | None:
        """The first error among some metrics and questions."""
        asked = [*(m.id for m in metrics), *keys]
        return next((self.errors[key] for key in asked if key in self.errors), None)

    def _ready(self) -> list[Any]:
        """The metrics without a value whose dependencies all have one."""
        while True:
            known = len(self.errors)
            ready = [m for m in self.metrics.values() if self._is_ready(m)]
            if len(self.errors) == known:
                return ready

    def _is_ready(self, metric: Any) -> bool:
        if metric.id in self.values or metric.id in self.errors:
            return False
        needs = [d.id for d in metric.metric_dependencies.values() if d.id != metric.id]
        for need in needs:
            if need in self.errors:
                self.errors[metric.id] = self.errors[need]
                return False
        return all(need in self.values for need in needs)

    def _turn_into_question(self, metric: Any) -> None:
        try:
            if (asked := question(self.engine, metric, self.values)) is not None:
                self._questions[metric.id] = asked
        except Exception as error:  # noqa: BLE001 - a condition may not be one
            self.errors[metric.id] = error

    def _ask_all(self) -> None:
        values, errors = ask(self.engine, self._questions)
        self.values |= values
        self.errors |= errors
        self._questions = {}

    def _needs_no_rows(self, metric: Any) -> bool:
        _, function = get_metric_provider(metric.metric_name, self.engine)
        kind = getattr(function, "metric_fn_type", None)
        return isinstance(kind, MetricPartialFunctionTypes) or metric.metric_name in METADATA

    def _each(self, metrics: list[Any]) -> None:
        for metric in metrics:
            try:
                self.values |= self.engine.resolve_metrics([metric], self.values)
            except Exception as error:  # noqa: BLE001 - a metric may raise anything
                self.errors[metric.id] = error


def _knows_its_rows(metric: Any, provider: Any, dependencies: Mapping[str, Any]) -> bool:
    # All metrics about columns say that they depend on the number of rows. Where they do not use
    # it, waiting for it would take one more statement.
    fused = "metric_partial_fn" in dependencies or metric.metric_name.endswith(_FUSED)
    return fused and str(provider.__module__).startswith(_KNOWN)
