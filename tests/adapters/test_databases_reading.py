"""Which rows of a database are read: spans, ranges side by side, and how much memory it takes."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url
from support.databases import WAYS, many, read, run, server

from medallion.adapters.databases import mysql as mysql_adapter
from medallion.adapters.databases.planned import Planned
from medallion.adapters.databases.spans import literal, ranges, split
from medallion.errors import DefinitionError
from medallion.extract import Query, Span

ROOT = Path(__file__).parents[2]
FAST = WAYS["fast"]
EVENTS = """create table events (
    id bigint primary key, at {moment}, naive {naive}, day date, name varchar(20),
    price numeric(9,3)
)"""
KINDS = {"mysql": ("timestamp(6) null", "datetime(6)"), "postgres": ("timestamptz", "timestamp")}


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way of reading; small tables too are read the fast way."""
    monkeypatch.setattr(mysql_adapter, "_FEW", -1)
    return str(request.param)


@pytest.fixture(params=list(KINDS), scope="module")
def events(request: pytest.FixtureRequest) -> str:
    """The address of a database with a table `events`, which nobody changes."""
    address: str = request.getfixturevalue(f"shared_{request.param}")
    moment, naive = KINDS[request.param]
    with server(address) as engine:
        run(
            engine,
            EVENTS.format(moment=moment, naive=naive),
            *(
                "insert into events values "
                f"({i}, '2024-03-31 0{i}:00:00.00000{i}', '2024-03-31 0{i}:00:00.00000{i}',"
                f" '2024-03-0{1 + i // 2}', 'n''\\\\{i}', {i}.5)".replace("\\\\", "#")
                for i in range(6)
            ),
            "insert into events values (6, null, null, null, null, null)",
        )
    return address


def ids(address: str, way: str, *span: Any, **named: Any) -> list[int]:
    rows = read(address, way, Span(*span, **named), table="events", columns=("id",))
    return sorted(rows["id"].to_pylist())


