"""Tables of a database: read whole, from a cursor on, by window, merged by key."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from support.flows import build, parts, snapshots, states
from support.projects import plain_table, rows, sql_model, suite, write

from medallion import Project
from medallion.errors import SourceError
from medallion.report import State

NAME = "bronze.orders"
Sql = Callable[[str], None]


@pytest.fixture(params=["mysql", "postgres"])
def shop(request: pytest.FixtureRequest) -> Iterator[tuple[str, Engine]]:
    """An empty database of a shop, as its owner writes to it."""
    address = request.getfixturevalue(request.param)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    yield engine.url.render_as_string(hide_password=False), engine
    engine.dispose()


@pytest.fixture
def sql(shop: tuple[str, Engine]) -> Sql:
    """Runs a statement in the shop's database."""

    def run(statement: str) -> None:
        with shop[1].connect() as connection:
            connection.execute(text(statement))

    return run


@pytest.fixture
def project(tmp_path: Path, shop: tuple[str, Engine]) -> Callable[..., Path]:
    """Writes the model that takes the shop's orders."""

    def made(source: str = "", declared: str = "", parameter: str = "") -> Path:
        model = (
            "from medallion import *\n\n"
            f"@bronze({declared})\ndef orders({parameter}) -> Source:\n"
            f"    return table({shop[0]!r}, 'orders'{source})\n"
        )
        return write(tmp_path, {"models/bronze/orders.py": model})

    return made


@pytest.fixture
def orders(sql: Sql) -> Sql:
    """A table of three orders; gives what adds some: `(id, name, at)`."""
    sql("create table orders (id bigint primary key, name varchar(20), at timestamp null)")

    def add(values: str) -> None:
        sql(f"insert into orders (id, name, at) values {values}")

    add("(1,'a','2026-01-01 10:00:00'), (2,'b','2026-01-01 10:00:00'), (3,'c','2026-01-02 10:00')")
    return add


def named(root: Path) -> dict[int, Any]:
    found = rows(root, NAME)
    assert len(found) == len({row["id"] for row in found})
    return {row["id"]: row["name"] for row in found}


