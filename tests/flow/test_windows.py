"""Models by window: what is rebuilt when rows land late, move or vanish, and nothing else."""

from datetime import datetime
from pathlib import Path

import pytest
from support.flows import build, by_window, data_files, land, landing, parts, snapshots, states
from support.projects import plain_table, rows, sql_model, write

from medallion import Project
from medallion.report import State

COPY = "select id, happened from bronze.events"
COUNT = (
    "select date_trunc('{}', happened) as happened, count(*) as n from silver.events group by all"
)


def ids(root: Path, name: str = "silver.events") -> list[int]:
    """The ids in a table."""
    return [row["id"] for row in rows(root, name)]


def test_windows_without_rows_are_not_built(tmp_path: Path) -> None:
    """Months lie between two rows, and nothing is done for them."""
    write(tmp_path, landing() | by_window("silver", "events", COPY, "day"))
    land(tmp_path, "all", [(1, "2019-01-01"), (2, "2019-06-01")])

    assert parts(build(tmp_path))["silver.events"] == 2
    assert ids(tmp_path) == [1, 2]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_a_window_of_which_a_model_makes_nothing_is_built_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        landing()
        | by_window("silver", "events", f"{COPY} where id > 1", "day")
        | by_window("gold", "months", COUNT.format("month"), "month"),
    )
    land(tmp_path, "all", [(1, "2019-01-01"), (2, "2019-02-01")])

    assert parts(build(tmp_path)) == {"bronze.events": 1, "silver.events": 2, "gold.months": 1}
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    land(tmp_path, "late", [(0, "2019-01-01")])
    # What silver makes of the day is as empty as it was: no snapshot, and nothing for gold to do.
    assert parts(build(tmp_path)) == {"bronze.events": 1}
    assert len(snapshots(tmp_path, "silver.events")) == 1
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    assert ids(tmp_path) == [2]


def test_a_late_row_rebuilds_its_window_of_every_length(tmp_path: Path) -> None:
    """Of a table by hours made from one by months, and of one by years made from that."""
    write(
        tmp_path,
        landing("month")
        | by_window("silver", "events", COPY, "hour")
        | by_window("silver", "copy", COPY.replace("bronze", "silver"), "day")
        | by_window("gold", "years", COUNT.format("year"), "year"),
    )
    hours = [(h, f"2019-{1 + h % 3:02}-{1 + h % 2:02} {h:02}:00:00") for h in range(12)]
    land(tmp_path, "all", [*hours, (12, "2020-01-01")])
    first = parts(build(tmp_path))
    assert first == {"bronze.events": 1, "silver.events": 13, "silver.copy": 7, "gold.years": 2}
    before = data_files(tmp_path, "silver.events")
    land(tmp_path, "late", [(13, "2019-01-01 00:30:00")])

    late = parts(build(tmp_path))
    assert late == dict.fromkeys(first, 1)
    after = data_files(tmp_path, "silver.events")
    assert len(before.keys() - after.keys()) == len(after.keys() - before.keys()) == 1
    assert [r["n"] for r in rows(tmp_path, "gold.years")] == [13, 1]


def test_a_window_whose_rows_all_moved_is_empty_everywhere(tmp_path: Path) -> None:
    write(
        tmp_path,
        landing()
        | by_window("silver", "events", COPY, "day")
        | by_window("gold", "days", COUNT.format("day"), "day")
        | by_window("gold", "months", COUNT.format("month"), "month"),
    )
    land(tmp_path, "fixed", [(1, "2019-03-01")])
    land(tmp_path, "moving", [(2, "2019-01-31"), (3, "2019-01-31 23:00:00")])
    build(tmp_path)
    land(tmp_path, "moving", [(2, "2019-02-01"), (3, "2019-02-01 00:00:00")])

    # One window each has rows now; the other is replaced by nothing.
    assert parts(build(tmp_path)) == {
        "bronze.events": 1, "silver.events": 1, "gold.days": 1, "gold.months": 1
    }  # fmt: skip
    for name, day in (("gold.days", 1), ("gold.months", 1)):
        assert rows(tmp_path, name) == [
            {"happened": datetime(2019, 2, day), "n": 2},
            {"happened": datetime(2019, 3, day), "n": 1},
        ]
    assert len(data_files(tmp_path, "silver.events")) == 2
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_a_window_that_lost_its_last_row_is_emptied_by_a_build_of_it_alone(tmp_path: Path) -> None:
    write(tmp_path, landing() | by_window("silver", "events", COPY, "day"))
    land(tmp_path, "moving", [(1, "2019-01-31"), (2, "2019-02-05")])
    build(tmp_path)
    land(tmp_path, "moving", [(2, "2019-02-05")])
    build(tmp_path, start="2019-03-01")
    assert ids(tmp_path) == [1, 2]
    report = build(tmp_path, start="2019-01-31", end="2019-01-31")

    assert parts(report) == {"silver.events": 0}
    assert ids(tmp_path) == [2]
    assert build(tmp_path)["silver.events"].parts == 1
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


