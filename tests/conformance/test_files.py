"""What files promise: what landed, and texts that are kept whole."""

import os
import resource
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from support.aws import Aws

from medallion.adapters.files.anywhere import AnyFiles
from medallion.adapters.files.local import LocalFiles
from medallion.adapters.files.remote import RemoteFiles
from medallion.adapters.files.stores import Stores
from medallion.adapters.memory.files import MemoryFiles
from medallion.adapters.memory.lake import MemoryLake
from medallion.address import is_remote
from medallion.errors import SourceError, StoreError
from medallion.ports import Files
from medallion.source import Stamp, fixed_folder

LOCAL: Files = LocalFiles()


@pytest.fixture(params=["memory", "local", "local by address", "s3", "fsspec"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Files, str]:
    """Each adapter's, and a folder that is not there yet."""
    match request.param:
        case "memory":
            return MemoryFiles(MemoryLake()), str(tmp_path)
        case "local":
            return LOCAL, str(tmp_path)
        case "local by address":
            return LOCAL, f"file://{tmp_path}"
        case "s3":
            bucket = request.getfixturevalue("aws").bucket()
            return AnyFiles(LOCAL, RemoteFiles(Stores({}))), f"s3://{bucket}/lake"
    return RemoteFiles(Stores({})), f"memory://{tmp_path.name}-{os.getpid()}"


@pytest.fixture
def files(place: tuple[Files, str]) -> Files:
    """Each adapter's."""
    return place[0]


@pytest.fixture
def folder(place: tuple[Files, str]) -> str:
    """Where files can be, below folders that are not there yet."""
    return f"{place[1]}/silver"


@pytest.fixture
def address(folder: str) -> str:
    """Where a text can be kept, below folders that are not there yet."""
    return f"{folder}/trips/ledger.jsonl"


def land(folder: Path, *names: str, content: bytes = b"id\n1\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@contextmanager
def full_disk(bytes: int) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Texts


@pytest.mark.parametrize("text", ["", "one\ntwo", "one\r\ntwo\r", "\N{SNOWMAN}\x00\ufeff"])
def test_a_text_is_read_as_it_was_written(files: Files, address: str, text: str) -> None:
    files.write(address, text)

    assert files.read(address) == text


def test_a_text_that_is_not_there_is_none(files: Files, address: str) -> None:
    assert files.read(address) is None
    files.write(address, "here")
    assert files.read(f"{address}.other") is None


def test_the_last_text_written_is_kept(files: Files, address: str) -> None:
    files.write(address, "a long first text")
    files.write(address, "second")

    assert files.read(address) == "second"


def test_texts_are_removed_as_far_as_they_are_there(files: Files, address: str) -> None:
    files.write(address, "one")
    files.write(f"{address}.kept", "two")

    files.remove([f"{address}.missing", address, address])

    assert files.read(address) is None
    assert files.read(f"{address}.kept") == "two"


def test_a_path_and_its_address_are_the_same_file(tmp_path: Path) -> None:
    LOCAL.write(f"file://{tmp_path}/a.txt", "text")

    assert LOCAL.read(f"{tmp_path}/a.txt") == "text"
    assert tree(tmp_path) == ["a.txt"]


def test_a_path_below_a_file_holds_nothing(tmp_path: Path) -> None:
    land(tmp_path, "a.csv")
    below = f"{tmp_path}/a.csv/b"
    LOCAL.remove([below])

    assert LOCAL.read(below) is None
    assert LOCAL.hashes([below]) == {}


def test_a_write_that_fails_leaves_the_text_before_it_and_nothing_else(tmp_path: Path) -> None:
    """The disk is full in the middle of the second text."""
    address = str(tmp_path / "ledger.jsonl")
    LOCAL.write(address, "first")

    with full_disk(10_000), pytest.raises(StoreError, match=r"ledger\.jsonl.*written") as raised:
        LOCAL.write(address, "second" * 10_000)

    assert raised.value.hint
    assert LOCAL.read(address) == "first"
    assert tree(tmp_path) == ["ledger.jsonl"]


def test_readers_see_one_whole_text_or_the_other(tmp_path: Path) -> None:
    address = str(tmp_path / "ledger.jsonl")
    whole = {letter * 200_000 for letter in "ab"}
    LOCAL.write(address, "a" * 200_000)

    def write() -> None:
        for number in range(20):
            LOCAL.write(address, "ba"[number % 2] * 200_000)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        seen = {LOCAL.read(address) for _ in range(20)}
        while not writing.done():
            seen.add(LOCAL.read(address))
        writing.result()
    assert seen <= whole
    assert tree(tmp_path) == ["ledger.jsonl"]


def test_what_cannot_be_kept_read_or_removed_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A folder is in the way, a file is where a folder should be, a file is no text."""
    land(tmp_path, "folder/in/a.csv", content=b"\xff\xfe")
    folder, below = str(tmp_path / "folder"), str(tmp_path / "folder/in/a.csv/b")
    before = tree(tmp_path)

    for address in (folder, below):
        with pytest.raises(StoreError, match=f"{address} cannot be written") as raised:
            LOCAL.write(address, "text")
        assert raised.value.hint
    with pytest.raises(StoreError, match=f"{folder} cannot be written"):
        LOCAL.write(folder, "\ud800")
    with pytest.raises(StoreError, match=f"{folder} cannot be read"):
        LOCAL.read(folder)
    with pytest.raises(StoreError, match=r"a\.csv cannot be read"):
        LOCAL.read(f"{folder}/in/a.csv")
    with pytest.raises(StoreError, match=f"{folder} cannot be removed"):
        LOCAL.remove([folder])
    assert tree(tmp_path) == before


# What landed


def test_landed_files_are_named_below_the_folder_of_the_pattern(tmp_path: Path) -> None:
    land(tmp_path, "b.csv", "a.csv", "c.txt", "2019/01/d.csv", "2019/e.csv", ".f.csv")
    (tmp_path / "folder.csv").mkdir()

    def names(pattern: str) -> list[str]:
        return list(LOCAL.landed(f"{tmp_path}/{pattern}"))

    assert names("*.csv") == ["a.csv", "b.csv"]
    assert names("[ab].csv") == ["a.csv", "b.csv"]
    assert names("a.csv") == ["a.csv"]
    assert names("2019/*.csv") == ["e.csv"]
    assert names("2019/*/*.csv") == ["01/d.csv"]
    assert names("20*/e.csv") == ["2019/e.csv"]
    assert names("**/*.csv") == ["2019/01/d.csv", "2019/e.csv", "a.csv", "b.csv"]


def test_where_nothing_landed_nothing_is_listed(files: Files, folder: str) -> None:
    for pattern in ("*.csv", "a.csv", "missing/**/*.csv"):
        assert files.landed(f"{folder}/{pattern}") == {}


def test_a_relative_pattern_starts_at_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path, "a.csv", "in/b.csv")
    monkeypatch.chdir(tmp_path)

    assert list(LOCAL.landed("*.csv")) == ["a.csv"]
    assert list(LOCAL.landed("./in/*.csv")) == ["b.csv"]
    assert LOCAL.digest("*.csv", "a.csv") == LOCAL.digest("in/*.csv", "b.csv")


def test_a_stamp_is_the_size_and_when_it_changed(tmp_path: Path) -> None:
    land(tmp_path, "a.csv", content=b"12345")
    os.utime(tmp_path / "a.csv", ns=(0, 1_546_300_800_123_456_789))

    assert LOCAL.landed(f"{tmp_path}/*.csv") == {"a.csv": Stamp(5, 1_546_300_800_123_456_789)}


def test_a_name_without_a_file_is_left_out(tmp_path: Path) -> None:
    land(tmp_path, "a.csv", "real/b.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "linked.csv").symlink_to(tmp_path / "real/b.csv")

    assert list(LOCAL.landed(f"{tmp_path}/*.csv")) == ["a.csv", "linked.csv"]


def test_a_name_that_cannot_be_looked_at_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")

    with pytest.raises(SourceError, match=r"loop\.csv cannot be read") as raised:
        LOCAL.landed(f"{tmp_path}/*.csv")
    assert raised.value.hint
    with pytest.raises(StoreError, match=r"loop\.csv cannot be read"):
        LOCAL.hashes([f"{tmp_path}/loop.csv"])


def test_a_digest_is_of_the_content_and_of_nothing_else(tmp_path: Path) -> None:
    pattern, content = f"{tmp_path}/**/*.csv", b"id\n" * 100_000
    land(tmp_path, "in/a.csv", "b.csv", content=content)
    first = LOCAL.digest(pattern, "in/a.csv")
    os.utime(tmp_path / "in/a.csv", ns=(0, 0))

    assert first == sha256(content).hexdigest()
    assert LOCAL.digest(pattern, "in/a.csv") == LOCAL.digest(pattern, "b.csv") == first

    was = LOCAL.landed(pattern)["b.csv"]
    land(tmp_path, "b.csv", content=content[:-1] + b"!")
    os.utime(tmp_path / "b.csv", ns=(0, was.changed_ns))
    assert LOCAL.landed(pattern)["b.csv"] == was
    assert LOCAL.digest(pattern, "b.csv") != first


def test_a_file_that_is_gone_has_no_digest(files: Files, folder: str) -> None:
    with pytest.raises(SourceError, match=r"a\.csv.* cannot be read") as raised:
        files.digest(f"{folder}/*.csv", "a.csv")
    assert raised.value.hint


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("/in/a.csv", "/in"),
        ("/in/*.csv", "/in"),
        ("/in/20?9/a.csv", "/in"),
        ("/in/**/[ab]/*.csv", "/in"),
        ("/*.csv", "/"),
        ("*.csv", "."),
        ("a.csv", "."),
        ("s3://bucket/in/20?9/*.csv", "s3://bucket/in"),
        ("s3://bucket/*.csv", "s3://bucket"),
        ("s3://bucket/a.csv", "s3://bucket"),
    ],
)
def test_the_folder_of_a_pattern_ends_before_its_first_wildcard(pattern: str, folder: str) -> None:
    assert fixed_folder(pattern) == folder


# Hashes


def test_hashes_are_those_of_the_files_that_are_there(tmp_path: Path) -> None:
    land(tmp_path, "a.parquet", content=b"12345")
    land(tmp_path, "same.parquet", content=b"12345")
    land(tmp_path, "other.parquet", content=b"12346")
    a, same, other = (f"{tmp_path}/{n}.parquet" for n in ("a", "same", "other"))

    found = LOCAL.hashes(iter([a, f"file://{same}", other, f"{tmp_path}/gone.parquet"]))
    assert list(found) == [a, f"file://{same}", other]
    assert found[a] == found[f"file://{same}"] != found[other]


def test_no_paths_have_no_hashes(files: Files, folder: str) -> None:
    assert files.hashes([]) == {}
    assert files.hashes([f"{folder}/a.parquet"]) == {}


def test_files_here_and_in_a_store_are_asked_for_together(aws: Aws, tmp_path: Path) -> None:
    land(tmp_path, "a.parquet")
    address = f"s3://{aws.bucket()}/b.parquet"
    aws.put(address, b"12345")
    files = AnyFiles(LOCAL, RemoteFiles(Stores({})))
    here, gone = f"{tmp_path}/a.parquet", f"{address}-gone"

    assert list(files.hashes([gone, address, here])) == [address, here]
    files.remove([gone, address, here])
    assert files.hashes([gone, address, here]) == {}


def aged(address: str) -> float:
    """A time before which the text was last used.

    On disk it looks as if it was written long ago; in memory all look so. A store tells the truth.
    """
    if is_remote(address):
        return time.time() + 60
    path = Path(address.removeprefix("file://"))
    if path.exists():
        os.utime(path, (1000, 1000))
    return 2000


def test_what_is_kept_in_a_folder_is_listed_with_its_size(files: Files, folder: str) -> None:
    folder = folder.removeprefix("file://")
    assert files.kept(folder) == {}
    for name in ("a.json", "b.json"):
        files.write(f"{folder}/{name}", "text", lasting=False)
    files.write(f"{folder}/below/c.json", "text", lasting=False)

    assert list(files.kept(folder)) == [f"{folder}/a.json", f"{folder}/b.json"]
    assert {stamp.bytes for stamp in files.kept(folder).values()} == {4}


def test_a_text_expires_once_it_was_not_used_for_long(files: Files, address: str) -> None:
    assert files.expire(address, 2000) is None
    files.write(address, "text")
    past = aged(address)
    assert files.expire(address, 0) is None
    assert files.expire(address, past) == "text"
    assert files.read(address) is files.use(address) is None


def test_a_text_that_is_used_does_not_expire(tmp_path: Path) -> None:
    files, address = LocalFiles(), str(tmp_path / "text")
    files.write(address, "text")
    aged(address)

    assert files.use(address) == "text"
    assert files.expire(address, time.time() - 60) is None
    assert files.read(address) == "text"
    assert os.listdir(tmp_path) == ["text"]


def test_of_who_uses_and_who_lets_expire_at_once_only_one_gets_the_text(tmp_path: Path) -> None:
    files, address = LocalFiles(), str(tmp_path / "text")
    both = threading.Barrier(2)
    outcomes: set[tuple[str | None, str | None]] = set()

    def expired() -> str | None:
        both.wait()
        return files.expire(address, time.time() - 60)

    with ThreadPoolExecutor(1) as pool:
        for _ in range(300):
            files.write(address, "text", lasting=False)
            aged(address)
            other = pool.submit(expired)
            both.wait()
            outcomes.add((files.use(address), other.result()))

    assert ("text", "text") not in outcomes
    assert outcomes & {("text", None), (None, "text")}
