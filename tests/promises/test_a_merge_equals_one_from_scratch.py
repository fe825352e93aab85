"""A table merged by key holds what a build from scratch makes; few files are rewritten."""

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.projects import plain_table, rows, sql_model, write
from support.windowed import source

from medallion import Project
from medallion.report import State

Orders = dict[int, tuple[str, int]]
"""By id: when it happened, amount."""

NAME = "silver.orders"
QUERY = (
    "select id, zone, max(happened) as happened, sum(amount)::bigint as amount from {} group by all"
)


def project(root: Path, declaration: str = "") -> Path:
    """Orders by id, merged from all that landed."""
    merge = f"strategy='merge', unique_key='id', partition_by=identity('zone'){declaration}"
    return write(
        root,
        {
            "models/bronze/events.py": source("day"),
            "models/silver/orders.py": sql_model(
                "silver", "orders", QUERY.format("bronze.events"), merge
            ),
        },
    )


def land(root: Path, orders: Orders) -> None:
    """Land orders: a file for each zone, which is the last digit of the id."""
    for zone in range(3):
        lines = [f"{i},{t},{n},{zone}" for i, (t, n) in orders.items() if i % 3 == zone]
        write(root, {f"landing/{zone}.csv": "\n".join(["id,happened,amount,zone", *lines]) + "\n"})


def build(root: Path) -> dict[str, State]:
    """Build, and what became of each table."""
    with Project.load(root) as lake:
        report = lake.build()
    assert report.ok, report.to_dict()
    return {str(r.table): r.state for r in report.results}


def files(root: Path) -> dict[str, str]:
    """The data files that readers see, and the partition of each."""
    tasks = plain_table(root, NAME).scan().plan_files()
    return {t.file.file_path: str(t.file.partition[0]) for t in tasks}


def snapshots(root: Path) -> list[int]:
    """All versions of the table."""
    return [s.snapshot_id for s in plain_table(root, NAME).snapshots()]


ORDERS: Any = st.dictionaries(
    st.integers(0, 8),
    st.tuples(st.sampled_from(["2019-01-01", "2019-01-02", "2020-05-05"]), st.integers(0, 3)),
    max_size=6,
)


def test_merges_equal_a_build_from_scratch(tmp_path_factory: Any, kills: int) -> None:
    """While keys are added and their rows change; each build after a build does nothing."""

    @settings(
        max_examples=max(kills // 6, 1),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(ORDERS, min_size=2, max_size=4))
    def check(batches: list[Orders]) -> None:
        root, known = project(tmp_path_factory.mktemp("merged")), Orders()
        for batch in batches:
            known |= batch
            land(root, known)
            build(root)
            before = snapshots(root)
            assert set(build(root).values()) == {State.FRESH}
            assert snapshots(root) == before
        fresh = project(tmp_path_factory.mktemp("fresh"))
        land(fresh, known)
        build(fresh)
        assert rows(root, NAME) == rows(fresh, NAME)

    check()


def test_only_files_with_changed_rows_are_written_again(tmp_path: Path) -> None:
    root = project(tmp_path)
    orders = {i: ("2019-01-01", i) for i in range(9)}
    land(root, orders)
    build(root)
    before = files(root)
    land(root, orders | {4: ("2019-01-01", 100), 11: ("2019-01-01", 11)})
    build(root)
    after = files(root)

    # Order 4 is in zone 1; order 11 of zone 2 takes the place of none.
    assert sorted(before[path] for path in before.keys() - after.keys()) == ["1"]
    assert sorted(after[path] for path in after.keys() - before.keys()) == ["1", "2"]
    assert {r["id"]: r["amount"] for r in rows(root, NAME)} == {
        **{i: i for i in range(9)}, 4: 100, 11: 11
    }  # fmt: skip


def test_a_row_that_is_as_it_was_writes_no_snapshot(tmp_path: Path) -> None:
    """The input changed, and the model makes the same rows of it."""
    root = project(tmp_path)
    land(root, {1: ("2019-01-01", 1), 2: ("2019-01-02", 2)})
    build(root)
    before = snapshots(root)
    write(root, {"landing/more.csv": "id,happened,amount,zone\n1,2019-01-01,0,1\n"})

    assert build(root) == {"bronze.events": State.PUBLISHED, NAME: State.FRESH}
    assert snapshots(root) == before
    assert set(build(root).values()) == {State.FRESH}
