"""Declared columns: found out before a run, at write, and in the table that readers see."""

from pathlib import Path
from typing import Any

import pytest
from support.flows import build, by_window, land, landing, snapshots, states
from support.projects import plain_table, rows, sql_model, suite, write

from medallion import Project
from medallion.errors import ConflictError, DefinitionError
from medallion.listing import describe, describe_text
from medallion.observed import observed, observed_text
from medallion.report import Report, State
from medallion.suite import Outcome, Verdict

ZONES, TRIPS = "silver.zones", "silver.trips"
IN_ZONE = 'columns={"zone": column("varchar", references="silver.zones.zone")}'


def model(name: str, query: str, declaration: str = "") -> dict[str, str]:
    layer, _, table = name.partition(".")
    return {f"models/{layer}/{table}.py": sql_model(layer, table, query, declaration)}


def zones(*values: str) -> dict[str, str]:
    given = ", ".join(f"('{v}')" for v in values)
    return model(ZONES, f"select * from (values {given}) t(zone)", "unique_key='zone'")


def trips(*values: str, more: str = IN_ZONE) -> dict[str, str]:
    given = ", ".join(f"({i}, nullif('{v}', ''))" for i, v in enumerate(values))
    return model(TRIPS, f"select * from (values {given}) t(id, zone)", more)


def refused(root: Path) -> DefinitionError:
    """What is found before anything runs."""
    with Project.load(root) as project, pytest.raises(DefinitionError) as error:
        project.build()
    return error.value


def built(root: Path) -> Report:
    with Project.load(root) as project:
        return project.build()


def failed(report: Report, name: str) -> list[Verdict]:
    audit = report[name].audit
    assert audit is not None
    return [v for v in audit.verdicts if v.outcome is not Outcome.PASSED]


def required(root: Path, name: str) -> dict[str, bool]:
    return {f.name: f.required for f in plain_table(root, name).schema().fields}


def seen(root: Path, name: str, column: str) -> list[Any]:
    return [row[column] for row in rows(root, name)]


def test_all_that_sql_gives_otherwise_is_told_before_anything_runs(tmp_path: Path) -> None:
    declared = (
        'columns={"id": "bigint", "zone": "integer", "fare": "double", "zonee": "varchar"}, '
        "closed=True"
    )
    query = "select 1::int as id, 'a' as zone, 2.5::float as fare, 3 as extra"
    error = refused(write(tmp_path, model(TRIPS, query, declared)))

    assert error.message == (
        "models/silver/trips.py:3: silver.trips does not keep its contract: "
        "'zone' is declared integer and given as varchar; "
        "'zonee' (varchar) is declared and not given; "
        "'extra' (integer) is given and not declared"
    )
    assert error.hint.startswith("cast 'zone' to integer in the model")


def test_a_narrower_type_is_widened_to_the_declared_one(tmp_path: Path) -> None:
    declared = 'columns={"id": "bigint", "fare": "double", "at": "struct(a bigint)[]"}'
    query = "select 1::int as id, 2.5::float as fare, [{'a': 3::int}] as at"
    build(write(tmp_path, model(TRIPS, query, declared)))

    types = {f.name: str(f.field_type) for f in plain_table(tmp_path, TRIPS).schema().fields}
    assert types["id"] == "long"
    assert types["fare"] == "double"
    assert "long" in types["at"]
    assert rows(tmp_path, TRIPS) == [{"id": 1, "fare": 2.5, "at": [{"a": 3}]}]


def test_a_changed_contract_is_held_against_sql_that_is_up_to_date(tmp_path: Path) -> None:
    query = "select 1::int as id"
    build(write(tmp_path, model(TRIPS, query)))
    write(tmp_path, model(TRIPS, query, 'columns={"id": "varchar"}'))

    assert "'id' is declared varchar and given as integer" in refused(tmp_path).message


