"""Windows that an earlier build finished are found again, if they still are of this table."""

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
