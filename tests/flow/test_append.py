"""Sources: each landed file is taken once, a changed one again, and one that vanished is kept."""

from pathlib import Path
from typing import Any

import pytest
from support.flows import build, by_window, data_files, land, landing, parts, snapshots, states
from support.projects import plain_table, rows, sql_model, write

from medallion import Project
from medallion.report import State

NAME = "bronze.events"
COPY = "select id, happened from bronze.events"
UNTYPED = """
from medallion import *

@bronze()
def events() -> Source:
    return files("landing/*.csv")
"""


def loaded(root: Path) -> dict[int, Any]:
    """When each row was loaded, by id."""
    found = rows(root, NAME)
    assert len({r["id"] for r in found}) == len(found)
    return {r["id"]: r["_loaded_at"] for r in found}


def test_a_new_file_adds_its_rows_and_touches_no_other(tmp_path: Path) -> None:
    write(tmp_path, landing())
    land(tmp_path, "a", [(1, "2019-01-01"), (2, "2019-01-02")])
    build(tmp_path)
    files, times = data_files(tmp_path, NAME), loaded(tmp_path)
    land(tmp_path, "b", [(3, "2019-01-01"), (4, "2019-01-09")])
    report = build(tmp_path)

    assert report[NAME].rows == 2
    assert files.keys() < data_files(tmp_path, NAME).keys()
    assert loaded(tmp_path).items() > times.items()
    assert set(loaded(tmp_path)) == {1, 2, 3, 4}


def test_a_file_with_the_same_content_again_is_nothing_to_do(tmp_path: Path) -> None:
    write(tmp_path, landing())
    land(tmp_path, "a", [(1, "2019-01-01")])
    build(tmp_path)
    before = snapshots(tmp_path, NAME)
    land(tmp_path, "a", [(1, "2019-01-01")])

    assert states(build(tmp_path)) == {NAME: State.FRESH}
    assert snapshots(tmp_path, NAME) == before


def test_a_changed_file_replaces_its_rows_and_no_others(tmp_path: Path) -> None:
    """Its rows lie in data files with those of other landed files, and in some without."""
    write(tmp_path, landing("month"))
    land(tmp_path, "a", [(1, "2019-01-01"), (2, "2019-01-02"), (3, "2019-02-01")])
    land(tmp_path, "b", [(4, "2019-01-03"), (5, "2019-03-01")])
    build(tmp_path)
    land(tmp_path, "c", [(6, "2019-02-03")])
    build(tmp_path)
    files, times = data_files(tmp_path, NAME), loaded(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), (7, "2019-04-01")])
    build(tmp_path)

    after = loaded(tmp_path)
    assert set(after) == {1, 4, 5, 6, 7}
    assert {i: after[i] for i in (4, 5, 6)} == {i: times[i] for i in (4, 5, 6)}
    assert after[1] > times[1]
    # January's file of both and February's of the changed one are gone, and no other.
    gone = files.keys() - data_files(tmp_path, NAME).keys()
    assert len(gone) == 2
    assert states(build(tmp_path)) == {NAME: State.FRESH}


def test_a_file_that_lost_all_rows_takes_them_away(tmp_path: Path) -> None:
    write(tmp_path, landing() | by_window("silver", "events", COPY, "day"))
    land(tmp_path, "a", [(1, "2019-01-01")])
    land(tmp_path, "b", [(2, "2019-01-01"), (3, "2019-01-02")])
    build(tmp_path)
    land(tmp_path, "b", [])
    assert parts(build(tmp_path)) == {NAME: 1, "silver.events": 1}

    assert set(loaded(tmp_path)) == {1}
    assert [r["id"] for r in rows(tmp_path, "silver.events")] == [1]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_rows_of_a_file_that_vanished_stay_until_a_full_refresh(tmp_path: Path) -> None:
    """Also when the code changes, and so all files that are there are taken again."""
    write(tmp_path, landing())
    land(tmp_path, "kept", [(1, "2019-01-01")])
    land(tmp_path, "gone", [(2, "2019-01-01")])
    build(tmp_path)
    (tmp_path / "landing/gone.csv").unlink()
    report = build(tmp_path)
    assert states(report) == {NAME: State.FRESH}
    warning = "bronze.events: 1 landed file is gone, its rows are kept: gone.csv"
    assert warning in report.warnings

    write(tmp_path, landing(columns={"zone": "varchar"}))
    report = build(tmp_path)
    assert states(report) == {NAME: State.PUBLISHED}
    assert warning in report.warnings
    assert [(r["id"], r["zone"]) for r in rows(tmp_path, NAME)] == [(2, None), (1, None)]
    assert warning in build(tmp_path).warnings

    assert not any("gone" in w for w in build(tmp_path, full_refresh=True).warnings)
    assert set(loaded(tmp_path)) == {1}
    assert not any("gone" in w for w in build(tmp_path).warnings)


