"""Every adapter, for the suites that each of them must pass."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conformance.world import World

from medallion.adapters.memory import memory_ports
from medallion.config import Settings
from medallion.ports import Executor, Ports
from medallion.wiring import connect

ADAPTERS = ("memory", "iceberg+duckdb+great_expectations")


def made(adapter: str, folder: Path) -> Ports:
    """The ports of an adapter on an empty lake."""
    return memory_ports() if adapter == "memory" else connect(Settings(folder, threads=2))


@pytest.fixture(params=ADAPTERS)
def ports(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ports]:
    """The ports of each adapter, one after the other."""
    ports = made(request.param, tmp_path)
    yield ports
    ports.close()


@pytest.fixture
def world(ports: Ports) -> World:
    """The steps of a run on an empty lake."""
    ports.catalog.prepare()
    return World(ports)


@pytest.fixture(params=[*ADAPTERS, "standard library"])
def executor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
    """The executor of each adapter, and one of the standard library's."""
    if request.param == "standard library":
        with ThreadPoolExecutor(2) as pool:
            yield pool
        return
    ports = made(request.param, tmp_path)
    yield ports.executor
    ports.close()
