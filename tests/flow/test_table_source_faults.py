"""Databases that end, change and are written to while their tables are built."""

import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url
from support.cut import cutting
from support.databases import end_others, run, server
from support.flows import build, snapshots
from support.projects import rows, write

from medallion import Project
from medallion.errors import SourceError
from medallion.report import Failure

NAME = "bronze.orders"
ROWS = 30_000  # so many of MySQL are read in a process of its own
MERGE = "unique_key='id', strategy='merge'"


@pytest.fixture(params=["mysql", "postgres"])
def shop(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database of a shop, as its owner writes to it."""
    engine = create_engine(request.getfixturevalue(request.param), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def address(shop: Engine) -> str:
    return shop.url.render_as_string(hide_password=False)


def project(root: Path, address: str, source: str = "", declared: str = "") -> Path:
    """The model that takes the shop's orders from there."""
    model = (
        "from medallion import *\nfrom medallion import table\n\n"
        f"@bronze({declared})\ndef orders() -> Source:\n"
        f"    return table({address!r}, 'orders'{source})\n"
    )
    return write(root, {"models/bronze/orders.py": model})


def failure(root: Path, **settings: Any) -> Failure:
    """Build, which must fail: how."""
    with Project.load(root, **settings) as found:
        failed = found.build()[NAME].failure
    assert failed
    return failed


def add(shop: Engine, first: int, last: int) -> None:
    """Orders of so many ids, of 400 bytes each."""
    mine = shop.dialect.name == "mysql"
    series = f"seq_{first}_to_{last}" if mine else f"generate_series({first}, {last}) seq"
    run(shop, f"insert into orders select seq, repeat('x', 400) from {series}")
    run(shop, "analyze table orders" if mine else "analyze orders")


def ids(root: Path) -> list[int]:
    return sorted(row["id"] for row in rows(root, NAME))


@pytest.fixture
def orders(shop: Engine) -> Engine:
    """The shop, with many orders."""
    run(shop, "create table orders (id int primary key, pad text)")
    add(shop, 1, ROWS)
    return shop


@pytest.mark.parametrize(("parallel", "executor"), [(1, "local"), (1, "processes"), (2, "local")])
def test_a_server_that_ends_the_connection_fails_the_build_and_nothing_is_published(
    tmp_path: Path, orders: Engine, parallel: int, executor: str
) -> None:
    root = tmp_path
    add(orders, ROWS + 1, 2 * ROWS)
    with cutting(address(orders), 5_000_000, "pad.* FROM", lambda: end_others(orders)) as cut:
        project(root, cut.address, f", parallel={parallel}")
        failed = failure(root, executor=executor)
        assert cut.cuts

    assert failed.kind == "SourceError"
    assert "table orders of" in failed.message
    assert "rows had come" in failed.message
    # Side by side, the connection that keeps the snapshot may be the first that is ended.
    assert parallel > 1 or "; 0 rows" not in failed.message
    project(root, address(orders))
    with Project.load(root) as found:
        assert not found.tables()
    build(root)
    assert ids(root) == list(range(1, 2 * ROWS + 1))


PATHS = {
    "following": (", cursor='id'", "", "pad.* FROM"),
    "merge": (", cursor='id'", MERGE, "pad.* FROM"),
    "whole merge": (", deletes=True", MERGE, "pad.* FROM"),
    "keys": (", cursor='id', deletes=True", MERGE, r"SELECT \(?.id.(\)::text| AS .id.)? FROM"),
}


@pytest.mark.parametrize(
    ("path", "executor"), [*((path, "local") for path in PATHS), ("keys", "processes")]
)
def test_a_later_build_that_loses_its_server_says_so_and_keeps_what_was_there(
    tmp_path: Path, orders: Engine, path: str, executor: str
) -> None:
    source, declared, asked = PATHS[path]
    # All keys may be on their way when the server ends the connection.
    act = None if path == "keys" else lambda: end_others(orders)
    with cutting(address(orders), 50_000, asked, act) as cut:
        cut.armed = False
        root = project(tmp_path, cut.address, source, declared)
        build(root)
        before = snapshots(root, NAME)
        add(orders, ROWS + 1, 2 * ROWS)
        cut.armed = True
        failed = failure(root, executor=executor)
        assert cut.cuts
        assert failed.kind == "SourceError"
        assert "table orders of" in failed.message
        assert "rows had come" in failed.message
        assert snapshots(root, NAME) == before
        cut.armed = False
        build(root)
    assert ids(root) == list(range(1, 2 * ROWS + 1))


def test_a_wrong_password_is_not_told(tmp_path: Path, mysql: str) -> None:
    with server(mysql) as shop:
        run(shop, "create or replace user wrong@'%' identified by 'right'")
        url = make_url(mysql).set(username="wrong", password="s3cr@t/?")
        root = project(tmp_path, url.render_as_string(hide_password=False))
        with Project.load(root) as found, pytest.raises(SourceError) as told:
            found.build()
        run(shop, "drop user wrong@'%'")

    assert re.search(r"wrong:\*\*\*@.* cannot be read: .*denied", told.value.message)
    assert "s3cr" not in f"{told.value} {told.value!r}"


MODES = {"whole": ("", ""), "cursor": (", cursor='id'", ""), "merge": (", cursor='id'", MERGE)}


@pytest.fixture(params=MODES)
def few(request: pytest.FixtureRequest, tmp_path: Path, shop: Engine) -> Path:
    """A project that has built a table of three rows: id, n and name."""
    run(shop, "create table orders (id int primary key, n int, name varchar(20))")
    run(shop, "insert into orders values (1, 10, 'a'), (2, 20, 'b'), (3, null, 'c')")
    root = project(tmp_path, address(shop), *MODES[request.param])
    build(root)
    return root


def retype(shop: Engine, column: str, type: str) -> None:
    change = "modify {0} {1}" if shop.dialect.name == "mysql" else "alter {0} type {1}"
    run(shop, f"alter table orders {change.format(column, type)}")


def test_a_column_that_widens_in_the_database_widens_here(few: Path, shop: Engine) -> None:
    retype(shop, "n", "bigint")
    run(shop, "insert into orders values (4, 3000000000, 'd')")
    build(few)

    assert [row["n"] for row in rows(few, NAME)] == [10, 20, None, 3_000_000_000]


def test_a_column_that_is_of_another_type_now_is_told(few: Path, shop: Engine) -> None:
    before = snapshots(few, NAME)
    retype(shop, "n", "varchar(20)")
    run(shop, "insert into orders values (4, 'many', 'd')")
    failed = failure(few)

    assert "'n'" in failed.message, failed
    assert snapshots(few, NAME) == before


def test_a_column_that_is_dropped_stays_with_the_rows_that_have_it(
    few: Path, shop: Engine, request: pytest.FixtureRequest
) -> None:
    run(shop, "alter table orders drop column n")
    run(shop, "insert into orders values (4, 'd')")
    build(few)

    found = rows(few, NAME)
    assert [row["name"] for row in found] == ["a", "b", "c", "d"]
    if "whole" in request.node.name:
        assert "n" not in found[0]
    else:
        assert [row["n"] for row in found] == [10, 20, None, None]


CHURNED = {
    "whole": (", parallel=2", ""),
    "cursor": (", cursor='id'", ""),
    "merge": (", cursor='changed', deletes=True", MERGE),
}


@contextmanager
def churning(shop: Engine, *, adding: bool) -> Iterator[threading.Event]:
    """Somebody who adds rows all the time, or also changes and deletes some; told when he began."""
    began, stop = threading.Event(), threading.Event()

    def churn() -> None:
        random = Random(7)
        with shop.connect() as connection:
            for version in itertools.count(1000):
                match 0 if adding else random.randrange(3):
                    case 0:
                        change = f"insert into orders values ({version}, {version}, 'new')"
                    case 1:
                        ids = f"id % 7 = {random.randrange(7)}"
                        change = (
                            f"update orders set changed={version}, name='v{version}' where {ids}"
                        )
                    case _:
                        change = f"delete from orders where id % 500 = {random.randrange(500)}"
                connection.exec_driver_sql(change.replace("%", "%%"))
                began.set()
                if stop.wait(0.002):
                    return

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        yield began
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("mode", CHURNED)
def test_what_is_written_to_all_the_time_is_equal_in_the_end(
    tmp_path: Path, shop: Engine, mode: str
) -> None:
    run(shop, "create table orders (id int primary key, changed int not null, name varchar(20))")
    run(shop, *(f"insert into orders values ({n}, {n}, 'old')" for n in range(200)))
    root = project(tmp_path, address(shop), *CHURNED[mode])
    with churning(shop, adding=mode == "cursor") as began:
        began.wait()
        for _ in range(3):
            build(root)
            found = ids(root)
            assert len(found) == len(set(found))
    build(root)

    with shop.connect() as connection:
        there = connection.exec_driver_sql("select id, changed, name from orders order by id")
        wanted = [tuple(row) for row in there]
    assert len(wanted) > 100
    ours = [(row["id"], row["changed"], row["name"]) for row in rows(root, NAME)]
    assert sorted(ours) == wanted
