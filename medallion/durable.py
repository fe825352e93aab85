"""Durable files: what is there after a power cut."""

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they last."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Make the content of a file last, or the names of what a folder holds."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
