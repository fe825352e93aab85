"""The continuous check runs what the README tells people to run, on versions that are fixed."""

import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def test_the_commands_of_the_check_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for name, command in (("run", "medallion build --layer gold"), ("test", "pytest")):
        script = [str(ROOT / ".ci" / "run"), "--show", name]
        shown = subprocess.run(script, capture_output=True, text=True, check=True, cwd="/").stdout
        assert shown.strip().endswith(f"&& {command}")
        assert f"```bash\n{shown}```" in readme


def test_every_requirement_has_one_fixed_version_that_it_allows() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line) for line in lines)
    versions = {canonicalize_name(n): v for n, _, v in (line.partition("==") for line in lines)}
    assert len(versions) == len(lines)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in (Requirement(text) for group in groups for text in group):
        if requirement.name != project["name"]:
            fixed = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(fixed), requirement
