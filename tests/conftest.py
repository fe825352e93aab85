"""What every test may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import Runner, running


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
def taxi() -> Path:
    """The real taxi trips, where they are."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "nyc_taxi"
    if not folder.is_dir():
        pytest.skip("the real taxi trips are not beside this checkout (shared/data/nyc_taxi)")
    return folder
