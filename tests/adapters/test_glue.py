"""A catalog in AWS Glue: lost answers, races, what others read, and what its errors say."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import boto3
import pytest
from conformance.world import FIRST, SECOND, TRIPS, World, model, rows
from pyiceberg.catalog.glue import GlueCatalog
from support.proxy import Fate, Proxy, proxy

from medallion.config import Settings
from medallion.errors import CatalogError, DefinitionError
from medallion.names import branch_of
from medallion.tables import STATE
from medallion.wiring import connect

ROWS = rows((1, 1.5, "a"))
BRANCH = branch_of(FIRST)


@contextmanager
def world(folder: Path, catalog: str, **options: str) -> Iterator[World]:
    """The steps of a run on that catalog."""
    settings = Settings(folder, threads=2, catalog=catalog, catalog_options=options)
    with closing(connect(settings)) as ports:
        yield World(ports)


@pytest.fixture
def between(glue: str, glue_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Stands between the catalog and its server."""
    with proxy(glue_address) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", made.address)
        yield made


def database(catalog: str) -> str:
    """The database of the silver layer."""
    return f"{catalog.rpartition('/')[2]}_silver"


@pytest.mark.parametrize("fate", [Fate.LOST_ANSWER, Fate.FAILED_ANSWER])
def test_an_update_whose_answer_is_lost_is_recognised_and_not_made_twice(
    tmp_path: Path, glue: str, between: Proxy, fate: Fate
) -> None:
    """boto3 repeats it, and gets a conflict: with itself."""
    with world(tmp_path, glue) as lake:
        snapshot = lake.commit(model(TRIPS, ROWS))
        between.meet("UpdateTable", fate)
        lake.ports.catalog.publish([lake.publication(TRIPS, snapshot)])
        assert between.times("UpdateTable") == 2  # the second was refused
        between.meet("UpdateTable", fate)
        second = lake.commit(model(TRIPS, ROWS), SECOND, base=snapshot)

        assert dict(lake.table().refs) == {"main": snapshot, branch_of(SECOND): second}
        assert between.times("UpdateTable") == 4
        assert list(lake.table().snapshots) == [snapshot, second]


def test_a_table_whose_creation_is_not_answered_is_made_once(
    tmp_path: Path, glue: str, between: Proxy
) -> None:
    with world(tmp_path, glue) as lake:
        between.meet("CreateTable", Fate.LOST_ANSWER)
        snapshot = lake.commit(model(TRIPS, ROWS))

        assert dict(lake.table().refs) == {BRANCH: snapshot}
        assert list(lake.table().snapshots) == [snapshot]


def test_who_cannot_reach_glue_is_told_that_nothing_was_committed(
    tmp_path: Path, glue: str, between: Proxy
) -> None:
    with world(tmp_path, glue, **{"glue.max-retries": "0"}) as lake:
        snapshot = lake.commit(model(TRIPS, ROWS))
        between.meet("UpdateTable", Fate.UNAVAILABLE)

        with pytest.raises(CatalogError, match=r"cannot be used: .*503") as told:
            lake.ports.catalog.publish([lake.publication(TRIPS, snapshot)])

        assert "try again" in told.value.hint
        assert lake.mains([TRIPS]) == [None]


def test_an_update_that_is_refused_for_a_moment_is_sent_again(
    tmp_path: Path, glue: str, between: Proxy
) -> None:
    with world(tmp_path, glue) as lake:
        snapshot = lake.commit(model(TRIPS, ROWS))
        between.meet("UpdateTable", Fate.UNAVAILABLE)

        lake.ports.catalog.publish([lake.publication(TRIPS, snapshot)])

        assert lake.mains([TRIPS]) == [snapshot]


def test_pyiceberg_reads_and_writes_the_same_tables(tmp_path: Path, glue: str) -> None:
    with world(tmp_path, glue) as lake:
        snapshot = lake.publish(model(TRIPS, ROWS), state="new")
        plain = GlueCatalog("plain").load_table((database(glue), "trips"))

        assert plain.metadata.current_snapshot_id == snapshot
        assert plain.scan().to_arrow().to_pylist() == [{"id": 1, "fare": 1.5, "zone": "a"}]
        plain.append(plain.scan().to_arrow())

        assert lake.table().main == plain.metadata.current_snapshot_id
        assert len(lake.rows_at(plain.metadata.current_snapshot_id)) == 2