PYTHON = """
    import pandas as pd
    from medallion import *

    @silver({declared})
    def trips() -> pd.DataFrame:
        return pd.DataFrame({rows})
"""


def python(root: Path, declared: str, rows: str) -> Path:
    return write(root, {"models/silver/trips.py": PYTHON.format(declared=declared, rows=rows)})


def test_what_a_function_gives_otherwise_is_not_written(tmp_path: Path) -> None:
    declared = 'columns={"id": "bigint", "zone": "varchar", "note": "varchar"}, closed=True'
    build(python(tmp_path, declared, '{"id": [1], "zone": ["a"], "note": [None]}'))
    report = built(python(tmp_path, declared, '{"id": [1.5], "zone": ["a"], "extra": [True]}'))

    failure = report[TRIPS].failure
    assert failure
    assert failure.message == (
        "silver.trips does not keep its contract: 'id' is declared bigint and given as double; "
        "'note' (varchar) is declared and not given; 'extra' (boolean) is given and not declared"
    )
    # The type of what is NULL in every row is told by the contract.
    assert rows(tmp_path, TRIPS) == [{"id": 1, "note": None, "zone": "a"}]


def test_a_contract_that_a_functions_table_breaks_is_told_before_anything_runs(
    tmp_path: Path,
) -> None:
    given = '{"id": [1]}'
    build(python(tmp_path, "", given))
    python(tmp_path, 'columns={"id": "varchar"}', given)

    assert "'id' is declared varchar and given as bigint" in refused(tmp_path).message


def test_a_result_that_was_left_is_held_against_a_new_contract(tmp_path: Path) -> None:
    python(tmp_path, "unique_key='id'", '{"id": [1, 1]}')
    assert states(built(tmp_path))[TRIPS] is State.REJECTED
    python(tmp_path, "unique_key='id', columns={'id': 'varchar'}", '{"id": [1, 1]}')

    failure = built(tmp_path)[TRIPS].failure
    assert failure
    assert "'id' is declared varchar and given as bigint" in failure.message


def test_a_file_that_lands_with_another_type_is_refused(tmp_path: Path) -> None:
    declared = 'columns={"id": column("bigint", nullable=False), "name": "varchar"}'
    text = (
        "from medallion import *\n\n"
        f"@bronze({declared})\ndef events() -> Source:\n    return files('landing/*.csv')\n"
    )
    write(tmp_path, {"models/bronze/events.py": text, "landing/1.csv": "id,name\n1,a\n"})
    build(tmp_path)
    write(tmp_path, {"landing/2.csv": "id\n2\n"})  # a column that a file lacks reads as NULL
    build(tmp_path)
    assert seen(tmp_path, "bronze.events", "name") == ["a", None]
    assert required(tmp_path, "bronze.events")["id"]

    write(tmp_path, {"landing/3.csv": "id,name\nx,c\n"})
    assert "'id' is declared bigint and given as varchar" in refused(tmp_path).message


def test_a_column_that_is_never_null_is_required_for_every_reader(tmp_path: Path) -> None:
    declared = 'columns={"id": column(nullable=False), "zone": column(nullable=True)}'
    build(write(tmp_path, trips("a", "", more=declared)))

    assert required(tmp_path, TRIPS) == {"id": True, "zone": False}
    assert plain_table(tmp_path, TRIPS).scan().to_arrow().schema.field("id").nullable is False
    assert rows(tmp_path, TRIPS) == [{"id": 0, "zone": "a"}, {"id": 1, "zone": None}]
    with Project.load(tmp_path) as project:
        assert project.query("select count(*) as n from silver.trips").to_pylist() == [{"n": 2}]