def test_a_whole_table_takes_the_place_of_the_one_before(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    root = project()
    build(root)
    assert named(root) == {1: "a", 2: "b", 3: "c"}
    sql("delete from orders where id = 1")
    sql("update orders set name = 'B' where id = 2")
    build(root)

    assert named(root) == {2: "B", 3: "c"}


def test_ties_of_a_cursor_are_kept_exactly(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    """A row comes later that has the same time as the last one that was read."""
    root = project(", cursor='at'")
    build(root)
    orders("(4,'d','2026-01-02 10:00')")
    build(root)
    assert named(root) == {1: "a", 2: "b", 3: "c", 4: "d"}
    before = snapshots(root, NAME)

    assert states(build(root)) == {NAME: State.FRESH}
    assert snapshots(root, NAME) == before


def test_a_lag_finds_rows_that_were_committed_late(
    project: Callable[..., Path], orders: Sql
) -> None:
    root = project(", cursor='at', lag='2h'")
    build(root)
    orders("(4,'late','2026-01-02 09:00:00'), (5,'too late','2026-01-02 07:00:00')")
    build(root)

    assert named(root) == {1: "a", 2: "b", 3: "c", 4: "late"}


def test_a_cursor_that_is_new_doubles_no_row(project: Callable[..., Path], orders: Sql) -> None:
    """Nothing says yet how far the table was read."""
    build(project())
    root = project(", cursor='id'")
    orders("(4,'d',null)")
    build(root, forward_only=True)
    orders("(5,'e',null)")
    build(root)

    assert named(root) == {1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}


def test_a_number_is_a_cursor_too(project: Callable[..., Path], orders: Sql, sql: Sql) -> None:
    root = project(", cursor='id', lag=1")
    build(root)
    sql("update orders set name = 'B' where id = 2")
    sql("update orders set name = 'A' where id = 1")
    orders("(10,'j',null)")
    build(root)

    assert named(root) == {1: "a", 2: "B", 3: "c", 10: "j"}


def test_a_row_without_a_cursor_is_told(project: Callable[..., Path], orders: Sql) -> None:
    root = project(", cursor='at'")
    orders("(4,'d',null)")
    with Project.load(root) as found:
        report = found.build()

    assert "has rows without 'at', the cursor" in str(report[NAME].failure)


def test_changed_rows_are_merged_and_deleted_ones_go(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    merged = "unique_key='id', strategy='merge'"
    root = project(", cursor='at', deletes=True", merged)
    build(root)
    sql("delete from orders where id = 1")
    sql("update orders set name = 'B', at = '2026-01-03 00:00:00' where id = 2")
    orders("(4,'d','2026-01-03 00:00:01')")
    build(root)
    assert named(root) == {2: "B", 3: "c", 4: "d"}
    before = snapshots(root, NAME)
    build(root)

    assert snapshots(root, NAME) == before


def test_a_whole_table_can_be_merged(project: Callable[..., Path], orders: Sql, sql: Sql) -> None:
    """Rows that are as they were are not written again."""
    root = project(", deletes=True", "unique_key='id', strategy='merge'")
    build(root)
    before = snapshots(root, NAME)
    build(root)
    assert snapshots(root, NAME) == before
    sql("delete from orders where id = 3")
    sql("update orders set name = 'A' where id = 1")
    build(root)

    assert named(root) == {1: "A", 2: "b"}


def test_an_empty_table_is_no_mistake(project: Callable[..., Path], orders: Sql, sql: Sql) -> None:
    root = project(", cursor='id'")
    sql("delete from orders")
    build(root)
    build(root)
    assert named(root) == {}
    orders("(7,'g',null)")
    build(root)
    assert named(root) == {7: "g"}
    sql("delete from orders")
    build(root)
    orders("(8,'h',null)")
    build(root)

    assert named(root) == {8: "h"}


def test_windows_are_read_once_and_a_backfill_reads_them_again(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    timed = "time_column='at', partition_by=day('at'), start='2026-01-01'"
    root = project(", window=window", timed, "window: Window")
    build(root, end="2026-01-03")
    assert named(root) == {1: "a", 2: "b", 3: "c"}
    sql("update orders set name = upper(name)")
    assert states(build(root, end="2026-01-03")) == {NAME: State.FRESH}
    with Project.load(root) as found:
        (report,) = found.backfill(NAME, start="2026-01-02", end="2026-01-02")
    assert report.ok

    assert named(root) == {1: "a", 2: "b", 3: "C"}
    assert parts(report)[NAME] == 1


def test_a_build_that_is_rejected_reads_the_same_rows_again(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    root = project(", cursor='id'")
    strict = suite(("expect_column_values_to_not_be_null", {"column": "name"}))
    write(root, {"expectations/bronze/orders.json": strict})
    build(root)
    orders("(4,null,null)")
    with Project.load(root) as found:
        assert states(found.build()) == {NAME: State.REJECTED}
    sql("update orders set name = 'd' where id = 4")
    build(root)

    assert named(root) == {1: "a", 2: "b", 3: "c", 4: "d"}


def test_a_query_and_some_columns_can_be_read(
    tmp_path: Path, shop: tuple[str, Engine], orders: Sql
) -> None:
    query = "select id, name, id * 2 as twice from orders where id > 1;"
    write(
        tmp_path,
        {
            "models/bronze/orders.py": (
                "from medallion import *\n\n@bronze\ndef orders() -> Source:\n"
                f"    return table({shop[0]!r}, query={query!r}, columns=['id', 'twice'])\n"
            )
        },
    )
    build(tmp_path)

    assert sorted(map(tuple, (r.values() for r in rows(tmp_path, NAME)))) == [(2, 4), (3, 6)]


def test_rows_that_come_while_it_is_read_are_read_by_the_next_build(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    """Somebody adds rows all the time: each is there exactly once in the end."""
    root = project(", cursor='id', parallel=2")
    for start in range(10, 60, 10):
        orders(",".join(f"({start + n},'x',null)" for n in range(10)))
        build(root)

    assert set(named(root)) == {1, 2, 3, *range(10, 60)}


def test_a_new_column_of_the_table_becomes_one_of_ours(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    root = project(", cursor='id'")
    build(root)
    sql("alter table orders add column city varchar(10)")
    sql("insert into orders (id, name, city) values (4, 'd', 'Basel')")
    build(root)

    assert {r["id"]: r["city"] for r in rows(root, NAME)} == {1: None, 2: None, 3: None, 4: "Basel"}


def test_dates_that_are_none_are_told_and_comments_come_along(tmp_path: Path, mysql: str) -> None:
    engine = create_engine(mysql, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("set sql_mode = ''"))
        connection.execute(
            text("create table orders (id int primary key comment 'the number', day date)")
        )
        connection.execute(
            text("insert into orders values (1, '0000-00-00'), (2, '2026-01-01'), (3, null)")
        )
    engine.dispose()
    model = (
        "from medallion import *\n\n@bronze\ndef orders() -> Source:\n"
        f"    return table({mysql!r}, 'orders')\n"
    )
    write(tmp_path, {"models/bronze/orders.py": model})
    report = build(tmp_path)

    assert "dates 0000-00-00 were taken for NULL: 1 in day" in str(report.warnings)
    assert {r["id"]: r["day"] is None for r in rows(tmp_path, NAME)} == {1: True, 2: False, 3: True}
    assert plain_table(tmp_path, NAME).schema().find_field("id").doc == "the number"


@pytest.mark.parametrize("source", [", cursor='name', lag=1", ", cursor='at', lag=10"])
def test_a_lag_that_is_none_of_the_cursors_type_is_refused_at_once(
    project: Callable[..., Path], orders: Sql, source: str
) -> None:
    with Project.load(project(source)) as found:
        report = found.build()

    assert "lag is a number, and the cursor" in str(report[NAME].failure)


def test_a_column_that_is_gone_is_told(project: Callable[..., Path], orders: Sql, sql: Sql) -> None:
    root = project(", cursor='id'")
    build(root)
    sql("alter table orders drop column name")
    sql("insert into orders (id) values (9)")

    assert "columns that its source has no more are NULL" in str(build(root).warnings)


def test_a_database_that_is_not_there_is_told_with_the_model(tmp_path: Path) -> None:
    nobody = "mysql://reader@127.0.0.1:1/shop"
    model = f"@bronze\ndef orders() -> Source:\n    return table({nobody!r}, 'orders')\n"
    write(tmp_path, {"models/bronze/orders.py": f"from medallion import *\n\n{model}"})
    with (
        Project.load(tmp_path) as found,
        pytest.raises(SourceError, match=r"bronze\.orders: table orders"),
    ):
        found.build()


def test_tables_outside_of_the_warehouse_are_told(tmp_path: Path) -> None:
    write(tmp_path, {"models/silver/a.py": sql_model("silver", "a", "select 1 as id")})
    build(tmp_path)
    catalog = f"sqlite:///{tmp_path}/warehouse/catalog.db"
    with Project.load(tmp_path, warehouse="other", catalog=catalog) as found:
        report = found.build(full_refresh=True)

    assert "and the warehouse is" in str(report.results[0].failure)


def test_a_table_has_a_history_of_what_each_build_finds(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    """Nothing needs to be kept in the database: neither the changes, nor what is gone."""
    root = project(declared="strategy=scd2('id', changed_at='at', snapshots=True)")
    build(root)
    sql("update orders set name = 'B', at = '2026-01-05' where id = 2")
    sql("delete from orders where id = 3")
    assert not [w for w in build(root).warnings if "valid_" in w]
    sql("insert into orders (id, name, at) values (3, 'C', '2026-01-02 10:00')")
    build(root)
    before = snapshots(root, NAME)
    build(root)

    assert snapshots(root, NAME) == before
    found = sorted(rows(root, NAME), key=lambda row: (row["id"], row["valid_from"]))
    assert [(row["name"], row["is_current"]) for row in found] == [
        ("a", True),
        ("b", False),
        ("B", True),
        ("c", False),
        ("C", True),
    ]
    gone, back = found[3:]
    assert gone["valid_from"] < gone["valid_to"] <= back["valid_from"]


def test_a_column_can_say_that_a_row_is_gone(
    project: Callable[..., Path], orders: Sql, sql: Sql
) -> None:
    declared = "unique_key='id', strategy='merge', deleted=\"name = 'gone'\""
    root = project(", cursor='at'", declared)
    build(root)
    sql("update orders set name = 'gone', at = '2026-01-03' where id = 2")
    orders("(4, 'gone', '2026-01-03'), (5, 'e', '2026-01-03')")
    build(root)
    assert named(root) == {1: "a", 3: "c", 5: "e"}
