"""Audit 10 million rows by 50 expectations, and check the same by one query written by hand.

    python benchmarks/audits.py [--rows 10000000] [--repeat 3]

Both read the files of one table, each in a fresh process, by turns, with the same limits. What
Great Expectations takes to import is told apart: a build pays it once, however many tables it has.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import MEDALLION, Usage, run, table

Check = tuple[dict[str, Any], str]
"""An expectation as JSON, and the aggregate that a person would write for it."""

STATUS = ["new", "paid", "shipped", "returned"]
COUNTRY = ["FR", "DE", "US", "JP", "BR"]
ROWS = """
    select
        i::bigint as id,
        (hash(i) % 100000)::integer as customer_id,
        'o-' || lpad(i::varchar, 9, '0') as order_ref,
        case
            when i % 1000003 = 7 then null
            when i % 500009 = 3 then 'not-an-email'
            else 'u' || (hash(i) % 100000) || '@example.com'
        end as email,
        ((hash(i, 1) % 100000) / 100.0)::decimal(12, 2) as amount,
        ((hash(i, 2) % 1000000) / 997.0)::double as score,
        (1 + hash(i, 3) % 20)::integer as qty,
        ['new', 'paid', 'shipped', 'returned'][1 + (hash(i, 4) % 4)::int] as status,
        ['FR', 'DE', 'US', 'JP', 'BR'][1 + (hash(i, 5) % 5)::int] as country,
        hash(i, 6) % 2 = 0 as is_gift,
        date '2026-01-01' + (i % 365)::integer as order_date,
        timestamp '2026-01-01' + to_seconds((i % 31536000)::bigint) as created_at,
        timestamp '2026-01-01' + to_seconds((i % 31536000 + hash(i, 7) % 86400)::bigint)
            as updated_at,
        '{"k": ' || (i % 10) || '}' as payload,
        '2026-02-' || lpad((1 + i % 28)::varchar, 2, '0') as date_text
    from range($rows) t(i)
