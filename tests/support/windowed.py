"""A small project of models by window, of which every part comes in several variants.

`MODELS` has the texts that each model's file may have; all variants of a model give the same
columns. Rows are landed as CSV files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.projects import sql_model, write

Row = tuple[int, str, int, str]
"""A landed row: id, when it happened, amount, zone."""

HEADER = "id,happened,amount,zone"
FULL = "gold.compared"
_TYPES = '{"id": "bigint", "happened": "timestamp", "amount": "bigint", "zone": "varchar"}'


def time(grain: str, more: str = "") -> str:
    """The declaration of a model whose windows are so long."""
    return f"partition_by={grain}('happened'), time_column='happened'{more}"


def source(grain: str, pattern: str = "landing/*.csv") -> str:
    """The text of bronze.events."""
    return (
        f"from medallion import *\n\n@bronze({time(grain)})\ndef events() -> Source:\n"
        f"    return files({pattern!r}, columns={_TYPES})\n"
    )


def tagged(form: str, value: str) -> str:
    """The text of silver.tagged, a Python model: each row with something of its whole window."""
    return (
        "from medallion import *\nimport pandas as pd\nimport pyarrow as pa\n"
        "import pyarrow.compute as pc\n\n"
        f"@silver({time('day')})\n"
        f"def tagged(events: {form} = ref('bronze.events')) -> {form}:\n    {value}\n"
    )


def _events(query: str, grain: str = "day") -> str:
    return sql_model("silver", "events", query, time(grain))


def _hours(query: str) -> str:
    return sql_model("silver", "hours", query, time("hour"))


def _gold(name: str, query: str, grain: str, more: str = "") -> str:
    return sql_model("gold", name, query, time(grain, more))


_TRAILING = (
    "select e.id, e.happened, (select count(*) from {0} p where p.happened <= e.happened"
    " and p.happened > e.happened - interval 2 day) as n from {0} e"
)

MODELS: Mapping[str, Sequence[str]] = {
    "bronze.events": tuple(map(source, ("day", "month", "year", "hour"))),
    "silver.events": (
        _events("select id, happened, amount, zone from bronze.events"),
        _events("select id, happened, amount, zone from bronze.events where amount > 0"),
        _events(
            "select id, happened, row_number() over (order by happened, id, amount, zone) as amount"
            ", zone from bronze.events"
        ),
        _events(
            "select min(id) as id, date_trunc('day', happened) as happened,"
            " sum(amount)::bigint as amount, zone from bronze.events group by all"
        ),
        _events(
            "select id, happened + interval 7 hour as happened, amount, zone from bronze.events"
        ),
        _events(
            "select id, happened, row_number() over (order by happened, id, amount, zone) as amount"
            ", zone from bronze.events",
            "month",
        ),
    ),
    "silver.tagged": (
        tagged(
            "pa.Table",
            "return events.select(['id', 'happened']).append_column("
            "'of', pa.array([len(events)] * len(events), pa.int64()))",
        ),
        tagged(
            "pa.Table",
            "return events.filter(pc.greater(events['amount'], 2)).select(['id', 'happened'])"
            ".append_column('of', events.filter(pc.greater(events['amount'], 2))['amount'])",
        ),
        tagged(
            "pd.DataFrame",
            "return events[['id', 'happened']].assign(of=int(events['amount'].sum()))",
        ),
    ),
    "silver.hours": (
        _hours(
            "select date_trunc('hour', happened) as happened, count(*) as n from silver.events"
            " group by all"
        ),
        _hours(
            "select happened, row_number() over (order by happened, id, amount, zone) as n"
            " from silver.events"
        ),
        _hours("select e.happened, t.of as n from silver.events e join silver.tagged t using (id)"),
    ),
    "gold.months": (
        _gold(
            "months",
            "select date_trunc('month', happened) as happened, count(*) as n, sum(amount)::bigint"
            " as amount from silver.events group by all",
            "month",
        ),
        _gold(
            "months",
            "select date_trunc('year', happened) as happened, count(*) as n, max(id) as amount"
            " from silver.events group by all",
            "year",
        ),
        _gold("months", "select happened, n, n as amount from silver.hours where n > 1", "month"),
    ),
    "gold.trailing": (
        _gold("trailing", _TRAILING.format("silver.events"), "day", ", lookback=2"),
        _gold("trailing", _TRAILING.format("silver.tagged"), "day", ", lookback=1"),
        _gold(
            "trailing",
            "select id, happened, count(*) over () as n from silver.events",
            "month",
            ", lookback=1",
        ),
        _gold(
            "trailing",
            "select id, happened, 1::bigint as n from silver.tagged where of > 1",
            "hour",
        ),
    ),
    "gold.rated": (
        _gold(
            "rated",
            "select t.id, t.happened, (select count(*) from silver.events) as n"
            " from silver.tagged t",
            "day",
            ", whole='silver.events'",
        ),
        _gold(
            "rated",
            "select e.id, e.happened, (select sum(n)::bigint from silver.hours) as n"
            " from silver.events e",
            "month",
            ", whole='silver.hours'",
        ),
    ),
    FULL: (
        sql_model(
            "gold",
            "compared",
            "select h.happened, h.n, count(e.id) as m from silver.hours h left join silver.events e"
            " on date_trunc('hour', e.happened) = date_trunc('hour', h.happened) group by all",
        ),
        sql_model(
            "gold",
            "compared",
            "select max(happened) as happened, count(*) as n, 0::bigint as m from silver.events",
        ),
    ),
}


def put(root: Path, model: str, variant: int) -> None:
    """Write a model's file in one of its variants."""
    layer, name = model.split(".")
    texts = MODELS[model]
    write(root, {f"models/{layer}/{name}.py": texts[variant % len(texts)]})


def land(root: Path, name: str, rows: Sequence[Row]) -> None:
    """Land a file, or land it again."""
    lines = [HEADER, *(",".join(map(str, row)) for row in rows)]
    write(root, {f"landing/{name}.csv": "\n".join(lines) + "\n"})
