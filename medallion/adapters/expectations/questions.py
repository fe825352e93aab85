"""Questions that one row of numbers answers, and how to ask many of them at once.

All questions of a suite become two statements. Counts of rows that a condition selects are one
UNION ALL of `SELECT count(*) ... WHERE`, because DuckDB skips by their statistics the row groups
that hold no such row; it does not when the count is an aggregate. The rest is one SELECT.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.functions import FunctionElement

from medallion.adapters.expectations.engine import MedallionDuckDBEngine
from medallion.adapters.expectations.library import convert_to_json_serializable

_AGGREGATES = frozenset(
    ("sum", "count", "count_if", "avg", "min", "max", "stddev_samp", "median", "quantile_disc")
)
# Map metrics whose condition the statistics of a row group can decide.
_PRUNABLE = frozenset(
    f"column_values.{name}.unexpected_count"
    for name in ("nonnull", "null", "between", "in_set", "not_in_set")
)


class Form(Enum):
    """How a question is asked."""

    COUNT = "the rows a condition selects"
    REST = "all rows but those a condition selects"
    ALONE = "an expression that would slow down the others beside it"
    AGGREGATE = "an expression over all rows"


@dataclass(frozen=True, slots=True)
class Question:
    """A condition (`None`: every row) or an aggregate expression, and how to ask it."""

    form: Form
    clause: Any


Answers = dict[Hashable, Any]
Errors = dict[Hashable, Exception]


def complete_rows(
    engine: MedallionDuckDBEngine, columns: Sequence[str], domain: Mapping[str, Any]
) -> Question:
    """How many rows of a domain have a value in each of the columns."""
    where = engine.where(dict(domain))
    missing = [sa.column(c).is_(None) for c in columns]
    if missing and where is None and engine.prune:
        return Question(Form.REST, sa.or_(*missing))
    clauses = [sa.column(c).is_not(None) for c in columns] + ([] if where is None else [where])
    return _count(engine, sa.and_(*clauses) if clauses else None)


def question(
    engine: MedallionDuckDBEngine, metric: Any, values: Mapping[Any, Any]
) -> Question | None:
    """The question that gives the value of a metric; None if it needs a query of its own."""
    try:
        _, _, suffix = metric.metric_name.rpartition(".")
        if suffix == "unexpected_count":
            return _unexpected(engine, metric, values)
        if suffix == "filtered_row_count":
            return _not_ignored(engine, metric)
        return _aggregate(engine, metric, values)
    except LookupError:
        return None


def unexpected(
    engine: MedallionDuckDBEngine, metric: Any, values: Mapping[Any, Any]
) -> "sa.ColumnElement[bool] | None":
    """The condition of the rows that a map metric counts; None if it has no such condition."""
    dependencies = metric.metric_dependencies
    partial = dependencies.get("metric_partial_fn")
    condition = (partial.metric_dependencies if partial else dependencies).get(
        "unexpected_condition"
    )
    if condition is None or condition.id not in values:
        return None
    clause, compute, accessor = values[condition.id]
    where = engine.where({**compute, **accessor})
    return clause if where is None else sa.and_(clause, where)


def _unexpected(
    engine: MedallionDuckDBEngine, metric: Any, values: Mapping[Any, Any]
) -> Question | None:
    clause = unexpected(engine, metric, values)
    if clause is None:
        return None
    if metric.metric_name in _PRUNABLE:
        return _count(engine, clause)
    return Question(Form.AGGREGATE, _count_if(clause))


def _not_ignored(engine: MedallionDuckDBEngine, metric: Any) -> Question:
    where = engine.where(dict(metric.metric_domain_kwargs))
    if where is None or not engine.prune:
        return _count(engine, where)
    # The filter is NOT (all columns are null): count the few rows it drops, from statistics.
    inverted = getattr(where, "operator", None) is operators.inv
    return Question(Form.REST, where.element if inverted else sa.not_(where))


def _aggregate(
    engine: MedallionDuckDBEngine, metric: Any, values: Mapping[Any, Any]
) -> Question | None:
    partial = metric.metric_dependencies.get("metric_partial_fn")
    if partial is None or partial.id not in values:
        return None
    expression, compute, accessor = values[partial.id]
    where = engine.where({**compute, **accessor})
    if metric.metric_name == "table.row_count":
        return _count(engine, where)
    if where is None:
        alone = metric.metric_name == "column.distinct_values.count"
        return Question(Form.ALONE if alone else Form.AGGREGATE, expression)

    aggregates = []

    def filtered(element: Any, **_: Any) -> Any:
        if not (isinstance(element, FunctionElement) and element.name.lower() in _AGGREGATES):
            return None
        aggregates.append(element)
        return element.filter(where)

    over_some = visitors.replacement_traverse(expression, {}, filtered)
    return Question(Form.AGGREGATE, over_some) if aggregates else None


def _count(engine: MedallionDuckDBEngine, where: "sa.ColumnElement[bool] | None") -> Question:
    if engine.prune:
        return Question(Form.COUNT, where)
    return Question(Form.AGGREGATE, sa.func.count() if where is None else _count_if(where))


def _count_if(clause: Any) -> Any:
    # Over no rows it is NULL.
    return sa.func.coalesce(sa.func.count_if(clause), 0)


def ask(
    engine: MedallionDuckDBEngine, questions: Mapping[Hashable, Question]
) -> tuple[Answers, Errors]:
    """The answers to the questions, and the errors of those that have none.

    A question that cannot be answered does not keep the others from being answered.
    """
    try:
        return _together(engine, questions), {}
    except Exception:  # noqa: BLE001 - a value may not be readable as Python either
        # Most errors are wrong names and types: found one by one without reading a row.
        _, errors = _one_by_one(engine, questions, bind_only=True)
    sound = {key: q for key, q in questions.items() if key not in errors}
    try:
        return _together(engine, sound), errors
    except Exception:  # noqa: BLE001
        answers, more = _one_by_one(engine, sound)
        return answers, errors | more


def _one_by_one(
    engine: MedallionDuckDBEngine,
    questions: Mapping[Hashable, Question],
    *,
    bind_only: bool = False,
) -> tuple[Answers, Errors]:
    answers: Answers = {}
    errors: Errors = {}
    for key, q in questions.items():
        try:
            answers |= _together(engine, {key: q}, bind_only=bind_only)
        except Exception as error:  # noqa: BLE001 - it belongs to the question
            errors[key] = error
    return answers, errors


def _together(
    engine: MedallionDuckDBEngine,
    questions: Mapping[Hashable, Question],
    *,
    bind_only: bool = False,
) -> Answers:
    aggregates = {k: q for k, q in questions.items() if q.form is Form.AGGREGATE}
    others = {k: q for k, q in questions.items() if q.form is not Form.AGGREGATE}
    no_row = [sa.false()] if bind_only else []
    answers: Answers = {}
    if others:
        answers |= _counted(engine, others, no_row)
    if aggregates:
        labelled = [q.clause.label(f"m{i}") for i, q in enumerate(aggregates.values())]
        statement = sa.select(*labelled).select_from(engine.table).where(*no_row)
        row = engine.execute_query(statement).fetchone()
        answers |= {
            k: convert_to_json_serializable(data=v) for k, v in zip(aggregates, row, strict=True)
        }
    return answers


def _counted(
    engine: MedallionDuckDBEngine, questions: Mapping[Hashable, Question], no_row: list[Any]
) -> Answers:
    selects = []
    for i, q in enumerate(questions.values()):
        alone = q.form is Form.ALONE
        number = q.clause if alone else sa.func.count()
        where = [] if alone or q.clause is None else [q.clause]
        selects.append(
            sa.select(sa.literal_column(str(i)).label("i"), number.label("n"))
            .select_from(engine.table)
            .where(*where, *no_row)
        )
    if any(q.form is Form.REST for q in questions.values()):
        every_row: Any = sa.select(sa.literal_column("-1"), sa.func.count()).select_from(
            engine.table
        )
        selects.append(every_row.where(*no_row))
    got = dict(tuple(row) for row in engine.execute_query(sa.union_all(*selects)).fetchall())
    return {
        key: got[-1] - got[i] if q.form is Form.REST else got[i]
        for i, (key, q) in enumerate(questions.items())
    }
