"""Every name that is used of Great Expectations, imported without side effects on the process.

The import takes seconds, so this module is imported by functions that need it. Great Expectations
turns on `logging.captureWarnings`, adds warning filters and logs whole tracebacks; here the process
is left as it was, and the library's logger says only what is critical.

Not promised by its authors, so tried on every new version by the matrix in the tests: how metrics
depend on each other and are registered, and `Expectation._validate`.
"""

import contextlib
import importlib
import logging
import sys
import threading
import types
import warnings
from collections.abc import Iterator

__all__ = [
    "ColumnAggregateMetricProvider",
    "ColumnMapMetricProvider",
    "DataContextRequiredError",
    "Expectation",
    "ExpectationSuite",
    "MetricDomainTypes",
    "MetricPartialFunctionTypes",
    "MetricProvider",
    "PassThroughCondition",
    "QueryMetricProvider",
    "ResultFormat",
    "SqlAlchemyBatchData",
    "SqlAlchemyExecutionEngine",
    "TableMetricProvider",
    "ValidationGraph",
    "column_aggregate_partial",
    "column_condition_partial",
    "column_outlier_statistics",
    "convert_to_json_serializable",
    "get_context",
    "get_expectation_impl",
    "get_metric_kwargs",
    "get_metric_provider",
    "list_registered_expectation_implementations",
    "metric_value",
    "parse_result_format",
    "project_manager",
    "pydantic",
    "quiet",
]

_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore warnings for a moment. One thread at a time: the filters belong to the process."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Deferred(types.ModuleType):
    """Stands for a module that is imported when something of it is first used."""

    def __getattr__(self, name: str) -> object:
        with warnings.catch_warnings():  # scipy adds filters
            return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _deferred(*names: str) -> Iterator[None]:
    """Give whoever imports one of the modules meanwhile something that stands for it."""
    stand_ins = {n: _Deferred(n) for n in names if n not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


_show = warnings.showwarning
# One expectation uses these two, and they are a fifth of the time and memory of the import.
with quiet(), _deferred("altair", "scipy.stats"):
    from great_expectations import ExpectationSuite, get_context
    from great_expectations.compatibility import pydantic
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
    from great_expectations.core.result_format import ResultFormat
    from great_expectations.data_context.data_context.context_factory import project_manager
    from great_expectations.exceptions.exceptions import DataContextRequiredError
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import parse_result_format
    from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
        ColumnAggregateMetricProvider,
        column_aggregate_partial,
    )
    from great_expectations.expectations.metrics.column_aggregate_metrics import (
        column_outlier_statistics,
    )
    from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (  # noqa: E501 - a module's name
        column_condition_partial,
    )
    from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (  # noqa: E501 - a module's name
        ColumnMapMetricProvider,
    )
    from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value
    from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        get_metric_kwargs,
        get_metric_provider,
        list_registered_expectation_implementations,
    )
    from great_expectations.expectations.row_conditions import PassThroughCondition
    from great_expectations.util import convert_to_json_serializable
    from great_expectations.validator.validation_graph import ValidationGraph

if warnings.showwarning is not _show:
    logging.captureWarnings(capture=False)
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
