"""Databases that end, change and are written to while their tables are built."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from support.cut import cutting
from support.databases import end_others, run
from support.flows import build, snapshots
from support.projects import rows, write

from medallion import Project
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
        "from medallion import *\nfrom medallion.source import table\n\n"
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


@pytest.mark.parametrize("executor", ["local", "processes"])
@pytest.mark.parametrize("parallel", [1, 2])
def test_a_server_that_ends_the_connection_fails_the_build_and_nothing_is_published(
    tmp_path: Path, orders: Engine, executor: str, parallel: int
) -> None:
    root = tmp_path
    with cutting(address(orders), 5_000_000, "pad.* FROM", lambda: end_others(orders)) as cut:
        project(root, cut.address, f", parallel={parallel}")
        failed = failure(root, executor=executor)
        assert cut.cuts

    assert failed.kind == "SourceError"
    assert "table orders of" in failed.message
    assert "rows had come" in failed.message
    assert "; 0 rows" not in failed.message
    project(root, address(orders))
    with Project.load(root) as found:
        assert not found.tables()
    build(root)
    assert ids(root) == list(range(1, ROWS + 1))


PATHS = {
    "following": (", cursor='id'", "", "pad.* FROM"),
    "merge": (", cursor='id'", MERGE, "pad.* FROM"),
    "whole merge": (", deletes=True", MERGE, "pad.* FROM"),
    "keys": (", cursor='id', deletes=True", MERGE, r"SELECT \(?.id.(\)::text| AS .id.)? FROM"),
}


@pytest.mark.parametrize("executor", ["local", "processes"])
@pytest.mark.parametrize("path", PATHS)
def test_a_later_build_that_loses_its_server_says_so_and_keeps_what_was_there(
    tmp_path: Path, orders: Engine, path: str, executor: str
) -> None:
    source, declared, asked = PATHS[path]
    root = project(tmp_path, address(orders), source, declared)
    build(root)
    before = snapshots(root, NAME)
    add(orders, ROWS + 1, 2 * ROWS)
    with cutting(address(orders), 50_000, asked, lambda: end_others(orders)) as cut:
        project(root, cut.address, source, declared)
        failed = failure(root, executor=executor)
        assert cut.cuts

    assert failed.kind == "SourceError"
    assert "table orders of" in failed.message
    assert "rows had come" in failed.message
    assert snapshots(root, NAME) == before
    project(root, address(orders), source, declared)
    build(root)
    assert ids(root) == list(range(1, 2 * ROWS + 1))
