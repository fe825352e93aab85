"""Who only looks does not wait for the libraries that read, write and audit rows."""

import subprocess
import sys
from pathlib import Path

import pytest

from medallion import Project
from medallion.starter import create

HEAVY = ("pyiceberg", "sqlalchemy", "pyarrow", "duckdb", "great_expectations", "pandas", "numpy")


def imported(root: Path, code: str) -> str:
    """Those of the heavy libraries that the code imports, in a line after what it prints."""
    code = f"import sys\n{code}\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter project, built, with a run on its branches."""
    root = tmp_path_factory.mktemp("project")
    create(root)
    with Project.load(root) as project:
        assert project.build().ok
        assert project.build(publish=False, full_refresh=True).ok
    return root


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("ls", "silver.orders"),
        ("branches", "silver.orders"),
        ("show silver.orders", "SHA-256 of the customer's address"),
    ],
)
def test_a_command_that_looks_imports_no_heavy_library(lake: Path, command: str, told: str) -> None:
    code = f"from medallion.cli.app import app; app({command.split()!r}, standalone_mode=False)"
    printed = imported(lake, code)

    assert told in printed
    assert printed.splitlines()[-1] == "[]"


def test_planning_imports_no_heavy_library(lake: Path) -> None:
    code = "from medallion import Project; print(len(Project.load().plan().tasks))"

    assert imported(lake, code).split("\n")[:2] == ["0", "[]"]


def test_a_build_with_nothing_to_do_imports_no_heavy_library(lake: Path) -> None:
    code = "from medallion import Project; print([r.state for r in Project.load().build().results])"

    assert imported(lake, code).split("\n")[1] == "[]"
    assert imported(lake, code).count("fresh") == 3


def test_what_the_other_tests_look_for_is_found_where_rows_are_read(lake: Path) -> None:
    """Reading rows needs DuckDB and the tables' files; auditing, which is not asked for, more."""
    code = "from medallion import Project; Project.load().query('from silver.orders')"

    found = imported(lake, code)
    assert "duckdb" in found
    assert "pyiceberg" in found
    assert "great_expectations" not in found
