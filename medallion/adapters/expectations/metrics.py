"""Metrics of Great Expectations that DuckDB answers better than generic SQL, or that have no SQL.

Defining a class registers it for `MedallionDuckDBEngine` under its metric's name; importing this
module is enough.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from medallion.adapters.expectations.dialect import type_class
from medallion.adapters.expectations.engine import BATCH, MedallionDuckDBEngine
from medallion.adapters.expectations.library import (
    ColumnAggregateMetricProvider,
    ColumnMapMetricProvider,
    MetricProvider,
    TableMetricProvider,
    column_aggregate_partial,
    column_condition_partial,
    column_outlier_statistics,
    get_metric_kwargs,
    metric_value,
)

Kwargs = Mapping[str, Any]


class ColumnTypes(TableMetricProvider):
    """The columns of the batch, in one statement."""

    metric_name = "table.column_types"
    value_keys = ("include_nested",)

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(cls, execution_engine: MedallionDuckDBEngine, **_: Any) -> list[dict[str, Any]]:
        rows = execution_engine.con.execute(f"describe select * from {BATCH}")
        return [{"name": r[0], "type": type_class(r[1])()} for r in rows.fetchall()]


class Median(ColumnAggregateMetricProvider):
    """An aggregate of DuckDB's; generic SQL sorts the table."""

    metric_name = "column.median"

    @column_aggregate_partial(engine=MedallionDuckDBEngine)
    def _duckdb(cls, column: Any, **_: Any) -> Any:
        return sa.func.median(column)


class Quantiles(ColumnAggregateMetricProvider):
    """All quantiles of a column in one aggregate."""

    metric_name = "column.quantile_values"
    value_keys = ("quantiles", "allow_relative_error")

    @column_aggregate_partial(engine=MedallionDuckDBEngine)
    def _duckdb(cls, column: Any, quantiles: Sequence[float], **_: Any) -> Any:
        fractions: Any = sa.literal_column(str([float(q) for q in quantiles]))
        return sa.func.quantile_disc(column, fractions)


class StandardDeviation(ColumnAggregateMetricProvider):
    """An aggregate of its own: the generic one waits for the mean, which only SQLite needs."""

    metric_name = "column.standard_deviation"

    @column_aggregate_partial(engine=MedallionDuckDBEngine)
    def _duckdb(cls, column: Any, **_: Any) -> Any:
        return sa.func.stddev_samp(column)


class Outliers(ColumnAggregateMetricProvider):
    """The interquartile range, for which Great Expectations has no SQL."""

    metric_name = "column.outlier_statistics"
    value_keys = ("method",)

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(
        cls,
        execution_engine: MedallionDuckDBEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        **_: Any,
    ) -> column_outlier_statistics.OutlierStatistics:
        if metric_value_kwargs["method"] == "std":
            generic: Any = column_outlier_statistics.ColumnOutlierStatistics
            deviation: column_outlier_statistics.OutlierStatistics = generic._sqlalchemy(
                cls, execution_engine, metric_domain_kwargs, metric_value_kwargs, metrics, {}
            )
            return deviation
        column = sa.cast(sa.column(metric_domain_kwargs["column"]), sa.Double)
        quartiles = sa.func.quantile_cont(column, sa.literal_column("[0.25, 0.75]"))
        rows = rows_of(execution_engine, metric_domain_kwargs)
        found = execution_engine.execute_query(sa.select(quartiles).select_from(rows)).scalar()
        low, high = found or (None, None)
        return column_outlier_statistics.OutlierStatistics(
            low, high, None if low is None else high - low
        )


class JsonParseable(ColumnMapMetricProvider):
    """Great Expectations has no SQL for it."""

    condition_metric_name = "column_values.json_parseable"

    @column_condition_partial(engine=MedallionDuckDBEngine)
    def _duckdb(cls, column: Any, **_: Any) -> Any:
        return sa.func.json_valid(column)


class MatchStrftimeFormat(ColumnMapMetricProvider):
    """Great Expectations has no SQL for it."""

    condition_metric_name = "column_values.match_strftime_format"
    condition_value_keys = ("strftime_format",)

    @column_condition_partial(engine=MedallionDuckDBEngine)
    def _duckdb(cls, column: Any, strftime_format: str, **_: Any) -> Any:
        return sa.func.try_strptime(column, strftime_format).is_not(None)


class UniqueCount(MetricProvider):
    """How many rows have a value that another row has: one hash aggregate.

    Generic SQL is a window over all rows. No dependencies: DuckDB names a column that is missing.
    """

    metric_name = "column_values.unique.unexpected_count"
    domain_keys = get_metric_kwargs(metric_name)["metric_domain_keys"]
    value_keys = ()

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(
        cls, execution_engine: MedallionDuckDBEngine, metric_domain_kwargs: Kwargs, **_: Any
    ) -> int:
        columns = [metric_domain_kwargs["column"]]
        return _duplicates(execution_engine, metric_domain_kwargs, columns)


class CompoundUniqueCount(MetricProvider):
    """How many rows have a key that another row has: one hash aggregate instead of a self-join."""

    metric_name = "compound_columns.unique.unexpected_count"
    domain_keys = get_metric_kwargs(metric_name)["metric_domain_keys"]
    value_keys = ()

    @metric_value(engine=MedallionDuckDBEngine)
    def _duckdb(
        cls, execution_engine: MedallionDuckDBEngine, metric_domain_kwargs: Kwargs, **_: Any
    ) -> int:
        columns = metric_domain_kwargs["column_list"]
        return _duplicates(execution_engine, metric_domain_kwargs, columns)


def rows_of(engine: MedallionDuckDBEngine, domain: Kwargs) -> Any:
    """The rows of a domain as something to select from."""
    rows = engine.get_domain_records(dict(domain))
    return rows.subquery() if isinstance(rows, sa.Select) else rows


def repeated(engine: MedallionDuckDBEngine, domain: Kwargs, columns: Sequence[str]) -> Any:
    """The keys that more than one row has, and how many as `n`. A key with a NULL is none."""
    return _groups(engine, domain, columns, [sa.column(c) for c in columns])


def _groups(
    engine: MedallionDuckDBEngine, domain: Kwargs, columns: Sequence[str], by: Sequence[Any]
) -> Any:
    return (
        sa.select(*by, sa.func.count().label("n"))
        .select_from(rows_of(engine, domain))
        .where(*[sa.column(c).is_not(None) for c in columns])
        .group_by(*by)
        .having(sa.func.count() > 1)
    )


def _duplicates(engine: MedallionDuckDBEngine, domain: Kwargs, columns: Sequence[str]) -> int:
    key: list[Any] = [sa.column(c) for c in columns]
    if len(key) > 1:
        # Equal keys have equal hashes. So where no hash repeats, no key does, and grouping by one
        # number takes a third of the time and memory; where one does, the keys themselves decide.
        hashes = _groups(engine, domain, columns, [sa.func.hash(*key).label("h")]).limit(1)
        if engine.execute_query(hashes).fetchone() is None:
            return 0
    groups = repeated(engine, domain, columns).subquery()
    rows = engine.execute_query(sa.select(sa.func.coalesce(sa.func.sum(groups.c.n), 0)))
    return int(rows.scalar() or 0)
