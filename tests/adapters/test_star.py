"""Keys that are looked up, and the members of dimensions, as DuckDB computes them."""

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from core.examples import model
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion import Model, calendar, dimension, lookup, surrogate_key
from medallion.adapters.duckdb.keys import keyed
from medallion.adapters.duckdb.shaping import shaped
from medallion.conforming import conformed
from medallion.errors import ModelError
from medallion.quoting import literal
from medallion.star import Dimension, Lookup

DIM, FACT = "gold.dim_customer", "gold.fct_orders"
DAY = datetime(2026, 1, 1)
Rows = list[dict[str, Any]]
Ask = Callable[..., Rows]

keys = st.none() | st.integers(0, 3)
days = st.none() | st.integers(0, 9).map(lambda n: DAY + timedelta(hours=6 * n))
versions = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 8).map(lambda n: DAY + timedelta(hours=6 * n))),
    st.none() | st.integers(1, 4),
    max_size=8,
)


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Gives the rows of a model, where tables of these names are given as queries."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for layer in ("silver", "gold"):
        connection.execute(f"create schema {layer}")

    def asked(text: str, of: Model | None = None, **tables: str) -> Rows:
        for name, rows in tables.items():
            view = name.replace("__", ".")
            connection.execute(f"create or replace view {view} as {rows}")
        query = shaped(connection, of, text).text if of else text
        found = connection.execute(f"select * from ({keyed(connection, query)})")
        names = [d[0] for d in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    yield asked
    connection.close()


def star(kept: Dimension, **lookups: Lookup) -> tuple[Model, Model]:
    """A dimension and a fact of it."""
    dim, fact = conformed([model(DIM, dimension=kept), model(FACT, lookups=lookups)])
    return dim, fact


def sql(value: Any, type: str) -> str:
    return "null" if value is None else f"{literal(str(value))}::{type}"


def table(columns: Mapping[str, str], rows: list[tuple[Any, ...]]) -> str:
    """A query of these rows."""
    types = list(columns.values())
    shown = [", ".join(sql(v, t) for v, t in zip(row, types, strict=True)) for row in rows]
    empty = ", ".join(f"null::{t} as {quoted}" for quoted, t in columns.items())
    return " union all ".join([f"select * from (select {empty}) where false",
                               *(f"select {row}" for row in shown)])  # fmt: skip


def by(rows: Rows, key: str) -> dict[Any, dict[str, Any]]:
    found = {row[key]: row for row in rows}
    assert len(found) == len(rows)
    return found


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")),
       number=st.integers(-(2**63), 2**63 - 1), day=st.dates())  # fmt: skip
def test_sql_and_python_give_the_same_key(ask: Ask, text: str, number: int, day: date) -> None:
    values = [literal(text), f"'{number}'::bigint", f"date '{day}'"]
    several = f"surrogate_key({', '.join(values)}) as several, surrogate_key({values[0]}) as one"
    (row,) = ask(f"select {several}, surrogate_key(null) as none")
    assert row["several"] == surrogate_key(text, number, day)
    assert row["one"] == surrogate_key(text)
    assert row["none"] == surrogate_key(None)


def test_numbers_that_print_alike_have_the_same_key(ask: Ask) -> None:
    types = ["tinyint", "integer", "ubigint", "hugeint", "decimal(20, 0)", "varchar"]
    (row,) = ask(
        "select " + ", ".join(f"surrogate_key('7'::{t}) as c{i}" for i, t in enumerate(types))
    )
    assert set(row.values()) == {surrogate_key(7)}


def test_surrogate_key_takes_eight_values(ask: Ask) -> None:
    (row,) = ask("select SURROGATE_KEY(1, 2, 3, 4, 5, 6, 7, 8) as k")
    assert row["k"] == surrogate_key(*range(1, 9))


