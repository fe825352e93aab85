"""What the adapter in memory cannot do, it says. What it can is in the suites beside this one."""

import subprocess
import sys
from typing import Any

import pandas as pd
import pytest
from conformance.world import TRIPS, World, model, rows

from medallion import Form, Model, Source, bronze, files, latest, ref, scd2, silver
from medallion.adapters.memory import memory_ports
from medallion.errors import DefinitionError, ModelError
from medallion.names import TableName
from medallion.schema import Column, Schema
from medallion.suite import Suite


@bronze
def landed() -> Source:
    return files("landing/*.csv")


@silver
def framed(trips: pd.DataFrame = ref("silver.trips")) -> pd.DataFrame:
    return trips


@pytest.fixture
def world() -> World:
    return World(memory_ports())


def test_it_needs_the_standard_library_only() -> None:
    """The docs and the tests of a project run on it without waiting for the heavy libraries."""
    foreign = "{'pyiceberg', 'duckdb', 'pyarrow', 'pandas', 'great_expectations', 'sqlalchemy'}"
    code = f"import sys, medallion.adapters.memory; assert not {foreign} & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_lakes_are_apart() -> None:
    world = World(memory_ports())
    world.publish(model(TRIPS, rows((1, 1.5, "a"))))

    assert not World(memory_ports()).ports.catalog.tables([TRIPS])


@pytest.mark.parametrize(("made", "form"), [(landed, "Source"), (framed, "pd.DataFrame")])
def test_a_form_it_cannot_do_is_named(world: World, made: Model, form: str) -> None:
    with pytest.raises(ModelError, match=form):
        world.evaluate(made, inputs={TRIPS: world.frame(rows())})


@pytest.mark.parametrize(
    ("what", "declared"),
    [
        ("deduplicate", {"deduplicate": latest("id", by="fare")}),
        ("deleted", {"strategy": "merge", "unique_key": "id", "deleted": "zone is null"}),
        ("history", {"strategy": scd2("id", changed_at="fare")}),
    ],
)
def test_what_it_does_not_make_of_rows_is_named(
    world: World, what: str, declared: dict[str, Any]
) -> None:
    made = model(TRIPS, rows((1, 1.5, "a")), **declared)
    with pytest.raises(DefinitionError, match=f"declares {what}"):
        world.evaluate(made)
    with pytest.raises(DefinitionError, match=f"declares {what}"):
        world.ports.engine.columns(made, {})


def test_a_query_in_a_form_it_cannot_do_is_named(world: World) -> None:
    with pytest.raises(DefinitionError, match=r"pd\.DataFrame"):
        world.ports.engine.query("select 1", {}, Form.PANDAS)


def test_types_of_values_are_found_where_sqlite_declares_none(world: World) -> None:
    """Constants and aggregates without a group have a value even where there is no row to read."""
    total = model(TableName.parse("gold.total"), "select count(*) as n, 'x' as x from silver.trips")
    grouped = model(
        TableName.parse("gold.per_zone"),
        "select zone, sum(fare) as fare, count(*) as n from silver.trips group by zone",
    )
    frame = world.frame(rows((1, 2.0, "a"), (2, 1.5, "a")))

    said = world.ports.engine.columns(total, {TRIPS: frame.schema})
    assert said == Schema((Column("n", "long"), Column("x", "string")))
    assert said == world.evaluate(total, inputs={TRIPS: frame}).schema
    assert world.ports.engine.columns(grouped, {TRIPS: frame.schema}) is None
    assert [c.type for c in world.evaluate(grouped, inputs={TRIPS: frame}).schema] == [
        "string",
        "double",
        "long",
    ]


def test_numbers_of_both_kinds_in_a_column_are_doubles(world: World) -> None:
    frame = world.frame("select 1 as x union all select 2.5")

    assert frame.schema == Schema((Column("x", "double"),))
    assert world.read(frame) == [(1.0,), (2.5,)]


@pytest.mark.parametrize("query", ["select 1 as x union all select 'a'", "select x'00' as x"])
def test_values_that_are_neither_numbers_nor_text_are_refused(world: World, query: str) -> None:
    with pytest.raises(ModelError, match="'x' holds"):
        world.frame(query)


def test_inputs_of_types_it_has_not_are_refused(world: World) -> None:
    dated = Schema((Column("day", "date", 1),))

    with pytest.raises(DefinitionError, match=r"'day' is of type date"):
        world.ports.engine.columns(model(TRIPS, "select 1 as id"), {TRIPS: dated})


def test_scripts_of_expectations_are_refused(world: World) -> None:
    with pytest.raises(DefinitionError, match=r"trips\.py"):
        world.ports.auditor.check(Suite(TRIPS, scripts=(("trips.py", "expectations = []"),)), None)
