"""Histories that the engine makes, against an obvious implementation of what they are."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conformance.world import World, model

from medallion import Form, Frame, Model, hashed, identity, scd2
from medallion.config import Settings
from medallion.errors import ModelError
from medallion.names import TableName
from medallion.tables import Draft, Part
from medallion.wiring import connect

NAME = TableName.parse("silver.customers")
DAY = datetime(2024, 1, 1)
SEEDS = range(3)
KEYS = range(40)


@dataclass(frozen=True)
class Change:
    """A row as it was from a moment on; without a city it deletes."""

    id: int
    at: int
    city: str | None


@dataclass
class Version:
    """What was valid from a moment up to another one."""

    since: int
    until: int | None
    changed: int
    city: str


Histories = dict[int, list[Version]]


@dataclass
class Lake:
    """A table that is built again and again, without a catalog: the engine's part of it."""

    world: World
    frame: Frame | None = None
    written: int = 0
    second: int = 0

    def build(self, changes: Sequence[Change], **declared: Any) -> Histories:
        """Give the rows to the model; what the table holds then."""
        made = history(rows(changes), **declared)
        run = f"20240101t00{self.second // 60:02d}{self.second % 60:02d}-00000a"
        at = self.world.ports.catalog.location(NAME)
        schema = self.frame.schema if self.frame else None
        draft = Draft(NAME, at, run, made.partition_by, schema, keeps=self.frame is not None)
        draft = replace(draft, last_column_id=schema.last_id if schema else 0)
        result = self.world.ports.engine.evaluate(made, {}, draft, Part(current=self.frame))
        kept = [
            f for f in (self.frame.files if self.frame else ()) if f.path not in result.replaced
        ]
        self.frame, self.written = Frame(result.schema, (*kept, *result.files)), len(result.files)
        return self.histories()

    def histories(self) -> Histories:
        """What a reader sees, by key."""
        assert self.frame
        engine, found = self.world.ports.engine, defaultdict(list)
        text = "select * from t order by id, valid_from"
        for row in engine.query(text, {"t": self.frame}, Form.ARROW).to_pylist():
            until = row["valid_to"] and number(row["valid_to"])
            version = Version(number(row["valid_from"]), until, number(row["since"]), row["city"])
            assert row["is_current"] is (until is None)
            found[row["id"]].append(version)
        return dict(found)


def number(moment: datetime) -> int:
    """The seconds of a moment of the test."""
    return int((moment - DAY).total_seconds())


def history(query: str, **declared: Any) -> Model:
    """The model; its files are by the last digit of the key."""
    said: dict[str, Any] = {"changed_at": "since", "deleted": "city is null", "snapshots": False}
    said |= {k: v for k, v in declared.items() if k in said}
    rest = {k: v for k, v in declared.items() if k not in said}
    return model(NAME, query, strategy=scd2("id", **said), partition_by=identity("part"), **rest)


def rows(changes: Sequence[Change]) -> str:
    """A query of them, in that order."""
    values = [
        f"({c.id}, timestamp '{DAY + timedelta(seconds=c.at)}', "
        + ("null" if c.city is None else f"'{c.city}'")
        + ")"
        for c in changes
    ]
    given = ", ".join(values or ["(0, timestamp '2024-01-01', 'none')"])
    where = "" if changes else " where false"
    return (
        "select id, since, city::varchar as city, coalesce(id % 5, -1) as part "
        f"from (values {given}) v(id, since, city){where}"
    )


def of_log(changes: Sequence[Change]) -> list[Version]:
    """The history that all changes of a key make, one after the other."""
    versions: list[Version] = []
    for change in sorted(changes, key=lambda c: c.at):
        last = versions[-1] if versions else None
        current = last if last and last.until is None else None
        if current and current.city == change.city:
            continue
        if current:
            current.until = change.at
        if change.city is not None:
            versions.append(Version(change.at, None, change.at, change.city))
    return versions


def of_logs(changes: Sequence[Change]) -> Histories:
    """The same of many keys."""
    found = {i: of_log([c for c in changes if c.id == i]) for i in {c.id for c in changes}}
    return {i: versions for i, versions in found.items() if versions}


def seen(versions: Sequence[Version], change: Change | None, now: int) -> list[Version]:
    """The history of a key when a snapshot is taken in which it has this row, or none."""
    versions = [replace(v) for v in versions]
    last = versions[-1] if versions else None
    if change is None:
        if last and last.until is None:
            last.until = max(now, last.since)
        return versions
    if last and last.until is None and last.city == change.city:
        return versions
    since = change.at
    if last and last.until is not None and change.at < last.until:
        since = max(now, last.until)
    elif last and last.until is None and change.at >= last.changed:
        since = max(change.at, last.since)
    if change.city is None:
        for version in versions:
            if version.since <= since and (version.until is None or since < version.until):
                version.until = since
        return versions
    return joined(placed(versions, Version(since, None, change.at, change.city)))


