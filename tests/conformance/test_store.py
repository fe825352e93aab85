"""What every store promises."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from conformance.world import FIRST, SECOND, TRIPS, ZONES, World, model, rows

from medallion import column
from medallion.errors import ConflictError, StoreError
from medallion.names import branch_of
from medallion.tables import RUN, STATE

BRANCH, OTHER_BRANCH = branch_of(FIRST), branch_of(SECOND)
ONE, TWO = rows((1, 1.5, "a")), rows((1, 1.5, "a"), (2, 2.5, "b"))
THREE = rows((3, 3.5, "c"))
NOTHING: frozenset[str] = frozenset()


def test_the_first_commit_makes_the_table_with_a_branch_alone(world: World) -> None:
    snapshot = world.commit(model(TRIPS, ONE))

    assert world.table().main is None
    assert dict(world.table().refs) == {BRANCH: snapshot}
    assert list(world.table().snapshots) == [snapshot]


def test_a_snapshot_has_the_rows_that_were_committed(world: World) -> None:
    query = rows((1, 1.5, "a"), (2, None, "b"), (None, 2.5, None))
    write = world.write(model(TRIPS, query))
    snapshot = world.ports.store.commit(write)
    frame = world.ports.store.frame(world.table(), snapshot)

    assert world.read(frame) == [(1, 1.5, "a"), (2, None, "b"), (None, 2.5, None)]
    assert frame.schema == write.result.schema
    assert (
        (frame.rows, frame.nbytes) == (write.result.rows, write.result.bytes) == (3, frame.nbytes)
    )
    assert frame.nbytes > 0


def test_a_snapshot_tells_its_parent_and_what_its_writer_noted(world: World) -> None:
    base = world.publish(model(TRIPS, ONE))
    write = world.write(model(TRIPS, TWO), SECOND, base=base)
    snapshot = world.ports.store.commit(replace(write, summary={RUN: SECOND, "by": "me"}))
    first, second = (world.table().snapshots[id] for id in (base, snapshot))

    assert (first.parent, first.run, first.operation) == (None, FIRST, "append")
    assert (second.parent, second.run, second.operation) == (base, SECOND, "overwrite")
    assert second.summary["by"] == "me"
    assert second.summary["total-records"] == second.summary["added-records"] == "2"


def test_rows_are_replaced_and_the_snapshot_before_keeps_its_own(world: World) -> None:
    first = world.publish(model(TRIPS, TWO))
    second = world.publish(model(TRIPS, rows((3, 3.5, "c"))), SECOND, base=first)

    assert world.rows_at(second) == [(3, 3.5, "c")]
    assert world.rows_at(first) == [(1, 1.5, "a"), (2, 2.5, "b")]


def test_a_second_commit_of_a_run_takes_the_place_of_its_first(world: World) -> None:
    first, second = world.commit(model(TRIPS, ONE)), world.commit(model(TRIPS, TWO))

    assert first != second
    assert dict(world.table().refs) == {BRANCH: second}
    assert world.table().snapshots[second].parent is None
    assert world.rows_at(second) == [(1, 1.5, "a"), (2, 2.5, "b")]


def test_runs_fork_from_main_beside_each_other(world: World) -> None:
    base = world.publish(model(TRIPS, ONE))
    left = world.commit(model(TRIPS, rows((2, 0.5, "left"))), FIRST, base=base)
    right = world.commit(model(TRIPS, rows((3, 0.5, "right"))), SECOND, base=base)
    table = world.table()

    assert dict(table.refs) == {"main": base, BRANCH: left, OTHER_BRANCH: right}
    assert table.snapshots[left].parent == table.snapshots[right].parent == base
    assert world.rows_at(left) == [(2, 0.5, "left")]
    assert world.rows_at(right) == [(3, 0.5, "right")]
    assert world.rows_at(base) == [(1, 1.5, "a")]


def test_runs_that_commit_at_the_same_time_all_get_their_branch(world: World) -> None:
    runs = [f"20260101t00000{number}-00000a" for number in range(6)]
    writes = [world.write(model(TRIPS, ONE), run) for run in runs]
    with ThreadPoolExecutor(len(runs)) as pool:
        snapshots = list(pool.map(world.ports.store.commit, writes))

    assert dict(world.table().refs) == dict(zip(map(branch_of, runs), snapshots, strict=True))
    assert [world.rows_at(snapshot) for snapshot in snapshots] == [[(1, 1.5, "a")]] * len(runs)


def test_tables_do_not_share_rows(world: World) -> None:
    trips, zones = world.commit(model(TRIPS, ONE)), world.commit(model(ZONES, TWO))

    assert world.rows_at(trips, TRIPS) == [(1, 1.5, "a")]
    assert world.rows_at(zones, ZONES) == [(1, 1.5, "a"), (2, 2.5, "b")]


def test_nothing_is_committed_when_main_is_no_longer_the_base(world: World) -> None:
    first = world.publish(model(TRIPS, ONE))
    late = world.write(model(TRIPS, TWO), FIRST, base=first)
    world.publish(model(TRIPS, TWO), SECOND, base=first)
    before = world.table()

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.store.commit(late)

    assert world.table() == before


def test_nothing_is_committed_when_somebody_else_published_the_table_first(world: World) -> None:
    late = world.write(model(TRIPS, TWO))
    world.publish(model(TRIPS, ONE), SECOND)
    before = world.table()

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.store.commit(late)

    assert world.table() == before


def test_no_rows_are_a_snapshot_too(world: World) -> None:
    base = world.publish(model(TRIPS, ONE))
    write = world.write(model(TRIPS, rows()), SECOND, base=base)
    snapshot = world.ports.store.commit(write)
    frame = world.ports.store.frame(world.table(), snapshot)

    assert (write.result.files, frame.rows, world.read(frame)) == ((), 0, [])
    assert frame.schema.names == ("id", "fare", "zone")
    assert world.table().snapshots[snapshot].summary["total-records"] == "0"
    assert world.rows_at(base) == [(1, 1.5, "a")]


def test_a_table_can_begin_without_rows(world: World) -> None:
    empty = world.publish(model(TRIPS, rows()))
    full = world.publish(model(TRIPS, ONE), SECOND, base=empty)

    assert world.rows_at(empty) == []
    assert world.rows_at(full) == [(1, 1.5, "a")]
    assert world.table().snapshots[full].operation == "append"


def test_columns_that_a_run_left_unpublished_get_no_second_id(world: World) -> None:
    """A run that failed its audit is built again; the table does not grow by it."""
    base = world.publish(model(TRIPS, "select cast(1 as bigint) as id"))
    world.commit(model(TRIPS, ONE), FIRST, base=base)
    before = world.table()
    again = world.commit(model(TRIPS, ONE), SECOND, base=base)
    after = world.table()

    assert after.schemas == before.schemas
    assert after.last_column_id == before.last_column_id == 3
    assert [c.id for c in after.schema_at(again)] == [1, 2, 3]


def test_a_snapshot_that_is_not_there_has_no_rows_to_give(world: World) -> None:
    world.commit(model(TRIPS, ONE))

    with pytest.raises(StoreError, match=r"404 of silver\.trips"):
        world.ports.store.frame(world.table(), 404)


def test_a_file_that_is_gone_is_not_committed(world: World) -> None:
    write = world.write(model(TRIPS, ONE))
    missing = replace(write.result.files[0], path=write.result.files[0].path + "-gone")

    with pytest.raises(StoreError, match=r"silver\.trips"):
        world.ports.store.commit(replace(write, result=replace(write.result, files=(missing,))))

    assert not world.ports.catalog.tables([TRIPS])


def test_reading_needs_nothing_but_the_table_and_the_snapshot(world: World) -> None:
    """The table may be one that was looked up before others were committed."""
    first = world.publish(model(TRIPS, ONE))
    table = world.table()
    world.publish(model(TRIPS, "select cast(9 as bigint) as id"), SECOND, base=first)

    assert world.read(world.ports.store.frame(table, first)) == [(1, 1.5, "a")]


def test_rows_of_files_that_are_not_replaced_stay(world: World) -> None:
    first = world.publish(model(TRIPS, ONE))
    second = world.publish(model(TRIPS, THREE), SECOND, base=first, replaces=NOTHING)
    third = world.commit(model(TRIPS, TWO), base=second, replaces=world.paths(first))

    assert world.rows_at(second) == [(1, 1.5, "a"), (3, 3.5, "c")]
    assert world.rows_at(third) == [(1, 1.5, "a"), (2, 2.5, "b"), (3, 3.5, "c")]
    assert world.paths(second) - world.paths(first) < world.paths(third)
    assert not world.paths(first) & world.paths(third)
    assert world.table().snapshots[third].parent == second


def test_files_are_removed_where_nothing_takes_their_place(world: World) -> None:
    first = world.publish(model(TRIPS, ONE))
    second = world.publish(model(TRIPS, THREE), SECOND, base=first, replaces=NOTHING)
    empty = world.write(model(TRIPS, rows()), base=second, replaces=world.paths(first))
    third = world.ports.store.commit(empty)
    operations = [world.table().snapshots[id].operation for id in (first, second, third)]

    assert world.rows_at(third) == [(3, 3.5, "c")]
    assert operations == ["append", "append", "delete"]


def test_a_table_can_begin_with_a_part(world: World) -> None:
    snapshot = world.publish(model(TRIPS, ONE), replaces=NOTHING)

    assert world.rows_at(snapshot) == [(1, 1.5, "a")]


def test_a_file_that_is_not_there_cannot_be_replaced(world: World) -> None:
    """Somebody else has replaced it, or there was never a table."""
    first = world.publish(model(TRIPS, ONE))
    second = world.publish(model(TRIPS, TWO), SECOND, base=first)
    late = world.write(model(TRIPS, THREE), base=second, replaces=world.paths(first))
    never = world.write(model(ZONES, ONE), replaces=frozenset(["/no/such/file"]))
    before = world.table()

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.store.commit(late)
    with pytest.raises(ConflictError, match="/no/such/file"):
        world.ports.store.commit(never)

    assert world.table() == before
    assert not world.ports.catalog.tables([ZONES])


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_that_takes_its_own_place_stays_once(world: World, whole: bool) -> None:
    """As of a run that was killed after it had committed, and is done again with its files."""
    written = world.write(model(TRIPS, ONE))
    first = world.ports.store.commit(written)
    world.ports.catalog.publish([world.publication(TRIPS, first)])
    more = world.write(model(TRIPS, THREE), SECOND, base=first)
    files = (*written.result.files, *more.result.files)
    replaces = None if whole else world.paths(first)
    again = replace(more, result=replace(more.result, files=files), replaces=replaces)
    second = world.ports.store.commit(again)
    summary = world.table().snapshots[second].summary

    assert world.rows_at(second) == [(1, 1.5, "a"), (3, 3.5, "c")]
    assert (summary["added-records"], summary["total-records"]) == ("1", "2")
    assert "deleted-records" not in summary


def test_the_summary_counts_what_is_there_after_several_parts(world: World) -> None:
    first = world.publish(model(TRIPS, TWO))
    second = world.publish(model(TRIPS, THREE), SECOND, base=first, replaces=NOTHING)
    third = world.publish(model(TRIPS, ONE), base=second, replaces=world.paths(first))
    frame = world.ports.store.frame(world.table(), third)
    summary = world.table().snapshots[third].summary

    assert world.table().snapshots[second].summary["total-records"] == "3"
    assert (summary["added-records"], summary["deleted-records"]) == ("1", "2")
    assert summary["total-records"] == str(frame.rows) == "2"
    assert summary["total-data-files"] == str(len(frame.files))
    assert world.table().snapshots[third].operation == "overwrite"


def test_a_part_may_bring_a_new_column(world: World) -> None:
    first = world.publish(model(TRIPS, "select cast(9 as bigint) as id"))
    second = world.commit(model(TRIPS, ONE), SECOND, base=first, replaces=NOTHING)

    assert world.rows_at(second) == [(1, 1.5, "a"), (9, None, None)]


def test_the_state_of_a_write_waits_beside_its_branch(world: World) -> None:
    world.commit(model(TRIPS, ONE), state="one")
    waiting = dict(world.table().properties)
    world.commit(model(TRIPS, ONE))

    assert waiting[f"{STATE}.{BRANCH}"] == "one"
    assert STATE not in waiting
    assert f"{STATE}.{BRANCH}" not in world.table().properties


def test_a_column_is_required_from_when_it_is_published(world: World) -> None:
    base = world.publish(model(TRIPS, ONE))
    made = model(TRIPS, TWO, columns={"id": column(nullable=False)})
    snapshot = world.commit(made, SECOND, base=base)
    table = world.table()

    assert [c.required for c in table.schema_at(snapshot)] == [True, False, False]
    assert [c.id for c in table.schema_at(snapshot)] == [1, 2, 3]
    assert not any(c.required for c in table.schemas[table.current_schema])
    world.ports.catalog.publish([world.publication(TRIPS, snapshot, SECOND, base)])
    assert world.table().schemas[world.table().current_schema] == table.schema_at(snapshot)
