"""A reader of its own process: polls `main` of every table through plain PyIceberg.

    python reader.py

Serves jobs as `support.forks` does: {"address": of the catalog, "out": file}. Each poll
takes the pointers of all tables from one read of the catalog, as a reader does who wants one
moment, and reads every row behind them. Glue is read once for each layer, in their order. Each
moment that differs from the one before is a line of OUT: {table: {"columns": [...], "rows":
[...]}}, and "polls" counts the polls so far.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyiceberg.io.pyarrow  # noqa: F401  # what each look needs
from pyiceberg.table import StaticTable
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from support.forks import serve

QUERY = "select table_namespace || '.' || table_name, metadata_location from iceberg_tables"


Look = Callable[[], Iterable[tuple[str, str]]]
"""Gives the names of all tables and where their metadata is."""


def opened(address: str) -> Look:
    """The catalog; a SQLite file is opened to read and never made."""
    if address.startswith("glue://"):
        return _glue(address)
    path = address.removeprefix("sqlite:///")
    if path != address:
        address = f"sqlite:///file:{path}?mode=ro&uri=true&timeout=30"
    catalog = create_engine(address, poolclass=NullPool)

    def look() -> Iterable[tuple[str, str]]:
        try:
            with catalog.connect() as connection:
                return [(name, at) for name, at in connection.execute(text(QUERY))]
        except (OperationalError, ProgrammingError):
            return []  # it is being made

    return look


def _glue(address: str) -> Look:
    import boto3

    region, _, prefix = address.removeprefix("glue://").partition("/")
    client = boto3.client("glue", region_name=region)

    def look() -> Iterable[tuple[str, str]]:
        for layer in ("bronze", "silver", "gold"):
            try:
                found = client.get_tables(DatabaseName=f"{prefix}_{layer}")["TableList"]
            except client.exceptions.EntityNotFoundException:
                continue  # it is being made
            for table in found:
                yield f"{layer}.{table['Name']}", table["Parameters"]["metadata_location"]

    return look


def _store() -> dict[str, str]:
    if at := os.environ.get("AWS_ENDPOINT_URL"):
        return {"s3.endpoint": at, "s3.region": os.environ["AWS_DEFAULT_REGION"]}
    return {}


def _table(location: str, store: dict[str, str], known: dict[str, Any]) -> Any:
    if location not in known:
        table = StaticTable.from_metadata(location, store)
        known[location] = {
            "columns": [f.name for f in table.schema().fields],
            "rows": table.scan().to_arrow().to_pylist() if table.current_snapshot() else None,
        }
    return known[location]


def main(job: dict[str, Any]) -> None:
    """Poll until killed."""
    look, store, known = opened(job["address"]), _store(), dict[str, Any]()
    polls, before = 0, ""
    with Path(job["out"]).open("w") as lines:
        while True:
            seen = {name: _table(location, store, known) for name, location in sorted(look())}
            polls += 1
            now = json.dumps({"seen": seen}, default=str)
            if now != before or polls % 20 == 0:
                lines.write(json.dumps({"polls": polls, "seen": seen}, default=str) + "\n")
                lines.flush()
                before = now
            time.sleep(0.02 if store else 0.005)


if __name__ == "__main__":
    serve(main)
