"""What every test may ask for."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from support.aws import Aws, served
from support.processes import Runner, running
from support.projects import write

_NAME = "MEDALLION_TEST_POSTGRES"
# Taken out of the environment: to a build, each variable that begins so is a setting.
_SERVER = os.environ.pop(_NAME, "")
_NUMBERS = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Long loops run only where they are asked for."""
    parser.addoption("--kills", type=int, default=24, help="how many runs are killed in a loop")


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    """How many runs a test kills."""
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Builds projects in processes that can be killed."""
    with running() as process:
        yield process


@pytest.fixture(scope="session")
def moto() -> Iterator[Aws]:
    """Amazon's services, as moto acts them, for all tests."""
    pytest.importorskip("s3fs")
    with served() as server:
        yield server


@pytest.fixture
def aws(moto: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The same, where this process and those that it starts find them."""
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    return moto


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    if not _SERVER:
        pytest.skip(f"{_NAME} is not set: the address of a server where databases may be created")
    database = f"medallion_test_{os.getpid()}_{next(_NUMBERS)}"
    engine = create_engine(_SERVER, isolation_level="AUTOCOMMIT")
    with engine.connect() as server:
        server.execute(text(f"create database {database}"))
        yield make_url(_SERVER).set(database=database).render_as_string(hide_password=False)
        server.execute(text(f"drop database {database} with (force)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a project without models, one for each kind of catalog."""
    settings = "[tool.medallion]\n"
    if request.param == "postgresql":
        settings += f'catalog = "{request.getfixturevalue("postgres")}"\n'
    return write(tmp_path, {"pyproject.toml": settings})


@pytest.fixture(scope="session")
def taxi() -> Path:
    """The real taxi trips, where they are."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "nyc_taxi"
    if not folder.is_dir():
        pytest.skip("the real taxi trips are not beside this checkout (shared/data/nyc_taxi)")
    return folder
