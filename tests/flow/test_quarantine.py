"""Lines that cannot be parsed go to a table beside the model's, and both move together."""

from pathlib import Path
from typing import Any

import pytest
from support.flows import build, land, snapshots, states
from support.projects import rows, suite, write

from medallion import Project
from medallion.errors import DefinitionError
from medallion.listing import describe, listing
from medallion.render import result_line
from medallion.report import Report, State

NAME, ASIDE = "bronze.events", "bronze.events__quarantine"
HEADER = "id,happened"
BY_WINDOW = "partition_by=day('happened'), time_column='happened', start='2019-01-01'"


def project(
    root: Path, files: str = "'landing/*'", declared: str = "", more: str = "", name: str = "events"
) -> Path:
    """A source that puts aside what cannot be parsed."""
    columns = "{'id': 'bigint', 'happened': 'timestamp'}"
    model = (
        f"from medallion import *\n\n@bronze({declared})\ndef {name}() -> Source:\n"
        f"    return files({files}, columns={columns}, unparsable='quarantine'{more})\n"
    )
    return write(root, {f"models/bronze/{name}.py": model})


def aside(root: Path) -> list[tuple[Any, ...]]:
    """What is put aside: file, line, column, text."""
    found = rows(root, ASIDE)
    return sorted((r["_source_file"], r["line"], r["column"], r["text"]) for r in found)


def ids(root: Path) -> list[int]:
    """The rows that are published."""
    return sorted(r["id"] for r in rows(root, NAME))


def attempt(root: Path, **options: Any) -> Report:
    """A build that may fail."""
    with Project.load(root) as opened:
        return opened.build(**options)


def test_bad_lines_are_put_aside_and_counted(tmp_path: Path) -> None:
    project(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), ("x", "2019-01-01"), (2, "2019-01-02", "more")])
    write(tmp_path, {"landing/b.jsonl": '{"id": 3}\n{"id": 4, "happened": "soon"}\n{"id": 5}\n'})
    report = build(tmp_path)

    assert (report[NAME].rows, report[NAME].quarantined) == (3, 3)
    assert report.to_dict()["results"][0]["quarantined"] == 3
    assert ids(tmp_path) == [1, 3, 5]
    assert aside(tmp_path) == [
        ("a.csv", 3, "id", "x,2019-01-01"),
        ("a.csv", 4, None, "2,2019-01-02,more"),
        ("b.jsonl", 2, "happened", '{"id": 4, "happened": "soon"}'),
    ]
    found = rows(tmp_path, ASIDE)
    assert {r["run"] for r in found} == {report.run}
    assert {r["_loaded_at"] for r in found} == {r["_loaded_at"] for r in rows(tmp_path, NAME)}
    assert next(r["reason"] for r in found if r["line"] == 3).startswith("Error when converting")
    before = snapshots(tmp_path, NAME), snapshots(tmp_path, ASIDE)
    assert states(build(tmp_path)) == {NAME: State.FRESH}
    assert (snapshots(tmp_path, NAME), snapshots(tmp_path, ASIDE)) == before


def test_a_file_that_is_taken_again_replaces_what_was_put_aside_of_it(tmp_path: Path) -> None:
    project(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), ("x", "2019-01-01")])
    land(tmp_path, "b", [(2, "2019-01-01"), ("y", "2019-01-01")])
    build(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), (7, "2019-01-02"), (8, "z")])
    assert build(tmp_path)[NAME].quarantined == 1
    assert aside(tmp_path) == [("a.csv", 4, "happened", "8,z"), ("b.csv", 3, "id", "y,2019-01-01")]
    assert ids(tmp_path) == [1, 2, 7]

    land(tmp_path, "b", [(2, "2019-01-01")])
    land(tmp_path, "c", [(9, "2019-01-09")])
    assert build(tmp_path)[NAME].quarantined == 0
    assert aside(tmp_path) == [("a.csv", 4, "happened", "8,z")]
    land(tmp_path, "d", [("w", "2019-01-01")])
    land(tmp_path, "e", [(10, "2019-01-09")])
    build(tmp_path)
    assert [row[0] for row in aside(tmp_path)] == ["a.csv", "d.csv"]
    build(tmp_path, full_refresh=True)
    assert [row[0] for row in aside(tmp_path)] == ["a.csv", "d.csv"]
    assert ids(tmp_path) == [1, 2, 7, 9, 10]


def test_a_new_file_of_bad_lines_alone_is_put_aside(tmp_path: Path) -> None:
    project(tmp_path, more=", most_unparsable=1")
    land(tmp_path, "a", [(1, "2019-01-01")])
    build(tmp_path)
    assert aside(tmp_path) == []
    land(tmp_path, "b", [("x", "2019-01-01")])
    assert build(tmp_path)[NAME].quarantined == 1
    assert [row[0] for row in aside(tmp_path)] == ["b.csv"]
    assert ids(tmp_path) == [1]