def test_a_calendar_says_what_python_says_of_every_day(ask: Ask) -> None:
    dim, _ = star(dimension("date", kind="date", name="date_key"))
    rows = ask(calendar("2019-12-25", "2028-03-02"), dim)
    assert next(iter(rows[0])) == "date_key"
    found = by(rows, "date_key")
    assert set(found.pop(0).values()) == {0, None}
    for n in range((date(2028, 3, 2) - date(2019, 12, 25)).days + 1):
        day = date(2019, 12, 25) + timedelta(n)
        year, week, weekday = day.isocalendar()
        assert found.pop(int(f"{day:%Y%m%d}")) == {
            "date_key": int(f"{day:%Y%m%d}"),
            "date": day,
            "year": day.year,
            "quarter": (day.month + 2) // 3,
            "month": day.month,
            "month_name": f"{day:%B}",
            "day": day.day,
            "day_of_week": weekday,
            "day_name": f"{day:%A}",
            "iso_year": year,
            "iso_week": week,
            "day_of_year": day.timetuple().tm_yday,
            "is_weekend": weekday > 5,
            "first_of_month": day.replace(day=1),
            "last_of_month": day.replace(day=monthrange(day.year, day.month)[1]),
        }
    assert not found


def test_a_dimension_has_its_rows_and_an_unknown_member(ask: Ask) -> None:
    dim, _ = star(dimension("id", unknown={"name": "unknown", "active": False}))
    found = ask("select 'a' as id, 'Ann' as name, true as active", dim)
    assert found[0].keys() == {"customer_key", "id", "name", "active"}
    key = surrogate_key("a")
    assert by(found, "customer_key") == {
        0: {"customer_key": 0, "id": None, "name": "unknown", "active": False},
        key: {"customer_key": key, "id": "a", "name": "Ann", "active": True},
    }


def test_a_row_without_a_natural_key_has_none(ask: Ask) -> None:
    """So that the audit says no: nobody would ever find it."""
    dim, _ = star(dimension("a", "b", unknown=False))
    (row,) = ask("select 'a' as a, null::integer as b", dim)
    assert row == {"customer_key": None, "a": "a", "b": None}


def test_a_member_is_inferred_until_its_row_arrives(ask: Ask) -> None:
    inferred = {"silver.orders": ["country", "no"], "silver.calls": ["land", "number"]}
    dim, _ = star(dimension("land", "id", unknown=False, inferred=inferred))
    orders = "select * from (values ('GB', 1), ('GB', 1), ('US', 2), (null, 3)) v(country, no)"
    calls = "select 'US' as land, 2::bigint as number union all select 'FR', null"
    rows = "select 'GB' as land, 1 as id, 'Ann' as name"
    tables = {"silver__orders": orders, "silver__calls": calls}
    first = by(ask(rows, dim, **tables), "customer_key")
    gb, us = surrogate_key("GB", 1), surrogate_key("US", 2)
    assert first == {
        gb: {"customer_key": gb, "land": "GB", "id": 1, "name": "Ann", "is_inferred": False},
        us: {"customer_key": us, "land": "US", "id": 2, "name": None, "is_inferred": True},
    }
    then = by(ask(f"{rows} union all select 'US', 2, 'Bob'", dim, **tables), "customer_key")
    assert then == first | {us: {**first[us], "name": "Bob", "is_inferred": False}}


def test_a_key_that_is_named_may_be_larger_than_those_that_are_there(ask: Ask) -> None:
    dim, _ = star(dimension("id", inferred={"silver.orders": "customer"}))
    orders = "select unnest([1, 5_000_000_000]) as customer"
    found = by(ask("select 1 as id", dim, silver__orders=orders), "id")
    assert {id: row["customer_key"] for id, row in found.items()} == {
        id: 0 if id is None else surrogate_key(id) for id in (None, 1, 5_000_000_000)
    }


def test_an_inferred_member_is_valid_until_the_first_version(ask: Ask) -> None:
    """Only where something happened before that."""
    inferred = {"silver.orders": ["id", "ordered_at"]}
    dim, _ = star(dimension("id", version="valid_from", inferred=inferred))
    types = {
        "id": "integer",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
        "is_current": "boolean",
    }
    day = [DAY + timedelta(n) for n in range(4)]
    rows = table(
        types, [(1, day[1], day[2], False), (1, day[2], None, True), (2, day[0], None, True)]
    )
    orders = table(
        {"id": "integer", "ordered_at": "date"},
        [(1, day[0]), (1, day[3]), (2, day[0]), (3, day[1]), (4, None)],
    )
    found = ask(rows, dim, silver__orders=orders)
    beginning = datetime(1, 1, 1)
    members = {
        (r["id"], r["valid_from"]): (r["valid_to"], r["is_current"])
        for r in found
        if r["is_inferred"]
    }
    assert members == {(1, beginning): (day[1], False), (3, beginning): (None, True)}
    assert len(found) == 3 + 2 + 1
    assert {r["customer_key"] for r in found if r["id"] == 3} == {
        surrogate_key(3, "0001-01-01 00:00:00")
    }


