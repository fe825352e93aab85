"""Small projects on disk."""

import json
import os
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from support import lakes

SETTINGS = "[tool.medallion]\n"


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write a project's files below a folder; settings are added where none are given."""
    settings = {}
    if "pyproject.toml" not in files and not (root / "pyproject.toml").exists():
        settings["pyproject.toml"] = SETTINGS + lakes.settings()
    for name, text in {**settings, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def sql_model(layer: str, name: str, query: str, declaration: str = "") -> str:
    """The text of a SQL model."""
    return (
        f"from medallion import *\n\n@{layer}({declaration})\ndef {name}() -> SQL:\n"
        f'    """About {name}."""\n    return {query!r}\n'
    )


def suite(*expectations: tuple[str, Mapping[str, Any]] | Mapping[str, Any]) -> str:
    """The text of a suite file."""
    documents = [
        {"type": e[0], "kwargs": dict(e[1])} if isinstance(e, tuple) else dict(e)
        for e in expectations
    ]
    return json.dumps({"expectations": documents})


def address(root: Path) -> str:
    """The address of a project's catalog."""
    return _settings(root).get("catalog") or f"sqlite:///{root / 'warehouse' / 'catalog.db'}"


def _settings(root: Path) -> dict[str, Any]:
    file = root / "pyproject.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    found: dict[str, Any] = settings.get("tool", {}).get("medallion", {})
    return found


def warehouse(root: Path) -> tuple[Any, str]:
    """The files of a project's warehouse: a file system of fsspec, and the folder in it."""
    store, folder = url_to_fs(_warehouse(root), use_listings_cache=False)
    return store, folder


def _warehouse(root: Path) -> str:
    found: str = _settings(root).get("warehouse", f"file://{root / 'warehouse'}")
    return found


def plain_catalog(root: Path) -> Catalog:
    """The lake as somebody opens it who has PyIceberg and nothing of ours."""
    at, warehouse = address(root), _warehouse(root)
    store = {}
    if warehouse.startswith("s3://"):
        store = {
            "s3.endpoint": os.environ["AWS_ENDPOINT_URL"],
            "s3.region": os.environ["AWS_DEFAULT_REGION"],
        }
    if at.startswith("glue"):
        from support.glue import PlainGlue

        return PlainGlue(at, store)
    return SqlCatalog("medallion", uri=at, warehouse=warehouse, **store)


def plain_table(root: Path, name: str) -> Table:
    """One table of the lake, opened with PyIceberg alone."""
    catalog = plain_catalog(root)
    try:
        return catalog.load_table(name)
    finally:
        catalog.close()


def rows(root: Path, name: str) -> list[dict[str, Any]]:
    """What a plain reader sees in a table, sorted; nothing where it is not published."""
    table = plain_table(root, name)
    found: list[dict[str, Any]] = table.scan().to_arrow().to_pylist()
    return sorted(found, key=lambda row: json.dumps(row, default=str, sort_keys=True))
