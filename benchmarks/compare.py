"""Compare what `plain.py` wrote with what readers of the lake see, table by table.

    python benchmarks/compare.py PROJECT FOLDER

Prints `{table: [rows by hand, rows of the lake, whether the rows are the same]}` as JSON.
"""

import json
import sys
from pathlib import Path

import duckdb
from plain import rows

from medallion import Project

# What differs because it is when the rows were read.
_MOMENTS = ("_loaded_at",)


def main() -> None:
    """Compare every model's table."""
    root, folder = map(Path, sys.argv[1:])
    told: dict[str, tuple[int, int, bool]] = {}
    with Project.load(root) as project:
        for name in map(str, project.tables()):
            columns = project.query(f"from {name} limit 0").column_names
            kept = [c for c in columns if c not in _MOMENTS]
            ours = project.query(_digest(kept, f"from {name}")).to_pylist()[0]
            query = _digest(kept, f"from ({rows(folder, name)})")
            by_hand = duckdb.execute(query).fetchone()
            assert by_hand
            told[name] = by_hand[0], ours["rows"], by_hand == (ours["rows"], ours["digest"])
    json.dump(told, sys.stdout)


def _digest(columns: list[str], source: str) -> str:
    """The number of rows, and a sum over their values as text that no order changes."""
    texts = ", ".join(f'"{c}"::varchar' for c in columns)
    return f"select count(*) as rows, sum(hash({texts}))::varchar as digest {source}"


if __name__ == "__main__":
    main()
