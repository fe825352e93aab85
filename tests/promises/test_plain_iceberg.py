"""The tables are plain Iceberg: readers with nothing of ours installed see what `query` sees."""

from pathlib import Path

import polars as pl
import pytest
from support.batches import TABLES, land
from support.projects import plain_table

from medallion import Project


def test_pyiceberg_and_polars_read_what_query_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")  # without its plugin it warns
    for batch in (1, 4):
        land(tmp_path, batch)
        with Project.load(tmp_path) as project:
            assert project.build().exit_code == 0
            for name in TABLES:
                query = project.query(f"select * from {name} order by 1").to_pylist()
                polars = pl.scan_iceberg(plain_table(tmp_path, name)).collect()
                first = next(iter(query[0]))

                plain = plain_table(tmp_path, name).scan().to_arrow()
                assert plain.sort_by(first).to_pylist() == query
                assert polars.sort(first).to_dicts() == query


def test_a_plain_reader_finds_rows_by_partition_and_by_column(tmp_path: Path) -> None:
    """What is written in manifests about partitions and bounds never hides a row."""
    land(tmp_path, 4)
    with Project.load(tmp_path) as project:
        assert project.build().exit_code == 0
    table = plain_table(tmp_path, "silver.left")

    for id in range(40):
        assert table.scan(row_filter=f"id == {id}").to_arrow().num_rows == 1
    assert table.scan(row_filter="id > 39").to_arrow().num_rows == 0
    assert len(list(table.scan().plan_files())) == 3
