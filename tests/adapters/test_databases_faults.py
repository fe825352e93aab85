"""What can go wrong while a database is read: it is told, and no part is taken for the whole."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from support.cut import cutting
from support.databases import WAYS, end_others, read, run, server

from medallion.adapters.databases import mysql as mysql_adapter
from medallion.adapters.databases.address import parse
from medallion.adapters.databases.reader import DatabaseReader
from medallion.errors import DefinitionError, MedallionError, SourceError
from medallion.extract import Query

ME = f"reader{os.getpid()}"  # users are those of the whole server
ROWS = 150_000
CHANGED = 40_000
KINDS = ("mysql", "postgres")


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way of reading; small tables too are read the fast way."""
    monkeypatch.setattr(mysql_adapter, "_FEW", -1)
    return str(request.param)


def filled(address: str, rows: int) -> str:
    """The database, with a table `big`."""
    mine = "mysql" in address
    series = f"seq_1_to_{rows}" if mine else f"generate_series(1, {rows}) seq"
    with server(address) as engine:
        run(engine, "create table big (id int primary key, pad text)")
        run(engine, f"insert into big select seq, repeat('x', 400) from {series}")
        run(engine, "analyze table big" if mine else "analyze big")
    return address


@pytest.fixture(params=KINDS, scope="module")
def address(request: pytest.FixtureRequest) -> str:
    """A database whose table `big` is far more than what waits on the way. Nobody changes it."""
    return filled(request.getfixturevalue(f"shared_{request.param}"), ROWS)


@pytest.fixture(params=KINDS)
def own(request: pytest.FixtureRequest) -> str:
    """A database with a table `big` that a test may change."""
    return filled(request.getfixturevalue(request.param), CHANGED)


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_connection_that_is_ended_in_the_middle_is_no_end(
    address: str, way: str, parallel: int
) -> None:
    counts: list[int] = []
    with (
        server(address) as engine,
        cutting(address, 12_000_000, "pad.* FROM", lambda: end_others(engine)) as cut,
    ):
        reader = WAYS[way].batches(Query(cut.address, table="big", parallel=parallel))
        with pytest.raises(SourceError, match=r"table big of .*; [\d,]+ rows had come") as error:
            counts.extend(batch.num_rows for batch in reader)

    assert f"; {sum(counts):,} rows had come" in error.value.message
    assert sum(counts) < ROWS


def test_a_line_that_is_cut_at_any_byte_is_no_end(address: str, way: str) -> None:
    """A number takes 12 bytes on the line, or fewer: one of the cuts is between two rows."""
    for most in range(100_000, 100_012):
        with cutting(address, most) as cut, pytest.raises(SourceError, match="table big of"):
            read(cut.address, way, table="big", columns=("id",))


def test_a_query_that_fails_in_the_middle_is_no_end(postgres: str, way: str) -> None:
    failing = "select 1 / (200000 - i) as n, repeat('x', 100) from generate_series(1, 300000) i"

    with pytest.raises(SourceError, match=r"division by zero; .*rows had come"):
        read(postgres, way, query=failing)


def test_a_column_that_is_dropped_while_a_table_is_read_changes_nothing(own: str, way: str) -> None:
    """Whoever changes the table waits until the statement has read it."""
    reader = WAYS[way].batches(Query(own, table="big"))
    count = reader.read_next_batch().num_rows
    with server(own) as engine:
        change = threading.Thread(target=run, args=(engine, "alter table big drop column pad"))
        change.start()
        count += sum(batch.num_rows for batch in reader)
        del reader
        change.join()

    assert count == CHANGED
    assert WAYS[way].schema(Query(own, table="big")).names == ("id",)


def test_a_column_that_went_after_the_plan_is_told(own: str, way: str) -> None:
    reader = WAYS[way].batches(Query(own, table="big"))
    with server(own) as engine:
        run(engine, "alter table big drop column pad")

    with pytest.raises(SourceError, match=r"table big of .*pad.*; 0 rows had come"):
        reader.read_all()


def test_a_column_that_widened_after_the_plan_is_told_before_a_value_is_cut(
    own: str, way: str
) -> None:
    reader = WAYS[way].batches(Query(own, table="big", columns=("id",)))
    kind = "modify id" if "mysql" in own else "alter id type"
    with server(own) as engine:
        run(engine, f"alter table big {kind} bigint")
        run(engine, "insert into big values (3000000000, '')")

    with pytest.raises(SourceError, match=r"table big .*rows had come"):
        reader.read_all()


def test_who_stops_in_the_middle_leaves_no_connection(address: str, way: str) -> None:
    reader = WAYS[way].batches(Query(address, table="big", parallel=2))
    reader.read_next_batch()
    del reader

    count = "select count(*) from information_schema.processlist where db = database()"
    if "postgres" in address:
        count = "select count(*) from pg_stat_activity where datname = current_database()"
    with server(address) as engine, engine.connect() as connection:
        for _ in range(100):
            if connection.exec_driver_sql(count).scalar() == 1:
                return
            threading.Event().wait(0.1)
    pytest.fail("a connection is still there")


def chain(error: BaseException | None) -> Iterator[str]:
    while error:
        yield f"{error!s} {error!r}"
        error = error.__cause__ or error.__context__


def login(address: str, **changes: Any) -> str:
    return make_url(address).set(**changes).render_as_string(hide_password=False)