def test_rows_that_break_a_promise_stay_on_the_branch(tmp_path: Path) -> None:
    declared = 'columns={"id": column(unique=True), "zone": column(nullable=False)}'
    build(write(tmp_path, trips("a", "b", more=declared)))
    query = "select * from (values (7, 'a'), (7, null), (8, 'c')) t(id, zone)"
    report = built(write(tmp_path, model(TRIPS, query, declared)))

    assert states(report)[TRIPS] is State.REJECTED
    assert {(v.expectation, v.failing) for v in failed(report, TRIPS)} == {
        ("expect_column_values_to_be_unique", 2),
        ("expect_column_values_to_not_be_null", 1),
    }
    assert seen(tmp_path, TRIPS, "id") == [0, 1]


def test_a_table_becomes_required_and_optional_again_without_being_rebuilt(
    tmp_path: Path,
) -> None:
    build(write(tmp_path, trips("a", "", more="")))
    before = plain_table(tmp_path, TRIPS)
    write(tmp_path, trips("a", "", more='columns={"id": column("bigint", nullable=False)}'))
    report = build(tmp_path)
    after = plain_table(tmp_path, TRIPS)

    assert report[TRIPS].parts == 0
    assert [f.field_id for f in after.schema().fields] == [1, 2]
    assert [str(f.field_type) for f in after.schema().fields] == ["long", "string"]
    assert required(tmp_path, TRIPS) == {"id": True, "zone": False}
    assert {t.file.file_path for t in after.scan().plan_files()} == {
        t.file.file_path for t in before.scan().plan_files()
    }
    assert rows(tmp_path, TRIPS) == [{"id": 0, "zone": "a"}, {"id": 1, "zone": None}]
    assert states(build(tmp_path))[TRIPS] is State.FRESH

    write(tmp_path, trips("a", "", more=""))
    build(tmp_path)
    assert required(tmp_path, TRIPS) == {"id": False, "zone": False}
    assert states(build(tmp_path))[TRIPS] is State.FRESH
    assert len(snapshots(tmp_path, TRIPS)) == 3


def test_readers_see_no_required_column_before_its_rows_passed(tmp_path: Path) -> None:
    build(write(tmp_path, trips("a", "", more="")))
    write(tmp_path, trips("a", "", more='columns={"zone": column(nullable=False)}'))
    report = built(tmp_path)

    assert states(report)[TRIPS] is State.REJECTED
    assert required(tmp_path, TRIPS) == {"id": False, "zone": False}
    assert seen(tmp_path, TRIPS, "zone") == ["a", None]


def test_old_windows_stay_when_a_column_becomes_required(tmp_path: Path) -> None:
    write(tmp_path, landing())
    query = "select id, happened from bronze.events"
    write(tmp_path, by_window("silver", "events", query, "day"))
    land(tmp_path, "1", [(1, "2026-01-01 10:00:00")])
    build(tmp_path)
    more = ', columns={"id": column("bigint", nullable=False)}'
    write(tmp_path, by_window("silver", "events", query, "day", more))
    land(tmp_path, "2", [(2, "2026-01-02 10:00:00")])
    report = build(tmp_path)

    assert report["silver.events"].parts == 1
    assert required(tmp_path, "silver.events")["id"]
    assert seen(tmp_path, "silver.events", "id") == [1, 2]

    land(tmp_path, "3", [("", "2026-01-03 10:00:00")])
    report = built(tmp_path)
    assert [v.failing for v in failed(report, "silver.events")] == [1]
    assert seen(tmp_path, "silver.events", "id") == [1, 2]


def test_a_row_and_what_it_refers_to_come_in_one_run(tmp_path: Path) -> None:
    build(write(tmp_path, zones("a") | trips("a", "")))
    with Project.load(tmp_path) as project:
        shown = describe(project, TRIPS)
    assert [c.get("references") for c in shown["columns"]] == [None, "silver.zones.zone"]
    assert "zone  string  -> silver.zones.zone" in describe_text(shown)
    report = build(write(tmp_path, zones("a", "b") | trips("a", "b", "")))

    assert states(report) == {ZONES: State.PUBLISHED, TRIPS: State.PUBLISHED}
    assert seen(tmp_path, TRIPS, "zone") == ["a", "b", None]


