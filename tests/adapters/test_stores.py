"""Stores: what is at remote addresses, what their troubles mean, and what DuckDB sees of them."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from support.aws import REGION, Aws, served
from support.faulty import Faulty, faulty

from medallion.adapters.duckdb.duck import Duck, Limits, failed, run
from medallion.adapters.files.once import Once
from medallion.adapters.files.remote import RemoteFiles
from medallion.adapters.files.stores import Stores
from medallion.adapters.files.view import View
from medallion.adapters.iceberg.blobs import BlobIO
from medallion.errors import DefinitionError, ModelError, SourceError, StoreError
from medallion.source import Stamp

CONTENT = b"0123456789" * 1000


@pytest.fixture
def bucket(aws: Aws) -> str:
    """The address of an empty bucket."""
    return f"s3://{aws.bucket()}"


@pytest.fixture
def proxy(aws: Aws) -> Iterator[Faulty]:
    """A way to the buckets on which every request gets a fault, once a test says which."""
    with faulty(aws.endpoint, share=0) as made:
        yield made


def through(proxy: Faulty, *faults: str) -> Stores:
    """Stores that are reached on that way, with these faults from now on."""
    proxy.only, proxy.share = faults, 1
    return Stores({"s3://": {"endpoint": proxy.address, "timeout": 1}})


# What landed


def test_what_landed_is_named_below_the_folder_of_the_pattern(aws: Aws, bucket: str) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "2019/01/d.csv", "2019/e.csv", ".f.csv", ".g/h.csv"):
        aws.put(f"{bucket}/in/{name}", b"id\n1\n")
    aws.put(f"{bucket}/in/folder.csv/", b"")
    aws.put(f"{bucket}/input/x.csv", b"")
    files = RemoteFiles(Stores({}))

    def names(pattern: str) -> list[str]:
        return list(files.landed(f"{bucket}/in/{pattern}"))

    assert names("*.csv") == ["a.csv", "b.csv"]
    assert names("[ab].csv") == ["a.csv", "b.csv"]
    assert names("a.csv") == ["a.csv"]
    assert names("2019/*.csv") == ["e.csv"]
    assert names("2019/*/*.csv") == ["01/d.csv"]
    assert names("20*/e.csv") == ["2019/e.csv"]
    assert names("**/*.csv") == ["2019/01/d.csv", "2019/e.csv", "a.csv", "b.csv"]


def test_a_stamp_is_the_size_and_when_it_was_put(aws: Aws, bucket: str) -> None:
    before = time.time_ns()
    aws.put(f"{bucket}/in/a.csv", b"12345")
    files = RemoteFiles(Stores({}))

    [stamp] = files.landed(f"{bucket}/in/*.csv").values()

    assert stamp.bytes == 5
    assert abs(stamp.changed_ns - before) < 60e9
    assert files.landed(f"{bucket}/in/*.csv") == {"a.csv": Stamp(5, stamp.changed_ns)}
    assert files.kept(f"{bucket}/in") == {f"{bucket}/in/a.csv": stamp}


def test_a_file_that_others_put_is_seen_at_once(aws: Aws, bucket: str) -> None:
    files = RemoteFiles(Stores({}))
    assert files.landed(f"{bucket}/*.csv") == {}
    aws.put(f"{bucket}/a.csv", b"1")
    first = files.digest(f"{bucket}/*.csv", "a.csv")
    assert list(files.landed(f"{bucket}/*.csv")) == ["a.csv"]
    aws.put(f"{bucket}/a.csv", b"2")
    assert files.digest(f"{bucket}/*.csv", "a.csv") != first


def test_a_hash_tells_a_file_that_is_another_or_not_whole(aws: Aws, bucket: str) -> None:
    files, address = RemoteFiles(Stores({})), f"{bucket}/a.parquet"
    found = []
    for content in (CONTENT, CONTENT[:-1], CONTENT[:-1] + b"!", CONTENT):
        aws.put(address, content)
        found.append(files.hashes([address, f"{bucket}/gone"]))
    assert [list(f) for f in found] == [[address]] * 4
    assert len({f[address] for f in found[:3]}) == 3
    assert found[0] == found[3]


# Options


def test_the_longest_prefix_says_how_a_store_is_reached(aws: Aws, bucket: str) -> None:
    nowhere = {"endpoint": "http://127.0.0.1:9", "region": REGION}
    here = {"endpoint": aws.endpoint, "key": "NAME", "secret": "OTHER", "style": "path"}
    seen: list[str] = []
    stores = Stores(
        {"s3://": nowhere, bucket: here, f"{bucket}/other": nowhere},
        lambda text: seen.append(text) or text.lower(),  # type: ignore[func-returns-value]
    )
    stores.write(f"{bucket}/a", b"1")
    assert stores.read(f"{bucket}/a") == b"1"
    assert set(seen) == set(here.values())
    assert stores.at(f"{bucket}/a").key == "name"
    assert stores.at(f"{bucket}/other/a") is not stores.at(f"{bucket}/a")
    assert stores.at(f"{bucket}_too/a") is stores.at("s3://else/a")


def test_other_stores_are_those_that_fsspec_knows() -> None:
    with pytest.raises(DefinitionError, match=r"gs://.*not installed") as refused:
        Stores({}).read("gs://bucket/a")
    assert refused.value.hint
    with pytest.raises(DefinitionError, match="nonsense://") as refused:
        Stores({}).read("nonsense://bucket/a")
    assert refused.value.hint


# Troubles


def test_a_bucket_that_is_not_there_is_an_error_that_names_it(aws: Aws) -> None:
    files, address = RemoteFiles(Stores({})), "s3://not-there/lake/a.json"
    for act in (
        lambda: files.read(address),
        lambda: files.write(address, "text"),
        lambda: files.use(address),
        lambda: files.hashes([address]),
        lambda: files.kept("s3://not-there/lake"),
        lambda: files.expire(address, 0),
    ):
        with pytest.raises(StoreError, match=r"s3://not-there/lake.*no such bucket") as raised:
            act()
        assert raised.value.hint
    with pytest.raises(SourceError, match=r"s3://not-there.* cannot be read.*no such bucket"):
        files.landed("s3://not-there/*.csv")


def test_without_credentials_it_says_where_they_are_looked_for(
    aws: Aws, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match=f"{bucket}/a cannot be read: there are no cred") as raised:
        Stores({}).read(f"{bucket}/a")
    assert "AWS_ACCESS_KEY_ID" in raised.value.hint
    with pytest.raises(StoreError, match="no such profile"):
        Stores({"s3://": {"profile": "nobody"}}).read(f"{bucket}/a")


def test_what_is_denied_says_so_without_the_secret() -> None:
    pytest.importorskip("s3fs")
    with served() as server:
        bucket = f"s3://{server.bucket()}"
        iam = boto3.client(
            "iam",
            endpoint_url=server.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        iam.create_user(UserName="reader")
        keys = iam.create_access_key(UserName="reader")["AccessKey"]
        request = urllib.request.Request(
            f"{server.endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request).close()
        known = {"endpoint": server.endpoint, "region": REGION, "key": keys["AccessKeyId"]}
        given = {
            "access is denied": known | {"secret": keys["SecretAccessKey"]},
            "the secret does not fit": known | {"secret": "top-secret"},
            "the access key is not known": known | {"key": "AKIAUNKNOWN", "secret": "top-secret"},
        }
        for reason, options in given.items():
            stores = Stores({"s3://": options})
            with pytest.raises(StoreError, match=f"{bucket}/a cannot be .*{reason}") as raised:
                stores.read(f"{bucket}/a")
            assert raised.value.hint
            with pytest.raises(StoreError, match=f"{bucket}/a cannot be written: {reason}"):
                stores.write(f"{bucket}/a", b"1")
            assert "top-secret" not in str(raised.value)
            assert keys["SecretAccessKey"] not in json.dumps(str(raised.value))


def test_an_endpoint_that_is_not_there_cannot_be_reached(aws: Aws, bucket: str) -> None:
    stores = Stores({"s3://": {"endpoint": "http://127.0.0.1:9", "timeout": 1}})
    with pytest.raises(StoreError, match="the endpoint cannot be reached") as raised:
        stores.read(f"{bucket}/a")
    assert "endpoint" in raised.value.hint


def test_a_web_server_that_is_not_there_is_no_matter_of_a_stores_endpoint() -> None:
    with pytest.raises(StoreError, match="its server cannot be reached") as raised:
        Stores({}).read("http://127.0.0.1:9/a.csv")
    assert "tool.medallion" not in raised.value.hint


def test_the_thread_of_a_store_ends_before_python_does(aws: Aws, bucket: str) -> None:
    code = f"""