@pytest.mark.parametrize("form", ["pd.DataFrame", "pa.Table", "pl.DataFrame", "pl.LazyFrame"])
def test_models_of_inputs_without_rows_have_their_columns(tmp_path: Path, form: str) -> None:
    python = (
        "from medallion import *\nimport pandas as pd, polars as pl, pyarrow as pa\n\n"
        "@silver(time_column='happened', partition_by=day('happened'))\n"
        f"def python(rows: {form} = ref('bronze.events')) -> {form}:\n    return rows\n"
    )
    write(
        tmp_path,
        landing()
        | by_window("silver", "events", COPY, "day")
        | by_window("gold", "months", COUNT.format("month"), "month")
        | {"models/silver/python.py": python},
    )
    land(tmp_path, "all", [])
    build(tmp_path)
    columns = {
        name: [f"{f.name} {f.field_type}" for f in plain_table(tmp_path, name).schema().fields]
        for name in ("silver.events", "silver.python", "gold.months")
    }
    assert columns["silver.events"] == ["id long", "happened timestamp"]
    assert columns["silver.python"][:2] == ["id long", "happened timestamp"]
    assert columns["gold.months"] == ["happened timestamp", "n long"]
    assert [rows(tmp_path, name) for name in columns] == [[], [], []]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}

    land(tmp_path, "more", [(1, "2019-01-01")])
    build(tmp_path)
    assert [len(rows(tmp_path, name)) for name in columns] == [1, 1, 1]


def test_a_late_row_rebuilds_the_windows_that_look_back_at_it(tmp_path: Path) -> None:
    trailing = (
        "select e.happened, e.id, (select count(*) from silver.events p where p.happened <="
        " e.happened and p.happened > e.happened - interval 2 day) as n from silver.events e"
    )
    write(
        tmp_path,
        landing()
        | by_window("silver", "events", COPY, "day")
        | by_window("gold", "trailing", trailing, "day", ", lookback=2"),
    )
    land(tmp_path, "all", [(d, f"2019-01-{d:02} 12:00:00") for d in range(1, 9)])
    build(tmp_path)
    land(tmp_path, "late", [(9, "2019-01-03 12:00:00")])

    assert parts(build(tmp_path)) == {"bronze.events": 1, "silver.events": 1, "gold.trailing": 3}
    counts = {r["id"]: r["n"] for r in rows(tmp_path, "gold.trailing")}
    assert counts == {1: 1, 2: 2, 3: 3, 9: 3, 4: 3, 5: 2, 6: 2, 7: 2, 8: 2}


def test_an_input_that_is_read_whole_rebuilds_all_windows(tmp_path: Path) -> None:
    query = "select id, happened, (select count(*) from bronze.events) as n from silver.events"
    write(
        tmp_path,
        landing()
        | by_window("silver", "events", f"{COPY} where id < 9", "day")
        | by_window("gold", "rated", query, "day", ", whole='bronze.events'"),
    )
    land(tmp_path, "all", [(1, "2019-01-01"), (2, "2019-01-02")])
    build(tmp_path)
    land(tmp_path, "late", [(9, "2019-05-01")])

    assert parts(build(tmp_path)) == {"bronze.events": 1, "gold.rated": 2}
    assert [(r["id"], r["n"]) for r in rows(tmp_path, "gold.rated")] == [(1, 3), (2, 3)]


