"""A catalog in PostgreSQL: made at once by many, asked under load, lost in the middle."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from conformance.world import TRIPS, ZONES, World, model, rows
from sqlalchemy import Engine, create_engine, event, inspect, make_url, text
from support.projects import sql_model, write

from medallion.config import Settings
from medallion.errors import CatalogError, DefinitionError, MedallionError
from medallion.wiring import connect

ROWS = rows((1, 1.5, "a"))
NOBODY = "postgresql+psycopg2://somebody:s3cret@127.0.0.1:1/lake"


@contextmanager
def world(folder: Path, catalog: str) -> Iterator[World]:
    """The steps of a run on that catalog."""
    with closing(connect(Settings(folder, threads=2, catalog=catalog))) as ports:
        yield World(ports)


@pytest.fixture
def server(postgres: str) -> Iterator[Engine]:
    """Somebody else who is connected to the catalog's database."""
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def cut_others(server: Engine) -> None:
    """End every other connection to the database."""
    query = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    with server.connect() as connection:
        connection.execute(text(query))


@contextmanager
def cut_at(step: int, server: Engine) -> Iterator[None]:
    """Cuts the connections before the n-th statement or commit on a catalog."""
    steps = count(1)

    def act(*_: object) -> None:
        if next(steps) == step:
            cut_others(server)

    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, act)
    try:
        yield
    finally:
        for name in ("before_cursor_execute", "commit"):
            event.remove(Engine, name, act)


def test_looking_makes_no_tables(tmp_path: Path, postgres: str, server: Engine) -> None:
    with world(tmp_path, postgres) as lake:
        assert not lake.ports.catalog.tables([TRIPS])
        assert not inspect(server).get_table_names()

        lake.ports.catalog.prepare()

    assert len(inspect(server).get_table_names()) == 2


def test_runs_that_make_the_catalog_at_the_same_time_make_one(
    tmp_path: Path, postgres: str
) -> None:
    together = threading.Barrier(6)

    def first(number: int) -> int:
        with world(tmp_path / str(number), postgres) as lake:
            lake.ports.catalog.tables([TRIPS])
            together.wait()
            lake.ports.catalog.prepare()
            return len(lake.ports.catalog.tables([TRIPS]))

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(first, range(6))) == [0] * 6


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_changes_made_at_the_same_time_all_land_whatever_the_isolation(
    tmp_path: Path, postgres: str, server: Engine, level: str
) -> None:
    database = make_url(postgres).database
    with server.connect() as connection:
        setting = f"alter database {database} set default_transaction_isolation = '{level}'"
        connection.execute(text(setting))
    together = threading.Barrier(4)

    def note(number: int) -> None:
        with world(tmp_path, postgres) as mine:
            together.wait()
            for change in range(5):
                mine.ports.catalog.note(TRIPS, f"note.{number}.{change}", "made")

    with world(tmp_path, postgres) as lake:
        lake.publish(model(TRIPS, ROWS))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(note, range(4)))

        assert sum(key.startswith("note.") for key in lake.table().properties) == 20


def test_a_connection_that_was_cut_while_models_ran_is_replaced(
    tmp_path: Path, postgres: str, server: Engine
) -> None:
    with world(tmp_path, postgres) as lake:
        first = lake.publish(model(TRIPS, ROWS))
        cut_others(server)

        assert lake.mains([TRIPS]) == [first]


def test_a_publish_that_is_cut_at_any_step_moves_all_tables_or_none(
    tmp_path: Path, postgres: str, server: Engine
) -> None:
    """It says which, and can be repeated."""
    with world(tmp_path, postgres) as lake:
        group = [lake.publication(n, lake.commit(model(n, ROWS))) for n in (TRIPS, ZONES)]
        cuts, published = 0, False
        while not published:
            cuts += 1
            with cut_at(cuts, server), suppress(CatalogError):
                lake.ports.catalog.publish(group)
                published = True
            assert lake.mains() == ([p.snapshot for p in group] if published else [None, None])
    # Both updates of the transaction and its commit were cut, and then nothing.
    assert cuts > 4