import threading, weakref
from medallion.adapters.files.stores import Stores
seen = []
weakref.finalize(Stores, lambda: print([t.is_alive() for t in seen]))
stores = Stores({{}})
stores.write({f"{bucket}/a"!r}, b"1")
seen += [t for t in threading.enumerate() if t.name == "fsspecIO"]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[False]\n", "")


# A store that fails


def test_an_answer_that_never_comes_whole_is_no_content(bucket: str, proxy: Faulty) -> None:
    Stores({}).write(f"{bucket}/a.json", CONTENT)
    stores = through(proxy, "half")

    with pytest.raises(StoreError, match=r"a\.json cannot be read: its answer was cut off"):
        stores.read(f"{bucket}/a.json")
    with pytest.raises(StoreError, match=r"a\.json cannot be read: its answer was cut off"):
        stores.read_range(f"{bucket}/a.json", 100, 200)
    assert proxy.done["half"] == 8


def test_a_store_that_is_too_busy_is_asked_a_few_times(bucket: str, proxy: Faulty) -> None:
    stores = through(proxy, "503")

    with pytest.raises(StoreError, match=r"a\.json cannot be read: it asks for fewer requests"):
        stores.read(f"{bucket}/a.json")
    assert proxy.done["503"] == 5


def test_what_is_sent_again_is_there_once_and_whole(bucket: str, proxy: Faulty) -> None:
    stores = through(proxy, "cut", "unheard", "half")
    proxy.share = 0.3
    for number in range(10):
        content = bytes([number]) * 1000
        stores.write(f"{bucket}/{number}", content)
        assert stores.read(f"{bucket}/{number}") == content
        assert stores.read_range(f"{bucket}/{number}", 10, 20) == content[10:20]
    assert len(Stores({}).listed(bucket)) == 10
    assert proxy.done["half"]


