"""Rows that are put aside, where other tables read or refer to the ones that stay."""

from pathlib import Path

import pytest
from support.flows import build, states
from support.projects import rows, sql_model, suite, write

from medallion.report import State

QUARANTINE = "on_failure='quarantine'"


def model(name: str, query: str, declared: str = "") -> dict[str, str]:
    """The file of a SQL model."""
    layer, _, short = name.partition(".")
    return {f"models/{layer}/{short}.py": sql_model(layer, short, query, declared)}


def at_most(name: str, column: str, most: int) -> dict[str, str]:
    """The suite of a model whose values are no greater."""
    rule = ("expect_column_values_to_be_between", {"column": column, "max_value": most})
    return {f"expectations/{name.replace('.', '/')}.json": suite(rule)}


def test_what_reads_or_refers_to_rows_that_a_stricter_suite_puts_aside_follows_in_the_same_build(
    tmp_path: Path,
) -> None:
    refers = f"columns={{'zone': column(references='silver.zones.zone')}}, {QUARANTINE}"
    write(
        tmp_path,
        model("silver.zones", "from (values ('a', 1), ('b', 5)) t(zone, size)", QUARANTINE)
        | at_most("silver.zones", "size", 9)
        | model("silver.trips", "select 7 as id, 'b' as zone", refers)
        | model("gold.sizes", "from silver.zones"),
    )
    build(tmp_path)
    write(tmp_path, at_most("silver.zones", "size", 4))
    report = build(tmp_path)
    assert (report["silver.zones"].quarantined, report["silver.trips"].quarantined) == (1, 1)
    assert [r["zone"] for r in rows(tmp_path, "gold.sizes")] == ["a"]
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_rows_that_refer_to_rows_that_go_follow_them_however_many_are_in_between(
    tmp_path: Path,
) -> None:
    """And each is one of all rows, not of those that are left by then."""
    people = (
        "select i as id, if(i > 1, i - 1, null) as boss, if(i = 1, 9, 1) as rank from range(7) t(i)"
    )
    declared = "columns={'boss': column(references='silver.people.id')}, " + QUARANTINE
    write(tmp_path, model("silver.people", people, declared) | at_most("silver.people", "rank", 5))
    assert build(tmp_path)["silver.people"].quarantined == 6
    write(tmp_path, at_most("silver.people", "rank", 9))
    assert build(tmp_path)["silver.people"].returned == 6


@pytest.mark.parametrize("declared", ["", "strategy='merge', unique_key='zone', "])
def test_no_row_is_lost_or_there_twice_when_nothing_goes_aside_any_more_and_then_again(
    tmp_path: Path, declared: str
) -> None:
    name, query = "silver.zones", "from (values ('a', 1), ('b', 5)) t(zone, size)"
    write(tmp_path, model(name, query, declared + QUARANTINE) | at_most(name, "size", 4))
    assert build(tmp_path)[name].quarantined == 1
    write(tmp_path, at_most(name, "size", 9))
    for declaration in (declared, declared + QUARANTINE):
        write(tmp_path, model(name, query, declaration))
        build(tmp_path)
        assert [r["zone"] for r in rows(tmp_path, name)] == ["a", "b"]
    write(tmp_path, at_most(name, "size", 8))
    build(tmp_path)
    assert [r["zone"] for r in rows(tmp_path, name)] == ["a", "b"]
    assert rows(tmp_path, f"{name}__quarantine") == []