def test_glue_knows_the_columns_and_the_folder_of_a_table(tmp_path: Path, glue: str) -> None:
    """As Athena looks for them. Notes of ours are in the metadata alone."""
    with world(tmp_path, glue) as lake:
        first = lake.publish(model(TRIPS, ROWS), state="new")
        lake.ports.catalog.note(TRIPS, "owner", "me")
        lake.ports.catalog.note(TRIPS, "owner", None)
        location, properties = lake.table().location, lake.table().properties
    client = boto3.client("glue")
    found = client.get_table(DatabaseName=database(glue), Name="trips")["Table"]
    client.close()

    assert STATE in properties
    assert first
    columns = {c["Name"]: c["Type"] for c in found["StorageDescriptor"]["Columns"]}
    assert columns == {"id": "bigint", "fare": "double", "zone": "string"}
    assert found["StorageDescriptor"]["Location"] == location
    assert found["TableType"] == "EXTERNAL_TABLE"
    assert found["Parameters"]["table_type"] == "ICEBERG"
    assert not [k for k in found["Parameters"] if k.startswith("medallion.") or k == "owner"]


def test_a_table_in_glue_that_is_not_icebergs_is_none(tmp_path: Path, glue: str) -> None:
    with world(tmp_path, glue) as lake:
        lake.ports.catalog.prepare()
        client = boto3.client("glue")
        client.create_table(DatabaseName=database(glue), TableInput={"Name": "trips"})
        client.close()

        assert not lake.ports.catalog.tables([TRIPS])


def test_a_prefix_keeps_lakes_of_one_account_apart(tmp_path: Path, glue: str) -> None:
    with world(tmp_path, glue) as lake, world(tmp_path, f"{glue}_other") as other:
        lake.publish(model(TRIPS, ROWS))

        assert not other.ports.catalog.tables([TRIPS])


@pytest.mark.parametrize(
    "address", ["glue://EU/x", "glue://eu-central-1/a-b", "glue://eu-central-1/a/b", "glue:/x"]
)
def test_an_address_that_is_none_is_told(tmp_path: Path, address: str) -> None:
    with world(tmp_path, address) as lake, pytest.raises(CatalogError) as told:
        lake.ports.catalog.prepare()
    assert "SQLAlchemy" in told.value.message or address in told.value.message


def test_a_region_that_is_missing_is_told(
    tmp_path: Path, glue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with world(tmp_path, "glue") as lake, pytest.raises(CatalogError, match="region") as told:
        lake.ports.catalog.tables([TRIPS])
    assert "glue://REGION" in told.value.hint


def test_credentials_that_are_missing_are_told(
    tmp_path: Path, glue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with world(tmp_path, glue) as lake, pytest.raises(CatalogError, match="credentials") as told:
        lake.ports.catalog.prepare()
    assert "AWS_PROFILE" in told.value.hint


def test_a_server_that_is_not_there_is_told(
    tmp_path: Path, glue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", "http://127.0.0.1:1")
    lake = world(tmp_path, glue, **{"glue.max-retries": "0"})
    with lake as own, pytest.raises(CatalogError, match=r"glue://.* cannot be used: Could not"):
        own.ports.catalog.prepare()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": "s3cret"}, "a glue catalog has no option 'token'"),
        ({"glue.profile": "s3cret"}, "did you mean glue.profile-name?"),
        ({"glue.max-retries": "many"}, "glue.max-retries = 'many' is no whole number"),
    ],
)
def test_an_option_that_does_not_fit_is_told(
    tmp_path: Path, options: dict[str, str], said: str
) -> None:
    with world(tmp_path, "glue", **options) as lake, pytest.raises(DefinitionError) as told:
        lake.ports.catalog.prepare()
    assert said in str(told.value)
    assert "s3cret" not in str(told.value)
