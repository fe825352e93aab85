"""`medallion doctor`: each thing that can be wrong has its line, and hides no other."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.processes import Command
from support.projects import sql_model, write

from medallion import checks
from medallion.checks import Subject
from medallion.doctor import Finding, Health, examine, exit_code, finding_text
from medallion.errors import InfrastructureError
from medallion.starter import create

Findings = Mapping[str, Mapping[str, Any]]
Doctor = Callable[..., Findings]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    create(tmp_path)
    return tmp_path


@pytest.fixture
def doctor(command: Command) -> Doctor:
    """Gives the findings by the names of their checks."""

    def do(root: Path, *, code: int, **variables: str) -> Findings:
        done = command(root, "doctor", "--json", env=os.environ | variables)
        assert done.returncode == code, done.stdout + done.stderr
        assert "hunter" not in done.stdout + done.stderr
        return {finding["check"]: finding for finding in json.loads(done.stdout)}

    return do


def bad(findings: Findings) -> dict[str, str]:
    return {name: f["health"] for name, f in findings.items() if f["health"] != "ok"}


def settings(root: Path, text: str) -> Path:
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace("[tool.medallion]\n", f"[tool.medallion]\n{text}\n"))
    return root


def test_a_sound_project_is_told_line_by_line(lake: Path) -> None:
    before = set(lake.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "medallion", "doctor"], cwd=lake, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == "11 checks: 11 ok"
    assert all(line.startswith("ok       ") for line in lines[:-2])
    assert any("2 files match" in line for line in lines)
    assert {p.name for p in set(lake.rglob("*")) - before} == {"catalog.db"}


def test_every_check_of_a_sound_project_is_json(lake: Path, doctor: Doctor) -> None:
    write(lake, {"models/silver/loud.py": "print('what a model prints')\n"})

    found = doctor(lake, code=0, MEDALLION_EXECUTOR="processes")

    assert list(found) == [
        *("settings", "libraries", "models", "catalog", "catalog for writing", "publishing"),
        *("store", "clock", "source of bronze.orders", "spill", "executor"),
    ]
    assert "processes: answers from process" in found["executor"]["found"]
    assert "Python 3." in found["libraries"]["found"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('executer = "dask"', "there is no setting 'executer'"),
        ("workers = 0", "workers = 0 does not fit"),
        ("workers =", "is no TOML"),
        ('secrets = "vault"', "secrets = 'vault' does not fit"),
    ],
)
def test_settings_that_are_wrong(lake: Path, text: str, told: str, doctor: Doctor) -> None:
    found = doctor(settings(lake, text), code=2)

    assert told in found["settings"]["found"]
    assert found["libraries"]["health"] == "ok"
    assert found["store"]["found"] == "not looked at: settings failed"


def test_a_folder_that_is_no_project(tmp_path: Path, doctor: Doctor) -> None:
    found = doctor(tmp_path, code=2)

    assert "medallion init" in found["settings"]["next"]


@pytest.mark.parametrize(
    ("model", "told", "code"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError", 2),
        ("import sys; sys.exit('no')", "SystemExit: no", 4),
        (sql_model("silver", "x", "from silver.nothing"), "silver.nothing", 2),
    ],
)
def test_models_that_do_not_load(
    lake: Path, model: str, told: str, code: int, doctor: Doctor
) -> None:
    found = doctor(write(lake, {"models/silver/x.py": model}), code=code)

    assert told in found["models"]["found"]
    assert bad(found) == {"models": "failed"}


def test_no_models_is_a_warning(lake: Path, doctor: Doctor) -> None:
    (lake / "empty").mkdir()
    found = doctor(settings(lake, 'models = "empty"\nexpectations = "empty"'), code=0)

    assert bad(found) == {"models": "warning"}


@pytest.mark.parametrize(
    ("catalog", "told", "code"),
    [
        ("postgresql+psycopg2://lake:hunter2@127.0.0.1:1/lake", "***@127.0.0.1:1/lake cannot", 4),
        ("postgresql+psycopg2://lake:${MISSING_ONE}@h/lake", "no secret MISSING_ONE", 2),
        ("nonsense", "none that SQLAlchemy knows", 4),
        ("sqlite:///pyproject.toml", "file is not a database", 4),
    ],
)
def test_a_catalog_that_cannot_be_asked(
    lake: Path, catalog: str, told: str, code: int, doctor: Doctor
) -> None:
    found = doctor(settings(lake, f'catalog = "{catalog}"'), code=code)

    assert told in found["catalog"]["found"]
    assert found["catalog"]["next"]
    assert found["catalog for writing"]["found"] == "not looked at: catalog failed"
    assert found["store"]["health"] == found["executor"]["health"] == "ok"


def test_a_password_in_the_settings_is_a_warning(lake: Path, doctor: Doctor) -> None:
    settings(lake, 'catalog = "postgresql+psycopg2://lake:hunter2@127.0.0.1:1/lake"')
    found = doctor(lake, code=4)

    assert found["settings"]["health"] == "warning"
    assert "lake:***@127.0.0.1" in found["settings"]["found"]
    assert "${LAKE_PASSWORD}" in found["settings"]["next"]


def test_a_driver_that_is_not_installed(lake: Path, doctor: Doctor) -> None:
    found = doctor(settings(lake, 'catalog = "oracle+no_such_driver://h/lake"'), code=4)

    assert "no_such_driver" in found["libraries"]["found"]
    assert found["libraries"]["next"] == "pip install no_such_driver"
    assert found["libraries"]["exit_code"] == 2


def test_where_each_secret_is_from(lake: Path, doctor: Doctor) -> None:
    names = "FROM_ENVIRONMENT", "FROM_FILE", "TOO_SHORT", "FROM_NOWHERE", "FROM_JSON.key"
    model = "from medallion import secret\n" + "\n".join(f"secret({n!r})" for n in names)
    write(lake, {"models/silver/x.py": model})
    (lake / ".env").write_text('FROM_FILE=hunter2\nTOO_SHORT=abc\nFROM_JSON=\'{"key": "hun1"}\'\n')
    settings(lake, 'catalog = "${WHOLE_ADDRESS}"')
    variables = {"FROM_ENVIRONMENT": "hunter3", "WHOLE_ADDRESS": f"sqlite:///{lake}/x.db"}

    found = doctor(lake, code=2, **variables)

    assert found["secret FROM_ENVIRONMENT"]["found"] == "from the environment"
    assert found["secret WHOLE_ADDRESS"]["found"] == "from the environment"
    for name in ("FROM_FILE", "FROM_JSON.key"):
        assert found[f"secret {name}"]["found"] == f"from {lake / '.env'}"
    assert "too short to be masked" in found["secret TOO_SHORT"]["found"]
    assert "there is no secret FROM_NOWHERE" in found["secret FROM_NOWHERE"]["found"]
    assert str(lake / ".env") in found["secret FROM_NOWHERE"]["next"]
    assert bad(found) == {"secret TOO_SHORT": "warning", "secret FROM_NOWHERE": "failed"}


def test_a_warehouse_that_is_no_folder(lake: Path, doctor: Doctor) -> None:
    found = doctor(lake, code=4, MEDALLION_WAREHOUSE="pyproject.toml")

    assert {"store", "spill"} <= {n for n, health in bad(found).items() if health == "failed"}
    assert found["models"]["health"] == "ok"


def test_a_source_without_files_is_a_warning(lake: Path, doctor: Doctor) -> None:
    for file in (lake / "warehouse" / "landing").iterdir():
        file.unlink()

    found = doctor(lake, code=0)

    assert "no file matches" in found["source of bronze.orders"]["found"]
    assert bad(found) == {"source of bronze.orders": "warning"}


def test_a_source_of_a_location_that_is_not_set(lake: Path, doctor: Doctor) -> None:
    (lake / "pyproject.toml").write_text("[tool.medallion]\n")

    found = doctor(lake, code=2)

    assert "names the location 'landing'" in found["source of bronze.orders"]["found"]


def test_the_files_of_all_windows_are_counted(tmp_path: Path, doctor: Doctor) -> None:
    model = """
        from medallion import Source, Window, bronze, day, files

        @bronze(time_column="happened", partition_by=day("happened"))
        def events(window: Window) -> Source:
            return files(f"landing/{window}/*.csv", columns={"happened": "timestamp"})
    """
    days = {f"landing/2026-01-0{n}/x.csv": "happened\n" for n in (1, 2, 3)}
    found = doctor(write(tmp_path, {"models/bronze/events.py": model, **days}), code=0)

    assert found["source of bronze.events"]["found"].startswith("3 files match")


def test_an_executor_that_does_not_answer(lake: Path, doctor: Doctor) -> None:
    found = doctor(lake, code=4, MEDALLION_EXECUTOR="dask@127.0.0.1:1")

    assert bad(found) == {"executor": "failed"}
    assert "127.0.0.1:1" in found["executor"]["found"]


def test_what_does_not_answer_in_time_is_left_behind(lake: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql+psycopg2://lake@127.0.0.1:{silent.getsockname()[1]}/lake"
        settings(lake, f'catalog = "{address}"')
        found = {f.check: f for f in examine(lake, limit=3)}

    assert found["catalog"].found == "no answer within 3 s"
    assert found["store"].health is Health.OK
    assert exit_code(found.values()) == 4


@pytest.mark.parametrize(("ahead", "told"), [(0.5, "within 2 s"), (-30, "30 s ahead of the store")])
def test_a_clock_may_differ_a_little(ahead: float, told: str) -> None:
    seen = checks.clock(Subject(Path(), ahead=ahead))

    assert told in seen.text
    assert bool(seen.next) == (abs(ahead) > 2)


def test_a_clock_that_is_far_behind_fails() -> None:
    with pytest.raises(InfrastructureError, match="120 s behind the store's"):
        checks.clock(Subject(Path(), ahead=120))


def test_the_world_counts_before_a_definition() -> None:
    codes = (2, 4, 0)
    assert exit_code(Finding("x", Health.FAILED, "", "", code) for code in codes) == 4
    assert exit_code([Finding("x", Health.WARNING, "y", "z")]) == 0
    assert finding_text(Finding("x", Health.WARNING, "y", "z")).splitlines()[1].strip() == "z"