# What DuckDB sees


@pytest.fixture
def duck(bucket: str, tmp_path: Path) -> Iterator[Duck]:
    """A DuckDB that may see the folder `lake` of the bucket."""
    made = Duck([f"{bucket}/lake"], tmp_path, Limits(), [View(Stores({}), "s3")])
    yield made
    made.close()


def test_a_query_reaches_nothing_beside_the_warehouse(aws: Aws, bucket: str, duck: Duck) -> None:
    other = aws.bucket()
    inside = f"{bucket}/lake/a.csv"
    for address in (inside, f"{bucket}/b.csv", f"{bucket}/lake2/c.csv", f"s3://{other}/d.csv"):
        aws.put(address, b"a\n1\n")
    with duck.session() as connection:
        assert run(connection, f"from read_csv('{inside}')") == [(1,)]
        for address in (
            f"{bucket}/b.csv",
            f"{bucket}/*.csv",
            f"{bucket}/lake2/c.csv",
            f"{bucket}/lake/../b.csv",
            f"{bucket}/lake/%2E%2E/b.csv",
            f"{bucket}/lak*/*.csv",
            f"s3://{other}/d.csv",
            f"S3://{other}/d.csv",
            f"s3a://{other}/d.csv",
        ):
            with pytest.raises((duckdb.Error, StoreError)) as raised:
                run(connection, f"from read_csv('{address}')")
            assert re.search(
                "Permission Error|leaves its folder|it is not there", str(raised.value)
            )
            with pytest.raises(duckdb.PermissionException):
                run(connection, f"copy (select 1) to '{bucket}/out.parquet'")
    assert not [k for k in aws.keys(bucket.removeprefix("s3://")) if k.endswith(".parquet")]


def test_a_copy_that_fails_leaves_nothing(aws: Aws, bucket: str, duck: Duck) -> None:
    with duck.session() as connection, pytest.raises(duckdb.Error, match="bad"):
        run(connection, f"copy (select i, error('bad') from range(9999) t(i)) to '{_at(bucket)}'")
    assert aws.keys(bucket.removeprefix("s3://")) == []


def _at(bucket: str) -> str:
    return f"{bucket}/lake/x.parquet"


