"""A REST catalog: lost answers, what a commit makes sure of, and what its errors say."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conformance.world import FIRST, SECOND, TRIPS, ZONES, World, model, rows
from pyiceberg.catalog.rest import RestCatalog
from support.proxy import Fate, Proxy, proxy
from support.rest import rest_server

from medallion.config import Settings
from medallion.errors import CatalogError, DefinitionError
from medallion.names import branch_of
from medallion.tables import STATE
from medallion.wiring import connect

ROWS = rows((1, 1.5, "a"))
NARROW = "select cast(7 as bigint) as id"
COMMIT = "POST /v1/namespaces/silver/tables/trips"
MANY = "POST /v1/transactions/commit"


@contextmanager
def world(folder: Path, catalog: str, **options: str) -> Iterator[World]:
    """The steps of a run on that catalog."""
    settings = Settings(folder, threads=2, catalog=catalog, catalog_options=options)
    with closing(connect(settings)) as ports:
        yield World(ports)


@pytest.fixture
def between(rest: str) -> Iterator[Proxy]:
    """Stands between a catalog and its server."""
    with proxy(rest) as made:
        yield made


@pytest.mark.parametrize("fate", [Fate.LOST_ANSWER, Fate.FAILED_ANSWER])
def test_a_commit_whose_answer_is_lost_is_recognised_and_not_made_twice(
    tmp_path: Path, between: Proxy, fate: Fate
) -> None:
    """That which makes a table, that which publishes it, and a note."""
    with world(tmp_path, between.address) as lake:
        between.meet(COMMIT, fate)
        snapshot = lake.commit(model(TRIPS, ROWS), state="new")
        between.meet(COMMIT, fate)
        lake.ports.catalog.publish([lake.publication(TRIPS, snapshot)])
        between.meet(COMMIT, fate)
        lake.ports.catalog.note(TRIPS, "owner", "me")

        assert between.times(COMMIT) == 3
        assert dict(lake.table().refs) == {"main": snapshot}
        assert list(lake.table().snapshots) == [snapshot]
        assert lake.table().properties["owner"] == "me"
        assert lake.table().properties[STATE] == "new"


@pytest.mark.parametrize("fate", [Fate.LOST_ANSWER, Fate.FAILED_ANSWER])
def test_a_commit_of_many_tables_whose_answer_is_lost_is_recognised(
    tmp_path: Path, rest_together: str, fate: Fate
) -> None:
    with proxy(rest_together) as between, world(tmp_path, between.address) as lake:
        group = [lake.publication(n, lake.commit(model(n, ROWS))) for n in (TRIPS, ZONES)]
        between.meet(MANY, fate)

        lake.ports.catalog.publish(group)

        assert between.times(MANY) == 1
        assert lake.mains() == [p.snapshot for p in group]
        assert not (tmp_path / "warehouse" / ".publish").exists()


def test_a_commit_that_was_not_taken_is_told_and_can_be_repeated(
    tmp_path: Path, between: Proxy
) -> None:
    with world(tmp_path, between.address) as lake:
        snapshot = lake.commit(model(TRIPS, ROWS))
        between.meet(COMMIT, Fate.UNAVAILABLE)
        with pytest.raises(CatalogError, match="it failed") as told:
            lake.ports.catalog.publish([lake.publication(TRIPS, snapshot)])
        assert "try again" in told.value.hint
        assert lake.mains([TRIPS]) == [None]

        lake.ports.catalog.publish([lake.publication(TRIPS, snapshot)])

        assert lake.mains([TRIPS]) == [snapshot]


def test_a_commit_of_which_nothing_can_be_learned_is_told_so(
    tmp_path: Path, between: Proxy
) -> None:
    with world(tmp_path, between.address) as lake:
        snapshot = lake.commit(model(TRIPS, ROWS))
        between.meet(COMMIT, Fate.LOST_ANSWER)

        def before(request: str) -> None:
            if request.startswith(COMMIT):
                between.meet("GET", *[Fate.UNAVAILABLE] * 2)

        between.before = before
        with pytest.raises(CatalogError, match="whether the commit landed could not be seen"):
            lake.ports.catalog.publish([lake.publication(TRIPS, snapshot)])


def test_a_schema_that_got_another_number_is_still_that_of_its_rows(
    tmp_path: Path, rest: str, between: Proxy
) -> None:
    """Somebody drops a column in the moment before: theirs gets the number that was asked for."""
    with world(tmp_path, between.address) as lake:
        base = lake.publish(model(TRIPS, ROWS), SECOND)
        late, armed = lake.write(model(TRIPS, NARROW), FIRST, base=base), [True]

        def before(request: str) -> None:
            if request.startswith(COMMIT) and armed:
                armed.clear()
                with closing(RestCatalog("plain", uri=rest)) as plain:
                    plain.load_table("silver.trips").update_schema().delete_column("zone").commit()

        between.before = before
        snapshot = lake.ports.store.commit(late)
        table = lake.table()

        assert not armed
        assert table.schemas[table.current_schema].names == ("id", "fare")
        assert table.schema_at(snapshot).names == ("id",)
        assert dict(table.refs) == {"main": base, branch_of(FIRST): snapshot}


def test_pyiceberg_reads_and_writes_the_same_tables(tmp_path: Path, rest: str) -> None:
    with world(tmp_path, rest) as lake:
        snapshot = lake.publish(model(TRIPS, ROWS))
        catalog = RestCatalog("plain", uri=rest)
        plain = catalog.load_table("silver.trips")

        assert plain.metadata.current_snapshot_id == snapshot
        assert plain.scan().to_arrow().to_pylist() == [{"id": 1, "fare": 1.5, "zone": "a"}]
        plain.append(plain.scan().to_arrow())
        catalog.close()

        assert lake.table().main == plain.metadata.current_snapshot_id
        assert len(lake.rows_at(plain.metadata.current_snapshot_id)) == 2


def test_a_server_says_whether_groups_move_in_one_step(
    tmp_path: Path, rest: str, rest_together: str
) -> None:
    for address, whole in ((rest, False), (rest_together, True)):
        with world(tmp_path, address) as lake:
            assert lake.ports.catalog.guarantee().whole is whole


def test_who_asks_is_told_by_a_token(tmp_path: Path) -> None:
    with rest_server(tmp_path / "server", token="s3cret") as address:
        with world(tmp_path, address, token="s3cret") as lake:
            lake.publish(model(TRIPS, ROWS))
        for wrong in ({}, {"token": "wr0ng"}):
            with world(tmp_path, address, **wrong) as lake, pytest.raises(CatalogError) as told:
                lake.ports.catalog.tables([TRIPS])
            assert "(401)" in told.value.message
            assert "MEDALLION_CATALOG_OPTIONS_TOKEN" in told.value.hint
            assert "wr0ng" not in f"{told.value} {told.value.__cause__}"


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with world(tmp_path, "http://127.0.0.1:1/x") as lake, pytest.raises(CatalogError) as told:
        lake.ports.catalog.prepare()
    assert "http://127.0.0.1:1/x cannot be used: it cannot be reached" in told.value.message


def test_a_server_that_is_no_catalog_is_told(tmp_path: Path, glue_address: str) -> None:
    with world(tmp_path, glue_address) as lake, pytest.raises(CatalogError, match="cannot be used"):
        lake.ports.catalog.prepare()


def test_an_address_with_a_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    address = "https://me:s3cret@host/x"
    with world(tmp_path, address) as lake, pytest.raises(CatalogError) as told:
        lake.ports.catalog.prepare()
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("name", ["tokn", "snapshot-loading-mode", "uri"])
def test_an_option_that_does_not_exist_is_told(tmp_path: Path, name: str) -> None:
    settings = {name: "s3cret", "header.X-Team": "trips"}
    with world(tmp_path, "http://host", **settings) as lake, pytest.raises(DefinitionError) as told:
        lake.ports.catalog.prepare()
    assert f"a rest catalog has no option '{name}'" in told.value.message
    assert "s3cret" not in str(told.value)


def test_a_sql_catalog_has_no_options(tmp_path: Path) -> None:
    with world(tmp_path, "", token="s3cret") as lake, pytest.raises(DefinitionError) as told:
        lake.ports.catalog.tables([TRIPS])
    assert "a sql catalog has no option 'token'" in told.value.message
    assert "s3cret" not in str(told.value)
