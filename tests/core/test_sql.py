"""What a query reads, and what it means."""

import pytest
from core.examples import strings

from medallion.errors import DefinitionError
from medallion.sql import parse, reads

PLACE = "models/silver/trips.py:3"


def read(text: str) -> str:
    """The tables that a query reads, in one line."""
    return " ".join(strings(reads(text, PLACE)))


def normal(text: str) -> str:
    """The normal form of a query."""
    return parse(text, PLACE).normal


def refused(text: str) -> DefinitionError:
    """How a query is refused."""
    with pytest.raises(DefinitionError) as error:
        reads(text, PLACE)
    assert error.value.message.startswith(f"{PLACE}: ")
    return error.value


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("select 1", ""),
        ("select 1;", ""),
        ("select * from silver.a -- from silver.b", "silver.a"),
        ("select 'from silver.b' from silver.a", "silver.a"),
        ("select * from silver.b, bronze.c, silver.a", "bronze.c silver.a silver.b"),
        ("select silver.a.x, a.y.z from silver.a", "silver.a"),
        ("select x.id from silver.a x join silver.a y using (id)", "silver.a"),
        ("select * from silver.a as x", "silver.a"),
        ("select * from x: silver.a", "silver.a"),
        ('select * from "silver"."a"', "silver.a"),
        ('select * from Silver.A, "GOLD"."B"', "silver.a gold.b"),
        ("(select * from silver.a)", "silver.a"),
        ("select * from (select * from silver.a) x", "silver.a"),
        ("select * from ((silver.a join silver.b using (id)))", "silver.a silver.b"),
        ("select * from silver.a asof join silver.b on a.t >= b.t", "silver.a silver.b"),
        ("select * from silver.a positional join silver.b", "silver.a silver.b"),
        ("select * from silver.a anti join silver.b using (id)", "silver.a silver.b"),
        ("select * from silver.a tablesample 10%", "silver.a"),
        ("from silver.a", "silver.a"),
        ("from silver.a select x where x > 1", "silver.a"),
        ("from (from silver.a)", "silver.a"),
        ("table silver.a", "silver.a"),
        ("select * from silver.a union all by name select * from silver.b", "silver.a silver.b"),
        ("(from silver.a) except (from silver.b) order by 1", "silver.a silver.b"),
        ("select * from silver.a intersect select * from (from silver.b)", "silver.a silver.b"),
        ("values (1)", None),
        ("select * from (values (1), (2)) t(a)", ""),
        ("select * from silver.a where id in (values (1))", "silver.a"),
        ("select * from range(10), generate_series(1, 3), unnest([1, 2])", ""),
        ("select * from silver.a, unnest(a.items) u(item)", "silver.a"),
        ("select * from silver.a pivot (sum(y) for x in ('a', 'b'))", "silver.a"),
        ("select * from silver.a unpivot (v for k in (x, y))", "silver.a"),
        ("select * from (pivot silver.a on x using sum(y))", "silver.a"),
        ("select * from (unpivot silver.a on x, y into name k value v)", "silver.a"),
        ("select * from (pivot (from silver.a) on x using sum(y))", "silver.a"),
    ],
)
def test_tables_are_found_wherever_a_query_names_them(text: str, tables: str | None) -> None:
    if tables is None:
        assert refused(text).message == f"{PLACE}: the SQL is not one query"
    else:
        assert read(text) == tables


@pytest.mark.parametrize(
    "place",
    [
        "select (select max(x) from silver.b) from silver.a",
        "select array(from silver.b) from silver.a",
        "select case when exists (from silver.b) then 1 end from silver.a",
        "select max(x) filter (where x in (select x from silver.b)) from silver.a",
        "select sum(x) over (partition by (select 1 from silver.b)) from silver.a",
        "select * replace ((select max(x) from silver.b) as x) from silver.a",
        "select * from silver.a where id in (select id from silver.b)",
        "select * from silver.a where id not in (select id from silver.b)",
        "select * from silver.a where exists (select 1 from silver.b where b.id = a.id)",
        "select * from silver.a where x > all (select x from silver.b)",
        "select x from silver.a group by x having count(*) > (select count(*) from silver.b)",
        "select x from silver.a qualify row_number() over (order by (select 1 from silver.b)) = 1",
        "select * from silver.a order by (select max(x) from silver.b)",
        "select * from silver.a limit (select max(x) from silver.b)",
        "select * from silver.a join bronze.c on a.id = (select max(id) from silver.b)",
        "select * from silver.a, lateral (select * from silver.b where b.id = a.id)",
        "select * from silver.a left join lateral (select 1 from silver.b) on true",
        "with q as (from silver.b) select (select max(y) from q) from silver.a",
        "select (with q as (from silver.b) select max(y) from q) from silver.a",
    ],
)
def test_tables_are_found_in_every_subquery(place: str) -> None:
    assert {"silver.a", "silver.b"} <= set(read(place).split())


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("with t as (select * from silver.a) select * from t", "silver.a"),
        ("with t as materialized (from silver.a), u as (from t) from u", "silver.a"),
        ("with Trips as (from silver.a) select * from TRIPS", "silver.a"),
        ('with t as (from silver.a) select * from "T"', "silver.a"),
        ("with t as (from silver.a) select 1 where exists (from t)", "silver.a"),
        ("with t as (from silver.a) from t union all from t", "silver.a"),
        ("with t as (from silver.a) select * from (pivot t on x using sum(y))", "silver.a"),
        ("with p as (pivot silver.a on x using sum(y)) from p", "silver.a"),
        ("with recursive t as (select 1 n union all select n + 1 from t) from t", ""),
        (
            "with recursive t as (from silver.a union all select * from t, silver.b) from t",
            "silver.a silver.b",
        ),
        ("with t as (with t as (from silver.a) from t) from t", "silver.a"),
        ("with t as (select 1 x) select x, (with t as (from silver.b) from t) from t", "silver.b"),
    ],
)
def test_the_names_of_ctes_are_no_tables(text: str, tables: str) -> None:
    assert read(text) == tables


