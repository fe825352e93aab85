"""Secrets that are used in every place show in nothing that is written, printed or sent."""

import base64
import json
import os
import pickle
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
from pyiceberg.exceptions import NoSuchTableError
from support.processes import Command
from support.projects import plain_table, write

from medallion import Project
from medallion.adapters.executors.processes import ProcessExecutor
from medallion.resources import NOTHING, Resources

pytestmark = pytest.mark.only_on("local", because="it looks into every file that was written")
T = TypeVar("T")
Medallion = Callable[..., subprocess.CompletedProcess[str]]

# One token of each stands in every readable form; the rest is what is escaped in some of them.
ODD = "c4n4ryodd@:/%?#\"'\\é x"  # in the environment
FILED = "c4n4ryfiled!$HOME/+="  # in .env
KEY = "-----BEGIN KEY-----\nc4n4rykey1\nc4n4rykey2\n-----END KEY-----"
VALUES = {"CANARY_ODD": ODD, "CANARY_KEY": KEY}
TOKEN = "c4n4ry"

MODELS = """
import logging, os, sys, threading, time, warnings
from base64 import b64encode
from urllib.parse import quote
import pyarrow as pa
from medallion import Source, SQL, bronze, files, gold, hashed, ref, reveal, secret, silver, task

PLANTED = os.environ.get("PLANTED", "")
NAMES = secret("CANARY_ODD"), secret("CANARY_FILED"), secret("CANARY_KEY")

if PLANTED == "import":
    raise ValueError(os.environ["CANARY_ODD"])
if PLANTED == "exit":
    sys.exit(f"no: {os.environ['CANARY_ODD']}")

class Odd(Exception):
    def __init__(self, value):
        super().__init__(f"odd {value}")
        self.value = value
        self.lock = threading.Lock()

class Unseen(BaseException):
    pass

def said():
    odd, filed, key = map(reveal, NAMES)
    print("printed", odd, filed)
    print(repr(odd), quote(odd, safe=""), b64encode(f"user:{odd}".encode()).decode())
    print(key)
    print({"key": key, "bytes": filed.encode()})
    sys.stdout.write(filed[:7])
    sys.stdout.write(filed[7:] + " in pieces")
    sys.stderr.write(odd)
    warnings.warn(f"warned of {filed}")
    logging.getLogger("shop").error("logged %s", odd)
    thread = threading.Thread(target=lambda: print("in a thread", odd, filed[:9], end=""))
    thread.start()
    thread.join()
    thread = threading.Thread(target=lambda: print(filed[9:], "of a thread"))
    thread.start()
    thread.join()
    return odd, filed, key

@task(for_each=lambda: ["first", "second"])
def connections(item: str) -> pa.Table:
    odd, filed, key = said()
    if PLANTED == "item" and item == "second":
        raise ConnectionError(f"mysql://reader:{quote(odd, safe='')}@host/shop is closed")
    return pa.table({"item": [item], "length": [len(odd + filed + key)]})

@silver(mask={"item": hashed(NAMES[0])})
def seen(connections: pa.Table = ref("task.connections")) -> pa.Table:
    \"\"\"What connections gave.\"\"\"
    odd, filed, key = said()
    with open("cmdlines", "ab") as out:
        for number in filter(str.isdecimal, os.listdir("/proc")):
            try:
                out.write(open(f"/proc/{number}/cmdline", "rb").read())
            except OSError:
                continue
    match PLANTED:
        case "raise":
            raise RuntimeError(f"{odd} and {filed}") from ValueError(key)
        case "raise a class of its own":
            raise Odd(filed)
        case "raise what nobody catches":
            raise Unseen(odd)
        case "print and die":
            os._exit(7)
        case "run out of time":
            time.sleep(60)
        case "no table":
            return {"value": odd}
        case "mixed values":
            return pa.table({filed.lower(): [1], filed.upper(): [2]})
    return connections

MOST = 3 if PLANTED == "audit" else 999

@gold(expectations=[{"type": "expect_column_values_to_be_between",
      "kwargs": {"column": "length", "min_value": 1, "max_value": MOST}}])
def lengths() -> SQL:
    literal = reveal(NAMES[0]).replace("'", "''")
    return f"select item, length, length('{literal}') as other from silver.seen" + (
        f" where '{reveal(NAMES[0])}" if PLANTED == "sql" else "")
"""