def placed(versions: list[Version], new: Version) -> list[Version]:
    """The versions with another one among them, which is valid as long as nothing else is known."""
    before = [v for v in versions if v.since < new.since]
    same = [v for v in versions if v.since == new.since]
    after = [v for v in versions if v.since > new.since]
    new.until = after[0].since if after else None
    if same and same[0].until != same[0].since:
        new.until = same[0].until
    elif before and (before[-1].until is None or before[-1].until > new.since):
        new.until, before[-1].until = before[-1].until, new.since
    return [*before, new, *after]


def joined(versions: list[Version]) -> list[Version]:
    """The versions, of which those that follow each other and are alike are one."""
    found: list[Version] = []
    for version in versions:
        if found and (found[-1].until, found[-1].city) == (version.since, version.city):
            found[-1].until = version.until
        else:
            found.append(version)
    return found


def check_no_overlap(histories: Histories) -> None:
    """Versions of a key follow each other, and only the last one may be current."""
    for versions in histories.values():
        for one, next in pairwise(versions):
            assert one.until is not None
            assert one.since <= one.until <= next.since
            assert one.since < next.since


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    ports = connect(Settings(tmp_path))
    yield Lake(World(ports))
    ports.close()


def log(chance: random.Random, times: int = 12) -> list[Change]:
    """Changes of all keys in any order: some are alike, some delete, some are there twice."""
    found = []
    for id in KEYS:
        moments = chance.sample(range(times), chance.randint(1, 6))
        own = [Change(id, at, chance.choice(["Rome", "Oslo", None])) for at in moments]
        found += own + chance.choices(own, k=chance.randint(0, 2))
    chance.shuffle(found)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_that_comes_in_any_order_and_bit_by_bit_makes_the_history_of_all_of_it(
    lake: Lake, seed: int
) -> None:
    chance = random.Random(seed)
    changes = log(chance)
    for end in (*sorted(chance.sample(range(1, len(changes)), 4)), len(changes)):
        found = lake.build(changes[:end])
        assert found == of_logs(changes[:end])
        check_no_overlap(found)
        lake.build(changes[:end][::-1])
        assert lake.written == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_that_the_rows_do_not_name_keep_their_history(lake: Lake, seed: int) -> None:
    chance, known = random.Random(seed), Histories()
    for _ in range(4):
        named = set(chance.sample(KEYS, 15))
        changes = [c for c in log(chance) if c.id in named]
        known = {i: v for i, v in known.items() if i not in named} | of_logs(changes)
        assert lake.build(changes) == known


@pytest.mark.parametrize("seed", SEEDS)
def test_snapshots_make_the_history_of_what_was_seen(lake: Lake, seed: int) -> None:
    """Rows change, are older than before, are deleted in either way, and come back."""
    chance, known = random.Random(seed), Histories()
    for step in range(7):
        # Clocks differ: what changed may be before or after the moment of the build.
        lake.second = 6 * step + chance.randint(0, 9)
        rows = {
            id: Change(id, max(0, 6 * step + chance.randint(-12, 12)), city)
            for id in KEYS
            if (city := chance.choice(["Rome", "Oslo", "Bonn", "", None])) != ""
        }
        known = {i: seen(known.get(i, []), rows.get(i), lake.second) for i in KEYS}
        known = {i: versions for i, versions in known.items() if versions}
        found = lake.build(list(rows.values()), snapshots=True)
        assert found == known
        check_no_overlap(found)
        lake.second += 5  # who looks again sees the same
        assert lake.build(list(rows.values()), snapshots=True) == known


def test_only_files_with_versions_that_change_are_written_again(lake: Lake) -> None:
    changes = [Change(id, 0, "Rome") for id in KEYS]
    lake.build(changes)
    assert lake.frame
    before = {f.path for f in lake.frame.files}
    lake.build([*changes, Change(3, 5, "Oslo"), Change(8, 4, None)])
    after = {f.path for f in lake.frame.files}
    assert (len(before), len(before & after), lake.written) == (5, 4, 1)


def test_masked_columns_tell_versions_apart_as_their_values_do(lake: Lake) -> None:
    changes = [Change(1, 0, "Rome"), Change(1, 1, "Rome"), Change(1, 2, "Oslo"), Change(1, 3, None)]
    found = lake.build(changes, mask={"city": hashed(), "id": hashed()})
    [versions] = found.values()
    assert [(v.since, v.until, len(v.city)) for v in versions] == [(0, 2, 64), (2, 3, 64)]
    assert (
        lake.build([*changes, Change(1, 1, "Rome")], mask={"city": hashed(), "id": hashed()})
        == found
    )


