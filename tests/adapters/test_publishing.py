"""Groups on catalogs that move one table at a time: killed at every step, in conflict, put back."""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conformance.world import FIRST, SECOND, World, model, rows
from support.projects import sql_model, write
from support.proxy import Fate, proxy

from medallion import Project
from medallion.adapters.iceberg.catalog import IcebergCatalog
from medallion.adapters.iceberg.opening import opened
from medallion.config import Settings
from medallion.errors import CatalogError, ConflictError
from medallion.names import TableName, branch_of
from medallion.report import State
from medallion.tables import Publication, Table
from medallion.wiring import connect

NAMES = tuple(map(TableName.parse, ("bronze.z", "bronze.a", "silver.c", "silver.b", "gold.e")))
NEW = NAMES[-1]  # not published before
BRANCH = branch_of(FIRST)
OLD = rows((1, 1.5, "a"))
WIDE = "select cast(1 as bigint) as id, cast('x' as varchar) as word"
NOTE = f"medallion.audit.{BRANCH}"
Work = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def work() -> Iterator[Work]:
    """Does jobs in processes that may be killed."""
    script = Path(__file__).parents[1] / "support" / "publisher.py"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    into, out = process.stdin, process.stdout

    def do(*jobs: dict[str, Any]) -> list[dict[str, Any]]:
        into.write(json.dumps(jobs) + "\n")
        into.flush()
        answers: list[dict[str, Any]] = json.loads(out.readline())
        return answers

    yield do
    into.close()
    process.wait(timeout=60)
    out.close()


class Group:
    """Five tables with an audited branch each: four have a version before, one is new."""

    def __init__(self, root: Path, catalog: str, lake: World) -> None:
        self.root, self.catalog, self.lake = root, catalog, lake
        bases = {n: lake.publish(model(n, OLD), SECOND) for n in NAMES if n != NEW}
        self.moves = []
        for name in NAMES:
            base = bases.get(name)
            snapshot = lake.commit(model(name, WIDE, doc="Other."), base=base, state="new")
            lake.ports.catalog.note(name, NOTE, "passed")
            self.moves.append(Publication(name, BRANCH, base, snapshot))
        self.before = dict(lake.ports.catalog.tables(NAMES))

    def job(self, do: str, **more: Any) -> dict[str, Any]:
        """A job for another process."""
        group = [(str(p.table), p.branch, p.base, p.snapshot) for p in self.moves]
        return {
            "root": str(self.root),
            "catalog": self.catalog,
            "do": do,
            "group": group,
            "variables": {k: v for k, v in os.environ.items() if k.startswith("AWS_")},
            **more,
        }

    def mains(self) -> list[int | None]:
        """What readers see, as of one moment."""
        return self.lake.mains(NAMES)

    @property
    def old(self) -> list[int | None]:
        """What they see before the publish."""
        return [p.base for p in self.moves]

    @property
    def new(self) -> list[int | None]:
        """And after it."""
        return [p.snapshot for p in self.moves]

    @property
    def journals(self) -> list[Path]:
        """The journals that are there."""
        return sorted((self.root / "warehouse" / ".publish").glob("*.json"))

    def overtake(self, name: TableName) -> int:
        """Somebody else publishes the table, and looks at no journal."""
        table = self.lake.table(name)
        run = "20260103t000000-00000c"
        snapshot = self.lake.commit(model(name, OLD), run, base=table.main)
        with closing(opened(self.catalog, f"file://{self.root}/warehouse", {})) as lake:
            IcebergCatalog(lake).publish([Publication(name, branch_of(run), table.main, snapshot)])
        return snapshot

    def check_finished(self) -> None:
        """All is published, and nothing of the publish is left."""
        assert self.mains() == self.new
        assert self.journals == []
        assert self.lake.ports.catalog.unfinished() == ()
        tables = self.lake.ports.catalog.tables(NAMES)
        assert [BRANCH in t.refs for t in tables.values()] == [False] * 5

    def check_back(self, kept: Sequence[TableName]) -> None:
        """All but `kept` are what they were; their rows are on the branch, in another snapshot."""
        assert self.journals == []
        assert self.lake.ports.catalog.unfinished() == ()
        tables = self.lake.ports.catalog.tables(NAMES)
        for publication in self.moves:
            name, table = publication.table, tables[publication.table]
            if name in kept:
                continue
            assert seen(table) == seen(self.before[name])
            copy = table.refs[BRANCH]
            assert copy != publication.snapshot
            assert self.lake.rows_at(copy, name) == [(1, "x")]
            assert table.snapshots[copy].parent == publication.base


