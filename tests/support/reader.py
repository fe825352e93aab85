"""A reader of its own process: polls `main` of every table through plain PyIceberg.

    python reader.py ADDRESS OUT.jsonl

Each poll takes the pointers of all tables from one read of the catalog, as a reader does who wants
one moment, and reads every row behind them. Each moment that differs from the one before is a line
of OUT: {table: {"columns": [...], "rows": [...]}}, and "polls" counts the polls so far.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from pyiceberg.table import StaticTable
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

QUERY = "select table_namespace || '.' || table_name, metadata_location from iceberg_tables"


def opened(address: str) -> Engine:
    """The catalog; a SQLite file is opened to read and never made."""
    path = address.removeprefix("sqlite:///")
    if path != address:
        address = f"sqlite:///file:{path}?mode=ro&uri=true&timeout=30"
    return create_engine(address, poolclass=NullPool)


def look(catalog: Engine, known: dict[str, Any]) -> dict[str, Any] | None:
    """What readers see at one moment; None if there is no catalog yet."""
    try:
        with catalog.connect() as connection:
            found = connection.execute(text(QUERY)).all()
    except (OperationalError, ProgrammingError):
        return None  # it is being made
    return {name: _table(location, known) for name, location in sorted(map(tuple, found))}


def _table(location: str, known: dict[str, Any]) -> Any:
    if location not in known:
        table = StaticTable.from_metadata(location)
        known[location] = {
            "columns": [f.name for f in table.schema().fields],
            "rows": table.scan().to_arrow().to_pylist() if table.current_snapshot() else None,
        }
    return known[location]


def main(catalog: Engine, out: Path) -> None:
    """Poll until killed."""
    known: dict[str, Any] = {}
    polls, before = 0, ""
    with out.open("w") as lines:
        while True:
            seen = look(catalog, known)
            polls += 1
            text = json.dumps({"seen": seen}, default=str)
            if text != before or polls % 20 == 0:
                lines.write(json.dumps({"polls": polls, "seen": seen}, default=str) + "\n")
                lines.flush()
                before = text
            time.sleep(0.002)


if __name__ == "__main__":
    main(opened(sys.argv[1]), Path(sys.argv[2]))
