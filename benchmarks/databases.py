"""What it takes to read a table of MySQL into a Parquet file: here, with pandas, with connectorx.

    python benchmarks/databases.py [--rows 1000000] [--address mysql://root@127.0.0.1:3306/bench]

The table has ten columns: whole numbers, one of them with NULLs, a double, a decimal(18,4), texts,
a moment, a date and a boolean. Each way runs in a process of its own, which may start others; the
memory is the most that all of them held together, looked at fifty times a second, with what they
share counted once. The address defaults to MEDALLION_TEST_MYSQL. Only the ways named in `EXACT`
keep the types: connectorx alone cuts decimals to ten places, pandas makes floats of whole numbers
with NULLs.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from measure import ROOT, table, watched
from sqlalchemy import create_engine, make_url

TABLE = "medallion_bench"
CREATE = f"""create table {TABLE} (
    id bigint primary key, shop int not null, visits bigint, score double, paid decimal(18,4),
    customer varchar(40), note varchar(80) character set utf8mb4, at timestamp(6) null, day date,
    open bool
)"""
FILL = f"""insert into {TABLE} select seq, seq % 1000, if(seq % 7, seq * 3, null), seq / 7,
    seq * 1.0001, concat('customer ', seq % 100000), if(seq % 5, concat('nöte ', md5(seq)), null),
    from_unixtime(1600000000 + seq * 1.000001), date_add('2020-01-01', interval seq % 1000 day),
    seq % 2
    from seq_{{first}}_to_{{last}}"""
HERE = f"""
import sys
import pyarrow.parquet as pq
from medallion.adapters.databases.reader import DatabaseReader
from medallion.extract import Query

query = Query(sys.argv[1], table="{TABLE}", parallel=int(sys.argv[3]))
batches = DatabaseReader(slow=sys.argv[4] == "slow").batches(query)
with pq.ParquetWriter(sys.argv[2], batches.schema, compression="zstd") as file:
    for batch in batches:
        file.write_batch(batch)
"""
PANDAS = f"""
import sys
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import create_engine

engine = create_engine(sys.argv[1])
file = None
with engine.connect().execution_options(stream_results=True) as connection:
    for chunk in pd.read_sql("select * from {TABLE}", connection, chunksize=50_000):
        rows = pa.Table.from_pandas(chunk, schema=file and schema)
        schema = rows.schema
        file = file or pq.ParquetWriter(sys.argv[2], schema, compression="zstd")
        file.write_table(rows)
file.close()
"""
ALONE = f"""
import sys
import connectorx
import pyarrow.parquet as pq

address = sys.argv[1].replace("mysql+pymysql", "mysql")
batches = connectorx.read_sql(
    address, "select * from {TABLE}", return_type="arrow_stream", batch_size=32768
)
with pq.ParquetWriter(sys.argv[2], batches.schema, compression="zstd") as file:
    for batch in batches:
        file.write_batch(batch)
"""
WAYS = {
    "medallion": (HERE, "1", "fast"),
    "medallion, parallel=2": (HERE, "2", "fast"),
    "medallion, pymysql": (HERE, "1", "slow"),
    "pandas.read_sql in chunks": (PANDAS,),
    "connectorx alone": (ALONE,),
}
EXACT = ("medallion", "medallion, parallel=2", "medallion, pymysql")


def main() -> None:
    """Fill the table, read it in each way, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--address", default=os.environ.get("MEDALLION_TEST_MYSQL"))
    given = parser.parse_args()
    if not given.address:
        parser.error("give --address, or set MEDALLION_TEST_MYSQL")
    address = make_url(given.address).set(drivername="mysql+pymysql")
    shown = address.render_as_string(hide_password=False)
    lines: list[list[object]] = [["way", "s", "rows/s", "of pandas", "peak MB", "exact types"]]
    fill(shown, given.rows)
    measured = {name: _measured(shown, *way) for name, way in WAYS.items()}
    for name, (wall, peak) in measured.items():
        ratio = measured["pandas.read_sql in chunks"][0] / wall
        exact = "yes" if name in EXACT else "no"
        rate = f"{given.rows / wall:,.0f}"
        lines.append([name, wall, rate, f"{ratio:.1f}x", peak // 10**6, exact])
    print(f"{given.rows:,} rows of MySQL to one Parquet file\n\n{table(lines)}")


def fill(address: str, rows: int) -> None:
    """Make the table anew, with so many rows."""
    do(address, f"drop table if exists {TABLE}", CREATE, FILL.format(first=1, last=rows))
    do(address, f"analyze table {TABLE}")


def do(address: str, *statements: str) -> None:
    """Do the statements as they are written."""
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()


def _measured(address: str, code: str, *arguments: str) -> tuple[float, int]:
    """Seconds, and bytes at the peak of all processes."""
    with tempfile.TemporaryDirectory(prefix="databases-") as folder:
        file = Path(folder) / "rows.parquet"
        found = watched([sys.executable, "-c", code, address, file, *arguments], ROOT, every=0.02)
    return found.wall, found.peak


if __name__ == "__main__":
    main()