def seen(table: Table) -> tuple[object, ...]:
    """What readers see of a table, and what is noted of it."""
    return table.main, table.current_schema, dict(table.properties)


@contextmanager
def world(root: Path, catalog: str) -> Iterator[World]:
    """The steps of a run on that catalog."""
    with closing(connect(Settings(root, threads=2, catalog=catalog))) as ports:
        yield World(ports)


@pytest.fixture(params=["glue", "rest"])
def catalog(request: pytest.FixtureRequest) -> str:
    """The address of each catalog that moves one table at a time."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def group(tmp_path: Path, catalog: str) -> Iterator[Group]:
    """Such a group, ready to be published."""
    with world(tmp_path, catalog) as lake:
        yield Group(tmp_path, catalog, lake)


def killed_at(group: Group, work: Work, step: int) -> None:
    """A publish that is killed before that step: the journal is the first, then the tables."""
    assert work(group.job("publish", kill=step)) == [{"status": "killed"}]
    moved = max(0, step - 2)
    assert group.mains() == group.new[:moved] + group.old[moved:]
    runs = group.lake.ports.catalog.unfinished()
    assert runs == ((FIRST,) if step > 1 else ())


def test_a_group_is_published_table_by_table_and_the_journal_goes(group: Group, work: Work) -> None:
    assert work(group.job("publish")) == [{"status": "done", "steps": 7, "error": ""}]
    group.check_finished()


@pytest.mark.parametrize("step", range(1, 8))
def test_a_publish_that_was_killed_is_finished_by_the_next_command(
    group: Group, work: Work, step: int
) -> None:
    """What readers see until then are the first tables of the group, in its order."""
    killed_at(group, work, step)

    group.lake.ports.catalog.prepare()
    if step == 1:
        assert group.mains() == group.old
        group.lake.ports.catalog.publish(group.moves)

    group.check_finished()


@pytest.mark.parametrize("step", [2, 4, 6, 7])
def test_a_publish_that_was_killed_is_put_back_if_it_cannot_be_finished(
    group: Group, work: Work, step: int
) -> None:
    """Others have published the fourth table meanwhile, or have built on what was moved of it."""
    killed_at(group, work, step)
    theirs = group.overtake(NAMES[3])

    group.lake.ports.catalog.prepare()

    if step > 5:
        assert group.mains() == [*group.new[:3], theirs, group.new[4]]
        assert group.journals == []
    else:
        group.check_back([NAMES[3]])
        assert group.mains()[3] == theirs
    assert group.lake.mains([NAMES[3]]) == [theirs]


@pytest.mark.parametrize("step", [1, 2, 3, 4, 7])
def test_going_back_that_was_killed_goes_on_and_never_forward_again(
    group: Group, work: Work, step: int
) -> None:
    """Its steps: it is noted, and then five tables, the last first."""
    killed_at(group, work, 5)
    group.overtake(NAMES[3])
    assert work(group.job("prepare", kill=step)) == [{"status": "killed"}]
    back = group.mains()
    back[3] = None

    group.lake.ports.catalog.prepare()

    group.check_back([NAMES[3]])
    moved = [a == b for a, b in zip(back, group.new, strict=True)]
    assert moved in (
        [True, True, True, False, False][: max(0, n)] + [False] * (5 - n) for n in range(4)
    )


def test_a_conflict_in_the_middle_puts_back_what_was_moved(tmp_path: Path, rest: str) -> None:
    """Somebody publishes the fourth table after it was looked at, and before its turn."""
    with proxy(rest) as between, world(tmp_path, rest) as lake:
        group = Group(tmp_path, rest, lake)
        armed = [True]

        def before(request: str) -> None:
            if request.startswith("POST") and "/c" in request and armed:
                armed.clear()
                group.overtake(NAMES[3])

        between.before = before
        with (
            world(tmp_path, between.address) as own,
            pytest.raises(ConflictError, match=r"silver\.b: .*were put back"),
        ):
            own.ports.catalog.publish(group.moves)
        group.check_back([NAMES[3]])


def test_what_was_put_back_can_be_published_once_it_was_audited_again(
    group: Group, work: Work
) -> None:
    killed_at(group, work, 5)
    group.overtake(NAMES[3])
    with pytest.raises(ConflictError, match="was audited"):
        group.lake.ports.catalog.publish(group.moves[:1])

    tables = group.lake.ports.catalog.tables(NAMES)
    again = [
        Publication(p.table, BRANCH, p.base, tables[p.table].refs[BRANCH])
        for p in group.moves
        if p.table != NAMES[3]
    ]
    group.lake.ports.catalog.publish(again)

    assert group.lake.mains([p.table for p in again]) == [p.snapshot for p in again]
    assert [group.lake.table(p.table).properties["comment"] for p in again] == ["Other."] * 4


@pytest.mark.parametrize("step", [3, 5])
@pytest.mark.parametrize("overtaken", [False, True])
def test_many_who_find_a_journal_at_once_come_to_the_same_end(
    group: Group, work: Work, step: int, overtaken: bool
) -> None:
    """Among them one who publishes the same group itself."""
    killed_at(group, work, step)
    if overtaken:
        group.overtake(NAMES[3])

    answers = work(*[group.job("prepare")] * 4, group.job("publish"))

    assert [a["status"] for a in answers[:4]] == ["done"] * 4
    assert answers[4]["status"] == ("ConflictError" if overtaken else "done")
    if overtaken:
        group.check_back([NAMES[3]])
    else:
        group.check_finished()


def commit_request(catalog: str, name: TableName) -> str:
    """What names the commits of a table, of all tables on Glue."""
    return (
        "UpdateTable"
        if catalog.startswith("glue")
        else f"POST /v1/namespaces/{name.layer}/tables/{name.model}"
    )


def test_a_request_that_arrives_after_the_publish_was_put_back_moves_nothing(
    tmp_path: Path, rest: str
) -> None:
    """Its sender is told that the publish is unfinished; others undo it; then it arrives."""
    with proxy(rest) as between, world(tmp_path, rest) as lake:
        group = Group(tmp_path, rest, lake)
        between.meet(commit_request(rest, NAMES[2]), Fate.LATE)
        with (
            world(tmp_path, between.address) as mine,
            pytest.raises(CatalogError, match="unfinished"),
        ):
            mine.ports.catalog.publish(group.moves)
        group.overtake(NAMES[3])
        lake.ports.catalog.prepare()
        group.check_back([NAMES[3]])

        between.release.set()
        wait_until(lambda: between.times(commit_request(rest, NAMES[2])) == 1)

        group.check_back([NAMES[3]])


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_catalog_that_goes_away_in_the_middle_leaves_the_publish_to_the_next_command(
    tmp_path: Path, rest: str
) -> None:
    with proxy(rest) as between, world(tmp_path, rest) as lake:
        group = Group(tmp_path, rest, lake)
        between.meet(commit_request(rest, NAMES[2]), Fate.UNAVAILABLE)
        with world(tmp_path, between.address) as mine:
            with pytest.raises(CatalogError, match=r"the publish of run .* is unfinished") as told:
                mine.ports.catalog.publish(group.moves)
            assert "the next command that writes goes on with it" in told.value.hint
            assert group.mains() == group.new[:2] + group.old[2:]
            assert mine.ports.catalog.unfinished() == (FIRST,)

            mine.ports.catalog.publish([])

        group.check_finished()


def test_a_journal_that_nobody_understands_is_named(group: Group) -> None:
    folder = group.root / "warehouse" / ".publish"
    folder.mkdir(parents=True)
    (folder / "odd.json").write_text('{"version": 9}')

    with pytest.raises(CatalogError, match=r"cannot be understood: .*odd\.json"):
        group.lake.ports.catalog.prepare()


def test_a_publish_of_one_table_needs_no_journal(group: Group, work: Work) -> None:
    job = group.job("publish")
    answers = work({**job, "group": job["group"][:1]})

    assert [(a["status"], a["steps"]) for a in answers] == [("done", 1)]
    assert group.mains() == group.new[:1] + group.old[1:]


def test_notes_of_several_processes_are_all_kept(group: Group, work: Work) -> None:
    """Each is a commit of the same table, decided on what the table was before."""
    answers = work(*[group.job("notes")] * 4)

    assert [a["status"] for a in answers] == ["done"] * 4, answers
    assert sum(key.startswith("note.") for key in group.lake.table(NAMES[0]).properties) == 20


def test_a_build_begins_by_finishing_what_the_last_one_left(tmp_path: Path, rest: str) -> None:
    """It says so when it ends, and the next one plans on what is published then."""
    one = sql_model("silver", "one", "select 1 as id")
    two = sql_model("silver", "two", "select one.id + 1 as id from silver.one")
    write(tmp_path, {"models/silver/one.py": one, "models/silver/two.py": two})
    with proxy(rest) as between:
        between.meet("POST /v1/namespaces/silver/tables/two", None, Fate.UNAVAILABLE)
        with Project.load(tmp_path, catalog=between.address) as project:
            report = project.build()
            [run] = project.ports.catalog.unfinished()
            seen = [table.main is not None for table in project.tables().values()]
            failure = report.results[0].failure
            looked = subprocess.run(
                [sys.executable, "-m", "medallion", "branches"],
                cwd=tmp_path,
                env={**os.environ, "MEDALLION_CATALOG": between.address},
                capture_output=True,
                text=True,
                check=True,
            )
            again = project.build()

    assert f"the publish of run {run} is under way, or was interrupted" in looked.stderr
    assert (report.exit_code, report.run, seen) == (4, run, [True, False])
    assert failure
    tables = "silver.one, silver.two, _medallion.audits"
    assert f"the publish of run {run} is unfinished ({tables})" in failure.message
    assert [result.state for result in again.results] == [State.FRESH] * 2
    assert not list((tmp_path / "warehouse" / ".publish").iterdir())


def test_what_a_run_publishes_next_takes_no_verdict_away_that_is_not_published_yet(
    tmp_path: Path, rest: str
) -> None:
    """Groups that do not need each other go on; all of a run append to the log by one branch."""
    models = {f"models/silver/{n}.py": sql_model("silver", n, "select 1 as id") for n in ("a", "b")}
    write(tmp_path, {**models, "pyproject.toml": '[tool.medallion]\npublish = "model"\n'})
    with proxy(rest) as between:
        between.meet("POST /v1/namespaces/_medallion/tables/audits", None, Fate.UNAVAILABLE)
        with Project.load(tmp_path, catalog=between.address) as project:
            report = project.build()
            kept = project.query("select table_name, snapshot from _medallion.audits").to_pylist()
            mains = {str(name): table.main for name, table in project.tables().items()}

    assert [result.state for result in report.results] == [State.FAILED, State.PUBLISHED]
    assert {row["table_name"]: row["snapshot"] for row in kept} == mains
    assert len(kept) == 2


def test_the_address_and_the_options_of_a_catalog_are_not_sent_to_workers(tmp_path: Path) -> None:
    write(tmp_path, {"models/silver/one.py": sql_model("silver", "one", "select 1 as id")})
    options = {"token": "s3cret"}
    with Project.load(tmp_path, catalog="https://host/s3cret", catalog_options=options) as project:
        sent = pickle.dumps(project.worker)

    assert b"s3cret" not in sent
