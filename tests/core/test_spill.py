"""Spill folders: one for each process; those of the dead are removed, those of the living never."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medallion.spill import own_folder, remove

MADE = """
import sys, pathlib, medallion.spill
folder = medallion.spill.own_folder(pathlib.Path(sys.argv[1]))
folder.mkdir(parents=True)
(folder / "rows").write_text("rows")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has a folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", MADE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def made(folder: Path, days: float = 0) -> Path:
    """A folder with a file in it, both last touched some days ago."""
    folder.mkdir(parents=True)
    (folder / "rows").write_text("rows")
    then = time.time() - days * 86400
    for path in (folder / "rows", folder):
        os.utime(path, (then, then))
    return folder


def renamed(folder: Path, part: int, text: str) -> Path:
    """The folder's name with another text in one of its parts: host, process, start, number."""
    parts = folder.name.rsplit("-", 3)
    parts[part] = text
    return folder.with_name("-".join(parts))


def test_the_name_tells_host_and_process(tmp_path: Path) -> None:
    folder = own_folder(tmp_path)
    assert re.fullmatch(r"[\w.-]+-\d+-\d+-[0-9a-f]{8}", folder.name, flags=re.ASCII)
    assert folder.name.rsplit("-", 3)[1] == str(os.getpid())
    assert not folder.exists()


def test_a_host_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "my-host/ö é.local")
    folder = made(own_folder(tmp_path))
    assert folder.parent == tmp_path
    assert folder.name.startswith("my-host____.local")
    dead = made(renamed(folder, 1, "0" + "9" * 30))
    own_folder(tmp_path)
    assert folder.exists()
    assert not dead.exists()


def test_a_process_may_have_several(tmp_path: Path) -> None:
    first = made(own_folder(tmp_path), days=400)
    second = made(own_folder(tmp_path))
    assert first != second
    assert first.exists()


def test_a_living_process_keeps_its_folder_and_a_killed_one_does_not(
    tmp_path: Path, other: tuple[subprocess.Popen[str], Path]
) -> None:
    process, folder = other
    old = time.time() - 400 * 86400
    for path in (folder / "rows", folder):
        os.utime(path, (old, old))
    own_folder(tmp_path)
    assert (folder / "rows").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    own_folder(tmp_path)
    assert not folder.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_process_with_the_number_of_a_dead_one_does_not_keep_its_folder(tmp_path: Path) -> None:
    dead = made(renamed(own_folder(tmp_path), 2, "1"))
    own_folder(tmp_path)
    assert not dead.exists()


def test_where_no_start_is_known_the_number_alone_keeps_a_folder(tmp_path: Path) -> None:
    unknown = made(renamed(own_folder(tmp_path), 2, "0"), days=400)
    own_folder(tmp_path)
    assert unknown.exists()


@pytest.mark.parametrize(("days", "kept"), [(0, True), (6.9, True), (7.1, False), (-1, True)])
@pytest.mark.parametrize("name", ["elsewhere-1-1-0a0b0c0d", "1-0a0b0c0d", "x", "-1-1-1", "a-b-c-d"])
def test_a_folder_of_another_host_is_kept_for_a_week(
    tmp_path: Path, name: str, days: float, *, kept: bool
) -> None:
    folder = made(tmp_path / name, days)
    own_folder(tmp_path)
    assert folder.exists() is kept


def test_a_folder_of_another_host_is_kept_while_something_in_it_is_written(tmp_path: Path) -> None:
    folder = made(tmp_path / "elsewhere-1-1-0a0b0c0d", days=30)
    os.utime(folder / "rows")
    own_folder(tmp_path)
    assert folder.exists()


def test_the_last_one_removes_the_parent(tmp_path: Path) -> None:
    parent = tmp_path / ".spill"
    first, second = made(own_folder(parent)), made(own_folder(parent))
    remove(first)
    assert list(parent.iterdir()) == [second]
    remove(second)
    assert not parent.exists()
    remove(second)
