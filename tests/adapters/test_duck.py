"""What DuckDB may use of a machine, and what it tells when that is used up."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pytest
from conformance.world import TRIPS, World, model

from medallion import Model, ref, silver
from medallion.adapters.duckdb.duck import Duck, Limits, failed, run
from medallion.config import Settings
from medallion.errors import ModelError, StoreError
from medallion.wiring import connect

LONG = "hash(range)::varchar || 'xxxxxxxxxxxxxxxx'"
MANY = f"select {LONG} as h, count(*) as n from range({{}}) group by all"
SORTED = "select hash(range)::varchar || range::varchar as s from range({}) order by s"
LISTED = "select length(list(range::varchar || repeat('a', 40))::varchar) as n from range({})"
ROWS = 10_000_000

Lake = Callable[..., World]


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Closed at the end of the test."""
    with ExitStack() as held:
        yield held


@pytest.fixture
def lake(tmp_path: Path, held: ExitStack) -> Lake:
    """Makes a lake with settings of little memory."""

    def make(**settings: str) -> World:
        given = {"memory_limit": "100MB", "spill_limit": "10MB", **settings}
        ports = connect(Settings(tmp_path, threads=2, **given))  # type: ignore[arg-type]
        held.callback(ports.close)
        ports.catalog.prepare()
        return World(ports)

    return make


def on_disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Says of every disk that so many bytes are free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def left(root: Path) -> list[str]:
    """The files with rows below the spill folders; DuckDB marks its folder with an empty one.

    Its threads may be about to remove some: they are given time.
    """
    for _ in range(100):
        files = [p for p in (root / "warehouse" / ".spill").rglob("*") if p.is_file()]
        names = [p.name for p in files if not p.name.endswith("_owner")]
        if not names:
            break
        time.sleep(0.1)
    return names


def test_spill_space_that_the_setting_gives_is_used_up(tmp_path: Path, lake: Lake) -> None:
    """The setting is named, nothing is left, and the same DuckDB goes on."""
    world = lake()
    for query in (MANY, SORTED):
        with pytest.raises(ModelError) as told:
            world.evaluate(model(TRIPS, query.format(ROWS)))
        assert told.value.message == (
            "silver.trips has used up the spill space that the setting spill_limit = '10MB' gives"
        )
        assert "spill_limit" in told.value.hint
        assert not left(tmp_path)
        assert not list((tmp_path / "warehouse").rglob("*.parquet"))
        assert world.evaluate(model(TRIPS, MANY.format(10))).files[0].rows == 10
        shutil.rmtree(tmp_path / "warehouse" / "silver")
    world.ports.close()
    assert not (tmp_path / "warehouse" / ".spill").exists()


