"""Models that receive the window they build, and sources that have files of each."""

from datetime import datetime
from pathlib import Path

import pytest
from support.flows import build, data_files, land, landing, parts, snapshots, states, timed
from support.projects import rows, write

from medallion import Project
from medallion.errors import DefinitionError
from medallion.report import State

SQL = f"""
from medallion import *

@silver({timed("day")})
def events(window: Window) -> SQL:
    return (
        f"select id, happened, timestamp '{{window.start}}' as first, "
        f"timestamp '{{window.end}}' as past from bronze.events"
    )
"""
PYTHON = f"""
from medallion import *
import pandas as pd

@silver({timed("month")})
def python(when: Window, rows: pd.DataFrame = ref("silver.events")) -> pd.DataFrame:
    return rows[["id", "happened"]].assign(
        first=pd.Timestamp(when.start), past=pd.Timestamp(when.end), n=len(rows)
    )
"""
CLICKS = """
from medallion import *

@bronze(partition_by=day('happened'), time_column='happened'{start})
def clicks(window: Window) -> Source:
    return files(
        f"landing/{{window.start:%Y-%m-%d}}*.csv",
        columns={{"id": "bigint", "happened": "timestamp"}},
    )
"""
TICKS = """
from medallion import *

@silver(partition_by=day('happened'), time_column='happened'{start})
def ticks(window: Window) -> {form}:
    {body}
"""


def clicks(root: Path, start: str = ", start='2019-01-01'") -> Path:
    """A project of a source by window."""
    return write(root, {"models/bronze/clicks.py": CLICKS.format(start=start)})


def test_rows_may_depend_on_the_window(tmp_path: Path) -> None:
    write(tmp_path, landing() | {"models/silver/events.py": SQL, "models/silver/python.py": PYTHON})
    land(tmp_path, "all", [(1, "2020-02-29 12:00:00"), (2, "2020-03-01"), (3, "2020-03-31")])

    assert parts(build(tmp_path)) == {"bronze.events": 1, "silver.events": 3, "silver.python": 2}
    spans = {r["id"]: (r["first"], r["past"]) for r in rows(tmp_path, "silver.events")}
    assert spans == {
        1: (datetime(2020, 2, 29), datetime(2020, 3, 1)),
        2: (datetime(2020, 3, 1), datetime(2020, 3, 2)),
        3: (datetime(2020, 3, 31), datetime(2020, 4, 1)),
    }
    months = {r["id"]: (r["first"], r["past"], r["n"]) for r in rows(tmp_path, "silver.python")}
    march = (datetime(2020, 3, 1), datetime(2020, 4, 1), 2)
    assert months == {1: (datetime(2020, 2, 1), datetime(2020, 3, 1), 1), 2: march, 3: march}


def test_a_new_file_of_an_old_day_rebuilds_that_day(tmp_path: Path) -> None:
    clicks(tmp_path)
    for day in range(1, 6):
        land(tmp_path, f"2019-01-{day:02}", [(day, f"2019-01-{day:02} 10:00:00")])
    assert build(tmp_path)["bronze.clicks"].parts == 5
    before = data_files(tmp_path, "bronze.clicks")
    land(tmp_path, "2019-01-02-late", [(6, "2019-01-02 23:59:59")])

    assert build(tmp_path)["bronze.clicks"].parts == 1
    after = data_files(tmp_path, "bronze.clicks")
    assert len(before.keys() & after.keys()) == 4
    files = {r["id"]: r["_source_file"] for r in rows(tmp_path, "bronze.clicks")}
    assert files == {i: f"2019-01-{i:02}.csv" for i in range(1, 6)} | {6: "2019-01-02-late.csv"}
    assert states(build(tmp_path)) == {"bronze.clicks": State.FRESH}