def forms() -> Iterator[str]:
    """How a value can be recognised; not by the code that is tested."""
    yield TOKEN
    yield TOKEN.upper()
    yield TOKEN.encode().hex()
    for value in (ODD, FILED, "c4n4rykey1", "c4n4rykey2"):
        for before in range(3):
            yield base64.b64encode(bytes(before) + value.encode()).decode()[4:-8]


FORMS = tuple(forms())


def shown(text: str | bytes) -> list[str]:
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return [text[max(0, at - 60) : at + 40] for form in FORMS if (at := text.find(form)) >= 0]


def written(root: Path) -> Iterator[tuple[str, str]]:
    """All that is below the project's folder but what its author wrote, opened as it is meant."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name != ".env":
            yield str(path), path.read_bytes().decode(errors="replace")
            if path.suffix == ".parquet":
                file = pq.ParquetFile(path)
                yield str(path), f"{file.read().to_pylist()} {file.metadata} {file.schema_arrow}"
    if (root / "warehouse" / "catalog.db").exists():
        for name in ("silver.seen", "gold.lengths"):
            try:
                table = plain_table(root, name)
            except NoSuchTableError:  # it was not written
                continue
            for snapshot in table.snapshots():
                entries = table.inspect.entries(snapshot_id=snapshot.snapshot_id)
                yield f"{name} {snapshot.snapshot_id}", repr(entries.to_pylist())
            yield name, repr(table.metadata)


def project(root: Path, settings: str = "") -> Path:
    write(root, {"pyproject.toml": f"[tool.medallion]\n{settings}", "models/all.py": MODELS})
    (root / ".env").write_text(f"CANARY_FILED='{FILED}'\nCANARY_CATALOG='c4n4ry@:/%?#'\n")
    return root


@pytest.fixture
def medallion(command: Command) -> Medallion:
    """The command line, to which all secrets are given."""

    def do(root: Path, *arguments: str, planted: str = "") -> subprocess.CompletedProcess[str]:
        return command(root, *arguments, env=os.environ | VALUES | {"PLANTED": planted})

    return do


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The report as JSON. A thread of a model's own may have printed before it."""
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
    return found


def nothing_shows(root: Path, *done: subprocess.CompletedProcess[str]) -> None:
    for run in done:
        assert not shown(run.stdout)
        assert not shown(run.stderr)
    assert {where: found for where, text in written(root) if (found := shown(text))} == {}


def test_the_forms_that_the_other_tests_look_for_are_found() -> None:
    for value in (ODD, FILED, KEY):
        for before in ("", "a", "ab", "abc:"):
            text = f"{before}{value}"
            assert shown(base64.b64encode(text.encode()))
            assert shown(quote(text))
            assert shown(repr(text))


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_a_build_that_comes_through(tmp_path: Path, executor: str, medallion: Medallion) -> None:
    root = project(tmp_path)
    done = medallion(root, "build", "--executor", executor)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "printed ${CANARY_ODD} ${CANARY_FILED}" in done.stdout
    assert "in a thread ${CANARY_ODD}" in done.stdout + done.stderr
    assert "${CANARY_FILED} of a thread" in done.stdout + done.stderr
    assert (root / "cmdlines").read_bytes()
    log = "".join(path.read_text() for path in (root / "warehouse" / ".runs").iterdir())
    assert "${CANARY_FILED} in pieces" in log
    looks = [
        medallion(root, *line.split())
        for line in ("ls --json", "show silver.seen", "history silver.seen --json", "plan")
    ]
    again = medallion(root, "build", "--full-refresh", "--no-publish", "--json")
    assert report(again)["ok"]
    nothing_shows(root, done, again, *looks)