@pytest.mark.parametrize(
    ("span", "wanted"),
    [
        (Span("id", "2", "4"), [2, 3]),
        (Span("id", "2", "4", closed=True), [2, 3, 4]),
        (Span("id", None, "-1"), []),
        (Span("day", "2024-03-02", "2024-03-03"), [2, 3]),
        (Span("day", "2024-03-02T00:00:00", None), [2, 3, 4, 5]),
        (Span("name", "n'#2", "n'#4"), [2, 3]),
        (Span("name", "n'#1'; drop table events; --", None), [2, 3, 4, 5]),
        (Span("price", "1.5", "3.500", closed=True), [1, 2, 3]),
        (Span("naive", "2024-03-31 03:00:00.000003", "2024-03-31T05:00:00.000005"), [3, 4]),
        (Span("naive", "2024-03-31 03:00:00.000004", None), [4, 5]),
        (Span("at", None, None), [0, 1, 2, 3, 4, 5, 6]),
        (Span("at", "1970-01-01T00:00:00Z", None), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_span_gives_the_rows_between_its_ends(
    events: str, way: str, span: Span, wanted: list[int]
) -> None:
    assert (
        read(events, way, span, table="events", columns=("id",)).sort_by("id")["id"].to_pylist()
        == wanted
    )
    query = "select * from events where 1 = 1"
    assert read(events, way, span, query=query).num_rows == len(wanted)


@pytest.mark.parametrize("column", ["id", "at", "naive", "day", "name", "price"])
def test_the_greatest_value_bounds_exactly_what_was_there(events: str, column: str) -> None:
    """The next read begins with rows that tie with it, and with none before it."""
    greatest = FAST.greatest(Query(events, table="events"), column)

    assert greatest is not None
    last = {"day": [4, 5], "id": [6]}.get(column, [5])
    assert ids(events, "slow", column, greatest) == last
    valued = list(range(7 if column == "id" else 6))
    assert ids(events, "slow", column, None, greatest, closed=True) == valued
    assert ids(events, "slow", column, None, greatest) == [i for i in valued if i not in last]
    none = Query(events, query="select * from events where id > 5")
    assert FAST.greatest(none, column) == ("6" if column == "id" else None)
    assert FAST.greatest(Query(events, query="select * from events where id > 6"), column) is None


def test_it_is_told_whether_a_row_has_no_value(events: str) -> None:
    assert FAST.nulls(Query(events, table="events"), "at")
    assert not FAST.nulls(Query(events, table="events"), "id")
    assert not FAST.nulls(Query(events, query="select * from events where id < 6"), "at")


def test_moments_are_the_same_whatever_the_zone_of_the_server(mysql: str, way: str) -> None:
    """Also in the hour that clocks go through twice."""
    with server(mysql) as engine, engine.connect() as connection:
        connection.exec_driver_sql("create table t (id int primary key, at timestamp null)")
        connection.exec_driver_sql("set time_zone = '+00:00'")
        connection.exec_driver_sql(
            "insert into t values (1, '2024-10-27 00:30:00'), (2, '2024-10-27 01:30:00')"
        )
        connection.exec_driver_sql("set global time_zone = '+05:30'")
        try:
            rows = read(mysql, way, Span("at", "2024-10-27T01:00:00Z"), table="t")
        finally:
            connection.exec_driver_sql("set global time_zone = 'SYSTEM'")

    assert rows["at"].to_pylist() == [dt.datetime(2024, 10, 27, 1, 30, tzinfo=dt.UTC)]


@pytest.mark.parametrize(
    ("type", "value"),
    [("long", "1.5"), ("long", "1 or 1=1"), ("date", "2024-01-01T05:00"), ("timestamp", "today"),
     ("decimal(9, 2)", "NaN"), ("boolean", "1"), ("date", "1); drop table t")],
)  # fmt: skip
def test_what_is_no_value_of_the_column_bounds_nothing(type: str, value: str) -> None:
    with pytest.raises(DefinitionError, match="cannot bound column 'c'"):
        literal(Planned("c", type), value, repr)


def test_names_are_quoted_and_cannot_hold_sql(mysql: str, postgres: str, way: str) -> None:
    odd = "a`b\"c'; drop table x; -- %s {}"
    for address, mark in ((mysql, "`"), (postgres, '"')):
        name = mark + odd.replace(mark, mark * 2) + mark
        with server(address) as engine:
            run(engine, f"create table {name} ({name} int primary key)")
            run(engine, f"insert into {name} values (1), (2)")
        rows = read(address, way, Span(odd, "2"), table=odd, columns=(odd,), parallel=2)
        assert rows.to_pydict() == {odd: [2]}
        with pytest.raises(DefinitionError, match="no table"):
            read(address, way, table=f"{odd} where 1=1")


@given(least=st.integers(-(2**63), 2**64), size=st.integers(0, 10**6), parts=st.integers(1, 40))
def test_ranges_cover_each_key_exactly_once(least: int, size: int, parts: int) -> None:
    found = split(least, least + size, parts)

    assert found[0][0] == least
    assert found[-1][1] == least + size
    assert all(first <= last for first, last in found)
    assert all(a[1] + 1 == b[0] for a, b in pairwise(found))
    assert len(found) == min(parts, size + 1)


def test_ranges_of_dates_are_whole_days() -> None:
    spans = ranges(Planned("day", "date"), "2024-02-28", "2024-03-01", 2)

    assert spans == [
        Span("day", "2024-02-28", "2024-02-28", closed=True),
        Span("day", "2024-02-29", "2024-03-01", closed=True),
    ]


@pytest.mark.parametrize("key", ["bigint", "bigint unsigned", "smallint", "date"])
def test_side_by_side_each_row_comes_once(mysql: str, postgres: str, way: str, key: str) -> None:
    values = [-5, -4, 0, 7, 8, 9, 1000] if "unsigned" not in key else [0, 1, 2**64 - 1]
    for address in (mysql, postgres):
        if "unsigned" in key and address == postgres:
            continue
        shown: list[str] = [str(v) for v in values]
        if key == "date":
            shown = [f"'{dt.date(2024, 1, 1) + dt.timedelta(v)}'" for v in values]
        with server(address) as engine:
            run(engine, f"create table keyed (k {key}, b int, primary key (k, b))")
            run(engine, *(f"insert into keyed values ({k}, {i})" for i, k in enumerate(shown)))
            run(engine, f"create table empty (k {key} primary key)")
        rows = read(address, way, table="keyed", parallel=3)
        part = read(address, way, Span("b", "1"), table="keyed", parallel=3)

        assert sorted(rows["b"].to_pylist()) == list(range(len(values)))
        assert sorted(part["b"].to_pylist()) == list(range(1, len(values)))
        assert read(address, way, table="empty", parallel=3).num_rows == 0


def test_a_table_without_such_a_key_is_read_whole(mysql: str, postgres: str, way: str) -> None:
    for address in (mysql, postgres):
        with server(address) as engine:
            run(engine, "create table named (name varchar(9) primary key)")
            run(engine, "insert into named values ('a'), ('b')")
            run(engine, "create view seen as select * from named")

        for table in ("named", "seen"):
            rows = read(address, way, table=table, parallel=4)
            assert sorted(rows["name"].to_pylist()) == ["a", "b"]


def test_side_by_side_on_postgresql_all_see_one_moment(postgres: str) -> None:
    """Rows that are added or changed while it is read are not seen, wherever they are."""
    with server(postgres) as engine:
        run(engine, "create table t (id int primary key, n int, pad text)")
        run(engine, "insert into t select i, 0, repeat('x', 500) from generate_series(1, 60000) i")
        reader = FAST.batches(Query(postgres, table="t", parallel=3))
        first = reader.read_next_batch()
        run(engine, "update t set n = 1", "delete from t where id % 2 = 0")
        run(engine, "insert into t values (-1, 1, ''), (99999, 1, '')")
        rows = pa.Table.from_batches([first, *reader])

    assert sorted(rows["id"].to_pylist()) == list(range(1, 60001))
    assert set(rows["n"].to_pylist()) == {0}


def test_a_schema_may_be_named(mysql: str, postgres: str) -> None:
    database = make_url(mysql).database
    with server(mysql) as engine, server(postgres) as other:
        run(engine, "create table t (id int)", "insert into t values (1)")
        run(other, 'create schema "Sales"', 'create table "Sales".t (id int)')
        run(other, 'insert into "Sales".t values (1)')

    nowhere = make_url(mysql).set(database="mysql").render_as_string(hide_password=False)
    assert read(nowhere, table=f"{database}.t").num_rows == 1
    assert read(postgres, table="Sales.t").num_rows == 1
    with pytest.raises(DefinitionError, match="no table 't'"):
        read(postgres, table="t")


ROW = st.tuples(
    st.integers(-(2**63), 2**63 - 1) | st.none(),
    st.integers(0, 2**64 - 1) | st.none(),
    st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    st.decimals(-(10**8), 10**8, places=4) | st.none(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30) | st.none(),
    st.binary(max_size=30) | st.none(),
    st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 31)) | st.none(),
    st.dates(dt.date(1000, 1, 1)) | st.none(),
)
NAMES = ("whole", "big", "real_", "money", "text_", "bytes_", "at", "day")


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(ROW, min_size=1, max_size=40))
def test_random_rows_of_mysql_are_what_the_plain_driver_reads(
    mysql: str, way: str, rows: list[tuple[Any, ...]]
) -> None:
    url = make_url(mysql)
    plain = pymysql.connect(
        host=url.host, port=url.port or 0, user=url.username, database=url.database, autocommit=True
    )
    with plain, plain.cursor() as cursor:
        cursor.execute("drop table if exists r")
        cursor.execute(
            "create table r (id int primary key, whole bigint, big bigint unsigned, real_ double,"
            " money decimal(20,4), text_ text character set utf8mb4, bytes_ blob, at datetime(6),"
            " day date)"
        )
        marks = ", ".join(["%s"] * 9)
        for number, row in enumerate(rows):
            cursor.execute(f"insert into r values ({marks})", (number, *row))
        cursor.execute("select * from r order by id")
        wanted = list(cursor.fetchall())

    table = read(mysql, way, table="r").sort_by("id")
    found = [(i, *(row[n] for n in NAMES)) for i, row in enumerate(table.to_pylist())]
    assert found == wanted
    assert all(isinstance(row[4], Decimal | None) for row in found)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(ROW, min_size=1, max_size=40))
