"""What it takes to bring a table of MySQL to S3: here, with pandas, with connectorx alone.

    python benchmarks/sources.py [--rows 5000000] [--turns 1] [--address mysql://root@127.0.0.1/b]

Here it becomes a bronze table in a warehouse on S3 with its catalog in SQLite: `medallion build`,
with one and with two connections, and once more with a cursor when 1 % more rows have come. The
others are scripts that write one Parquet file to the store. S3 is moto, in a process of its own
that keeps all in memory. Each way runs in a process of its own; its memory is that of `measure`.
The types are those of the files in the store: exact if each is what the database declares.

The table is that of `databases.py`. The address defaults to MEDALLION_TEST_MYSQL.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError
from databases import FILL, TABLE, do, fill
from measure import MEDALLION, Watched, table, watched
from sqlalchemy import make_url

BUCKET = "bench"
SETTINGS = f"""[tool.medallion]
warehouse = "s3://{BUCKET}/{{name}}"
memory_limit = "1GB"
"""
MODEL = f"""from medallion import *
from medallion import table


@bronze
def rows() -> Source:
    return table({{address!r}}, "{TABLE}"{{more}})
"""
PANDAS = f"""
import sys
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import s3fs
from sqlalchemy import create_engine

engine = create_engine(sys.argv[1])
file = None
with (
    engine.connect().execution_options(stream_results=True) as connection,
    s3fs.S3FileSystem().open(sys.argv[2], "wb") as out,
):
    for chunk in pd.read_sql("select * from {TABLE}", connection, chunksize=50_000):
        rows = pa.Table.from_pandas(chunk, schema=file and file.schema)
        file = file or pq.ParquetWriter(out, rows.schema, compression="zstd")
        file.write_table(rows)
    file.close()
"""
ALONE = f"""
import sys
import connectorx
import pyarrow.parquet as pq
import s3fs

address = sys.argv[1].replace("mysql+pymysql", "mysql")
batches = connectorx.read_sql(
    address, "select * from {TABLE}", return_type="arrow_stream", batch_size=32768
)
with (
    s3fs.S3FileSystem().open(sys.argv[2], "wb") as out,
    pq.ParquetWriter(out, batches.schema, compression="zstd") as file,
):
    for batch in batches:
        file.write_batch(batch)
"""
SCRIPTS = {"pandas.read_sql in chunks": PANDAS, "connectorx alone": ALONE}
# Taken out of the environment: to a build, each variable that begins so is a setting.
_SERVER = "MEDALLION_TEST_MYSQL"
Command = Sequence[str | Path]
GOES_ON = "medallion, cursor"
MODELS = {"medallion": "", "medallion, parallel=2": ", parallel=2", GOES_ON: ", cursor='id'"}
AGAIN = "  1 % more rows"
EXACT: dict[str, Any] = {
    "id": pa.int64(),
    "shop": pa.int32(),
    "visits": pa.int64(),
    "score": pa.float64(),
    "paid": pa.decimal128(18, 4),
    "customer": pa.string(),
    "note": pa.string(),
    "at": pa.timestamp("us", "UTC"),
    "day": pa.date32(),
    "open": pa.bool_(),
}


def main() -> None:
    """Fill the table, bring it to the store in each way, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--address", default=os.environ.pop(_SERVER, None))
    given = parser.parse_args()
    if not given.address:
        parser.error(f"give --address, or set {_SERVER}")
    url = make_url(given.address).set(drivername="mysql+pymysql")
    address = url.render_as_string(hide_password=False)
    fill(address, given.rows)
    found: dict[str, list[Watched]] = {}
    exact: dict[str, bool] = {}
    for _ in range(given.turns):
        with store() as s3, tempfile.TemporaryDirectory(prefix="sources-") as folder:
            for name, command, root, rows in _ways(address, given.rows, Path(folder)):
                found.setdefault(name, []).append(watched(command, root, every=0.05))
                exact[name] = _is_exact(s3, root.name, rows)
    print(f"{given.rows:,} rows of MySQL to S3\n\n{table(_lines(found, exact, given.rows))}")


def _ways(address: str, rows: int, folder: Path) -> Iterator[tuple[str, Command, Path, int]]:
    """Each way: its name, its command, where it runs, and how many rows the table has then.

    What it writes to the store is below the name of the folder that it runs in.
    """
    for number, name in enumerate((*SCRIPTS, *MODELS)):
        root = folder / f"way{number}"
        (root / "models").mkdir(parents=True)
        if name in SCRIPTS:
            place = f"s3://{BUCKET}/{root.name}/rows.parquet"
            yield name, (sys.executable, "-c", SCRIPTS[name], address, place), root, rows
            continue
        model = MODEL.format(address=address, more=MODELS[name])
        (root / "models/rows.py").write_text(model)
        (root / "pyproject.toml").write_text(SETTINGS.format(name=root.name))
        yield name, (*MEDALLION, "build"), root, rows
    last = rows + rows // 100
    do(address, FILL.format(first=rows + 1, last=last))
    yield AGAIN, (*MEDALLION, "build"), root, last
    do(address, f"delete from {TABLE} where id > {rows}")


def _lines(
    found: dict[str, list[Watched]], exact: dict[str, bool], rows: int
) -> list[list[object]]:
    lines: list[list[object]] = [
        ["way", "wall s", "CPU s", "rows/s", "of pandas", "peak MB", "exact types"]
    ]
    slow = median(w.wall for w in found["pandas.read_sql in chunks"])
    for name, all in found.items():
        wall, cpu = median(w.wall for w in all), median(w.cpu for w in all)
        count = rows // 100 if name == AGAIN else rows
        ratio = "" if name == AGAIN else f"{slow / wall:.1f}x"
        peak = max(w.peak for w in all) // 10**6
        told = "yes" if exact[name] else "no"
        lines.append([name, wall, cpu, f"{count / wall:,.0f}", ratio, peak, told])
    return lines


def _is_exact(s3: Any, prefix: str, rows: int) -> bool:
    """Whether the files there have the columns' own types. Too few rows end the benchmark."""
    count, exact = 0, True
    for found in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", ()):
        if found["Key"].endswith(".parquet"):
            body = s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()
            file = pq.ParquetFile(pa.BufferReader(body))
            count += file.metadata.num_rows
            exact &= {f.name: f.type for f in file.schema_arrow} == EXACT
    if count < rows:
        raise SystemExit(f"the store has {count:,} rows, not {rows:,}")
    return exact


@contextmanager
def store() -> Iterator[Any]:
    """An S3 with an empty bucket, where this process and those that it starts find it."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server = subprocess.Popen(
        ["moto_server", "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        s3 = boto3.client("s3")
        for _ in range(100):
            try:
                s3.create_bucket(Bucket=BUCKET)
                break
            except BotoCoreError:  # it is not there yet
                time.sleep(0.2)
        yield s3
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
