"""A project whose every row says which batch it belongs to, which lets a reader judge.

Each landed batch replaces the one before. Bronze has one table, silver two, gold one; a row is bad
if its `good` is false, and every suite refuses bad rows. From batch 3 on silver.left has a column
more.
"""

from pathlib import Path
from typing import Any

from support.lakes import in_turn
from support.projects import sql_model, suite, write

ROWS = 40
WIDE_FROM = 3
TABLES = ("bronze.events", "silver.left", "silver.right", "gold.total")
_GOOD = suite(("expect_column_values_to_be_in_set", {"column": "good", "value_set": [True]}))


def land(root: Path, batch: int, *, bad: bool = False, broken: bool = False) -> None:
    """Land a batch; `bad` puts one bad row into it, `broken` makes the right model raise."""
    lines = [f"{i},{batch},{str(not (bad and i == 7)).lower()}" for i in range(ROWS)]
    extra = ", id * 2 as twice" if batch >= WIDE_FROM else ""
    right = "if(id = 7, error('broken'), batch)" if broken else "batch"
    write(
        root,
        {
            "landing/events.csv": "\n".join(["id,batch,good", *lines]) + "\n",
            "models/bronze/events.py": (
                "from medallion import *\n\n@bronze()\ndef events() -> Source:\n"
                '    return files("landing/*.csv",'
                ' columns={"id": "bigint", "batch": "bigint", "good": "boolean"})\n'
            ),
            "models/silver/left.py": sql_model(
                "silver",
                "left",
                f"select id, batch, good{extra} from bronze.events",
                "partition_by=bucket('id', 3)",
            ),
            "models/silver/right.py": sql_model(
                "silver", "right", f"select id, {right} as batch, good from bronze.events"
            ),
            "models/gold/total.py": sql_model(
                "gold",
                "total",
                "select l.batch, count(*) as n, bool_and(l.good) as good "
                "from silver.left l join silver.right r using (id, batch) group by all",
            ),
            "expectations/silver/left.json": _GOOD,
            "expectations/silver/right.json": _GOOD,
            "expectations/gold/total.json": _GOOD,
        },
    )


def problems(seen: dict[str, Any]) -> list[str]:
    """What is wrong with one moment of `main`: unaudited rows, half a layer, an early column.

    Where tables move in turn, the first of a layer may be a batch ahead: silver.left.
    """
    found: list[str] = []
    batches = {name: _batch(seen.get(name), found, name) for name in TABLES}
    left, right = (batches[name] or 0 for name in ("silver.left", "silver.right"))
    if left < right if in_turn() else left != right:
        found.append(f"half a layer: {batches}")
    for name in ("silver.left", "silver.right", "gold.total"):
        table = seen.get(name)
        if table and any(row["good"] is not True for row in table["rows"] or ()):
            found.append(f"unaudited rows in {name}")
    first = seen.get("silver.left")
    if first and first["rows"] is not None:
        wide = "twice" in first["columns"]
        if wide != (left >= WIDE_FROM):
            found.append(f"columns {first['columns']} beside batch {batches['silver.left']}")
    return found


def _batch(table: Any, found: list[str], name: str) -> int | None:
    if not table or table["rows"] is None:
        return None
    rows = table["rows"]
    batches = {row["batch"] for row in rows}
    whole = [ROWS] if name == "gold.total" else sorted(range(ROWS))
    have = [row["n"] for row in rows] if name == "gold.total" else sorted(row["id"] for row in rows)
    if len(batches) != 1 or have != whole:
        found.append(f"part of a publish in {name}: {len(rows)} rows of batches {sorted(batches)}")
    return max(batches, default=None)
