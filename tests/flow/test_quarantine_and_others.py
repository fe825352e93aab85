"""Rows that are put aside, where other tables read or refer to the ones that stay."""

from pathlib import Path

from support.flows import build, states
from support.projects import rows, sql_model, suite, write

from medallion import Project
from medallion.report import Report, State

QUARANTINE = "on_failure='quarantine'"


def model(name: str, query: str, declared: str = "") -> dict[str, str]:
    """The file of a SQL model."""
    layer, _, short = name.partition(".")
    return {f"models/{layer}/{short}.py": sql_model(layer, short, query, declared)}


def at_most(name: str, column: str, most: int) -> dict[str, str]:
    """The suite of a model whose values are no greater."""
    rule = ("expect_column_values_to_be_between", {"column": column, "max_value": most})
    return {f"expectations/{name.replace('.', '/')}.json": suite(rule)}


def attempt(root: Path) -> Report:
    """A build that may fail."""
    with Project.load(root) as project:
        return project.build()


def test_what_reads_or_refers_to_rows_that_a_stricter_suite_puts_aside_follows_in_the_same_build(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        model("silver.zones", "from (values ('a', 1), ('b', 5)) t(zone, size)", QUARANTINE)
        | at_most("silver.zones", "size", 9)
        | model("silver.trips", "select 7 as id, 'b' as zone")
        | model("gold.sizes", "from silver.zones"),
    )
    build(tmp_path)
    write(tmp_path, at_most("silver.zones", "size", 4))
    assert build(tmp_path)["silver.zones"].quarantined == 1
    assert [r["zone"] for r in rows(tmp_path, "gold.sizes")] == ["a"]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}

    write(tmp_path, at_most("silver.zones", "size", 9))
    refers = "columns={'zone': column(references='silver.zones.zone')}"
    write(tmp_path, model("silver.trips", "select 7 as id, 'b' as zone", refers))
    build(tmp_path)
    write(tmp_path, at_most("silver.zones", "size", 4))
    assert states(attempt(tmp_path))["silver.trips"] is State.REJECTED
    assert len(rows(tmp_path, "silver.zones")) == 2