@pytest.mark.parametrize("pattern", ["landing/{start:%Y-%m-%d}*.csv", "landing/{start:%Y/%m/%d}/*"])
def test_a_window_replaces_what_was_put_aside_of_it(tmp_path: Path, pattern: str) -> None:
    """Also where files of each day are called the same."""
    project(tmp_path, f"'{pattern}'", BY_WINDOW)

    def put(day: int, *more: tuple[Any, ...]) -> None:
        name = f"2019/01/0{day}/part" if "/%m/" in pattern else f"2019-01-0{day}"
        land(tmp_path, name, [(day, f"2019-01-0{day}"), *more])

    for day in (1, 2, 3):
        put(day, (f"x{day}", f"2019-01-0{day}"))
    assert build(tmp_path, end="2019-01-09")[NAME].quarantined == 3
    assert [row[3][:2] for row in aside(tmp_path)] == ["x1", "x2", "x3"]
    put(2, ("y2", "2019-01-02"), (20, "2019-01-02"))
    assert build(tmp_path, end="2019-01-09")[NAME].quarantined == 1
    assert sorted(row[3][:2] for row in aside(tmp_path)) == ["x1", "x3", "y2"]
    put(3)
    assert build(tmp_path, end="2019-01-09")[NAME].quarantined == 0
    assert sorted(row[3][:2] for row in aside(tmp_path)) == ["x1", "y2"]
    assert ids(tmp_path) == [1, 2, 3, 20]
    assert states(build(tmp_path, end="2019-01-09")) == {NAME: State.FRESH}


@pytest.mark.parametrize(("most", "passes"), [("0.5", True), ("0.49", False), ("0", False)])
def test_more_bad_lines_than_may_be_fail_the_build(tmp_path: Path, most: str, passes: bool) -> None:
    project(tmp_path, more=f", most_unparsable={most}")
    land(tmp_path, "a", [("x", "2019-01-01"), (1, "2019-01-01")])
    report = attempt(tmp_path)
    assert report.ok is passes
    if not passes:
        failure = report[NAME].failure
        assert failure
        assert "1 of 2 lines cannot be parsed, such as a.csv line 2" in failure.message
        assert f"most_unparsable={most}" in failure.hint
        assert not rows_there(tmp_path)


def rows_there(root: Path) -> bool:
    """Whether readers see a table."""
    with Project.load(root) as opened:
        return any(table.main is not None for table in opened.tables().values())


def test_an_unpublished_run_publishes_both_tables_together(tmp_path: Path) -> None:
    project(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), ("x", "2019-01-01")])
    report = attempt(tmp_path, publish=False)
    assert not rows_there(tmp_path)
    with Project.load(tmp_path) as opened:
        assert {str(b.table): b.state for b in opened.branches()} == {
            NAME: "passed",
            ASIDE: "passed",
        }
        opened.publish(report.run)
    assert ids(tmp_path) == [1]
    assert len(aside(tmp_path)) == 1
    assert states(build(tmp_path)) == {NAME: State.FRESH}


def test_what_is_rejected_leaves_both_tables_as_they_were(tmp_path: Path) -> None:
    project(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), ("x", "2019-01-01")])
    build(tmp_path)
    wanted = suite(("expect_column_values_to_be_between", {"column": "id", "max_value": 5}))
    write(tmp_path, {"expectations/bronze/events.json": wanted})
    land(tmp_path, "b", [(9, "2019-01-01"), ("y", "2019-01-01")])
    report = attempt(tmp_path)
    assert report[NAME].state is State.REJECTED
    assert ids(tmp_path) == [1]
    assert [row[0] for row in aside(tmp_path)] == ["a.csv"]
    with Project.load(tmp_path) as opened:
        dropped = opened.discard(report.run)
    assert {str(b.table) for b in dropped} == {NAME, ASIDE}


def test_a_result_that_is_found_again_has_what_was_put_aside(tmp_path: Path) -> None:
    """The first window is computed; the second one's file is bad beyond the limit."""
    project(tmp_path, "'landing/{start:%Y-%m-%d}.csv'", BY_WINDOW)
    land(tmp_path, "2019-01-01", [(1, "2019-01-01"), ("x", "2019-01-01"), (2, "2019-01-01")])
    land(tmp_path, "2019-01-02", [(3, "2019-01-02")])
    (tmp_path / "landing/2019-01-02.csv").write_text("other\n1\n")
    assert not attempt(tmp_path, end="2019-01-02").ok
    land(tmp_path, "2019-01-02", [(3, "2019-01-02")])
    report = build(tmp_path, end="2019-01-02")
    assert (report[NAME].reused, report[NAME].quarantined) == (1, 1)
    assert ids(tmp_path) == [1, 2, 3]
    assert [row[3] for row in aside(tmp_path)] == ["x,2019-01-01"]


def test_the_sweep_spares_what_was_put_aside(tmp_path: Path) -> None:
    project(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), ("x", "2019-01-01")])
    with Project.load(tmp_path) as opened:
        assert opened.run(opened.plan(), forget=False).ok
        assert opened.sweep_results(0).results == 1
    assert len(aside(tmp_path)) == 1
    assert ids(tmp_path) == [1]