def test_a_path_that_is_too_long_for_the_catalog_is_told(tmp_path: Path, postgres: str) -> None:
    with world(tmp_path.joinpath(*["long" * 50] * 5), postgres) as lake:
        with pytest.raises(CatalogError, match=r"value too long.*\n.*shorten the warehouse's"):
            lake.commit(model(TRIPS, ROWS))

        assert not lake.ports.catalog.tables([TRIPS])


class Late:
    """Stands between a catalog and its server.

    A commit is passed on late, and only after whoever sent it was told that the connection is lost.
    """

    def __init__(self, server: str) -> None:
        url = make_url(server)
        self._target = (url.host or "127.0.0.1", url.port or 5432)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.armed, self.passed = threading.Event(), threading.Event()
        port = self._door.getsockname()[1]
        late = url.set(host="127.0.0.1", port=port, query={"sslmode": "disable"})
        self.address = late.render_as_string(hide_password=False)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Accept nobody any more."""
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(self._target)
                threading.Thread(target=self._there, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(client, server), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while message := client.recv(65536):
                if b"COMMIT" in message and self.armed.is_set():
                    self.armed.clear()
                    client.shutdown(socket.SHUT_RDWR)
                    self.passed.wait(0.5)  # nobody sets it: the others look in the meantime
                    server.sendall(message)
                    server.recv(65536)
                    break
                server.sendall(message)
        client.close()
        server.close()

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while message := server.recv(65536):
                client.sendall(message)


def test_a_commit_that_lands_after_its_connection_was_lost_is_seen(
    tmp_path: Path, postgres: str
) -> None:
    """The server holds what it is about to commit: whoever asks waits for the answer."""
    with closing(Late(postgres)) as late, world(tmp_path, late.address) as lake:
        group = [lake.publication(n, lake.commit(model(n, ROWS))) for n in (TRIPS, ZONES)]
        late.armed.set()

        lake.ports.catalog.publish(group)

        assert not late.armed.is_set()
        assert lake.mains() == [p.snapshot for p in group]


def told(folder: Path, catalog: str) -> MedallionError:
    """The error of looking, which is that of preparing."""
    with world(folder, catalog) as lake:
        with pytest.raises(MedallionError) as looking:
            lake.ports.catalog.tables([TRIPS])
        with pytest.raises(MedallionError) as preparing:
            lake.ports.catalog.prepare()
    assert str(looking.value) == str(preparing.value)
    return looking.value


@pytest.mark.parametrize(
    ("catalog", "shown"),
    [
        (NOBODY, "postgresql+psycopg2://somebody:***@127.0.0.1:1/lake cannot be used: connection"),
        (f"{NOBODY}?password=s3cret&sslpassword=s3cret", ":***@127.0.0.1:1/lake cannot be used"),
        (NOBODY.replace("s3cret", "%40s3cret"), ":***@127.0.0.1:1/lake cannot be used"),
        (NOBODY.replace("s3cret", "a@s3cret"), "more than one @\n  write %40 for an @"),
        (NOBODY.replace(":1/", ":s3cret/"), "none that SQLAlchemy knows"),
        (NOBODY.replace("postgresql", "postgres"), ":***@127.0.0.1:1/lake cannot be used: Can't"),
        ("s3cret", "none that SQLAlchemy knows"),
    ],
)
def test_an_error_shows_the_address_without_its_password(
    tmp_path: Path, catalog: str, shown: str
) -> None:
    error = told(tmp_path, catalog)

    assert isinstance(error, CatalogError)
    assert shown in str(error)
    assert "s3cret" not in f"{error!s} {error!r} {error.__cause__!r} {error.__cause__!s}"


def test_the_command_line_does_not_print_the_password(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": f'[tool.medallion]\ncatalog = "{NOBODY}"\n'})
    write(tmp_path, {"models/silver/one.py": sql_model("silver", "one", "select 1 as one")})
    ran = subprocess.run(
        [sys.executable, "-m", "medallion", "build"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
    )

    assert ran.returncode == 4, ran.stderr
    assert "somebody:***@" in ran.stdout + ran.stderr
    assert "s3cret" not in ran.stdout + ran.stderr


def test_a_driver_that_is_not_installed_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    error = told(tmp_path, NOBODY)

    assert isinstance(error, DefinitionError)
    assert "somebody:***@127.0.0.1:1/lake needs psycopg2, which is not installed" in error.message
    assert "pip install 'medallion[postgres]'" in error.hint
