"""Days of orders: the landing files, the project that builds them, and the same by hand.

    python benchmarks/days.py {land,project,all,week} DIR [--days 30] [--rows 300000]

One CSV file a day goes through bronze, silver (casts, a filter, a join) and gold (aggregates), each
partitioned by day. By hand (`all` days, or the corrected `week`) is one `COPY` a day and layer, of
the same SQL and without audits. The same arguments land the same rows.
"""

import argparse
import json
from datetime import date, timedelta
from pathlib import Path

WEEK = slice(9, 16)  # the days that are corrected
ORDERS = {
    "order_id": "bigint", "customer_id": "integer", "product_id": "integer",
    "ordered_at": "timestamp", "quantity": "varchar", "price": "varchar", "status": "varchar",
}  # fmt: skip
PRODUCTS = {"product_id": "integer", "category": "varchar", "weight": "double"}
SILVER = """
        select
            order_id, customer_id, o.product_id, category, ordered_at, status,
            try_cast(quantity as integer) as quantity,
            try_cast(price as decimal(10, 2)) as price,
            try_cast(quantity as integer) * weight as weight
        from bronze.orders o join bronze.products p on o.product_id = p.product_id
        where try_cast(price as decimal(10, 2)) >= 0 and status <> 'test'
"""
GOLD = """
        select
            date_trunc('day', ordered_at) as day, category, status, count(*) as orders,
            count(distinct customer_id) as customers, sum(quantity * price) as revenue,
            max(weight) as heaviest
        from silver.orders
        group by all
"""
SOURCE = '''from medallion import Source, bronze, day, files


@bronze({declared})
def {name}() -> Source:
    """As landed."""
    return files("{{landing}}/{pattern}", columns={columns})
'''
MODEL = '''from medallion import SQL, {layer}, day


@{layer}(time_column="{time}", partition_by=day("{time}"))
def {name}() -> SQL:
    """One day at a time."""
    return """{query}"""
'''
DRAWN = """
    with drawn as (select range as i, hash(range + {seed}) as h from range({rows})) select
        {day} * 10000000 + i as order_id, h % 50000 as customer_id,
        (h >> 8) % 1000 as product_id, timestamp '{date}' + to_seconds(i * 86400 // {rows})
        as ordered_at, 1 + (h >> 20) % 5 as quantity,
        if((h >> 30) % 200 = 0, 'n/a', ((h >> 32) % 20000 / 100)::varchar) as price,
        ['new', 'paid', 'sent', 'test'][(1 + (h >> 50) % 4)::integer] as status
    from drawn
"""


def main() -> None:
    """Read the arguments and do one of the steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("land", "project", "all", "week"))
    parser.add_argument("dir", type=Path)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows", type=int, default=300_000, help="orders a day")
    parser.add_argument("--memory", default="128MB", help="DuckDB's limit")
    parser.add_argument("--threads", type=int, default=2, help="DuckDB's threads")
    given = parser.parse_args()
    if given.what == "land":
        land(given.dir, days(given.days), given.rows)
    elif given.what == "project":
        write_project(given.dir / "project")
    else:
        chosen = days(given.days)[WEEK if given.what == "week" else slice(None)]
        by_hand(given.dir, chosen, given.memory, given.threads)


def days(count: int) -> list[date]:
    """So many days from January 2026 on."""
    return [date(2026, 1, 1) + timedelta(days=i) for i in range(count)]


def land(root: Path, all_days: list[date], rows: int) -> None:
    """Write every day's file, those of the corrected week beside, and the products."""
    import duckdb

    for folder, part, seed in (("landed", slice(None), 0), ("corrected", WEEK, 500)):
        (root / folder).mkdir(parents=True)
        for number, day in list(enumerate(all_days, 1))[part]:
            seeds = number * 1_000_000_007 + seed
            query = DRAWN.format(day=number, seed=seeds, rows=rows + seed, date=day)
            duckdb.execute(f"copy ({query}) to '{root / folder / f'orders-{day}.csv'}'")
    products = "select range as product_id, 'c' || range % 20 as category, range / 10 as weight"
    path = root / "landed" / "products.csv"
    duckdb.execute(f"copy ({products} from range(990)) to '{path}'")


def by_hand(root: Path, chosen: list[date], memory: str, threads: int) -> None:
    """Read each of the days once and write it, layer by layer."""
    import duckdb

    con = duckdb.connect()
    con.execute(f"set memory_limit = '{memory}'; set threads = {threads}")
    con.execute(f"set temp_directory = '{root / '.spill'}'")
    con.execute("set preserve_insertion_order = false; set TimeZone = 'UTC'")
    tables = ("bronze.products", "bronze.orders", "silver.orders", "gold.daily")
    for name in tables:
        (root / "plain" / name.replace(".", "/")).mkdir(parents=True, exist_ok=True)
    con.execute("create schema bronze; create schema silver")

    def copy(query: str, name: str, file: str) -> None:
        path = root / "plain" / name.replace(".", "/") / f"{file}.parquet"
        con.execute(
            f"copy ({query}) to '{path}' (format parquet, compression zstd, compression_level 1)"
        )
        if not name.startswith("gold"):
            con.execute(f"create or replace view {name} as from read_parquet('{path}')")

    copy(_csv(root / "landing" / "products.csv", PRODUCTS), tables[0], "rows")
    for day in chosen:
        copy(_csv(root / "landing" / f"orders-{day}.csv", ORDERS), tables[1], str(day))
        copy(SILVER, tables[2], str(day))
        copy(GOLD, tables[3], str(day))


def _csv(path: Path, columns: dict[str, str]) -> str:
    return (
        "select * replace (parse_filename(_source_file) as _source_file), now() as _loaded_at "
        f"from read_csv('{path}', header = true, columns = {columns}, filename = '_source_file')"
    )


def write_project(root: Path) -> None:
    """Four models, and a suite of two or three expectations for each."""
    daily = 'time_column="ordered_at", partition_by=day("ordered_at")'
    sources = (
        ("orders", "orders-*.csv", ORDERS, daily),
        ("products", "products.csv", PRODUCTS, ""),
    )
    files = {"pyproject.toml": "[tool.medallion]\n"}
    for name, pattern, columns, declared in sources:
        text = SOURCE.format(name=name, pattern=pattern, columns=columns, declared=declared)
        files[f"models/bronze/{name}.py"] = text
    for layer, name, time, query in (
        ("silver", "orders", "ordered_at", SILVER),
        ("gold", "daily", "day", GOLD),
    ):
        text = MODEL.format(layer=layer, name=name, time=time, query=query)
        files[f"models/{layer}/{name}.py"] = text
    null, between = "expect_column_values_to_not_be_null", "expect_column_values_to_be_between"
    status = {"column": "status", "value_set": ["new", "paid", "sent"]}
    for suite, *expected in (
        ("bronze/orders", (null, {"column": "order_id"}), (null, {"column": "ordered_at"})),
        ("bronze/products", ("expect_column_values_to_be_unique", {"column": "product_id"})),
        (
            "silver/orders",
            (null, {"column": "price"}),
            (between, {"column": "quantity", "min_value": 1, "max_value": 5}),
            ("expect_column_values_to_be_in_set", status),
        ),
        ("gold/daily", (null, {"column": "day"}), (between, {"column": "orders", "min_value": 1})),
    ):
        listed = [{"type": type, "kwargs": kwargs} for type, kwargs in expected]
        document = {"name": suite.replace("/", "."), "expectations": listed}
        files[f"expectations/{suite}.json"] = json.dumps(document)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


if __name__ == "__main__":
    main()
