"""Metrics of expectations that are SQL: the query may join other tables, named as `layer.model`.

`{batch}` in a query stands for the view of the rows that are audited. Defining a class registers
it, as in `metrics`.
"""

from collections.abc import Mapping
from typing import Any

from medallion.adapters.expectations.dialect import fetched
from medallion.adapters.expectations.engine import BATCH, MedallionDuckDBEngine
from medallion.adapters.expectations.library import QueryMetricProvider, metric_value

COMPARED_ROWS = 10_000
SAMPLED_ROWS = 5

Kwargs = Mapping[str, Any]


class UnexpectedRowsCount(QueryMetricProvider):
    """How many rows the query of an `UnexpectedRowsExpectation` gives."""

    metric_name = "unexpected_rows_query.row_count"
    value_keys = ("unexpected_rows_query",)

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(
        cls, execution_engine: MedallionDuckDBEngine, metric_value_kwargs: Kwargs, **_: Any
    ) -> int:
        query = _query(metric_value_kwargs["unexpected_rows_query"])
        (count,) = execution_engine.con.execute(f"select count(*) from ({query}\n)").fetchall()[0]
        return int(count)


class UnexpectedRowsSample(QueryMetricProvider):
    """The first rows of that query. Asked for after the count, and only if that is not zero."""

    metric_name = "unexpected_rows_query.table"
    value_keys = ("unexpected_rows_query",)

    @classmethod
    def _get_evaluation_dependencies(
        cls,
        metric: Any,
        configuration: Any = None,
        execution_engine: Any = None,
        runtime_configuration: Any = None,
    ) -> dict[str, Any]:
        del configuration, execution_engine, runtime_configuration
        count = type(metric)(
            UnexpectedRowsCount.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs
        )
        return {"count": count}

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(
        cls,
        execution_engine: MedallionDuckDBEngine,
        metric_value_kwargs: Kwargs,
        metrics: Kwargs,
        **_: Any,
    ) -> list[dict[str, Any]]:
        if not metrics["count"]:
            return []
        query = _query(metric_value_kwargs["unexpected_rows_query"])
        return _records(execution_engine, f"select * from ({query}\n) limit {SAMPLED_ROWS}")


class BaseQueryRows(QueryMetricProvider):
    """The rows of the query about the batch, all of them: the generic metric stops at 200."""

    metric_name = "base_query.table"
    value_keys = ("base_query",)

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(
        cls, execution_engine: MedallionDuckDBEngine, metric_value_kwargs: Kwargs, **_: Any
    ) -> list[dict[str, Any]]:
        return _compared(execution_engine, metric_value_kwargs["base_query"])


class ComparisonQueryRows(QueryMetricProvider):
    """The rows to compare with. They come from the same connection, whatever the source's name."""

    metric_name = "comparison_query.data_source_table"
    value_keys = ("comparison_query", "comparison_data_source_name")

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(
        cls, execution_engine: MedallionDuckDBEngine, metric_value_kwargs: Kwargs, **_: Any
    ) -> list[dict[str, Any]]:
        return _compared(execution_engine, metric_value_kwargs["comparison_query"])


def _query(text: str) -> str:
    return QueryMetricProvider._format_query(text, batch=BATCH)


def _compared(engine: MedallionDuckDBEngine, text: str) -> list[dict[str, Any]]:
    query = _query(text.rstrip("; \t\r\n"))
    rows = _records(engine, f"select * from ({query}\n) limit {COMPARED_ROWS + 1}")
    if len(rows) > COMPARED_ROWS:
        raise ValueError(f"a query to compare gives more than {COMPARED_ROWS:,} rows; aggregate it")
    return rows


def _records(engine: MedallionDuckDBEngine, query: str) -> list[dict[str, Any]]:
    engine.con.execute(query)
    names = [d[0] for d in engine.con.description or ()]
    return [dict(zip(names, row, strict=True)) for row in fetched(engine.con)]