def test_a_file_that_cannot_be_sent_fails_the_statement(
    aws: Aws, bucket: str, proxy: Faulty, tmp_path: Path
) -> None:
    duck = Duck([f"{bucket}/lake"], tmp_path, Limits(), [View(through(proxy, "500"), "s3")])
    with duck.session() as connection:
        with pytest.raises(duckdb.Error) as raised:
            run(connection, f"copy (select 1 as i) to '{_at(bucket)}'")
        proxy.share = 0
        problem = failed("silver.trips", raised.value)
    duck.close()
    assert isinstance(problem, StoreError)
    assert problem.message.startswith(f"{_at(bucket)} cannot be written: ")
    assert "\n" not in problem.message
    assert problem.hint
    assert aws.keys(bucket.removeprefix("s3://")) == []


def test_a_file_that_does_not_come_whole_is_not_read(
    bucket: str, duck: Duck, proxy: Faulty, tmp_path: Path
) -> None:
    with duck.session() as connection:
        run(connection, f"copy (select i from range(10000) t(i)) to '{_at(bucket)}'")
        assert run(connection, f"select sum(i) from '{_at(bucket)}'") == [(49995000,)]
    other = Duck([f"{bucket}/lake"], tmp_path, Limits(), [View(through(proxy, "half"), "s3")])
    with other.session() as connection, pytest.raises(duckdb.Error) as raised:
        run(connection, f"select sum(i) from '{_at(bucket)}'")
    other.close()
    problem = failed("silver.trips", raised.value)
    assert isinstance(problem, StoreError)
    assert f"{_at(bucket)} cannot be read: its answer was cut off" in problem.message


def test_a_file_that_is_gone_is_named(bucket: str, duck: Duck) -> None:
    with duck.session() as connection, pytest.raises(duckdb.Error) as raised:
        run(connection, f"from read_parquet(['{_at(bucket)}'])")
    problem = failed("silver.trips", raised.value)
    assert problem.message == f"{_at(bucket)} cannot be read: it is not there"
    assert not isinstance(problem, ModelError)


def test_large_files_are_sent_in_parts_and_read_in_pieces(
    aws: Aws, bucket: str, duck: Duck
) -> None:
    query = "select i, hash(i) as a, hash(i + 1) as b from range(2_000_000) t(i)"
    with duck.session() as connection:
        run(connection, f"copy ({query}) to '{_at(bucket)}' (format parquet)")
        sums = "select count(*), sum(i), bit_xor(a), bit_xor(b)"
        assert run(connection, f"{sums} from '{_at(bucket)}'") == run(
            connection, f"{sums} from ({query})"
        )
    head = aws.s3.head_object(Bucket=bucket.removeprefix("s3://"), Key="lake/x.parquet")
    assert head["ContentLength"] > 20_000_000
    assert head["ETag"].endswith('-2"')


# Metadata


def test_metadata_is_there_when_it_is_closed_and_read_once(aws: Aws, bucket: str) -> None:
    io = BlobIO(Once(Stores({})), None)
    location = f"{bucket}/lake/new/and new/50%25 #1?.avro"
    with io.new_output(location).create() as stream:
        stream.write(b"abc")
        assert aws.keys(bucket.removeprefix("s3://")) == []
    with suppress(ValueError), io.new_output(f"{location}2").create() as stream:
        stream.write(b"half")
        raise ValueError("stop")
    assert aws.keys(bucket.removeprefix("s3://")) == ["lake/new/and new/50%25 #1?.avro"]

    aws.put(location, b"other")  # nobody does that to a file that never changes
    assert io.new_input(location).open().read() == b"abc"
    fresh: Any = BlobIO(Once(Stores({})), None)
    assert (len(fresh.new_input(location)), fresh.new_input(location).exists()) == (5, True)
    with pytest.raises(FileExistsError):
        fresh.new_output(location).create()
    fresh.delete(location)
    fresh.delete(fresh.new_input(location))
    assert not fresh.new_input(location).exists()
    with pytest.raises(FileNotFoundError):
        fresh.new_input(location).open()


def test_what_is_fetched_together_is_at_hand(aws: Aws, bucket: str) -> None:
    once, addresses = Once(Stores({})), [f"{bucket}/{n}" for n in range(40)]
    for address in addresses:
        aws.put(address, address.encode())
    once.fetch([*addresses, f"{bucket}/gone"])
    for address in addresses:
        aws.put(address, b"")
    assert [once.read(a) for a in addresses] == [a.encode() for a in addresses]
    assert once.read(f"{bucket}/gone") is None
