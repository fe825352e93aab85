"""A small table with something wrong in every column, and audits of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from medallion.adapters.expectations import ExpectationsAuditor
from medallion.frame import DataFile, Frame
from medallion.names import TableName
from medallion.schema import Column, Schema
from medallion.suite import Suite, Verdict

TABLE = TableName.parse("silver.orders")
ROWS = """
select i as id, i % 4 as shop, 'u' || i as email, null::varchar as note, null::int as blank,
  case when i < 3 then null else i * 10 end as amount,
  case when i % 2 = 0 then i end as even, case when i % 2 = 1 then i end as odd,
  case when i % 5 = 0 then 'bad' else 'good' end as state
from range(20) t(i)
"""
Write = Callable[..., Frame]


@contextmanager
def opened(frames: Mapping[str, Frame]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("create schema silver")
        for name, frame in frames.items():
            files = [f.path for f in frame.files]
            con.execute(f"create view {name} as select * from read_parquet({files})")
        yield con


def document(type: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": type, "kwargs": kwargs}


def suite(*documents: Mapping[str, Any]) -> Suite:
    return Suite(
        TABLE, tuple((f"orders.json, expectation {i}", d) for i, d in enumerate(documents))
    )


def audit(frame: Frame, *documents: Mapping[str, Any], **options: Any) -> tuple[Verdict, ...]:
    return ExpectationsAuditor(opened).audit(suite(*documents), frame, **options)


def compared(column: str, operator: str, parameter: Any) -> dict[str, Any]:
    return {
        "type": "comparison",
        "column": {"name": column},
        "operator": operator,
        "parameter": parameter,
    }


def written(select: str, path: Path) -> Frame:
    """Write the rows of a query to a file; the frame of it."""
    with duckdb.connect() as con:
        con.execute(f"copy ({select}) to '{path}' (format parquet)")
        (rows,) = con.execute(f"select count(*) from '{path}'").fetchall()[0]
        columns = con.execute(f"describe from '{path}'").fetchall()
    schema = Schema(tuple(Column(c[0], "string", i) for i, c in enumerate(columns, 1)))
    return Frame(schema, (DataFile(str(path), rows, path.stat().st_size),))
