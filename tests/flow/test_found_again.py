"""Windows that an earlier build finished are found again, if they still are of this table."""

import json
import random
from pathlib import Path

from support.flows import build, by_window, land, landing
from support.projects import plain_table, rows, write

from medallion import Project

QUERY = "select id, happened, {} from bronze.events"
ZONE = "if(id = 99, error('no zone'), 'z' || id) as zone"
SHOP = "'s' || id as shop"


def put(root: Path, column: str) -> None:
    """Change the last column of silver."""
    write(root, by_window("silver", "events", QUERY.format(column), "day"))


def project(root: Path) -> Path:
    """Three days, and a column that one of them cannot have: the others are finished."""
    write(root, landing())
    put(root, "id as n")
    for day in (1, 2, 3):
        land(root, f"{day}", [(day, f"2019-01-0{day}")])
    build(root)
    put(root, ZONE)
    land(root, "3", [(99, "2019-01-03")])
    with Project.load(root) as lake:
        failure = lake.build()["silver.events"].failure
    assert failure
    assert "no zone" in failure.message
    land(root, "3", [(3, "2019-01-03")])
    return root


def test_finished_windows_are_not_built_again(tmp_path: Path) -> None:
    root = project(tmp_path)
    result = build(root)["silver.events"]
    assert (result.parts, result.reused) == (3, 2)
    assert {r["id"]: r["zone"] for r in rows(root, "silver.events")} == {1: "z1", 2: "z2", 3: "z3"}


def test_finished_windows_whose_new_column_became_another_are_built_again(tmp_path: Path) -> None:
    """The column's field id went to another one meanwhile; by it, readers would find no value."""
    root = project(tmp_path)
    put(root, SHOP)
    build(root)
    put(root, ZONE)
    land(root, "late", [(4, "2019-01-01")])
    build(root)

    zones = {r["id"]: r["zone"] for r in rows(root, "silver.events")}
    assert zones == {i: f"z{i}" for i in (1, 2, 3, 4)}
    names: dict[int, set[str]] = {}
    for schema in plain_table(root, "silver.events").schemas().values():
        for column in schema.fields:
            names.setdefault(column.field_id, set()).add(column.name)
    assert [n for n in names.values() if len(n) > 1] == []


def test_what_was_damaged_since_is_computed_again(tmp_path: Path) -> None:
    """A byte of a kept result or of its rows is another, or the end is missing."""
    chance = random.Random(3)
    for number in range(8):
        root = project(tmp_path / str(number))
        table = root / "warehouse" / "silver" / "events"
        kept = sorted((table / "results").iterdir())
        assert len(kept) == 2
        damaged = kept[0]
        if number % 2:
            rows_of_it = json.loads(kept[0].read_text("utf-8").splitlines()[0])["files"][0]["path"]
            damaged = Path(rows_of_it)
        content = bytearray(damaged.read_bytes())
        place = chance.randrange(len(content))
        if number < 4:
            content[place] ^= 1 << chance.randrange(8)
        else:
            del content[place:]
        damaged.write_bytes(content)

        result = build(root)["silver.events"]
        assert (result.parts, result.reused) == (3, 1)
        assert {r["zone"] for r in rows(root, "silver.events")} == {"z1", "z2", "z3"}
