"""Every verdict is kept, with the table that it is of."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.flows import build, states
from support.foreign import compact
from support.projects import plain_catalog, plain_table, rows, sql_model, suite, write

from medallion import Project
from medallion.errors import DefinitionError
from medallion.proof import Proven
from medallion.report import Report, State, Step
from medallion.versions import followed, followed_text, versions, versions_text

BETWEEN = "expect_column_values_to_be_between"
LOG = "_medallion.audits"


def judged(most: int, severity: str = "critical") -> dict[str, str]:
    document = {
        "type": BETWEEN,
        "kwargs": {"column": "id", "max_value": most},
        "severity": severity,
    }
    return {"expectations/silver/orders.json": suite(document)}


def project(root: Path, id: int = 1, most: int = 5) -> Path:
    query = f"select {id} as id"
    declared = "unique_key='id'"
    files = {"models/orders.py": sql_model("silver", "orders", query, declared)}
    return write(root, files | judged(most))


def run(root: Path, **options: Any) -> Report:
    with Project.load(root) as loaded:
        return loaded.build(**options)


def told(root: Path) -> list[str]:
    """How many verdicts each audit has, and how they came out."""
    with Project.load(root) as loaded:
        return [r["told"] for r in _shown(loaded)]


def _shown(loaded: Project) -> list[dict[str, Any]]:
    found = versions(loaded, "silver.orders")
    return [r | {"told": line} for r, line in zip(found, _last_column(found), strict=True)]


def _last_column(found: list[dict[str, Any]]) -> list[str]:
    return [line.rpartition("  ")[2] for line in versions_text(found).splitlines()[1:]]


def proven(root: Path) -> Proven:
    with Project.load(root) as loaded:
        (found,) = loaded.verify()
        return found.state


def snapshots(root: Path) -> int:
    return len(plain_table(root, LOG).snapshots())


def test_what_is_published_comes_with_its_verdicts(tmp_path: Path) -> None:
    report = build(project(tmp_path))
    kept = rows(tmp_path, LOG)

    snapshot = report["silver.orders"].snapshot
    assert {(r["run"], r["table_name"], r["snapshot"]) for r in kept} == {
        (report.run, "silver.orders", snapshot)
    }
    assert sorted(r["number"] for r in kept) == [1, 2, 3]
    (between,) = (r for r in kept if r["expectation"] == BETWEEN)
    assert json.loads(between["kwargs"]) == {"column": "id", "max_value": 5}
    assert (between["verdict"], between["failing"], between["row_count"]) == ("passed", 0, 1)
    assert proven(tmp_path) is Proven.PROVEN
    assert list(plain_table(tmp_path, LOG).refs()) == ["main"]


def test_building_again_adds_nothing_to_the_log(tmp_path: Path) -> None:
    build(project(tmp_path))
    before = snapshots(tmp_path)
    build(tmp_path)
    assert snapshots(tmp_path) == before


def test_what_was_refused_is_in_the_log_and_the_table_is_as_it_was(tmp_path: Path) -> None:
    build(project(tmp_path))
    report = run(project(tmp_path, id=9))

    assert report.exit_code == 1
    assert rows(tmp_path, "silver.orders") == [{"id": 1}]
    assert told(tmp_path) == [f"1 failed, 2 passed ({BETWEEN}): rejected", "3 passed"]
    assert proven(tmp_path) is Proven.PROVEN
    with Project.load(tmp_path) as loaded:
        assert [v["verdict"] for v in followed(loaded, "silver.orders", BETWEEN)] == [
            "failed",
            "passed",
        ]
        assert "max_value=5" in followed_text(followed(loaded, "silver.orders", BETWEEN))
        with pytest.raises(DefinitionError, match="has judged 'expect'"):
            followed(loaded, "silver.orders", "expect")
        loaded.discard(report.run)
    assert len(told(tmp_path)) == 2


def test_what_is_published_later_is_proven(tmp_path: Path) -> None:
    report = run(project(tmp_path), publish=False)
    assert told_unpublished(tmp_path) == {"silver.orders"}
    with Project.load(tmp_path) as loaded:
        loaded.publish(report.run)
    assert proven(tmp_path) is Proven.PROVEN


def told_unpublished(root: Path) -> set[str]:
    return {r["table_name"] for r in rows(root, LOG)}


def test_a_branch_that_is_audited_again_and_published_is_proven(tmp_path: Path) -> None:
    report = run(project(tmp_path), publish=False)
    write(tmp_path, judged(6))
    with Project.load(tmp_path) as loaded:
        loaded.audit(branch=report.run)
        loaded.publish(report.run)
    assert proven(tmp_path) is Proven.PROVEN
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_a_changed_suite_proves_nothing_until_the_next_build(tmp_path: Path) -> None:
    build(project(tmp_path))
    write(tmp_path, judged(6))
    assert proven(tmp_path) is Proven.UNPROVEN

    assert states(build(tmp_path)) == {"silver.orders": State.AUDITED}
    assert proven(tmp_path) is Proven.PROVEN
    assert told(tmp_path) == ["3 passed"]


def test_a_table_without_a_log_is_audited_once_and_recorded(tmp_path: Path) -> None:
    """As after an update, or a kill between a new audit and its log."""
    build(project(tmp_path))
    catalog = plain_catalog(tmp_path)
    catalog.drop_table(catalog.load_table(LOG).name())
    catalog.close()
    assert proven(tmp_path) is Proven.UNPROVEN

    with Project.load(tmp_path) as loaded:
        loaded.audit()
        assert loaded.audits() == ()
        loaded.audit(record=True)
    assert proven(tmp_path) is Proven.PROVEN


@pytest.mark.only_on("local", "s3", because="compaction is PyIceberg's")
def test_compaction_takes_no_proof_away(tmp_path: Path) -> None:
    build(project(tmp_path))
    compact(tmp_path, "silver.orders")
    assert proven(tmp_path) is Proven.PROVEN


def test_runs_that_publish_at_once_are_both_in_the_log(tmp_path: Path) -> None:
    """Their tables are others: none waits for the other."""
    project(tmp_path)
    write(tmp_path, {"models/zones.py": sql_model("silver", "zones", "select 1 as id")})
    done: list[Report] = []

    def meanwhile(event: Any) -> None:
        if event.step is Step.PUBLISHING and not done:
            done.append(build(tmp_path, selection="silver.zones"))

    report = build(tmp_path, selection="silver.orders", listener=meanwhile)

    assert {r["run"] for r in rows(tmp_path, LOG)} == {report.run, done[0].run}
    assert {r["verdict"] for r in rows(tmp_path, LOG)} == {"passed", "unaudited"}


@pytest.mark.only_on("local", because="it stands in the way of a folder")
def test_a_log_that_cannot_be_kept_keeps_rows_from_being_published(tmp_path: Path) -> None:
    """And changes nothing of a run that is refused anyway."""
    root = project(tmp_path)
    (root / "warehouse").mkdir()
    (root / "warehouse" / "_medallion").write_text("")
    refused = run(root)
    assert refused["silver.orders"].state is State.FAILED
    failure = refused["silver.orders"].failure
    assert failure
    assert LOG in failure.message

    rejected = run(project(tmp_path, id=9))
    assert rejected["silver.orders"].state is State.REJECTED
    assert rejected.exit_code == 1
    assert any("could not be kept" in warning for warning in rejected.warnings)
    with Project.load(root) as loaded, pytest.raises(DefinitionError, match="never published"):
        loaded.table("silver.orders")


def test_the_log_is_read_like_a_table_and_is_none_of_the_models(tmp_path: Path) -> None:
    root = project(tmp_path)
    with Project.load(root) as loaded:
        with pytest.raises(DefinitionError, match="never published"):
            loaded.query(f"from {LOG}")
        loaded.build()
        assert loaded.query(f"select count(*) as n from {LOG}").to_pylist() == [{"n": 3}]
        assert len(versions(loaded, LOG)) == 1
        with pytest.raises(DefinitionError, match="nothing matches"):
            loaded.plan(LOG)
    write(root, {"models/copy.py": sql_model("gold", "copy", f"select run from {LOG}")})
    with pytest.raises(DefinitionError, match="no model gives it"):
        Project.load(root)


def test_a_model_that_nothing_guards_is_warned_of(tmp_path: Path) -> None:
    query = "select 1 as id"
    write(tmp_path, {"models/orders.py": sql_model("silver", "orders", query)})
    script = "expectations = [{'type': %r, 'kwargs': {'column': 'id', 'max_value': 9}%s}]"
    unguarded = "silver.orders has no critical expectation: its audit blocks nothing"
    path = "expectations/silver/orders.py"

    for files, warned in (
        (judged(5, "warning"), True),
        ({path: script % (BETWEEN, ", 'severity': 'info'")}, True),
        ({path: script % (BETWEEN, "")}, False),
    ):
        write(tmp_path, files)
        with Project.load(tmp_path) as loaded:
            assert (unguarded in loaded.plan().warnings) is warned
