"""Files of metadata: whole and on the disk, or not there."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import InputStream, OutputStream, load_file_io
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from medallion.adapters.iceberg.disk import DiskIO

IMPLEMENTATION = {"py-io-impl": "medallion.adapters.iceberg.disk.DiskIO"}


@pytest.fixture(params=["", "file://"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder's address, in either of its two forms."""
    return f"{request.param}{tmp_path}"


def put(location: str, content: bytes, *, overwrite: bool = False) -> None:
    with DiskIO().new_output(location).create(overwrite) as stream:
        stream.write(content)


def test_what_is_written_is_read_again(folder: str) -> None:
    io = DiskIO()
    location = f"{folder}/new/and new/50%25 #1?.avro"
    assert not io.new_output(location).exists()
    put(location, b"abc")
    file = io.new_input(location)
    assert file.location == location
    assert file.exists()
    assert len(file) == len(io.new_output(location)) == 3
    with file.open() as stream:
        assert isinstance(stream, InputStream)
        assert (stream.read(1), stream.tell(), stream.seek(0), stream.read()) == (
            b"a",
            1,
            0,
            b"abc",
        )
    assert len(io.new_output(location).to_input_file()) == 3


def test_a_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    stream = DiskIO().new_output(str(path)).create()
    assert isinstance(stream, OutputStream)
    assert stream.write(b"half") == 4
    assert stream.tell() == 4
    assert not path.exists()
    stream.close()
    stream.close()
    assert path.read_bytes() == b"half"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with DiskIO().new_output(str(tmp_path / "x")).create() as stream:
            stream.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_it_is_to_be_overwritten(folder: str) -> None:
    put(f"{folder}/x", b"old")
    with pytest.raises(FileExistsError, match="/x"):
        put(f"{folder}/x", b"new")
    put(f"{folder}/x", b"newer", overwrite=True)
    with DiskIO().new_input(f"{folder}/x").open() as stream:
        assert stream.read() == b"newer"


def test_a_missing_file_is_said_to_be_missing(folder: str) -> None:
    io = DiskIO()
    file = io.new_input(f"{folder}/none")
    assert not file.exists()
    for attempt in (file.open, file.__len__, lambda: io.delete(f"{folder}/none")):
        with pytest.raises(FileNotFoundError, match="none"):
            attempt()


def test_a_deleted_file_is_gone_by_whichever_name_it_is_called(folder: str) -> None:
    io = DiskIO()
    for name in (
        f"{folder}/x",
        io.new_input(f"{folder}/x"),
        io.new_output(f"{folder}/x"),
    ):
        put(f"{folder}/x", b"")
        io.delete(name)
        assert not io.new_input(f"{folder}/x").exists()


@pytest.mark.parametrize("location", ["relative/x", "s3://bucket/x", "file://host/x", ""])
def test_only_a_local_absolute_path_is_taken(location: str) -> None:
    with pytest.raises(ValueError, match="no address of a local file"):
        DiskIO().new_input(location)


def test_a_file_and_its_new_folders_are_synced_before_the_name_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, str]] = []
    sync, replace = os.fsync, Path.replace

    def seen_sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        events.append((kind, path.name if kind == "folder" else ""))
        sync(descriptor)

    def seen_replace(path: Path, target: Path) -> Path:
        events.append(("named", Path(target).name))
        return replace(path, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("the system does not tell which file a descriptor is of")
    monkeypatch.setattr(os, "fsync", seen_sync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    put(f"{tmp_path}/a/b/x", b"content")
    assert events == [
        ("folder", tmp_path.name), ("folder", "a"), ("file", ""), ("named", "x"), ("folder", "b"),
    ]  # fmt: skip


def test_a_catalog_works_on_it_and_a_plain_reader_reads_its_tables(tmp_path: Path) -> None:
    place = {"uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"file://{tmp_path}/w"}
    catalog = SqlCatalog("c", **place, **IMPLEMENTATION)
    catalog.create_namespace("silver")
    schema = Schema(NestedField(1, "id", LongType(), required=False))
    table = catalog.create_table("silver.trips", schema)
    assert isinstance(table.io, DiskIO)
    table.append(pa.table({"id": [1, 2]}))
    table.append(pa.table({"id": [3]}))
    table.delete("id = 2")
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == [1, 3]
    assert sorted(catalog.load_table("silver.trips").scan().to_arrow()["id"].to_pylist()) == [1, 3]
    catalog.drop_table("silver.trips")
    with pytest.raises(NoSuchTableError):
        catalog.load_table("silver.trips")
    catalog.close()

    plain = SqlCatalog("c", **place)
    location = table.metadata_location
    again = plain.register_table("silver.again", location)
    assert not isinstance(again.io, DiskIO)
    assert sorted(again.scan().to_arrow()["id"].to_pylist()) == [1, 3]
    plain.close()


def test_metadata_is_read_without_pyarrow(tmp_path: Path) -> None:
    put(f"{tmp_path}/x", b"abc")
    code = f"""
import sys
from pyiceberg.io import load_file_io
import pyiceberg.table.metadata, pyiceberg.manifest, pyiceberg.catalog.sql
io = load_file_io({IMPLEMENTATION!r}, {str(tmp_path)!r})
assert io.new_input({f"{tmp_path}/x"!r}).open().read() == b"abc"
print("pyarrow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert isinstance(load_file_io(IMPLEMENTATION), DiskIO)