def test_a_wrong_password_is_told_without_it(mysql: str, way: str) -> None:
    with server(mysql) as engine:
        run(engine, f"create or replace user {ME}@'%' identified by 'right'")
    wrong = login(mysql, username=ME, password="s3cr@t/?")

    with pytest.raises(SourceError, match=rf"{ME}:\*\*\*@.* cannot be read: .*denied") as error:
        read(wrong, way, table="t")
    assert not [text for text in chain(error.value) if "s3cr" in text]
    assert "user and password" in error.value.hint
    with server(mysql) as engine:
        run(engine, f"drop user {ME}@'%'")


def test_a_password_of_any_characters_is_resolved_and_used(mysql: str, way: str) -> None:
    secret = "p@ss/w:rd?#%41 ü"
    with server(mysql) as engine:
        run(engine, f"create or replace user {ME}@'%' identified by '{secret}'")
        run(engine, f"grant all on *.* to {ME}@'%'", "create table t (id int)")
        run(engine, "insert into t values (1)")
    url = make_url(mysql)
    named = f"mysql://{ME}:${{SHOP}}@{url.host}:{url.port}/{url.database}"

    reader = DatabaseReader(lambda text: text.replace("${SHOP}", secret), slow=way == "slow")
    assert reader.batches(Query(named, table="t")).read_all().num_rows == 1
    with server(mysql) as engine:
        run(engine, f"drop user {ME}@'%'")


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
@pytest.mark.parametrize("place", ["no-such-host.invalid:1", "127.0.0.1:1"])
def test_a_server_that_is_not_there_is_told(kind: str, place: str) -> None:
    with pytest.raises(SourceError, match=rf"{kind}://me:\*\*\*@{place}/shop cannot be") as error:
        read(f"{kind}://me:s3cret@{place}/shop", table="t")
    assert not [text for text in chain(error.value) if "s3cret" in text]
    assert "check host, port" in error.value.hint


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"table": "none"}, "no table 'none'"),
        ({"table": "none.big"}, "no table 'none.big'"),
        ({"table": "big", "columns": ("ids",)}, "no column 'ids'\n  did you mean id"),
        ({"query": "select none from big"}, "none"),
        ({"query": "selec 1"}, "syntax"),
        ({"query": "select 1 as a, 2 as a"}, "'?a'?"),
        ({"table": "big", "query": "select 1"}, "one of a table and a query"),
        ({}, "one of a table and a query"),
        ({"table": "big", "parallel": 0}, "parallel = 0"),
    ],
)
def test_what_does_not_exist_is_named(address: str, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        read(address, **asked)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("oracle://me:s3cret@host/shop", "oracle:// is the address of a database that cannot"),
        ("s3cret", "cannot be understood"),
        ("mysql://me:s3cret@host:port/shop", "cannot be understood"),
        ("mysql://me:s3cret@127.0.0.1:1/shop?ssl=s3cret", "an option 'ssl' that is not known"),
        ("postgresql://me:s3cret@127.0.0.1:1/shop?no=s3cret", "cannot be used"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_its_password(text: str, told: str) -> None:
    with pytest.raises(DefinitionError, match=told) as error:
        read(text, table="t")
    assert not [text for text in chain(error.value) if "s3cret" in text]


@pytest.mark.parametrize(
    ("text", "kind", "port"),
    [
        ("mysql://a:b@h/d", "mysql", 3306),
        ("mariadb+pymysql://a:b@h:1/d", "mysql", 1),
        ("postgresql+psycopg2://a:b@h/d", "postgresql", 5432),
        ("postgres://a:b@h/d", "postgresql", 5432),
        ("${DB}", "mysql", 2),
    ],
)
def test_addresses_are_spelled_in_many_ways(text: str, kind: str, port: int) -> None:
    address = parse(text, lambda part: part.replace("${DB}", "mysql://a:${b}@h:2/d"))

    assert (address.kind, address.host, address.port, address.database) == (kind, "h", port, "d")
    assert address.password in ("b", "${b}")
    assert address.password not in (str(address), repr(address))


@pytest.mark.parametrize(("kind", "driver"), [("mysql", "pymysql"), ("postgresql", "psycopg2")])
def test_a_driver_that_is_not_installed_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, kind: str, driver: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)

    with pytest.raises(DefinitionError, match=f"needs {driver}, which is not installed") as error:
        read(f"{kind}://me@127.0.0.1:1/shop", table="t")
    assert error.value.hint.startswith("pip install 'medallion[")


def test_where_connectorx_cannot_read_pymysql_does(
    mysql: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "connectorx.py").write_text("def read_sql(*_, **__): raise BaseException('no')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    with server(mysql) as engine:
        run(engine, "create table t (id int primary key)", "insert into t values (1), (2)")

    assert sorted(read(mysql, way, table="t", parallel=2)["id"].to_pylist()) == [1, 2]


def test_the_reason_of_a_failure_is_the_servers_own(mysql: str, way: str) -> None:
    failing = (
        "select seq, repeat('x', 200) as pad,"
        " (select 1 from information_schema.tables where seq > 100000) as one"
        " from seq_1_to_150000"
    )
    with pytest.raises(MedallionError, match="Subquery returns more than 1 row") as error:
        read(mysql, way, query=failing)
    assert "src/" not in error.value.message