def test_a_row_that_refers_to_nothing_is_not_published(tmp_path: Path) -> None:
    build(write(tmp_path, zones("a") | trips("a")))
    report = built(write(tmp_path, zones("a", "c") | trips("a", "b", "b")))
    [verdict] = failed(report, TRIPS)

    assert verdict.expectation == "foreign_key"
    assert verdict.kwargs == {"column": "zone", "references": "silver.zones.zone"}
    assert (verdict.failing, verdict.sample) == (2, ("b",))
    assert verdict.detail == "2 of 3 rows fail (66.7 %)"
    # They are one group: neither is published.
    assert seen(tmp_path, ZONES, "zone") == ["a"]
    assert seen(tmp_path, TRIPS, "zone") == ["a"]
    with Project.load(tmp_path) as project:
        frame = {str(n): project.table(str(n), branch=report.run) for n in (ZONES, TRIPS)}
        assert len(frame[TRIPS]) == 3
        condition = verdict.rows.replace('"batch"', '"trips"')
        lost = f"select zone from silver.trips as trips where {condition}"
        assert project.query(lost, branch=report.run).to_pylist() == [{"zone": "b"}] * 2


def test_a_row_that_is_removed_from_where_it_is_referred_to_is_noticed(tmp_path: Path) -> None:
    build(write(tmp_path, zones("a", "b") | trips("a", "b")))
    assert states(build(write(tmp_path, zones("a", "b", "c")))) == {
        ZONES: State.PUBLISHED,
        TRIPS: State.AUDITED,
    }
    assert states(build(tmp_path)) == {ZONES: State.FRESH, TRIPS: State.FRESH}

    write(tmp_path, zones("a", "c"))
    with Project.load(tmp_path) as project:
        plan = project.plan()
        assert [t.reason for t in plan.tasks] == [
            "code changed",
            "audit only, if silver.zones changes",
        ]
        report = project.run(plan)
    assert states(report)[TRIPS] is State.REJECTED
    assert report[TRIPS].parts == 0
    assert [v.sample for v in failed(report, TRIPS)] == [("b",)]
    assert seen(tmp_path, ZONES, "zone") == ["a", "b", "c"]

    # Nor can it be published alone, by what its branch says.
    with Project.load(tmp_path) as project, pytest.raises(ConflictError, match="foreign_key"):
        project.publish(report.run)

    # Only the one: it is published, and what refers to it is looked at with the next build.
    with Project.load(tmp_path) as project:
        assert project.build(ZONES).ok
    report = built(tmp_path)
    assert states(report) == {ZONES: State.FRESH, TRIPS: State.REJECTED}


def test_a_table_of_an_earlier_layer_is_kept_back_where_all_is_published_at_once(
    tmp_path: Path,
) -> None:
    fct = model("gold.fct", "select 'a' as zone", IN_ZONE)
    write(tmp_path, zones("a") | fct)
    with Project.load(tmp_path) as project:
        with pytest.raises(DefinitionError) as error:
            project.plan("gold.fct")
        assert error.value.message == "gold.fct references silver.zones, which was never published"
        assert [str(t.name) for t in project.plan("+gold.fct").tasks] == [ZONES, "gold.fct"]
        assert project.build().ok
    write(tmp_path, zones("b"))
    with Project.load(tmp_path, publish="run") as project:
        report = project.build()

    assert states(report) == {ZONES: State.WRITTEN, "gold.fct": State.REJECTED}
    assert seen(tmp_path, ZONES, "zone") == ["a"]


def test_a_table_refers_to_itself(tmp_path: Path) -> None:
    declared = 'columns={"boss": column("integer", references="silver.people.id")}'
    people = "select * from (values (1, null), (2, {})) t(id, boss)"
    build(write(tmp_path, model("silver.people", people.format(1), declared)))
    report = built(write(tmp_path, model("silver.people", people.format(3), declared)))

    assert [v.sample for v in failed(report, "silver.people")] == [(3,)]


