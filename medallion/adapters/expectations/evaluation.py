"""Evaluating the expectations of a suite on one batch: what was seen of each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np

from medallion.adapters.expectations.documents import Written
from medallion.adapters.expectations.engine import MedallionDuckDBEngine
from medallion.adapters.expectations.library import (
    MetricDomainTypes,
    ResultFormat,
    parse_result_format,
)
from medallion.adapters.expectations.queries import (
    BaseQueryRows,
    UnexpectedRowsCount,
    UnexpectedRowsSample,
)
from medallion.adapters.expectations.questions import complete_rows
from medallion.adapters.expectations.resolution import METADATA, Resolution
from medallion.adapters.expectations.samples import different, failing_rows, failing_where
from medallion.adapters.expectations.verdicts import Observation, counted, shown
from medallion.errors import told_in

# Asked for without samples, which are taken here; read with counts.
_ASKED = ResultFormat.BOOLEAN_ONLY
_READ = parse_result_format(ResultFormat.BASIC)
_ABOUT_NULLS = (
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
    "expect_column_proportion_of_non_null_values_to_be_between",
)
_NONNULL = "column_values.nonnull.unexpected_count"
# What of a result tells the values that should or should not be there, and how to say so.
_LISTED = {
    "partial_unexpected_list": "there are values outside the set",
    "partial_missing_list": "values of the set are missing",
}


def evaluate(
    con: duckdb.DuckDBPyConnection, suite: Sequence[Written], keys: Sequence[str], *, prune: bool
) -> list[Observation]:
    """What is seen of each expectation on the view `batch` of the connection, in their order.

    `keys` are the columns that name a failing row in a sample. An expectation that cannot be
    evaluated is seen with an error; nothing is raised for it.
    """
    engine = MedallionDuckDBEngine(con, prune=prune)
    try:
        resolution = Resolution(engine)
        asked = [_ask(resolution, w.expectation.copy(deep=True)) for w in suite]
        resolution.run()
        return [_observe(resolution, a, keys) for a in asked]
    finally:
        engine.close()


@dataclass(frozen=True, slots=True)
class _Asked:
    """An expectation with the metrics that decide it, or the error that asking for them gave.

    `columns` are those a row must have a value in for there to be something to judge; None if it
    is not about rows. Their number is under `judged`, if it is not among the metrics.
    """

    expectation: Any
    metrics: Mapping[str, Any]
    columns: tuple[str, ...] | None = None
    judged: Any = None
    error: Exception | None = None


def _ask(resolution: Resolution, expectation: Any) -> _Asked:
    try:
        runtime = {"result_format": _ASKED}
        dependencies = expectation.get_validation_dependencies(resolution.engine, runtime)
        metrics = dependencies.metric_configurations
        for metric in metrics.values():
            resolution.want(metric)
        columns = _judged_columns(expectation, metrics)
        judged = None
        if columns is not None and not (columns and _NONNULL in metrics):
            condition = _condition(expectation)
            judged = ("judged", columns, condition and repr(condition.dict()))
            domain = {"row_condition": condition}
            resolution.ask(judged, complete_rows(resolution.engine, columns, domain))
        return _Asked(expectation, metrics, columns, judged)
    except Exception as error:  # noqa: BLE001 - an expectation may raise anything
        return _Asked(expectation, {}, error=error)


def _judged_columns(expectation: Any, metrics: Mapping[str, Any]) -> tuple[str, ...] | None:
    if not {BaseQueryRows.metric_name, UnexpectedRowsSample.metric_name}.isdisjoint(metrics):
        return ()
    about_table = expectation.domain_type == MetricDomainTypes.TABLE
    if about_table or all(m.metric_name in METADATA for m in metrics.values()):
        return None
    return () if expectation.expectation_type in _ABOUT_NULLS else _columns(expectation)


def _condition(expectation: Any) -> Any:
    return getattr(expectation, "row_condition", None)


def _columns(expectation: Any) -> tuple[str, ...]:
    if several := getattr(expectation, "column_list", None):
        return tuple(several)
    one = [getattr(expectation, name, None) for name in ("column", "column_A", "column_B")]
    return tuple(name for name in one if name)


def _observe(resolution: Resolution, asked: _Asked, keys: Sequence[str]) -> Observation:
    failed = asked.error or resolution.error(asked.metrics.values(), asked.judged)
    if failed is not None:
        if trouble := told_in(str(failed)):
            raise trouble from failed  # the rows were not read: nothing is wrong with them
        return Observation(error=_reason(failed))
    try:
        values = {name: resolution.values[m.id] for name, m in asked.metrics.items()}
        with np.errstate(all="ignore"):
            found = asked.expectation._validate(
                metrics=values,
                runtime_configuration={"result_format": dict(_READ)},
                execution_engine=resolution.engine,
            )
        success = bool(found["success"])
        seen = _seen(resolution, asked, found.get("result") or {}, values, keys, success=success)
        nothing = _nothing(asked, _judged(resolution, asked, values), seen.failing)
    except Exception as error:  # noqa: BLE001 - an expectation may raise anything
        return Observation(error=_reason(error))
    holds = "it holds" if success else "it does not hold"
    return replace(seen, success=success, nothing=nothing, observed=seen.observed or holds)


def _seen(
    resolution: Resolution,
    asked: _Asked,
    result: Mapping[str, Any],
    values: Mapping[str, Any],
    keys: Sequence[str],
    *,
    success: bool,
) -> Observation:
    if "element_count" in result:
        failing = int(result["unexpected_count"] or 0)
        rows = result["element_count"] - (result.get("missing_count") or 0)
        count = asked.metrics[f"{asked.expectation.map_metric}.unexpected_count"]
        columns = _columns(asked.expectation)
        sample = () if success else failing_rows(resolution, count, columns, keys)
        where = "" if success else failing_where(resolution, count, columns)
        return Observation(failing=failing, rows=rows, sample=sample, where=where)
    if UnexpectedRowsSample.metric_name in values:
        failing = values[UnexpectedRowsCount.metric_name]
        sample = different(values[UnexpectedRowsSample.metric_name])
        told = f"the query gives {counted(failing, 'row')}"
        return Observation(failing=failing, observed=told, sample=sample)
    for name, told in _LISTED.items():
        if result.get(name):
            return Observation(observed=told, sample=different(result[name]))
    if "unexpected_percent" in result:
        return Observation(observed=counted(result["unexpected_count"], "difference"))
    value = result.get("observed_value")
    return Observation(observed="" if value is None else f"observed {shown(value)}")


def _judged(resolution: Resolution, asked: _Asked, values: Mapping[str, Any]) -> int | None:
    if asked.judged is not None:
        return int(resolution.values[asked.judged])
    return None if asked.columns is None else values["table.row_count"] - values[_NONNULL]


def _nothing(asked: _Asked, judged: int | None, failing: int | None) -> str:
    if asked.columns is not None and getattr(asked.expectation, "mostly", 1) == 0:
        return "mostly is 0, so any row passes"
    if judged != 0 or failing:
        return ""
    condition = " that meets the row_condition" if _condition(asked.expectation) else ""
    value = f" with a value in {' and '.join(asked.columns)}" if asked.columns else ""
    return f"there is no row{value}{condition}"


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__
