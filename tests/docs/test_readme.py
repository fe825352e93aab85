"""What the README and the other pages show is what happens."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import typer.main
from support.processes import Command, commanding

import medallion
from medallion import Form
from medallion.cli import app
from medallion.config import Settings
from medallion.declaration import Declaration, TaskDeclaration
from medallion.forms import RESULTS
from medallion.starter import create

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *DOCS]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them

RUN = re.compile(r"\d{8}t\d{6}-[0-9a-f]{6}")
VARYING = (
    (RUN, "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\d{10,}"), "SNAPSHOT"),
    (re.compile(r"[\d.]+ (?:B|kB|MB)\b"), "SIZE"),
    (re.compile(r"\d+\.\d+ s\b"), "SECONDS"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Block:
    kind: str
    title: str
    text: str


@dataclass
class Reader:
    """Somebody who does what a page says, from the top."""

    folder: Path
    command: Command
    status: int = 0
    runs: dict[str, str] = field(default_factory=dict)

    def follow(self, block: Block) -> None:
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        elif block.kind == "python":
            python(self.folder, block.text)
        elif block.kind == "console":
            for command, shown in exchanges(block.text):
                self.check(command, shown, self.enter(command))

    def enter(self, command: str) -> str:
        for shown, real in self.runs.items():
            command = command.replace(shown, real)
        program, *arguments = shlex.split(command)
        if program == "cd":
            self.folder /= arguments[0]
            return ""
        if command == "echo $?":
            return f"{self.status}\n"
        assert program == "medallion", command
        done = self.command(self.folder, *arguments, env=environment(), together=True)
        self.status = done.returncode
        return done.stdout

    def check(self, command: str, shown: str, told: str) -> None:
        assert plain(told) == plain(shown), f"{command}\n{told}"
        if command != "echo $?":
            assert (self.status == 0) == ("error:" not in shown and "failed" not in shown), told
        for there, here in zip(RUN.findall(shown), RUN.findall(told), strict=True):
            assert self.runs.setdefault(there, here) == here, f"{command}: the run is another one"


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("MEDALLION_")}


def python(folder: Path, text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-"],
        input=text,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def blocks(page: Path) -> Iterator[Block]:
    fence = re.compile(r'^```(\w+)(?: title="(.+?)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
    for kind, title, text in fence.findall(page.read_text("utf-8")):
        yield Block(kind, title, text)


def exchanges(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console, and what it is shown to print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def plain(text: str) -> list[str]:
    """What stays the same from run to run."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return [line.strip() for line in text.strip().splitlines()]


def named_commands(page: Path) -> Iterator[tuple[str, str]]:
    text = page.read_text("utf-8")
    for call in re.findall(r"`medallion ([^`]*)`|^\$ medallion (.*)$", text, re.MULTILINE):
        for part in "".join(call).replace("medallion ", "").split("·"):
            yield part.split()[0], part


def test_following_the_readme_gives_what_it_shows(tmp_path: Path, command: Command) -> None:
    reader = Reader(tmp_path, command)
    kinds = [block.kind for block in blocks(README)]
    assert kinds.count("console") > 3
    assert kinds.count("python") > 2
    for block in blocks(README):
        reader.follow(block)


@pytest.mark.parametrize("page", DOCS, ids=lambda p: p.name)
def test_the_examples_of_a_page_can_be_used(page: Path, tmp_path: Path, command: Command) -> None:
    """Its models, suites and settings build in the starter project."""
    create(tmp_path)
    reader = Reader(tmp_path, command)
    examples = list(blocks(page))
    for block in examples:
        reader.follow(block)
    if examples:
        told = reader.enter("medallion build")
        assert reader.status == 0, told


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    for command, line in named_commands(page):
        if command.startswith("-"):
            continue
        assert command in COMMANDS, line
        below = getattr(COMMANDS[command], "commands", {}).values()
        options = {o for c in (COMMANDS[command], *below) for p in c.params for o in p.opts}
        options |= {"--help"}
        assert set(re.findall(r"(?<=\s)--[a-z-]+", line)) <= options, line


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_explained(command: str) -> None:
    assert COMMANDS[command].help
    assert command in {name for page in PAGES for name, _ in named_commands(page)}


@pytest.mark.parametrize("name", medallion.__all__)
def test_every_public_name_says_what_it_is(name: str) -> None:
    value = getattr(medallion, name)
    assert inspect.getdoc(value)
    assert value.__doc__ != str.__doc__


def test_everything_that_can_be_declared_or_set_is_in_the_reference() -> None:
    pages = (ROOT / "docs" / page for page in ("models.md", "tasks.md"))
    reference = "".join(page.read_text("utf-8") for page in pages)
    declared = {*Declaration.__annotations__, *TaskDeclaration.__annotations__}
    settings = {f.name for f in fields(Settings)} - {"root"}
    forms = {str(f) for f in RESULTS if f is not Form.SQL}
    for word in declared | settings | forms:
        assert f"`{word}`" in reference, word


def rewrite() -> None:
    """Put what the commands print now into the README, where it differs."""
    text = README.read_text("utf-8")
    with TemporaryDirectory() as folder, commanding() as given:
        reader = Reader(Path(folder), given)
        for block in blocks(README):
            if block.kind != "console":
                reader.follow(block)
                continue
            for command, shown in exchanges(block.text):
                told = reader.enter(command)
                reader.runs |= dict(zip(RUN.findall(shown), RUN.findall(told), strict=False))
                if plain(told) != plain(shown):
                    for there, here in reader.runs.items():
                        told = told.replace(here, there)
                    text = text.replace(f"$ {command}\n{shown}", f"$ {command}\n{told}")
    README.write_text(text, "utf-8")


if __name__ == "__main__":
    rewrite()