def test_spill_space_that_the_disk_has_is_used_up(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk(monkeypatch, 260 * 10**6)
    world = lake(spill_limit="50GB")
    with pytest.raises(StoreError) as told:
        world.evaluate(model(TRIPS, MANY.format(ROWS)))
    assert "had 130 MB for it, less than spill_limit = '50GB'" in told.value.message
    assert str(tmp_path / "warehouse" / ".spill") in told.value.message
    assert told.value.hint.startswith("make room on that disk")
    assert not left(tmp_path)


def test_work_that_fits_on_disk_is_done(tmp_path: Path, lake: Lake) -> None:
    world = lake(spill_limit="5GB")
    result = world.evaluate(model(TRIPS, SORTED.format(3_000_000)))
    assert sum(f.rows for f in result.files) == 3_000_000
    assert not left(tmp_path)


def test_memory_that_is_used_up_is_told_apart(lake: Lake) -> None:
    with pytest.raises(ModelError) as told:
        lake(spill_limit="5GB").evaluate(model(TRIPS, LISTED.format(ROWS)))
    assert told.value.message.startswith("silver.trips needs more memory than it may use")
    assert told.value.hint.startswith("raise memory_limit")


def test_without_room_on_the_disk_no_work_starts(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk(monkeypatch, 255_999_999)
    world = lake()
    with pytest.raises(StoreError) as told:
        world.evaluate(model(TRIPS, "select 1 as id"))
    assert str(tmp_path / "warehouse" / ".spill") in told.value.message
    assert "has 255 MB free, and work needs 256 MB" in told.value.message
    assert told.value.hint
    on_disk(monkeypatch, 256_000_000)
    assert world.evaluate(model(TRIPS, "select 1 as id")).files


def test_a_spill_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    duck = Duck([], tmp_path / "file" / "spill", Limits())
    with pytest.raises(StoreError, match="Not a directory"), duck.session():
        pass


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(tmp_path: Path, form: str) -> None:
    """What is written to /dev/full fails as on a disk without room."""
    duck = Duck(["/dev"], tmp_path, Limits())
    with duck.session() as connection, pytest.raises(duckdb.IOException) as raised:
        run(connection, f"copy (select range from range(9)) to '/dev/full' (format {form})")
    duck.close()
    told = failed("silver.trips", raised.value)
    assert type(told) is StoreError
    assert told.exit_code == 4
    assert told.message.startswith("silver.trips cannot be written, the disk is full: ")
    assert "/dev/full" in told.message
    assert told.hint == "make room on that disk, then run the same command again"


def test_another_problem_of_a_file_is_no_full_disk(tmp_path: Path) -> None:
    duck = Duck([str(tmp_path)], tmp_path / "spill", Limits())
    with duck.session() as connection, pytest.raises(duckdb.IOException) as raised:
        run(connection, f"copy (select 1) to '{tmp_path}/none/x.csv' (format csv)")
    duck.close()
    assert type(failed("silver.trips", raised.value)) is ModelError


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("123456789B", "117.7 MiB"),
        ("100000000B", "95.3 MiB"),
        ("1.5GB", "1.3 GiB"),
        ("2 gib", "2.0 GiB"),
    ],
)
def test_limits_are_given_as_texts(tmp_path: Path, size: str, told: str) -> None:
    duck = Duck([], tmp_path, Limits(memory=size, spill_size=size))
    with duck.session() as connection:
        settings = ("memory_limit", "max_temp_directory_size")
        found = run(connection, f"select {', '.join(f'current_setting({s!r})' for s in settings)}")
    duck.close()
    assert found == [(told, told)]


@silver
def reading(trips: pa.RecordBatchReader = ref("silver.trips")) -> pa.Table:
    """Raises in the middle of its input."""
    trips.read_next_batch()
    raise ValueError("no more")


@silver
def giving(trips: pa.RecordBatchReader = ref("silver.trips")) -> Iterator[pa.RecordBatch]:
    """Raises in the middle of its rows."""
    yield trips.read_next_batch()
    raise ValueError("no more")


@silver
def sorting(trips: duckdb.DuckDBPyRelation = ref("silver.trips")) -> pa.Table:
    """Raises while sorted rows are in the spill folder; its message lists the files."""
    setting = trips.project("current_setting('temp_directory')").limit(1)
    root = Path(setting.fetchall()[0][0]).parents[2]
    batches = trips.order("h").to_arrow_reader(1000)
    batches.read_next_batch()
    raise ValueError(left(root))


@pytest.mark.parametrize("made", [reading, giving, sorting])
def test_a_function_that_raises_leaves_nothing(tmp_path: Path, lake: Lake, made: Model) -> None:
    world = lake(spill_limit="5GB")
    frame = world.frame(f"select {LONG} as h from range(6000000)")
    try:
        world.evaluate(made, inputs={TRIPS: frame})
    except ModelError as error:
        told = str(error)
    assert ".tmp" in told if made is sorting else "no more" in told
    assert not left(tmp_path)
    world.ports.close()
    assert not (tmp_path / "warehouse" / ".spill").exists()


def test_what_a_killed_process_spilled_is_removed_by_the_next(tmp_path: Path, lake: Lake) -> None:
    code = f"""
import os, pathlib, signal
from medallion.adapters.duckdb.duck import Duck, Limits
from medallion.spill import own_folder
spill = own_folder(pathlib.Path({str(tmp_path)!r}) / "warehouse" / ".spill")
with Duck([], spill, Limits("100MB", 2)).session() as connection:
    rows = connection.sql({f"select {LONG} as h from range(6000000) order by h"!r})
    batches = rows.to_arrow_reader(1000)
    batches.read_next_batch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert left(tmp_path)
    world = lake()
    assert not left(tmp_path)
    assert world.evaluate(model(TRIPS, "select 1 as id")).files
    world.ports.close()
    assert not (tmp_path / "warehouse" / ".spill").exists()
