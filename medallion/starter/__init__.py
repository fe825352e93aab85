"""The small project that `medallion init` makes."""

import shutil
from pathlib import Path

from medallion.errors import DefinitionError

_FILES = Path(__file__).parent / "files"


def create(directory: Path) -> tuple[Path, ...]:
    """Copy the starter project into a folder; the files made.

    Raises:
        DefinitionError: one of the files is there already; nothing was made.
    """
    # `gitignore` has no dot of its own here, or git would follow it inside this package.
    sources = sorted(p for p in _FILES.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    targets = {
        source: directory / str(source.relative_to(_FILES)).replace("gitignore", ".gitignore")
        for source in sources
    }
    there = [target for target in targets.values() if target.exists()]
    if there:
        raise DefinitionError(f"{there[0]} exists; nothing was made", hint="name an empty folder")
    for source, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return tuple(targets.values())