def test_a_lookup_needs_no_dimension(ask: Ask) -> None:
    """Where a part of the natural key is NULL, the unknown member is meant."""
    _, fact = star(dimension("a", "b"), one=lookup(DIM, "x", "y"), other=lookup(DIM, "y", "x"))
    rows = ask("select * from (values (1, 2), (1, null), (null, null)) v(x, y)", fact)
    assert rows == [
        {"x": 1, "y": 2, "one": surrogate_key(1, 2), "other": surrogate_key(2, 1)},
        {"x": 1, "y": None, "one": 0, "other": 0},
        {"x": None, "y": None, "one": 0, "other": 0},
    ]


def test_a_day_is_looked_up_by_its_number(ask: Ask) -> None:
    _, fact = star(dimension("date", kind="date"), day=lookup(DIM, "at"))
    texts = ["timestamp '2026-11-21 23:59:59'", "date '0987-01-02'", "null"]
    found = [ask(f"select {t}::timestamp as at", fact)[0]["day"] for t in texts]
    assert found == [20261121, 9870102, 0]


@settings(max_examples=40, deadline=None)
@given(members=st.lists(st.integers(0, 3)), rows=st.lists(keys, max_size=8))
def test_what_a_dimension_does_not_have_can_be_unknown(
    ask: Ask, members: list[int], rows: list[int | None]
) -> None:
    """However often it has it."""
    dim, fact = star(dimension("id"), key=lookup(DIM, "c", missing="unknown"))
    there = table({"id": "bigint"}, [(m,) for m in members])
    text = shaped_text(ask, dim, there)
    found = ask(table({"c": "integer"}, [(r,) for r in rows]), fact, gold__dim_customer=text)
    wanted = [(r, surrogate_key(r) if r in members else 0) for r in rows]
    assert sorted(map(repr, ((r["c"], r["key"]) for r in found))) == sorted(map(repr, wanted))


@settings(max_examples=50, deadline=None)
@given(there=versions, rows=st.lists(st.tuples(keys, days), max_size=8), unknown=st.booleans())
def test_the_version_is_that_of_the_time(
    ask: Ask,
    there: dict[tuple[int, datetime], int | None],
    rows: list[tuple[int | None, datetime | None]],
    unknown: bool,
) -> None:
    """Versions may overlap or leave gaps: a row stays one row, with the last that had begun."""
    dim, fact = star(
        dimension("id", version="valid_from"),
        key=lookup(DIM, "c", at="at", missing="unknown" if unknown else "fail"),
    )
    spans = {
        (id, since): hours and since + timedelta(hours=6 * hours)
        for (id, since), hours in there.items()
    }
    types = {"id": "bigint", "valid_from": "timestamp", "valid_to": "timestamp"}
    text = shaped_text(ask, dim, table(types, [(*k, until) for k, until in spans.items()]))
    found = ask(table({"c": "integer", "at": "timestamp"}, rows), fact, gold__dim_customer=text)

    def wanted(id: int | None, at: datetime | None) -> int | None:
        if id is None:
            return 0
        begun = [k for k in spans if at and k[0] == id and k[1] <= at]
        if not begun or ((until := spans[max(begun)]) and at and at >= until):
            return 0 if unknown else None
        return surrogate_key(id, str(max(begun)[1]))

    assert sorted(map(repr, ((r["c"], r["at"], r["key"]) for r in found))) == sorted(
        map(repr, ((*row, wanted(*row)) for row in rows))
    )


