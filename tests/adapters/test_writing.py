"""Rows that are of one partition, and rows that are not: the same files either way."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from conformance.world import World, model

from medallion.adapters.duckdb.duck import Duck, Limits
from medallion.adapters.duckdb.writing import write
from medallion.config import Settings
from medallion.names import TableName
from medallion.partition import Transform, bucket, day, hour, identity, month, year
from medallion.schema import Column, Schema
from medallion.tables import Draft, WrittenFile
from medallion.wiring import connect

TIMES = ("timestamp", "timestamptz")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session that may write below the test's folder."""
    duck = Duck([str(tmp_path)], tmp_path / "spill", Limits())
    with duck.session() as connection:
        yield connection
    duck.close()


def written(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    queries: list[str],
    partition_by: tuple[Transform, ...],
    *,
    type: str = "timestamp",
    alike: bool = True,
) -> list[WrittenFile]:
    """The files of the queries; there are no others in the folder."""
    schema = Schema((Column("id", "long", 1), Column("seen", type, 2)))
    draft = Draft(TableName.parse("silver.t"), str(folder), "run", partition_by)
    files = list(write(connection, queries, schema, draft, alike=alike))
    assert sorted(f.path for f in files) == sorted(map(str, (folder / "data").rglob("*.parquet")))
    for file in files:
        counted = connection.execute(f"select count(*) from read_parquet('{file.path}')")
        assert counted.fetchall() == [(file.rows,)]
    return files


def rows(*moments: str, type: str = "timestamp") -> str:
    """A query of rows at moments."""
    values = ", ".join(f"({i}, {m})" for i, m in enumerate(moments))
    return f"select id::bigint as id, seen::{type} as seen from (values {values}) v(id, seen)"


@pytest.mark.parametrize("type", TIMES)
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("'2026-01-31 23:00:00'", "'2026-01-31 23:59:59.999999'"),
        ("'1969-12-31 00:00:00'", "'1969-12-31 00:00:01'"),
        ("'0044-03-15 (BC) 00:00:00'", "'0044-03-15 (BC) 00:30:00'"),
        ("'20000-02-29 05:00:00'", "'20000-02-29 05:00:00'"),
    ],
)
def test_rows_of_one_partition_are_placed_as_all_others_are(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, type: str, first: str, last: str
) -> None:
    partition_by = (year("seen"), month("seen"), day("seen"), hour("seen"))
    queries = [rows(first, last, type=type)]
    slow = written(connection, tmp_path / "slow", queries, partition_by, type=type, alike=False)
    fast = written(connection, tmp_path / "fast", queries, partition_by, type=type)
    assert [f.partition for f in fast] == [f.partition for f in slow]
    assert [f.stats[2].lower for f in fast] == [f.stats[2].lower for f in slow]
    # The faster way makes no folders.
    assert Path(fast[0].path).parent == tmp_path / "fast" / "data"


@pytest.mark.parametrize(
    "second",
    [
        rows("'2026-01-01'", "'2026-01-02'"),
        rows("'2026-01-01'", "null"),
        rows("null"),
    ],
)
def test_rows_of_several_partitions_are_parted(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, second: str
) -> None:
    queries = [rows("'2026-01-01'"), second, rows("'2026-01-03'")]
    files = written(connection, tmp_path, queries, (day("seen"),))
    slow = written(connection, tmp_path / "slow", queries, (day("seen"),), alike=False)
    assert sorted((*map(str, f.partition), f.rows) for f in files) == sorted(
        (*map(str, f.partition), f.rows) for f in slow
    )


@pytest.mark.parametrize(
    "partition_by",
    [(day("seen"), bucket("id", 4)), (identity("id"),), (bucket("seen", 3), day("seen"))],
)
def test_partitions_by_other_than_time_are_always_parted(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, partition_by: tuple[Transform, ...]
) -> None:
    queries = [rows(*["'2026-01-01'"] * 9)]
    files = written(connection, tmp_path, queries, partition_by)
    slow = written(connection, tmp_path / "slow", queries, partition_by, alike=False)
    assert {f.partition for f in files} == {f.partition for f in slow}


def test_no_rows_make_no_file(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    nothing = f"{rows(chr(39) + '2026-01-01' + chr(39))} where false"
    assert written(connection, tmp_path, [nothing, nothing], (day("seen"),)) == []


@pytest.mark.parametrize("partition_by", [(), (identity("k"),)])
@pytest.mark.parametrize(
    ("codec", "told"),
    [
        ("zstd", "ZSTD"),
        ("zstd:22", "ZSTD"),
        ("snappy", "SNAPPY"),
        ("gzip", "GZIP"),
        ("lz4", "LZ4"),
        ("uncompressed", "UNCOMPRESSED"),
    ],
)
def test_files_are_of_the_codec_that_is_set(
    tmp_path: Path, codec: str, told: str, partition_by: tuple[Transform, ...]
) -> None:
    """Each can be read without DuckDB."""
    ports = connect(Settings(tmp_path, codec=codec))
    ports.catalog.prepare()
    name = TableName.parse("silver.t")
    query = "select range as id, range % 2 as k from range(100)"
    made = World(ports).evaluate(model(name, query, partition_by=partition_by))
    ports.close()
    columns = [pq.ParquetFile(f.path).metadata.row_group(0).column(0) for f in made.files]
    assert {c.compression for c in columns} == {told}
    ids = [id for f in made.files for id in pq.ParquetFile(f.path).read()["id"].to_pylist()]
    assert sorted(ids) == list(range(100))