@pytest.mark.parametrize(
    "text",
    [
        "with a as (select 1) from silver.a",
        "with a as (select 1) select * from silver.a, a",
        "with a as (from silver.a) from a",
        "with silver as (select 1) select * from silver, silver.a",
        "with recursive a as (select 1 n union all from a) from silver.a join a on true",
        "with a as (with a as (from silver.a) from a) from a",
    ],
)
def test_a_cte_of_its_name_does_not_hide_a_table(text: str) -> None:
    assert read(text) == "silver.a"


@pytest.mark.parametrize(
    "text",
    [
        "with t as (from t) from t",
        "with t as (from u), u as (select 1) from t",
        "select (with t as (select 1) from t), (select * from t)",
        "select * from (with t as (select 1) from t), t",
    ],
)
def test_a_cte_is_seen_only_from_where_it_can_be(text: str) -> None:
    assert "which is no table" in refused(text).message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-- nothing",
        "select 1; select 2",
        "create table silver.a as select 1",
        "create view v as select 1",
        "drop table silver.a",
        "insert into silver.a select 1",
        "update silver.a set x = 1",
        "delete from silver.a",
        "copy silver.a to 'x.csv'",
        "attach 'x.db' as x",
        "set threads = 1",
        "pragma version",
        "describe silver.a",
        "pivot silver.a on x using sum(y)",
        "with t as (insert into silver.a select 1 returning *) select * from t",
        "with t as (delete from silver.a returning *) select * from t",
    ],
)
def test_only_one_query_is_accepted(text: str) -> None:
    error = refused(text)
    assert error.message == f"{PLACE}: the SQL is not one query"
    assert error.hint


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("select\n  a\nfrom silver.a\nwhere (", "(line 4, column "),
        ("select a\nfrom where", "(line 2, column "),
        ("select (a from silver.a", "(line 1, column "),
    ],
)
def test_a_mistake_is_told_by_its_line(text: str, where: str) -> None:
    error = refused(text)
    assert "the SQL does not parse" in error.message
    assert where in error.message
    assert "Token" not in error.message


def test_a_text_that_never_ends_is_refused() -> None:
    assert "the SQL does not parse" in refused("select 'a from silver.a").message


@pytest.mark.parametrize(
    ("written", "said", "hint"),
    [
        ("trips", "trips", "name tables as layer.model"),
        ("main.trips", "main.trips", "name tables as layer.model"),
        ("information_schema.tables", "information_schema.tables", "name tables as layer.model"),
        ("sliver.trips", "sliver.trips", "did you mean silver.trips?"),
        ("bronz.Trips t", "bronz.Trips", "did you mean bronze.trips?"),
        ("lake.silver.trips", "lake.silver.trips", "did you mean silver.trips?"),
        ("'trips.csv'", "trips.csv", "name tables as layer.model"),
        ('"trips.csv" as t', "trips.csv", "name tables as layer.model"),
        ("(sliver.trips join silver.a using (id))", "sliver.trips", "did you mean silver.trips?"),
    ],
)
def test_a_name_that_is_no_table_is_refused(written: str, said: str, hint: str) -> None:
    error = refused(f"select * from {written}")
    assert error.message == f"{PLACE}: the SQL reads {said}, which is no table"
    assert error.hint == hint


def test_more_than_a_catalog_a_layer_and_a_model_is_no_table() -> None:
    assert "which is no table" in refused("select * from a.b.silver.trips").message


def test_a_name_that_no_model_can_have_is_refused() -> None:
    error = refused('select * from silver."we ird"')
    assert error.message == f"{PLACE}: 'we ird' is not a model name"


SAID = "select a, count(*) as n from silver.a where b = 'X' group by a"


@pytest.mark.parametrize(
    "text",
    [
        SAID.replace("select", "SELECT").replace("group by", "Group  By"),
        SAID.replace(" ", "\n    "),
        SAID + " -- counted",
        SAID.replace("count(*)", "/* how many */ count(*)"),
        SAID.replace("count(*)", "COUNT( * )"),
        SAID.replace(" as n", " n"),
        SAID + ";",
    ],
)
def test_comments_and_formatting_mean_nothing(text: str) -> None:
    assert normal(text) == normal(SAID)


@pytest.mark.parametrize(
    "text",
    [
        SAID.replace("'X'", "'x'"),
        SAID.replace("'X'", "'X '"),
        SAID.replace("'X'", "'-- X'"),
        SAID.replace(" as n", " as m"),
        SAID.replace("silver.a", "silver.b"),
        SAID.replace("b =", "b <>"),
        SAID.replace("count(*)", "count(a)"),
        SAID + " limit 1",
    ],
)
def test_literals_names_and_operators_mean_something(text: str) -> None:
    assert normal(text) != normal(SAID)


def test_the_normal_form_says_the_same() -> None:
    again = normal(SAID)
    assert normal(again) == again
    assert reads(again, PLACE) == reads(SAID, PLACE)


def test_what_is_no_query_has_no_normal_form() -> None:
    with pytest.raises(DefinitionError, match="is not one query"):
        normal("drop table silver.a")