@pytest.mark.parametrize(
    ("planted", "executor", "code"),
    [
        ("import", "local", 2),
        ("exit", "local", 1),
        ("item", "local", 1),
        ("item", "processes", 1),
        ("raise", "local", 1),
        ("raise", "processes", 1),
        ("raise", "dask", 1),
        ("raise a class of its own", "local", 1),
        ("raise a class of its own", "processes", 1),
        ("raise what nobody catches", "local", 1),
        ("raise what nobody catches", "processes", 1),
        ("print and die", "processes", 4),
        ("no table", "local", 1),
        ("mixed values", "processes", 1),
        ("audit", "local", 1),
        ("sql", "local", 2),
    ],
)
def test_a_build_that_fails(
    tmp_path: Path, planted: str, executor: str, code: int, medallion: Medallion
) -> None:
    root = project(tmp_path)
    done = medallion(root, "build", "--executor", executor, planted=planted)

    assert done.returncode == code, done.stdout + done.stderr
    nothing_shows(root, done)


def test_a_failure_as_json(tmp_path: Path, medallion: Medallion) -> None:
    root = project(tmp_path)
    done = medallion(root, "build", "--json", planted="raise")

    assert "${CANARY_ODD} and ${CANARY_FILED}" in report(done)["results"][1]["failure"]["message"]
    nothing_shows(root, done)


ADDRESS = 'catalog = "postgresql+psycopg2://lake:${CANARY_CATALOG}@127.0.0.1:1/lake"\n'


@pytest.mark.parametrize(
    ("settings", "code", "told"),
    [
        (ADDRESS, 4, "postgresql+psycopg2://lake:***@127.0.0.1:1/lake cannot be used"),
        ('catalog = "${CANARY_CATALOG}"\n', 4, "none that SQLAlchemy knows"),
        (ADDRESS.replace("CATALOG", "NONE"), 2, "there is no secret CANARY_NONE, which catalog in"),
        ('catalog = "${CANARY CATALOG}"\n', 2, "names no secret"),
    ],
)
def test_a_catalog_that_cannot_be_used(
    tmp_path: Path, settings: str, code: int, told: str, medallion: Medallion
) -> None:
    root = project(tmp_path, settings)
    done = medallion(root, "build")

    assert done.returncode == code, done.stderr
    assert told in done.stderr
    nothing_shows(root, done)


def test_a_catalog_with_a_password_in_its_address(
    tmp_path: Path, postgres: str, medallion: Medallion
) -> None:
    address = postgres.replace("postgres@", "postgres:${CANARY_CATALOG}@")
    assert address != postgres
    root = project(tmp_path, f'catalog = "{address}"\n')
    done = medallion(root, "build", "--executor", "processes")

    assert done.returncode == 0, done.stdout + done.stderr
    nothing_shows(root, done)


class Recorder:
    """An executor that keeps what it sends to its processes and what comes back."""

    def __init__(self) -> None:
        self.inner = ProcessExecutor(2)
        self.seen: list[bytes] = []

    def call(self, fn: Callable[..., T], /, *args: Any, needs: Resources = NOTHING) -> T:
        self.seen.append(pickle.dumps((fn, args)))
        value = self.inner.call(fn, *args, needs=needs)
        self.seen.append(pickle.dumps(value))
        return value

    def close(self) -> None:
        self.inner.close()


def test_what_is_sent_to_workers_and_told_to_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    recorder = Recorder()
    events: list[Any] = []
    with Project.load(project(tmp_path)) as loaded:
        loaded.ports = replace(loaded.ports, executor=recorder)
        done = loaded.build(listener=events.append)
        recorder.close()

    assert done.ok
    assert len(recorder.seen) > 4
    told: list[str | bytes] = [repr(events), repr(done), json.dumps(done.to_dict()), *recorder.seen]
    assert not [found for text in told if (found := shown(text))]
    printed = capfd.readouterr()
    assert not shown(printed.out)
    assert not shown(printed.err)
