"""The command line as a person meets it: what it prints, and with which exit code it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import Command
from support.projects import write

HEAVY = ("pyiceberg", "pandas", "duckdb", "great_expectations", "pyarrow", "sqlalchemy", "sqlglot")


def started(root: Path, *arguments: str) -> str:
    """Run the command in a process of its own from the start; what it printed to both streams."""
    return subprocess.run(
        [sys.executable, "-m", "medallion", *arguments],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter project, built once."""
    root = tmp_path_factory.mktemp("project")
    assert "made" in started(root, "init", "lake")
    printed = started(root / "lake", "build", "--layer", "gold")
    assert "published  gold: 1 table" in printed
    assert "3 of 3 tables" in printed
    return root / "lake"


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom medallion.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_init_refuses_to_overwrite(lake: Path, command: Command) -> None:
    assert "exists; nothing was made" in command.told(lake, "init", ".", code=2)


def test_ls_lists_models_and_their_state(lake: Path, command: Command) -> None:
    listed = json.loads(command.told(lake, "ls", "--json"))
    assert [(r["model"], r["rows"]) for r in listed] == [
        ("bronze.orders", 8),
        ("silver.orders", 6),
        ("gold.daily_revenue", 6),
    ]
    assert "gold.daily_revenue" in command.told(lake, "ls", "silver.orders+")


def test_plan_says_what_and_why(lake: Path, command: Command) -> None:
    assert command.told(lake, "plan", "--layer", "gold") == "3 models are up to date\n"
    printed = command.told(lake, "plan", "--layer", "gold", "--full-refresh")
    assert "silver.orders" in printed
    assert "full refresh" in printed
    plan = json.loads(
        command.told(lake, "plan", "--select", "silver.orders", "--full-refresh", "--json")
    )
    assert [t["table"] for g in plan["groups"] for t in g["tasks"]] == ["silver.orders"]


def test_a_selection_may_be_given_in_several_options(lake: Path, command: Command) -> None:
    terms = ("--select", "bronze.*", "-s", "gold.*", "-s", "silver.*")
    left = ("--exclude", "silver.*", "--exclude", "bronze.*")
    plan = json.loads(command.told(lake, "plan", *terms, "--full-refresh", "--json"))
    assert len([t for g in plan["groups"] for t in g["tasks"]]) == 3
    plan = json.loads(command.told(lake, "plan", *terms, *left, "--full-refresh", "--json"))
    assert [t["table"] for g in plan["groups"] for t in g["tasks"]] == ["gold.daily_revenue"]


def test_query_prints_rows_or_json(lake: Path, command: Command) -> None:
    printed = command.told(lake, "query", "select count(*) as n from silver.orders")
    assert printed.split() == ["n", "6", "1", "row"]
    assert json.loads(command.told(lake, "query", "select 1 as one", "--json")) == [{"one": 1}]
    assert "no model silver.order" in command.told(lake, "query", "from silver.order", code=2)


def test_show_history_audit_diff_and_branches_tell_of_a_model(lake: Path, command: Command) -> None:
    shown = json.loads(command.told(lake, "show", "silver.orders", "--json"))
    assert shown["unique_key"] == ["order_id"]
    assert shown["read_by"] == ["gold.daily_revenue"]
    assert {"name": "email", "type": "string", "doc": "SHA-256 of the customer's address"} in shown[
        "columns"
    ]
    assert "SHA-256" in command.told(lake, "show", "silver.orders")
    assert len(json.loads(command.told(lake, "history", "silver.orders", "--json"))) >= 1
    assert "4 passed" in command.told(lake, "audit", "silver.orders")
    assert json.loads(command.told(lake, "diff", "silver.orders", "--json"))["rows_added"] in (0, 6)
    assert "no run has left a branch" in command.told(lake, "branches")


def test_contract_writes_what_the_rows_of_a_table_keep(lake: Path, command: Command) -> None:
    assert '"order_id": column("bigint", nullable=False, unique=True),' in command.told(
        lake, "contract", "silver.orders"
    )
    told = json.loads(command.told(lake, "contract", "silver.orders", "--json"))
    assert told["columns"][0]["unique"]


def test_an_unpublished_run_is_looked_at_and_published_or_discarded(
    lake: Path, command: Command
) -> None:
    for verb, word in (("discard", "dropped"), ("publish", "published")):
        report = json.loads(command.told(lake, "build", "--full-refresh", "--no-publish", "--json"))
        run = report["run"]
        assert run in command.told(lake, "branches")
        compared = json.loads(
            command.told(lake, "diff", "silver.orders", "--branch", run, "--json")
        )
        assert (compared["rows_added"], compared["rows_removed"]) == (0, 0)
        count = command.told(
            lake, "query", "select count(*) from silver.orders", "--branch", f"run-{run}"
        )
        assert "6" in count
        assert word in command.told(lake, verb, run)
        assert "no run has left a branch" in command.told(lake, "branches")
    assert "has no branches" in command.told(lake, "publish", run, code=2)


def test_a_rejected_build_ends_with_one_and_says_what_to_do(
    tmp_path: Path, command: Command
) -> None:
    command.told(tmp_path, "init", "lake")
    root = tmp_path / "lake"
    impossible = {
        "expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 7}}]
    }
    write(root, {"expectations/gold/daily_revenue.json": json.dumps(impossible)})
    printed = command.told(root, "build", code=1)

    assert "gold.daily_revenue: its audit failed" in printed
    assert "expect_table_row_count_to_equal(value=7)" in printed
    for line in (
        "medallion query",
        "medallion diff gold.daily_revenue --branch run-",
        "medallion discard",
    ):
        assert line in printed
    assert "rejected" in command.told(root, "branches")


def test_wrong_usage_ends_with_two(lake: Path, command: Command) -> None:
    assert "No such command" in command.told(lake, "biuld", code=2)
    assert "unknown layer 'golden'" in command.told(lake, "build", "--layer", "golden", code=2)
    assert "nothing matches" in command.told(lake, "build", "--select", "silver.nothing", code=2)
    assert "is not a run id" in command.told(lake, "publish", "yesterday", code=2)


def test_outside_of_a_project_it_says_how_to_make_one(tmp_path: Path, command: Command) -> None:
    assert "medallion init" in command.told(tmp_path, "ls", code=2)
