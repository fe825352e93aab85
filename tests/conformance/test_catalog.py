"""What every catalog promises."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from conformance.world import FIRST, SECOND, TRIPS, ZONES, World, model, rows

from medallion.errors import ConflictError
from medallion.model import Model
from medallion.names import TableName, branch_of
from medallion.ports import Ports
from medallion.schema import Schema
from medallion.tables import STATE, STATE_OF, Publication, Table

BRANCH, OTHER_BRANCH = branch_of(FIRST), branch_of(SECOND)
ONE, TWO = rows((1, 1.5, "a")), rows((1, 1.5, "a"), (2, 2.5, "b"))
THIRD = "20260103t000000-00000c"
LISTED = [(1, 1.5, "a"), (2, 2.5, "b")]
NARROW = "select cast(7 as bigint) as id"
NOTE = f"medallion.audit.{BRANCH}"


def columns_seen(table: Table) -> Schema:
    return table.schemas[table.current_schema]


def test_tables_that_nobody_made_are_not_listed(world: World) -> None:
    world.commit(model(TRIPS, ONE))

    assert list(world.ports.catalog.tables([ZONES, TRIPS])) == [TRIPS]
    assert not world.ports.catalog.tables([ZONES])
    assert not world.ports.catalog.tables([])


def test_looking_into_a_catalog_that_was_not_prepared_makes_nothing(
    ports: Ports, tmp_path: Path
) -> None:
    assert not ports.catalog.tables([TRIPS])
    assert not list(tmp_path.rglob("*.db"))


def test_preparing_again_keeps_what_is_there(world: World) -> None:
    snapshot = world.publish(model(TRIPS, ONE))

    world.ports.catalog.prepare()

    assert world.mains([TRIPS]) == [snapshot]


def test_a_table_lies_where_it_was_said_before_it_was_made(world: World) -> None:
    said = world.ports.catalog.location(TRIPS)
    world.commit(model(TRIPS, ONE))

    assert world.table().location == said == world.ports.catalog.location(TRIPS)
    assert said != world.ports.catalog.location(ZONES)


def test_readers_see_nothing_of_a_table_before_it_is_published(world: World) -> None:
    snapshot = world.commit(model(TRIPS, ONE))

    assert world.table().main is None
    assert dict(world.table().refs) == {BRANCH: snapshot}


def test_publishing_moves_main_and_drops_the_branch(world: World) -> None:
    snapshot = world.publish(model(TRIPS, ONE))

    assert dict(world.table().refs) == {"main": snapshot}
    assert world.rows_at(snapshot) == [(1, 1.5, "a")]


def test_publishing_twice_is_publishing_once(world: World) -> None:
    snapshot = world.commit(model(TRIPS, ONE))
    group = [world.publication(TRIPS, snapshot)]
    world.ports.catalog.publish(group)
    once = world.table()

    world.ports.catalog.publish(group)

    assert world.table() == once


def test_publishing_again_what_main_has_gone_beyond_moves_nothing_back(world: World) -> None:
    first = world.publish(model(TRIPS, ONE))
    second = world.publish(model(TRIPS, TWO), SECOND, base=first)

    world.ports.catalog.publish([world.publication(TRIPS, first)])

    assert world.mains([TRIPS]) == [second]


def test_publishing_no_table_does_nothing(world: World) -> None:
    world.ports.catalog.publish([])

    assert not world.ports.catalog.tables([TRIPS, ZONES])


def test_a_group_is_published_as_a_whole(world: World) -> None:
    trips, zones = world.commit(model(TRIPS, ONE)), world.commit(model(ZONES, TWO))

    world.ports.catalog.publish([world.publication(TRIPS, trips), world.publication(ZONES, zones)])

    assert world.mains() == [trips, zones]


def test_readers_see_what_the_catalog_guarantees_of_a_group(world: World) -> None:
    """All of it or nothing; where tables move one after the other, the first of them, or all."""
    whole = world.ports.catalog.guarantee().whole
    seen: list[list[int | None]] = []
    done = threading.Event()

    def look() -> None:
        seen.append(world.mains())
        while not done.is_set():
            seen.append(world.mains())

    reader = threading.Thread(target=look)
    reader.start()
    published: list[list[int | None]] = [[None, None]]
    try:
        for number in range(8):
            run = f"20260101t00000{number}-00000a"
            bases = published[-1]
            new = [
                world.commit(model(name, ONE), run, base=base)
                for name, base in zip((TRIPS, ZONES), bases, strict=True)
            ]
            world.ports.catalog.publish(
                [
                    world.publication(name, snapshot, run, base)
                    for name, snapshot, base in zip((TRIPS, ZONES), new, bases, strict=True)
                ]
            )
            if not whole:
                published.append([new[0], bases[1]])
            published.append([*new])
    finally:
        done.set()
        reader.join()

    assert seen
    assert [mains for mains in seen if mains not in published] == []
    assert world.mains() == published[-1]


def test_a_catalog_tells_in_a_sentence_what_it_guarantees(world: World) -> None:
    guarantee = world.ports.catalog.guarantee()

    assert guarantee.text.endswith(".")
    assert ("one after the other" in guarantee.text) == (not guarantee.whole)


def test_a_publish_that_ended_is_not_unfinished(world: World) -> None:
    trips, zones = world.commit(model(TRIPS, ONE)), world.commit(model(ZONES, TWO))
    before = world.ports.catalog.unfinished()
    world.ports.catalog.publish([world.publication(TRIPS, trips), world.publication(ZONES, zones)])

    assert before == world.ports.catalog.unfinished() == ()


def test_no_table_moves_where_one_has_a_main_that_is_not_the_base(world: World) -> None:
    old = world.publish(model(TRIPS, ONE))
    late = world.commit(model(TRIPS, TWO), FIRST, base=old)
    zones = world.commit(model(ZONES, ONE))
    world.publish(model(TRIPS, ONE), SECOND, base=old)
    before = world.ports.catalog.tables([TRIPS, ZONES])

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.catalog.publish(
            [world.publication(ZONES, zones), world.publication(TRIPS, late, base=old)]
        )

    assert world.ports.catalog.tables([TRIPS, ZONES]) == before


def test_a_snapshot_that_was_not_forked_from_main_is_not_published(world: World) -> None:
    """Even if the base is said to be what `main` is now."""
    late = world.commit(model(TRIPS, TWO))
    now = world.publish(model(TRIPS, ONE), SECOND)

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.catalog.publish([world.publication(TRIPS, late, base=now)])

    assert world.mains([TRIPS]) == [now]


@pytest.mark.parametrize("base", [None, 404])
def test_a_main_that_is_not_the_base_said_does_not_move(world: World, base: int | None) -> None:
    """Even if the audited snapshot was forked from it."""
    main = world.publish(model(TRIPS, ONE))
    audited = world.commit(model(TRIPS, TWO), SECOND, base=main)

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.catalog.publish([world.publication(TRIPS, audited, SECOND, base)])

    assert world.mains([TRIPS]) == [main]


def test_no_table_moves_where_one_has_a_branch_that_is_not_what_was_audited(world: World) -> None:
    audited = world.commit(model(TRIPS, ONE))
    world.commit(model(TRIPS, TWO))
    zones = world.commit(model(ZONES, ONE))

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.catalog.publish(
            [world.publication(ZONES, zones), world.publication(TRIPS, audited)]
        )

    assert world.mains() == [None, None]


def test_a_discarded_branch_is_not_published(world: World) -> None:
    audited = world.commit(model(TRIPS, ONE))
    world.ports.catalog.discard([TRIPS], BRANCH)

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.catalog.publish([world.publication(TRIPS, audited)])

    assert world.mains([TRIPS]) == [None]


def test_no_table_moves_where_one_is_not_there(world: World) -> None:
    zones = world.commit(model(ZONES, ONE))

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.catalog.publish(
            [world.publication(ZONES, zones), world.publication(TRIPS, 404)]
        )

    assert world.mains() == [None, None]


def test_columns_change_for_readers_when_they_are_published(world: World) -> None:
    first = world.publish(model(TRIPS, ONE))
    second = world.commit(model(TRIPS, NARROW), SECOND, base=first)

    assert columns_seen(world.table()).names == ("id", "fare", "zone")
    assert world.table().schema_at(second).names == ("id",)

    world.ports.catalog.publish([world.publication(TRIPS, second, SECOND, first)])

    assert columns_seen(world.table()).names == ("id",)
    assert world.table().schema_at(first).names == ("id", "fare", "zone")


def test_the_comment_of_a_table_comes_with_what_is_published(world: World) -> None:
    first = world.publish(model(TRIPS, ONE, doc="One row per trip."))
    second = world.commit(model(TRIPS, ONE, doc="Taxi trips."), SECOND, base=first)
    before = world.table().properties["comment"]
    world.ports.catalog.publish([world.publication(TRIPS, second, SECOND, first)])

    assert before == "One row per trip."
    assert world.table().properties["comment"] == "Taxi trips."


def test_what_is_noted_of_a_table_is_among_its_properties_until_it_is_removed(
    world: World,
) -> None:
    world.commit(model(TRIPS, ONE))
    before = dict(world.table().properties)

    world.ports.catalog.note(TRIPS, NOTE, "passed")
    world.ports.catalog.note(TRIPS, "owner", "me")
    world.ports.catalog.note(TRIPS, "owner", "you")

    assert world.table().properties == {**before, NOTE: "passed", "owner": "you"}

    world.ports.catalog.note(TRIPS, NOTE, None)
    world.ports.catalog.note(TRIPS, "owner", None)
    world.ports.catalog.note(TRIPS, "nothing", None)

    assert world.table().properties == before


def test_what_is_noted_of_a_branch_goes_when_the_branch_is_published(world: World) -> None:
    snapshot = world.commit(model(TRIPS, ONE))
    world.ports.catalog.note(TRIPS, NOTE, "passed")
    world.ports.catalog.note(TRIPS, f"medallion.audit.{OTHER_BRANCH}", "failed")

    world.ports.catalog.publish([world.publication(TRIPS, snapshot)])

    assert NOTE not in world.table().properties
    assert world.table().properties[f"medallion.audit.{OTHER_BRANCH}"] == "failed"


def test_discarding_drops_the_branch_with_its_note_and_keeps_main(world: World) -> None:
    main = world.publish(model(TRIPS, ONE), SECOND)
    before = world.table()
    world.commit(model(TRIPS, TWO), base=main)
    world.ports.catalog.note(TRIPS, NOTE, "failed")

    world.ports.catalog.discard([TRIPS], BRANCH)

    assert dict(world.table().refs) == {"main": main}
    assert world.table().properties == before.properties
    assert world.rows_at(main) == [(1, 1.5, "a")]


def test_discarding_passes_over_tables_without_the_branch(world: World) -> None:
    """As it does over tables that do not exist."""
    zones = world.commit(model(ZONES, ONE), SECOND)
    world.commit(model(TRIPS, ONE))

    world.ports.catalog.discard([TRIPS, ZONES, TableName.parse("gold.nothing")], BRANCH)

    assert not world.table(TRIPS).refs
    assert dict(world.table(ZONES).refs) == {OTHER_BRANCH: zones}


def test_main_cannot_be_discarded(world: World) -> None:
    main = world.publish(model(TRIPS, ONE))

    with pytest.raises(ValueError, match="main"):
        world.ports.catalog.discard([TRIPS], "main")

    assert world.mains([TRIPS]) == [main]


def state_seen(world: World) -> tuple[str | None, str | None]:
    properties = world.table().properties
    return properties.get(STATE), properties.get(STATE_OF)


def test_the_state_comes_with_what_is_published(world: World) -> None:
    first = world.publish(model(TRIPS, ONE), state="one")
    seen = state_seen(world)
    second = world.commit(model(TRIPS, TWO), SECOND, base=first, state="two")

    assert seen == state_seen(world) == ("one", str(first))

    world.ports.catalog.publish([world.publication(TRIPS, second, SECOND, first)])

    assert state_seen(world) == ("two", str(second))
    assert not [key for key in world.table().properties if key.startswith(f"{STATE}.")]


def test_publishing_rows_without_a_state_removes_that_of_the_rows_before(world: World) -> None:
    first = world.publish(model(TRIPS, ONE), state="one")
    world.publish(model(TRIPS, TWO), SECOND, base=first)

    assert state_seen(world) == (None, None)


def test_publishing_twice_keeps_the_state(world: World) -> None:
    snapshot = world.publish(model(TRIPS, ONE), state="one")

    world.ports.catalog.publish([world.publication(TRIPS, snapshot)])

    assert state_seen(world) == ("one", str(snapshot))


def test_the_state_of_a_discarded_branch_is_forgotten(world: World) -> None:
    first = world.publish(model(TRIPS, ONE), state="one")
    before = world.table().properties
    world.commit(model(TRIPS, TWO), SECOND, base=first, state="two")

    world.ports.catalog.discard([TRIPS], OTHER_BRANCH)

    assert world.table().properties == before


def test_the_state_of_rows_that_stay_can_be_replaced(world: World) -> None:
    snapshot = world.publish(model(TRIPS, ONE))

    world.ports.catalog.amend(TRIPS, snapshot, None, "one")
    first = state_seen(world)
    world.ports.catalog.amend(TRIPS, snapshot, "one", "two")

    assert first == ("one", str(snapshot))
    assert state_seen(world) == ("two", str(snapshot))
    assert world.mains([TRIPS]) == [snapshot]


@pytest.mark.parametrize(("moved", "before"), [(0, None), (0, "none of it"), (1, "one")])
def test_a_state_that_somebody_else_has_replaced_is_kept(
    world: World, moved: int, before: str | None
) -> None:
    """Nor is it that of a snapshot which somebody else published."""
    snapshot = world.publish(model(TRIPS, ONE), state="one")

    with pytest.raises(ConflictError, match=r"silver\.trips"):
        world.ports.catalog.amend(TRIPS, snapshot - moved, before, "two")

    assert state_seen(world) == ("one", str(snapshot))


def test_there_is_no_state_without_rows_that_readers_see(world: World) -> None:
    """Nor of a table that does not exist."""
    world.commit(model(TRIPS, ONE))

    for name in (TRIPS, ZONES):
        with pytest.raises(ConflictError, match=str(name)):
            world.ports.catalog.amend(name, 1, None, "one")

    assert state_seen(world) == (None, None)


def appended(world: World, made: Model, run: str, base: int | None) -> Publication:
    """A row on a branch, that is added to what is there when it is published."""
    snapshot = world.commit(made, run, base=base, replaces=frozenset())
    return replace(world.publication(made.name, snapshot, run, base), appends=True)


def test_what_many_append_is_all_there_in_whatever_order(world: World) -> None:
    first = appended(world, model(TRIPS, rows((1, 1.5, "a"))), FIRST, None)
    second = appended(world, model(TRIPS, rows((2, 2.5, "b"))), SECOND, None)
    third = appended(world, model(TRIPS, rows((3, 3.5, "c"))), THIRD, None)
    for publication in (second, first, second, third, first):
        world.ports.catalog.publish([publication])

    table = world.table()
    assert table.main is not None
    assert world.rows_at(table.main) == [(1, 1.5, "a"), (2, 2.5, "b"), (3, 3.5, "c")]
    assert list(table.refs) == ["main"]
    assert len(list(table.lineage(table.main))) == 3
    assert {s.run for s in table.lineage(table.main)} == {FIRST, SECOND, THIRD}


def test_what_is_appended_comes_with_its_group_or_not_at_all(world: World) -> None:
    base = world.publish(model(ZONES, ONE), SECOND)
    entry = appended(world, model(ZONES, rows((9, 9.5, "z"))), FIRST, base)
    trips = world.commit(model(TRIPS, ONE))
    late = world.commit(model(ZONES, TWO), THIRD, base=base, replaces=frozenset())
    world.ports.catalog.publish([world.publication(ZONES, late, THIRD, base)])

    with pytest.raises(ConflictError):
        world.ports.catalog.publish([world.publication(TRIPS, trips + 1), entry])
    assert world.mains() == [None, late]

    world.ports.catalog.publish([world.publication(TRIPS, trips), entry])
    now = world.table(ZONES).main
    assert world.mains() == [trips, now]
    assert now is not None
    assert world.rows_at(now, ZONES) == sorted([*LISTED, *LISTED[:1], (9, 9.5, "z")], key=repr)