def test_a_file_that_comes_back_is_not_taken_twice(tmp_path: Path) -> None:
    write(tmp_path, landing())
    for name, id in (("a", 1), ("b", 2)):
        land(tmp_path, name, [(id, "2019-01-01")])
    build(tmp_path)
    (tmp_path / "landing/b.csv").unlink()
    land(tmp_path, "c", [(3, "2019-01-01")])
    build(tmp_path)
    land(tmp_path, "b", [(2, "2019-01-01")])

    assert states(build(tmp_path)) == {NAME: State.FRESH}
    assert set(loaded(tmp_path)) == {1, 2, 3}
    land(tmp_path, "b", [(4, "2019-01-01")])
    build(tmp_path)
    assert set(loaded(tmp_path)) == {1, 3, 4}


@pytest.mark.only_on("local", because="it looks at the files of the warehouse")
@pytest.mark.parametrize("cut", [0, 20, -1])
def test_files_are_not_taken_twice_when_their_list_was_lost(tmp_path: Path, cut: int) -> None:
    """Others may clean a table's folder of what its metadata does not name, or break a file."""
    write(tmp_path, landing())
    for number, name in enumerate("abc", 1):
        land(tmp_path, name, [(number, "2019-01-01")])
    build(tmp_path)
    (tmp_path / "landing/c.csv").unlink()
    (listed,) = (tmp_path / "warehouse").rglob("landed-*.json")
    text = listed.read_text()
    listed.write_text("\n".join(text.splitlines()[:-1]) if cut < 0 else text[:cut])
    if cut == 0:
        listed.unlink()
    land(tmp_path, "d", [(4, "2019-01-01")])
    build(tmp_path)

    assert set(loaded(tmp_path)) == {1, 2, 3, 4}
    before = snapshots(tmp_path, NAME)
    assert states(build(tmp_path)) == {NAME: State.FRESH}
    assert snapshots(tmp_path, NAME) == before


def test_undeclared_columns_may_come_and_go_with_the_files(tmp_path: Path) -> None:
    write(tmp_path, {"models/bronze/events.py": UNTYPED})
    land(tmp_path, "a", [(1, "x", 1.5)], "id,name,amount")
    build(tmp_path)
    land(tmp_path, "b", [(2, "y")], "id,name")
    build(tmp_path)
    land(tmp_path, "c", [(3, 2.5, "north")], "id,amount,zone")
    build(tmp_path)

    assert {r["id"]: (r["name"], r["amount"], r["zone"]) for r in rows(tmp_path, NAME)} == {
        1: ("x", 1.5, None),
        2: ("y", None, None),
        3: (None, 2.5, "north"),
    }
    types = {f.name: str(f.field_type) for f in plain_table(tmp_path, NAME).schema().fields}
    assert (types["id"], types["amount"], types["zone"]) == ("long", "double", "string")


def test_a_new_file_whose_values_are_of_another_type_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"models/bronze/events.py": UNTYPED})
    land(tmp_path, "a", [(1, 1.5)], "id,amount")
    build(tmp_path)
    land(tmp_path, "b", [(2, "much")], "id,amount")
    with Project.load(tmp_path) as project:
        failure = project.build()[NAME].failure

    assert failure
    assert failure.kind == "SourceError"
    assert "amount" in failure.message
    assert "much" in failure.message
    assert set(loaded(tmp_path)) == {1}


@pytest.mark.parametrize("grain", ["day", "month"])
def test_what_lands_is_found_by_models_that_are_built_whole(tmp_path: Path, grain: str) -> None:
    total = sql_model("gold", "total", "select count(*) as n from bronze.events")
    write(tmp_path, landing(grain) | {"models/total.py": total})
    for number, name in enumerate("abc", 1):
        land(tmp_path, name, [(number, "2019-01-01")])
        assert parts(build(tmp_path)) == {NAME: 1, "gold.total": 1}
        assert rows(tmp_path, "gold.total") == [{"n": number}]


def test_a_source_may_be_taken_in_full_each_time(tmp_path: Path) -> None:
    """What vanished is gone then, and a build without a change does nothing."""
    model = landing()["models/bronze/events.py"].replace("@bronze(", "@bronze(strategy='full', ")
    write(tmp_path, {"models/bronze/events.py": model})
    land(tmp_path, "a", [(1, "2019-01-01")])
    land(tmp_path, "b", [(2, "2019-01-01")])
    build(tmp_path)
    times = loaded(tmp_path)
    assert states(build(tmp_path)) == {NAME: State.FRESH}
    (tmp_path / "landing/b.csv").unlink()
    report = build(tmp_path)

    assert states(report) == {NAME: State.PUBLISHED}
    assert not any("gone" in w for w in report.warnings)
    assert set(loaded(tmp_path)) == {1}
    assert loaded(tmp_path)[1] > times[1]
    assert states(build(tmp_path)) == {NAME: State.FRESH}