def test_a_changed_file_of_an_old_day_rebuilds_that_day(tmp_path: Path) -> None:
    """One with the same content does not."""
    clicks(tmp_path)
    for day in (1, 2):
        land(tmp_path, f"2019-01-0{day}", [(day, f"2019-01-0{day}")])
    build(tmp_path, end="2019-01-09")
    land(tmp_path, "2019-01-01", [(1, "2019-01-01")])
    before = snapshots(tmp_path, "bronze.clicks")
    assert states(build(tmp_path, end="2019-01-09")) == {"bronze.clicks": State.FRESH}
    assert snapshots(tmp_path, "bronze.clicks") == before
    land(tmp_path, "2019-01-01", [(3, "2019-01-01"), (4, "2019-01-02")])

    assert build(tmp_path, end="2019-01-09")["bronze.clicks"].parts == 1
    # The row of another day is not written: that day has its own files.
    assert sorted(r["id"] for r in rows(tmp_path, "bronze.clicks")) == [2, 3]
    assert states(build(tmp_path, end="2019-01-09")) == {"bronze.clicks": State.FRESH}


def test_files_of_days_that_are_not_asked_for_are_not_gone(tmp_path: Path) -> None:
    clicks(tmp_path)
    for day in (1, 2, 3):
        land(tmp_path, f"2019-01-0{day}", [(day, f"2019-01-0{day}")])
    build(tmp_path, end="2019-01-09")
    assert not any("gone" in w for w in build(tmp_path, end="2019-01-02").warnings)
    (tmp_path / "landing/2019-01-01.csv").unlink()

    gone = "1 landed file is gone, its rows are kept: 2019-01-01/2019-01-01.csv"
    report = build(tmp_path, end="2019-01-02")
    assert states(report) == {"bronze.clicks": State.FRESH}
    assert [w for w in report.warnings if "gone" in w] == [f"bronze.clicks: {gone}"]
    assert sorted(r["id"] for r in rows(tmp_path, "bronze.clicks")) == [1, 2, 3]


def test_days_land_in_any_order(tmp_path: Path) -> None:
    clicks(tmp_path)
    land(tmp_path, "2019-01-05", [(5, "2019-01-05")])
    for day in (3, 9, 1):
        build(tmp_path)
        land(tmp_path, f"2019-01-0{day}", [(day, f"2019-01-0{day}")])
        assert build(tmp_path)["bronze.clicks"].parts == 1
    assert sorted(r["id"] for r in rows(tmp_path, "bronze.clicks")) == [1, 3, 5, 9]


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("SQL", "return f\"select timestamp '{window.start}' as happened\""),
        ("pa.Table", "import pyarrow as pa\n    return pa.table({'happened': [window.start]})"),
    ],
    ids=["sql", "python"],
)
def test_a_model_without_inputs_makes_every_window_from_its_start(
    tmp_path: Path, form: str, body: str
) -> None:
    imports = "import pyarrow as pa\n" if form == "pa.Table" else ""
    text = imports + TICKS.format(start="", form=form, body=body)
    write(tmp_path, {"models/silver/ticks.py": text})
    with Project.load(tmp_path) as project, pytest.raises(DefinitionError) as refused:
        project.build(end="2019-01-03")
    assert "where the windows of silver.ticks begin" in refused.value.message
    assert 'declare start="2019-01-01", or build with --start and --end' in refused.value.hint

    assert parts(build(tmp_path, start="2019-01-02", end="2019-01-03")) == {"silver.ticks": 2}
    # What is built says where its windows begin; older ones come when they are asked for.
    assert parts(build(tmp_path, end="2019-01-05")) == {"silver.ticks": 2}
    assert parts(build(tmp_path, start="2018-12-31", end="2019-01-04")) == {"silver.ticks": 2}
    expected = [datetime(2018, 12, 31), *(datetime(2019, 1, day) for day in range(1, 6))]
    assert [r["happened"] for r in rows(tmp_path, "silver.ticks")] == expected
    assert states(build(tmp_path, end="2019-01-05")) == {"silver.ticks": State.FRESH}


