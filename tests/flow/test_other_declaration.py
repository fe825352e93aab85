"""A model that is declared otherwise than its table was built: the rows are those of now."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from support.flows import build, land, landing, states, timed
from support.projects import rows, sql_model, write

from medallion.report import State

QUERY = "select id, happened, happened::date + 40 as later from bronze.events"
DECLARED = {
    "full": "",
    "day": timed("day"),
    "year": timed("year"),
    "another time": "partition_by=month('later'), time_column='later', whole='bronze.events'",
    "merge": "strategy='merge', unique_key='id', partition_by=bucket('id', 2)",
}
RANGE = {"start": "2019-01-02", "end": "2019-01-02"}


def put(root: Path, declared: str) -> None:
    """Declare silver otherwise."""
    text = sql_model("silver", "events", QUERY, DECLARED[declared])
    write(root, {"models/silver/events.py": text})


def ids(root: Path) -> list[int]:
    """The ids in silver."""
    return sorted(r["id"] for r in rows(root, "silver.events"))


@pytest.mark.parametrize(("before", "after"), list(permutations(DECLARED, 2)))
def test_a_table_is_what_its_declaration_says_now(tmp_path: Path, before: str, after: str) -> None:
    """Also if only a range was built first, or the rows there were accepted."""
    options: dict[str, Any] = {"forward_only": True} if before < after else RANGE
    write(tmp_path, landing())
    put(tmp_path, before)
    land(tmp_path, "a", [(n, f"2019-01-{n:02} 10:00:00") for n in range(1, 4)])
    build(tmp_path)
    put(tmp_path, after)
    build(tmp_path, **options)
    assert ids(tmp_path) == [1, 2, 3]
    land(tmp_path, "b", [(4, "2019-01-02 11:00:00"), (5, "2020-02-29")])
    build(tmp_path, **options)
    build(tmp_path)

    assert ids(tmp_path) == [1, 2, 3, 4, 5]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
