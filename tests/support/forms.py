"""A project with models of all forms, windows, landed files, a merge and helper tasks."""

from pathlib import Path

from support.flows import by_window, land, landing
from support.projects import write

FORMS = """
    import os
    from collections.abc import Iterator
    import dask.dataframe as dd
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from medallion import *

    @task(for_each=[1, 2, 3])
    def numbers(item: int) -> pd.DataFrame:
        print("number", item)
        return pd.DataFrame({"id": [item], "where": [os.getpid()]})

    @silver(strategy="merge", unique_key="id")
    def merged() -> SQL:
        return "select id, count(*) as times from silver.events group by id"

    @gold
    def pandas(merged: pd.DataFrame = ref("silver.merged")) -> pd.DataFrame:
        return merged[merged["id"] > 1]

    @gold
    def batches(merged: pa.RecordBatchReader = ref("silver.merged")) -> Iterator[pa.RecordBatch]:
        yield from merged

    @gold
    def lazy(merged: pl.LazyFrame = ref("silver.merged")) -> pl.LazyFrame:
        return merged.with_columns(double=pl.col("id") * 2)

    @gold
    def relation(
        merged: duckdb.DuckDBPyRelation = ref("silver.merged"),
    ) -> duckdb.DuckDBPyRelation:
        return merged.filter("id < 4")

    @gold
    def partly(merged: dd.DataFrame = ref("silver.merged")) -> dd.DataFrame:
        return merged.assign(half=merged["id"] / 2)

    @gold(memory="100MB", cpu=1, timeout="2m", retries=1)
    def opened(
        events: Frame = ref("silver.events"), numbers: Frame = ref("task.numbers")
    ) -> pa.Table:
        found = events.arrow(columns=["id"], where="happened < '2019-01-03'")
        return pa.table({"n": [len(events), found.num_rows, len(numbers)]})
"""
TABLES = (
    "bronze.events", "silver.events", "silver.merged", "gold.pandas", "gold.batches", "gold.lazy",
    "gold.relation", "gold.partly", "gold.opened",
)  # fmt: skip


def lake(root: Path) -> Path:
    """A project of all of these, with some days of events landed."""
    silver = by_window("silver", "events", "select id, happened from bronze.events", "day")
    write(root, {**landing(), **silver, "models/forms.py": FORMS})
    for day in (1, 2, 3):
        land(root, f"day{day}", [(n, f"2019-01-0{day} 0{n}:00:00") for n in (day, day + 1)])
    return root