def test_a_masked_value_is_not_seen_in_what_is_put_aside(tmp_path: Path) -> None:
    project(tmp_path, declared="mask={'id': hashed('salt')}")
    land(tmp_path, "a", [("secret", "2019-01-01"), (1, "2019-01-01")])
    build(tmp_path)
    [row] = rows(tmp_path, ASIDE)
    assert (row["line"], row["column"], row["reason"], row["text"]) == (2, "id", None, None)
    land(tmp_path, "a", [("secret", "2019-01-01"), ("secret", "2019-01-01"), (1, "2019-01-01")])
    failure = attempt(tmp_path)[NAME].failure
    assert failure
    assert "secret" not in failure.message


def test_what_is_put_aside_can_be_looked_at(tmp_path: Path) -> None:
    project(tmp_path)
    land(tmp_path, "a", [(1, "2019-01-01"), ("x", "2019-01-01")])
    assert "1 quarantined" in result_line(build(tmp_path)[NAME])
    with Project.load(tmp_path) as opened:
        found = opened.query(f"select text from {ASIDE}").to_pylist()
        assert found == [{"text": "x,2019-01-01"}]
        assert [row["model"] for row in listing(opened)] == [NAME]
        assert describe(opened, NAME)["rows"] == 1
        assert len(opened.table(ASIDE)) == 1
        assert len(opened.history(ASIDE)) == 1


@pytest.mark.parametrize(
    ("other", "told"),
    [("events__quarantine", "which is a model"), ("e" * 52, "a name too long for a table beside")],
)
def test_a_table_that_cannot_be_called_so_is_told(tmp_path: Path, other: str, told: str) -> None:
    project(tmp_path)
    project(tmp_path, name=other)
    with pytest.raises(DefinitionError, match=told):
        Project.load(tmp_path)


def test_runs_of_other_windows_at_the_same_time_lose_nothing_of_it(tmp_path: Path) -> None:
    project(tmp_path, "'landing/{start:%Y-%m-%d}.csv'", BY_WINDOW)

    def put(day: int, bad: str) -> None:
        land(tmp_path, f"2019-01-0{day}", [(day, f"2019-01-0{day}"), (bad, f"2019-01-0{day}")])

    for day in (1, 2, 3):
        put(day, "x")
    build(tmp_path, end="2019-01-03")
    put(1, "y")
    put(2, "z")
    with Project.load(tmp_path) as opened:
        plan = opened.plan(end="2019-01-01")
        assert build(tmp_path, start="2019-01-02", end="2019-01-03").ok
        report = opened.run(plan)
    assert report.ok, report.to_dict()
    assert [row[3] for row in aside(tmp_path)] == [
        "y,2019-01-01",
        "z,2019-01-02",
        "x,2019-01-03",
    ]
    assert states(build(tmp_path, end="2019-01-03")) == {NAME: State.FRESH}


TRIPS = """
from medallion import *

@bronze(time_column="pickup_datetime", partition_by=month("pickup_datetime"), start="2019-01-01")
def trips() -> Source:
    columns = {{
        "vendor_id": "integer", "pickup_datetime": "timestamp", "dropoff_datetime": "timestamp",
        "passenger_count": "integer", "trip_distance": "double", "total_amount": "decimal(9, 2)",
    }}
    return files(
        "landing/yellow_tripdata_sample_{{start:%Y-%m}}.csv", columns=columns, {more}
    )
"""


def test_real_trips_lose_the_planted_lines_and_no_others(tmp_path: Path, taxi: Path) -> None:
    """Two of the files mix line ends."""
    landing = tmp_path / "landing"
    landing.mkdir()
    planted = {4: b"1,2019-01-01", 5_000: b"a,b,c,d", 10_004: b'1,"open'}
    for month in ("01", "02", "05"):
        name = f"yellow_tripdata_sample_2019-{month}.csv"
        lines = (taxi / name).read_bytes().splitlines(keepends=True)
        if not lines[-1].endswith(b"\n"):
            lines[-1] += b"\n"
        for number, line in planted.items():
            lines.insert(number - 1, line + b"\r\n")
        (landing / name).write_bytes(b"".join(lines))
    write(tmp_path, {"models/trips.py": TRIPS.format(more="unparsable='quarantine'")})
    report = build(tmp_path, end="2019-12-31")
    assert report["bronze.trips"].quarantined == 9
    found = {
        (r["_source_file"], r["line"], r["text"])
        for r in rows(tmp_path, "bronze.trips__quarantine")
    }
    assert {(line, text) for _, line, text in found} == {
        (number, text.decode()) for number, text in planted.items()
    }
    with_bad = rows(tmp_path, "bronze.trips")
    other = write(tmp_path / "clean", {"models/trips.py": TRIPS.format(more="")})
    (other / "landing").mkdir()
    for path in landing.iterdir():
        (other / "landing" / path.name).write_bytes((taxi / path.name).read_bytes())
    build(other, end="2019-12-31")

    def key(row: dict[str, Any]) -> str:
        return repr({k: v for k, v in row.items() if k != "_loaded_at"})

    assert sorted(map(key, with_bad)) == sorted(map(key, rows(other, "bronze.trips")))
