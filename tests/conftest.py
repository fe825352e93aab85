"""What every test may ask for."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import create_engine, make_url, text
from support import lakes
from support.aws import Aws, served
from support.glue import KEYS, glue_server
from support.processes import Command, Reader, Runner, commanding, reader, running
from support.projects import SETTINGS, write
from support.rest import rest_server

_NAME = "MEDALLION_TEST_POSTGRES"
_SERVER = os.environ.get(_NAME, "")
_MYSQL_NAME = "MEDALLION_TEST_MYSQL"
_MYSQL = os.environ.get(_MYSQL_NAME, "")
_NUMBERS = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Long loops run only where they are asked for."""
    parser.addoption("--kills", type=int, default=24, help="how many runs are killed in a loop")
    parser.addoption("--lake", choices=lakes.NAMES, default=lakes.LOCAL, help="where tables are")


def pytest_configure(config: pytest.Config) -> None:
    """Tests may say on which lakes they make sense."""
    if not config.getoption("numprocesses", None):  # else its workers need them
        # To a build, each variable that begins so is a setting.
        os.environ.pop(_NAME, None)
        os.environ.pop(_MYSQL_NAME, None)
    config.addinivalue_line("markers", "only_on(lake, ..., because): else the test is skipped")
    if config.getoption("--lake").startswith("postgresql") and not _SERVER:
        raise pytest.UsageError(f"this lake needs {_NAME}: a server where databases may be created")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what makes no sense on this lake.

    Where tests run beside each other, those on Ray do not: a machine has one cluster of it. The
    long ones come first, or one of them would be waited for in the end.
    """
    items.sort(key=lambda item: "/promises/" not in item.nodeid)
    lake = config.getoption("--lake")
    for item in items:
        if re.search(r"[\[_-]ray\b", item.nodeid):
            item.add_marker(pytest.mark.xdist_group("ray"))
        for marker in item.iter_markers("only_on"):
            if lake not in marker.args:
                item.add_marker(pytest.mark.skip(f"on {lake}: {marker.kwargs['because']}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A project without models is made on each catalog, or on the lake that was asked for."""
    if "root" in metafunc.fixturenames:
        lake = metafunc.config.getoption("--lake")
        kinds = ["sqlite", "postgresql"] if lake == lakes.LOCAL else [lake]
        metafunc.parametrize("root", kinds, indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _lakes(request: pytest.FixtureRequest) -> Iterator[None]:
    name = request.config.getoption("--lake")
    if name == lakes.LOCAL:
        yield
        return
    server: Aws = request.getfixturevalue("moto")
    # For this process and for all that it starts.
    made = lakes.Lakes(name, server, _SERVER)
    with patch.dict(os.environ, server.environment), lakes.chosen(made):
        yield


@pytest.fixture(autouse=True)
def _own_lakes() -> Iterator[None]:
    yield
    lakes.clear()


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    """How many runs a test kills."""
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Builds projects in processes that can be killed."""
    with running() as process:
        yield process


@pytest.fixture(scope="session", name="reader")
def _reader() -> Iterator[Reader]:
    """Reads projects in processes of their own."""
    with reader() as process:
        yield process


@pytest.fixture(scope="session")
def command() -> Iterator[Command]:
    """The command line, as `python -m medallion` is, but for what is imported when it starts."""
    with commanding() as process:
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


@contextmanager
def _postgres() -> Iterator[str]:
    if not _SERVER:
        pytest.skip(f"{_NAME} is not set: the address of a server where databases may be created")
    yield from _database(_SERVER, " with (force)")


@contextmanager
def _mysql() -> Iterator[str]:
    if not _MYSQL:
        pytest.skip(f"{_MYSQL_NAME} is not set: the address of a server to make databases on")
    yield from _database(_MYSQL)


def _database(address: str, forced: str = "") -> Iterator[str]:
    database = f"medallion_test_{os.getpid()}_{next(_NUMBERS)}"
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as server:
        server.execute(text(f"create database {database}"))
        yield make_url(address).set(database=database).render_as_string(hide_password=False)
        server.execute(text(f"drop database {database}{forced}"))
    engine.dispose()


@pytest.fixture
def server() -> str:
    """The address of a PostgreSQL server where databases may be created."""
    if not _SERVER:
        pytest.skip(f"{_NAME} is not set: the address of a server where databases may be created")
    return _SERVER


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    with _postgres() as address:
        yield address


@pytest.fixture
def mysql() -> Iterator[str]:
    """The address of an empty MySQL or MariaDB database."""
    with _mysql() as address:
        yield address


@pytest.fixture(scope="module")
def shared_postgres() -> Iterator[str]:
    """The same, for all tests of a module."""
    with _postgres() as address:
        yield address


@pytest.fixture(scope="module")
def shared_mysql() -> Iterator[str]:
    """The same, for all tests of a module."""
    with _mysql() as address:
        yield address


@pytest.fixture(scope="session")
def glue_address() -> Iterator[str]:
    """The address of a Glue server."""
    pytest.importorskip("moto.server", reason="moto is not installed")
    with glue_server() as address:
        yield address


@pytest.fixture
def glue(glue_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty Glue catalog, as a project names it."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL_GLUE": glue_address}.items():
        monkeypatch.setenv(name, value)
    return f"glue://eu-central-1/test_{os.getpid()}_{next(_NUMBERS)}"


@pytest.fixture
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty REST catalog that commits one table at a time."""
    with rest_server(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def rest_together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty REST catalog that commits many tables in one step."""
    with rest_server(tmp_path_factory.mktemp("server"), together=True) as address:
        yield address


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a project without models, one for each kind of catalog."""
    if request.param != "postgresql":
        return write(tmp_path, {})
    catalog = request.getfixturevalue("postgres")
    return write(tmp_path, {"pyproject.toml": f'{SETTINGS}catalog = "{catalog}"\n'})


@pytest.fixture(scope="session")
def taxi() -> Path:
    """The real taxi trips, where they are."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "nyc_taxi"
    if not folder.is_dir():
        pytest.skip("the real taxi trips are not beside this checkout (shared/data/nyc_taxi)")
    return folder