WRONG: Mapping[str, tuple[str, dict[str, Any], str]] = {
    "two at one time": (
        rows([Change(1, 0, "Rome"), Change(7, 1, "Rome"), Change(7, 1, "Oslo")]),
        {},
        "gives several changes of id=7 with since=2024-01-01 00:00:01",
    ),
    "deleted at that time": (
        rows([Change(7, 1, "Rome"), Change(7, 1, None)]),
        {},
        "gives several changes of id=7 with since=2024-01-01 00:00:01",
    ),
    "two in a snapshot": (
        rows([Change(1, 0, "Rome"), Change(7, 1, "Rome"), Change(7, 2, "Rome")]),
        {"snapshots": True},
        "gives several rows with id=7",
    ),
    "no time": (
        "select 7 as id, null::timestamp as since, 'Rome' as city, 1 as part",
        {},
        "gives a row without 'since': id=7",
    ),
    "no key": (
        "select null::int as id, timestamp '2024-01-01' as since, 'Rome' as city, 1 as part",
        {"snapshots": True},
        "gives a row without 'id': id=None",
    ),
    "no time in a snapshot": (
        "select 7 as id, 3 as since, 'Rome' as city, 1 as part",
        {"snapshots": True},
        "'since' is of type int",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_rows_that_make_no_history_are_refused(lake: Lake, what: str) -> None:
    query, declared, told = WRONG[what]
    draft = lake.world.draft(history("select 1 as id"))
    with pytest.raises(ModelError) as error:
        lake.world.ports.engine.evaluate(history(query, **declared), {}, draft)
    assert told in error.value.message
    assert error.value.hint


def test_rows_that_a_table_had_before_it_was_a_history_are_versions_of_none(lake: Lake) -> None:
    plain = model(NAME, rows([Change(1, 0, "Rome"), Change(2, 0, "Oslo")]))
    result = lake.world.evaluate(plain)
    for snapshots in (False, True):
        lake.frame = Frame(result.schema, result.files)
        changes = [Change(1, 0, "Rome"), Change(3, 0, "Bonn")]
        assert lake.build(changes, snapshots=snapshots) == of_logs(changes)


@pytest.mark.parametrize("snapshots", [False, True])
@pytest.mark.parametrize("more", ["", ", null::varchar as city"])
def test_a_key_that_nothing_else_is_known_of_has_a_history(
    lake: Lake, *, snapshots: bool, more: str
) -> None:
    """Touched again, it is as it was."""
    made = history("", snapshots=snapshots, deleted="false")
    made = replace(made, partition_by=())
    current: Frame | None = None
    for ids in ("1", "1, 2"):
        text = f"select unnest([{ids}]) as id, timestamp '2024-01-01' as since{more}"
        given = replace(made, function=model(NAME, text).function)
        schema = current.schema if current else None
        draft = replace(lake.world.draft(given), current=schema, keeps=current is not None)
        found = lake.world.ports.engine.evaluate(given, {}, draft, Part(current=current))
        current = Frame(found.schema, (*(current.files if current else ()), *found.files))
        assert not found.replaced
        assert [row[0] for row in lake.world.read(current)] == [int(i) for i in ids.split(", ")]


@pytest.mark.parametrize("kind", ["date", "timestamptz", "timestamp"])
def test_what_is_gone_ends_when_the_build_began(lake: Lake, kind: str) -> None:
    """As a day, or a moment in UTC; never before it began."""
    current: Frame | None = None
    for ids in ("1, 2, 3", "1"):
        text = (
            f"select unnest([{ids}]) as id, "
            f"if(id = 3, '2024-03-01', '2024-01-01')::timestamp::{kind} as since"
        )
        made = model(NAME, text, strategy=scd2("id", changed_at="since", snapshots=True))
        schema = current.schema if current else None
        draft = replace(lake.world.draft(made), current=schema, run="20240201t101112-00000a")
        found = lake.world.ports.engine.evaluate(made, {}, draft, Part(current=current))
        current = Frame(found.schema, found.files)
    assert current
    query = "select id, (valid_to at time zone 'UTC')::varchar as v from t order by id"
    if kind != "timestamptz":
        query = "select id, valid_to::varchar as v from t order by id"
    rows = lake.world.ports.engine.query(query, {"t": current}, Form.ARROW).to_pylist()
    ended = "2024-02-01" if kind == "date" else "2024-02-01 10:11:12"
    last = "2024-03-01" if kind == "date" else "2024-03-01 00:00:00"
    assert [row["v"] for row in rows] == [None, ended, last]