def test_a_suite_file_says_what_a_column_refers_to(tmp_path: Path) -> None:
    key = {"column": "zone", "references": "silver.zones.zone"}
    file = {"expectations/silver/trips.json": suite(("foreign_key", key))}
    build(write(tmp_path, {**zones("a"), **trips("a", more=""), **file}))
    report = built(write(tmp_path, zones("b")))

    assert states(report) == {ZONES: State.WRITTEN, TRIPS: State.REJECTED}
    assert [v.kwargs for v in failed(report, TRIPS)] == [key]
    with Project.load(tmp_path) as project:
        [zone, trip] = project.audit()
        assert zone.passed
        assert trip.passed  # what readers see still fits


@pytest.mark.parametrize(
    ("kwargs", "message", "hint"),
    [
        (
            {"column": "zone", "references": "silver.zones.zon"},
            "silver.trips references silver.zones.zon, a column that silver.zones has not",
            "did you mean zone?",
        ),
        (
            {"column": "zne", "references": "silver.zones.zone"},
            "foreign_key names 'zne', a column that silver.trips has not",
            "did you mean zone?",
        ),
        (
            {"column": "id", "references": "silver.zones.zone"},
            "silver.trips column 'id' is integer, and silver.zones.zone, which it references, is "
            "varchar",
            "cast one of them",
        ),
        (
            {"column": "zone", "references": "silver.zons.zone"},
            "silver.trips references silver.zons, and no model gives it",
            "did you mean silver.zones or silver.trips?",
        ),
        ({"column": "zone", "refers": "a"}, "foreign_key has no argument 'refers'", ""),
        ({"column": "zone"}, "foreign_key needs the argument 'references'", ""),
    ],
)
def test_a_reference_that_cannot_be_is_told_before_anything_runs(
    tmp_path: Path, kwargs: dict[str, str], message: str, hint: str
) -> None:
    file = {"expectations/silver/trips.json": suite(("foreign_key", kwargs))}
    write(tmp_path, {**zones("a"), **trips("a", more=""), **file})
    with pytest.raises(DefinitionError) as error, Project.load(tmp_path) as project:
        project.build()

    assert message in error.value.message
    assert hint in error.value.hint


def test_the_contract_of_a_table_can_be_pasted_into_its_model(tmp_path: Path) -> None:
    query = (
        "select i as id, 'O''Hare \"x\"' as name, nullif(i, 2) as maybe, i / 3 as share, "
        "[i] as several, {'a b': i::decimal(9, 1)} as nested, i % 2 as parity "
        "from range(3) t(i)"
    )
    build(write(tmp_path, model(TRIPS, query)))
    with Project.load(tmp_path) as project:
        text = observed_text(observed(project, TRIPS))
        assert [line.split(": ", 1)[1] for line in text.splitlines() if '": ' in line] == [
            'column("bigint", nullable=False, unique=True),',
            'column("varchar", nullable=False),',
            'column("bigint", unique=True),',
            'column("double", nullable=False),',
            'column("bigint[]", nullable=False),',
            """column('struct("a b" decimal(9, 1))', nullable=False),""",
            'column("bigint", nullable=False),',
        ]
        write(tmp_path, model(TRIPS, query, text + "closed=True"))
    report = build(tmp_path)

    assert report[TRIPS].parts == 0
    assert required(tmp_path, TRIPS)["nested"]
    with Project.load(tmp_path) as project:
        assert observed_text(observed(project, TRIPS)) == text


def test_a_table_that_is_not_there_has_no_contract(tmp_path: Path) -> None:
    write(tmp_path, trips("a", more=""))
    with Project.load(tmp_path) as project, pytest.raises(DefinitionError) as error:
        observed(project, TRIPS)
    assert error.value.message == "silver.trips was never published"
