"""Ports are made when they are first used."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medallion.config import Settings
from medallion.errors import CatalogError
from medallion.names import TableName
from medallion.wiring import connect, later

NAME = TableName.parse("silver.trips")


def test_ports_that_were_not_used_leave_nothing(tmp_path: Path) -> None:
    connect(Settings(tmp_path)).close()

    assert not list(tmp_path.iterdir())


def test_what_was_used_is_given_back(tmp_path: Path) -> None:
    ports = connect(Settings(tmp_path))
    ports.catalog.prepare()
    ports.engine.query("select 1", {})
    assert list((tmp_path / "warehouse").glob(".spill/*"))

    ports.close()

    assert [p.name for p in (tmp_path / "warehouse").iterdir()] == ["catalog.db"]


def test_threads_that_ask_at_once_get_the_same_thing() -> None:
    together = threading.Barrier(4)
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(f"/{len(made)}"))
        return made[-1]

    path = later(make)

    def ask(_: int) -> str:
        together.wait()
        return path.name

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == ["0"] * 4
    assert len(made) == 1


def test_an_address_that_is_none_is_told_when_the_catalog_is_asked(tmp_path: Path) -> None:
    ports = connect(Settings(tmp_path, catalog="nonsense"))

    with pytest.raises(CatalogError, match="none that SQLAlchemy knows"):
        ports.catalog.tables([NAME])