"""
COLUMNS = (
    *("id", "customer_id", "order_ref", "email", "amount", "score", "qty", "status", "country"),
    *("is_gift", "order_date", "created_at", "updated_at", "payload", "date_text"),
)
LIMITS = {"memory_limit": "2GB", "threads": 2}


def main() -> None:
    """Read the arguments, make the table, measure, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="turns; the medians are told")
    parser.add_argument("step", nargs="?", choices=("hand", "import"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        by_hand() if given.step == "hand" else __import__("great_expectations")
        return
    with tempfile.TemporaryDirectory(prefix="audits-") as folder:
        root = Path(folder)
        write_project(root, given.rows)
        run([*MEDALLION, "build"], root, {})
        hand, ours, imported = [], [], []
        for _ in range(given.repeat):
            hand.append(run([sys.executable, __file__, "hand"], root, {}))
            ours.append(run([*MEDALLION, "audit", "--json"], root, {}))
            imported.append(run([sys.executable, __file__, "import"], root, {}))
        check(hand[-1], ours[-1])
    told(hand, ours, imported)


def write_project(root: Path, rows: int) -> None:
    """A project of one table and its suite; the query by hand is beside it."""
    (root / "pyproject.toml").write_text(
        "[tool.medallion]\n" + "".join(f"{k} = {v!r}\n" for k, v in LIMITS.items())
    )
    query = ROWS.replace("$rows", str(rows))
    model = (
        "from medallion import SQL, bronze\n\n\n@bronze\ndef orders() -> SQL:\n"
        f'    """Orders."""\n    return """{query}"""\n'
    )
    for name, text in {
        "models/bronze/orders.py": model,
        "expectations/bronze/orders.json": json.dumps({"expectations": [d for d, _ in CHECKS]}),
    }.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)


def by_hand() -> None:
    """The same checks as one query over the same files; what it saw, as JSON."""
    import duckdb

    duckdb.execute(
        "set memory_limit = '2GB'; set threads = 2; set preserve_insertion_order = false"
    )
    aggregates = ", ".join(aggregate for _, aggregate in CHECKS)
    files = "read_parquet('warehouse/bronze/orders/data/*.parquet')"
    found = duckdb.execute(f"select {aggregates} from {files}").fetchone()
    json.dump([str(value) for value in found or ()], sys.stdout)


def check(hand: Usage, ours: Usage) -> None:
    """Both looked at as many things, and nothing was wrong."""
    [audit] = json.loads(ours.output)
    assert len(json.loads(hand.output)) == len(audit["verdicts"]) == len(CHECKS) == 50
    assert audit["passed"], audit


def told(hand: Sequence[Usage], ours: Sequence[Usage], imported: Sequence[Usage]) -> None:
    """Print medians and the ratio."""

    def of(usages: Sequence[Usage], name: str) -> float:
        return float(statistics.median(getattr(usage, name) for usage in usages))

    rows: list[Sequence[object]] = [("", "one query", "medallion", "imports of it", "ratio")]
    for name, label in (("cpu", "CPU s"), ("wall", "wall s")):
        a, b, c = of(hand, name), of(ours, name), of(imported, name)
        rows.append((label, a, b, c, (b - c) / a))
    rows.append(("peak MB", of(hand, "peak") // 10**6, of(ours, "peak") // 10**6, "", ""))
    print(table(rows))
    print("the ratio is that without the imports")


def _made(kind: str, aggregate: str, **kwargs: Any) -> Check:
    return {"type": f"expect_{kind}", "kwargs": kwargs}, aggregate


def _filled(column: str) -> Check:
    null = f"count_if({column} is null)"
    return _made("column_values_to_not_be_null", null, column=column, mostly=0.99)


def _between(column: str, low: float | str, high: float | str) -> Check:
    outside = f"count_if(not ({column} between {low!r} and {high!r}))"
    kwargs = {"column": column, "min_value": low, "max_value": high}
    return _made("column_values_to_be_between", outside, **kwargs)


def _in_set(column: str, values: list[str]) -> Check:
    other = f"count_if({column} not in ({', '.join(map(repr, values))}))"
    return _made("column_values_to_be_in_set", other, column=column, value_set=values)


def _matches(column: str, regex: str) -> Check:
    other = f"count_if(not regexp_matches({column}, '{regex}'))"
    return _made("column_values_to_match_regex", other, column=column, regex=regex, mostly=0.99)


def _long(column: str, low: int, high: int) -> Check:
    other = f"count_if(not (length({column}) between {low} and {high}))"
    kwargs = {"column": column, "min_value": low, "max_value": high}
    return _made("column_value_lengths_to_be_between", other, **kwargs)


def _aggregate(kind: str, function: str, column: str, low: float, high: float) -> Check:
    kwargs = {"column": column, "min_value": low, "max_value": high}
    return _made(f"column_{kind}_to_be_between", f"{function}({column})", **kwargs)


def _different(column: str, count: int) -> Check:
    kwargs = {"column": column, "min_value": count, "max_value": count}
    aggregate = f"count(distinct {column})"
    return _made("column_unique_value_count_to_be_between", aggregate, **kwargs)


CHECKS: tuple[Check, ...] = (
    _made("table_row_count_to_be_between", "count(*)", min_value=1),
    *map(_filled, COLUMNS),
    _made("column_values_to_be_unique", "count(id) - count(distinct id)", column="id"),
    _made(
        "compound_columns_to_be_unique",
        "count(*) - count(distinct (order_ref, created_at))",
        column_list=["order_ref", "created_at"],
    ),
    _in_set("status", STATUS),
    _in_set("country", COUNTRY),
    _between("amount", 0, 1000),
    _between("qty", 1, 20),
    _between("score", 0, 2000),
    _between("customer_id", 0, 99_999),
    _between("order_date", "2026-01-01", "2026-12-31"),
    _matches("order_ref", "^o-[0-9]{9}$"),
    _matches("email", "@example[.]com$"),
    _matches("date_text", "^2026-02-[0-9]{2}$"),
    _made(
        "column_values_to_match_like_pattern",
        "count_if(order_ref not like 'o-%')",
        column="order_ref",
        like_pattern="o-%",
    ),
    _long("order_ref", 11, 11),
    _long("country", 2, 2),
    _long("status", 3, 8),
    _made(
        "column_pair_values_a_to_be_greater_than_b",
        "count_if(not (updated_at >= created_at))",
        column_A="updated_at",
        column_B="created_at",
        or_equal=True,
    ),
    _made(
        "column_pair_values_to_be_equal",
        "count_if(id <> id)",
        column_A="id",
        column_B="id",
    ),
    _made(
        "column_values_to_not_be_in_set",
        "count_if(status in ('x'))",
        column="status",
        value_set=["x"],
    ),
    _made(
        "column_distinct_values_to_be_in_set",
        "list(distinct status)",
        column="status",
        value_set=STATUS,
    ),
    _aggregate("mean", "avg", "score", 400, 600),
    _aggregate("mean", "avg", "amount", 400, 600),
    _aggregate("max", "max", "qty", 1, 20),
    _aggregate("max", "max", "amount", 0, 1000),
    _aggregate("max", "max", "score", 0, 2000),
    _aggregate("min", "min", "qty", 1, 1),
    _aggregate("min", "min", "amount", 0, 1000),
    _aggregate("sum", "sum", "qty", 1, 10**12),
    _aggregate("stdev", "stddev_samp", "score", 1, 1000),
    _aggregate("stdev", "stddev_samp", "amount", 1, 1000),
    _different("status", 4),
    _different("country", 5),
    _aggregate("median", "median", "amount", 400, 600),
    _made(
        "column_quantile_values_to_be_between",
        "quantile_disc(score, [0.05, 0.95])",
        column="score",
        quantile_ranges={"quantiles": [0.05, 0.95], "value_ranges": [[0, 100], [900, 1003]]},
    ),
)

if __name__ == "__main__":
    main()
