"""Files that landed elsewhere come whole, as they were when they were listed, or not at all."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from support.aws import Aws

from medallion.adapters.files.remote import RemoteFiles
from medallion.adapters.files.stores import Stores
from medallion.errors import SourceError

FILES = RemoteFiles(Stores({}))
CONTENT = b"id,happened\n1,2019-01-01\n" * 3


@dataclass
class Site:
    """A web server: what it has, and what it does."""

    address: str = ""
    content: bytes | None = CONTENT
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    cut: int = 0
    after: bytes | None = None


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server of its own."""
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            content = found.content
            status = 404 if content is None else found.status
            self.send_response(status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body and content:
                self.wfile.write(content[: len(content) - found.cut])
                self.close_connection = True
                if found.after is not None:
                    found.content = found.after

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        found.address = f"http://127.0.0.1:{server.server_port}/lake/trips.csv"
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refused(pattern: str, to: Path, name: str = "trips.csv") -> SourceError:
    """The error of a file that does not come; nothing is left of it."""
    with pytest.raises(SourceError) as error:
        FILES.fetch(pattern, name, to / name)
    assert not list(to.rglob("*.csv*"))
    return error.value


def test_an_address_of_the_web_is_one_file(site: Site, tmp_path: Path) -> None:
    site.headers["ETag"] = '"one"'
    found = FILES.landed(f"{site.address}?token=secret")
    assert list(found) == ["trips.csv"]
    assert found["trips.csv"].bytes == len(CONTENT)
    FILES.fetch(f"{site.address}?token=secret", "trips.csv", tmp_path / "a" / "trips.csv")
    assert (tmp_path / "a" / "trips.csv").read_bytes() == CONTENT
    assert FILES.landed(site.address) == found
    site.headers["ETag"] = '"two"'
    assert FILES.landed(site.address) != found


def test_a_server_that_tells_nothing_is_asked_for_the_content(site: Site) -> None:
    before = FILES.landed(site.address), FILES.digest(site.address, "trips.csv")
    assert (FILES.landed(site.address), FILES.digest(site.address, "trips.csv")) == before
    site.content = CONTENT.replace(b"1", b"2")
    assert FILES.landed(site.address) != before[0]
    assert FILES.digest(site.address, "trips.csv") != before[1]


def test_what_is_not_there_is_not_listed(site: Site, tmp_path: Path) -> None:
    site.content = None
    assert FILES.landed(site.address) == {}
    assert "trips.csv is gone since it was listed" in refused(site.address, tmp_path).message


def test_a_server_that_fails_does_not_say_that_its_file_is_gone(site: Site, tmp_path: Path) -> None:
    site.status = 500
    with pytest.raises(SourceError, match=r"lake/trips\.csv cannot be read") as error:
        FILES.landed(f"{site.address}?token=secret")
    assert "secret" not in str(error.value)
    assert error.value.hint
    port = site.address.replace("lake", "x").partition("/x")[0].rpartition(":")[2]
    with pytest.raises(SourceError, match="cannot be read"):
        FILES.landed(f"http://127.0.0.1:1{port[:3]}/trips.csv")


def test_a_file_that_is_cut_off_is_not_taken(site: Site, tmp_path: Path) -> None:
    site.headers["ETag"] = '"one"'
    site.cut = 5
    error = refused(f"{site.address}?token=secret", tmp_path)
    assert "trips.csv" in error.message
    assert "secret" not in str(error)


def test_a_file_that_changes_while_it_comes_is_not_taken(site: Site, tmp_path: Path) -> None:
    site.headers["ETag"] = '"one"'
    site.after = CONTENT * 2
    assert "changed while it was read" in refused(site.address, tmp_path).message


def test_a_file_in_s3_comes_whole(aws: Aws, tmp_path: Path) -> None:
    bucket = aws.bucket()
    content = bytes(range(256)) * 40_000
    aws.put(f"s3://{bucket}/landing/2019/a.csv", content)
    pattern = f"s3://{bucket}/landing/*/*.csv"
    assert list(FILES.landed(pattern)) == ["2019/a.csv"]
    FILES.fetch(pattern, "2019/a.csv", tmp_path / "2019" / "a.csv")
    assert (tmp_path / "2019" / "a.csv").read_bytes() == content
    assert [p.name for p in tmp_path.rglob("*.*")] == ["a.csv"]

    error = refused(pattern, tmp_path / "other", "2020/b.csv")
    assert f"s3://{bucket}/landing/2020/b.csv is gone" in error.message


class Short(type(fsspec.filesystem("memory"))):  # type: ignore[misc]  # it has no types
    """A store that gives the first bytes of a file for all of it."""

    protocol = "short"

    def get_file(self, rpath: str, lpath: str, **options: object) -> None:
        Path(lpath).write_bytes(self.cat_file(rpath)[:-1])


def test_a_store_that_gives_less_than_it_listed_is_not_believed(tmp_path: Path) -> None:
    fsspec.register_implementation("short", Short, clobber=True)
    fsspec.filesystem("short").pipe_file("short://short-test/trips.csv", CONTENT)
    error = refused("short://short-test/*.csv", tmp_path)
    assert f"did not come whole: {len(CONTENT) - 1} bytes of {len(CONTENT)}" in error.message
    assert error.hint


@pytest.mark.parametrize("name", ["../trips.csv", "a/../../trips.csv"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="a name that is none of a file"):
        FILES.fetch("memory://fetch-test/*", name, tmp_path / "x" / name)