def test_random_rows_of_postgresql_are_what_was_written(
    postgres: str, way: str, rows: list[tuple[Any, ...]]
) -> None:
    import psycopg2

    with psycopg2.connect(postgres.replace("+psycopg2", "")) as plain, plain.cursor() as cursor:
        cursor.execute("drop table if exists r")
        cursor.execute(
            "create table r (id int primary key, whole bigint, big numeric(20,0), real_ float8,"
            " money numeric(20,4), text_ text, bytes_ bytea, at timestamp, day date)"
        )
        for number, row in enumerate(rows):
            cursor.execute(f"insert into r values ({', '.join(['%s'] * 9)})", (number, *row))
    plain.close()

    table = read(postgres, way, table="r").sort_by("id")
    assert [tuple(row[n] for n in NAMES) for row in table.to_pylist()] == rows


READ = """
import resource, sys
import psutil
from medallion.adapters.databases.reader import DatabaseReader
from medallion.extract import Query

address = sys.argv[1]
reader = DatabaseReader()
reader.batches(Query(address, query="select * from wide where id < 1")).read_all()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = count = 0
for batch in reader.batches(Query(address, table="wide")):
    if not count:  # what reads for us goes on while nobody takes its rows
        psutil.wait_procs(psutil.Process().children(), timeout=60)
    count += batch.num_rows
    size += batch.nbytes
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(count, size, (after - before) * 1024, children * 1024)
"""


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_a_table_of_any_size_takes_little_memory(request: pytest.FixtureRequest, kind: str) -> None:
    address = request.getfixturevalue(kind)
    series = "seq_1_to_300000" if kind == "mysql" else "generate_series(1, 300000) seq"
    with server(address) as engine:
        run(engine, "create table wide (id int primary key, a text, b text)")
        made = "seq, repeat('a', 600), repeat(md5(cast(seq as char(9))), 12)"
        run(engine, f"insert into wide select {made} from {series}")
        run(engine, "analyze table wide" if kind == "mysql" else "analyze wide")
    done = subprocess.run(
        [sys.executable, "-c", READ, address],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    count, size, grown, child = map(int, done.stdout.split())

    assert count == 300_000
    assert size > 290 * 10**6
    assert grown < 100 * 10**6
    assert child < 200 * 10**6


def test_a_small_table_of_mysql_is_read_without_another_process(
    mysql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(mysql) as engine:
        run(engine, "create table t (id int primary key)")
        run(engine, f"insert into t select seq from seq_1_to_{many()}", "analyze table t")
        run(engine, "create table small (id int primary key)", "insert into small values (1)")
    started: list[object] = []
    popen = subprocess.Popen

    def seen(*given: Any, **named: Any) -> Any:
        started.append(given)
        return popen(*given, **named)

    monkeypatch.setattr(subprocess, "Popen", seen)
    assert read(mysql, table="small").num_rows == 1
    assert not started
    assert read(mysql, table="t").num_rows == many()
    assert len(started) == 1
    assert read(mysql, table="t", parallel=3).num_rows == many()
    assert len(started) == 4