def test_a_declared_start_bounds_what_is_built(tmp_path: Path) -> None:
    body = "return f\"select timestamp '{window.start}' as happened\""
    text = TICKS.format(start=", start='2019-02-27'", form="SQL", body=body)
    write(tmp_path, {"models/silver/ticks.py": text})
    build(tmp_path, end="2019-03-01")
    days = [(r["happened"].month, r["happened"].day) for r in rows(tmp_path, "silver.ticks")]
    assert days == [(2, 27), (2, 28), (3, 1)]


def test_a_source_of_which_no_day_has_a_file_says_so(tmp_path: Path) -> None:
    clicks(tmp_path)
    (tmp_path / "landing").mkdir()
    with Project.load(tmp_path) as project:
        failure = project.build()["bronze.clicks"].failure
    assert failure
    assert failure.kind == "SourceError"
    assert "no window has a landed file yet" in failure.message


DATED = """
from medallion import *

@bronze(partition_by=day('happened'), time_column='happened', start='2019-01-01')
def clicks({parameter}) -> Source:
    return files(
        {pattern}, columns={{"id": "bigint", "happened": "timestamp"}},
    )
"""


@pytest.mark.parametrize(
    ("parameter", "pattern"),
    [
        ("", '"{lake}/{start:%Y/%m/%d}/*.csv"'),
        ("window: Window", '"{lake}/{start:%Y/%m/%d}/*.csv"'),
        ("window: Window", 'f"{{lake}}/{window.start:%Y/%m/%d}/*.csv"'),
        ("", '"{lake}/{start.year}/{start:%m}/{start:%d}/*.csv"'),
    ],
)
def test_files_may_lie_in_a_folder_of_their_window(
    tmp_path: Path, parameter: str, pattern: str
) -> None:
    model = DATED.format(parameter=parameter, pattern=pattern)
    write(
        tmp_path,
        {
            "models/bronze/clicks.py": model,
            "pyproject.toml": '[tool.medallion.locations]\nlake = "landing/lake"\n',
        },
    )
    for day in (1, 2, 11):
        land(tmp_path, f"lake/2019/01/{day:02}/part", [(day, f"2019-01-{day:02} 10:00:00")])
    assert parts(build(tmp_path)) == {"bronze.clicks": 3}
    land(tmp_path, "lake/2019/01/02/more", [(20, "2019-01-02")])
    land(tmp_path, "lake/2019/02/01/part", [(30, "2019-02-01")])
    assert parts(build(tmp_path)) == {"bronze.clicks": 2}
    assert sorted(r["id"] for r in rows(tmp_path, "bronze.clicks")) == [1, 2, 11, 20, 30]
    assert states(build(tmp_path)) == {"bronze.clicks": State.FRESH}


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("", r"models/bronze/clicks\.py:4: .*named by \{end\}.*declares no time_column"),
        (
            "partition_by=day('happened'), time_column='happened', strategy='full'",
            "named by {end}.*declares strategy='full'",
        ),
    ],
)
def test_files_named_by_the_window_want_one(tmp_path: Path, declared: str, told: str) -> None:
    model = DATED.partition("(")[0] + f"({declared})\ndef clicks() -> Source:\n"
    model += "    return files('landing/{end:%Y}.csv')\n"
    write(tmp_path, {"models/bronze/clicks.py": model})
    with pytest.raises(DefinitionError, match=told):
        Project.load(tmp_path)


def test_a_field_of_a_pattern_that_is_no_location_is_told(tmp_path: Path) -> None:
    model = DATED.format(parameter="", pattern='"{lake}/{start:%Y}/*.csv"')
    write(tmp_path, {"models/bronze/clicks.py": model})
    with Project.load(tmp_path) as project, pytest.raises(DefinitionError) as refused:
        project.build()
    assert "names the location 'lake', which is not set" in refused.value.message