def test_a_version_is_valid_from_its_time_and_no_longer_at_its_end(ask: Ask) -> None:
    _, fact = star(dimension("id", version="valid_from"), key=lookup(DIM, "c", at="at"))
    types = {"customer_key": "bigint", "id": "bigint"} | dict.fromkeys(
        ("valid_from", "valid_to"), "timestamp"
    )
    there = table(types, [(11, 1, DAY, DAY + timedelta(1)), (12, 1, DAY + timedelta(2), None)])
    moments = [timedelta(d) - timedelta(microseconds=m) for d in (0, 1, 2) for m in (1, 0)]
    rows = table({"c": "bigint", "at": "timestamp"}, [(1, DAY + m) for m in moments])
    found = by(ask(rows, fact, gold__dim_customer=there), "at")
    assert [found[DAY + m]["key"] for m in moments] == [None, 11, 11, None, None, 12]


def shaped_text(ask: Ask, dim: Model, rows: str) -> str:
    """The query of a dimension's rows and members."""
    found = ask(rows, dim)
    types = {"id": "bigint", "valid_from": "timestamp", "valid_to": "timestamp"}
    columns = {"customer_key": "bigint"} | {
        n: t for n, t in types.items() if found and n in found[0]
    }
    return table(columns, [tuple(row[n] for n in columns) for row in found])


def test_one_dimension_is_looked_up_in_several_ways(ask: Ask) -> None:
    kept = dimension("id", version="valid_from")
    _, fact = star(kept, buyer=lookup(DIM, "a", at="at"), seller=lookup(DIM, "b", at="at"))
    types = {
        "customer_key": "bigint",
        "id": "integer",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
    }
    there = table(types, [(11, 1, DAY, None), (12, 2, DAY, None)])
    rows = f"select 1 as a, 2 as b, timestamp '{DAY}' as at"
    (row,) = ask(rows, fact, gold__dim_customer=there)
    assert (row["buyer"], row["seller"]) == (11, 12)


def test_the_unknown_member_refers_to_unknown_members(ask: Ask) -> None:
    land = model("gold.dim_land", dimension=dimension("land"))
    there = model(
        DIM, dimension=dimension("id"), lookups={"land_key": lookup("gold.dim_land", "land")}
    )
    _, dim = conformed([land, there])
    found = by(ask("select 1 as id, 'GB' as land", dim), "id")
    assert {id: row["land_key"] for id, row in found.items()} == {None: 0, 1: surrogate_key("GB")}


@pytest.mark.parametrize(
    ("kept", "rows", "said", "hint"),
    [
        (dimension("no"), "select 1 as id", "is a dimension by 'no'", "its columns: id"),
        (dimension("id"), "select 1 as id, 2 as Customer_Key", "a column that it gives", "take it"),
        (dimension("id", unknown={"nam": ""}), "select 1 as id", "'nam'", "its columns: id"),
        (dimension("id", version="valid_from"), "select 1 as id, now() as valid_from",
         "is a dimension by 'valid_to'", "its columns: id, valid_from"),
        (dimension("id", version="valid_from"), "select 1 as id, 1 as valid_from, 1 as valid_to",
         "column 'valid_from' of the dimension is int", "cast it to one of: date, timestamp"),
        (dimension("id", kind="date"), "select 1 as id", "column 'id' of the dimension", "cast it"),
        (dimension("id", inferred={"silver.orders": "cid"}), "select 1 as id",
         "infers members from silver.orders by 'cid'", "the columns of silver.orders: customer_id"),
        (dimension("id", inferred={"silver.orders": "customer_id"}), "select 1 as id",
         "by 'customer_id', which is string, and 'id' is int", "cast one of them"),
        (dimension("id", inferred={"silver.orders": "customer_id"}),
         "select 1 as id, true as is_inferred", "'is_inferred', a column that it gives", "take it"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_a_dimension_are_named(
    ask: Ask, kept: Dimension, rows: str, said: str, hint: str
) -> None:
    dim, _ = star(kept)
    with pytest.raises(ModelError) as error:
        ask(rows, dim, silver__orders="select 'a' as customer_id")
    assert said in error.value.message
    assert error.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("select 1 as id", "gold.fct_orders looks key up by 'customer_id', and there is no such"),
        ("select 1 as customer_id, 2 as KEY", "gold.fct_orders looks up 'key', a column that it"),
    ],
)
def test_columns_that_do_not_fit_a_lookup_are_named(ask: Ask, rows: str, said: str) -> None:
    _, fact = star(dimension("id"), key=lookup(DIM, "customer_id"))
    with pytest.raises(ModelError) as error:
        ask(rows, fact)
    assert error.value.message.startswith(said)