def test_a_row_without_a_time_is_refused(tmp_path: Path) -> None:
    query = "select id, if(id = 2, null, happened) as happened from bronze.events"
    write(tmp_path, landing() | by_window("silver", "events", query, "day"))
    land(tmp_path, "all", [(1, "2019-01-01")])
    build(tmp_path)
    before = snapshots(tmp_path, "silver.events")
    land(tmp_path, "late", [(2, "2019-01-02")])
    with Project.load(tmp_path) as project:
        report = project.build()

    failure = report["silver.events"].failure
    assert failure
    assert failure.message == "silver.events: a row has no time: 'happened' is NULL"
    assert report.exit_code == 1
    assert snapshots(tmp_path, "silver.events") == before
    assert ids(tmp_path) == [1]


def test_a_landed_row_without_a_time_is_refused(tmp_path: Path) -> None:
    write(tmp_path, landing())
    land(tmp_path, "all", [(1, "")])
    with Project.load(tmp_path) as project:
        failure = project.build()["bronze.events"].failure
    assert failure
    assert failure.message == "bronze.events: a row has no time: 'happened' is NULL"
    assert "silver" in failure.hint


def test_rows_outside_of_the_window_are_not_written(tmp_path: Path) -> None:
    """However the windows are cut: a row counts where the window of its input has it."""
    shifted = "select id, happened + interval 7 hour as happened from bronze.events"
    write(
        tmp_path,
        landing()
        | by_window("silver", "days", shifted, "day")
        | by_window("silver", "months", shifted, "month"),
    )
    times = ["01-15 16:59:59", "01-15 17:00:00", "01-31 16:00:00", "01-31 17:00:00"]
    land(tmp_path, "all", [(n, f"2019-{t}") for n, t in enumerate(times)])
    build(tmp_path)

    assert ids(tmp_path, "silver.days") == [0, 2]
    assert ids(tmp_path, "silver.months") == [0, 1, 2]


def test_a_time_column_may_be_a_date_or_have_a_zone(tmp_path: Path) -> None:
    """A late row finds its window through each of them."""
    day = "select id, happened::date as happened from bronze.events"
    zoned = "select id, happened::timestamp at time zone 'UTC' as happened from silver.days"
    plain = "select id, (happened at time zone 'UTC')::timestamp as happened from silver.zoned"
    write(
        tmp_path,
        landing()
        | by_window("silver", "days", day, "day")
        | by_window("silver", "zoned", zoned, "day")
        | by_window("gold", "months", plain, "month"),
    )
    land(tmp_path, "all", [(1, "2019-01-31 23:30:00"), (2, "2019-02-01 00:00:00")])
    assert parts(build(tmp_path)) == {
        "bronze.events": 1, "silver.days": 2, "silver.zoned": 2, "gold.months": 2
    }  # fmt: skip
    land(tmp_path, "late", [(3, "2019-01-31 00:00:00")])

    assert set(parts(build(tmp_path)).values()) == {1}
    for name in ("silver.days", "silver.zoned", "gold.months"):
        assert len(rows(tmp_path, name)) == 3
    times = {r["id"]: r["happened"] for r in rows(tmp_path, "gold.months")}
    assert times == {i: datetime(2019, 1, 31) for i in (1, 3)} | {2: datetime(2019, 2, 1)}


def test_a_table_without_windows_is_rebuilt_whole_from_one_that_has_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        landing()
        | by_window("silver", "events", COPY, "day")
        | {"models/total.py": sql_model("gold", "total", "select count(*) as n from silver.events")}
        | by_window(
            "gold", "shares", "select id, happened, n from silver.events, gold.total", "day"
        ),
    )
    land(tmp_path, "all", [(1, "2019-01-01"), (2, "2019-01-02")])
    build(tmp_path)
    land(tmp_path, "late", [(3, "2019-01-02")])

    assert parts(build(tmp_path)) == {
        "bronze.events": 1, "silver.events": 1, "gold.total": 1, "gold.shares": 2
    }  # fmt: skip
    assert [(r["id"], r["n"]) for r in rows(tmp_path, "gold.shares")] == [(1, 3), (2, 3), (3, 3)]
