"""Every adapter, for the suites that each of them must pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.world import World

from medallion.adapters.executors.local import LocalExecutor
from medallion.adapters.executors.processes import ProcessExecutor
from medallion.adapters.memory import memory_ports
from medallion.config import Settings
from medallion.ports import Executor, Ports
from medallion.wiring import connect

SERVERS = {  # adapters whose catalog is a fixture
    "postgresql": "postgres",
    "glue": "glue",
    "rest": "rest",
    "rest+transactions": "rest_together",
}
ADAPTERS = ("memory", "iceberg+duckdb+great_expectations", *SERVERS, "s3")


def made(adapter: str, folder: Path, catalog: str = "", warehouse: str = "warehouse") -> Ports:
    """The ports of an adapter on an empty lake."""
    if adapter == "memory":
        return memory_ports()
    return connect(Settings(folder, threads=2, catalog=catalog, warehouse=warehouse))


@pytest.fixture(params=ADAPTERS)
def ports(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ports]:
    """The ports of each adapter, one after the other."""
    server = SERVERS.get(request.param)
    catalog = request.getfixturevalue(server) if server else ""
    warehouse = "warehouse"
    if request.param == "s3":
        warehouse = f"s3://{request.getfixturevalue('aws').bucket()}/lake"
    ports = made(request.param, tmp_path, catalog, warehouse)
    yield ports
    ports.close()


@pytest.fixture
def world(ports: Ports) -> World:
    """The steps of a run on an empty lake."""
    ports.catalog.prepare()
    return World(ports)


def _local() -> Executor:
    return LocalExecutor(memory=10**9, cpu=2)


def _processes() -> Executor:
    return ProcessExecutor(workers=2, memory=10**9, cpu=2)


def _dask() -> Executor:
    pytest.importorskip("distributed")
    from medallion.adapters.executors.dask import DaskExecutor

    return DaskExecutor(workers=2, memory=10**9)


def _ray() -> Executor:
    pytest.importorskip("ray")
    from medallion.adapters.executors.ray import RayExecutor

    return RayExecutor(workers=2)


@pytest.fixture(scope="session", params=[_local, _processes, _dask, _ray])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Each executor, with what it starts, for all tests."""
    made: Executor = request.param()
    yield made
    made.close()
