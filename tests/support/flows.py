"""Steps of a small project's life: land rows, build, look at what is there."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from medallion import Project
from medallion.report import Report, State
from support.projects import plain_table, sql_model, write


def build(root: Path, **options: Any) -> Report:
    """Build everything; it must come through."""
    with Project.load(root) as project:
        report = project.build(**options)
    assert report.ok, [(str(r.table), r.state, r.failure) for r in report.results]
    return report


def parts(report: Report) -> dict[str, int]:
    """How many parts of each table were built, of those that were."""
    return {str(r.table): r.parts for r in report.results if r.state is not State.FRESH}


def states(report: Report) -> dict[str, State]:
    """What became of each table."""
    return {str(r.table): r.state for r in report.results}


def data_files(root: Path, name: str) -> dict[str, str]:
    """The data files that readers see, each with its partition."""
    tasks = plain_table(root, name).scan().plan_files()
    return {t.file.file_path: repr(t.file.partition) for t in tasks}


def snapshots(root: Path, name: str) -> list[int]:
    """All versions of a table."""
    return [s.snapshot_id for s in plain_table(root, name).snapshots()]


def timed(grain: str, more: str = "") -> str:
    """The declaration of a model whose time column is `happened`."""
    return f"partition_by={grain}('happened'), time_column='happened'{more}"


def by_window(layer: str, name: str, query: str, grain: str, more: str = "") -> dict[str, str]:
    """The file of a SQL model that is built by window."""
    text = sql_model(layer, name, query, timed(grain, more))
    return {f"models/{layer}/{name}.py": text}


def landing(
    grain: str = "day", type: str = "timestamp", columns: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The file of bronze.events, which takes what lands: an id, and when it happened."""
    declared = {"id": "bigint", "happened": type, **(columns or {})}
    return {
        "models/bronze/events.py": (
            f"from medallion import *\n\n@bronze({timed(grain)})\ndef events() -> Source:\n"
            f"    return files('landing/*.csv', columns={declared})\n"
        )
    }


def land(root: Path, name: str, rows: Iterable[tuple[Any, ...]], header: str = "") -> None:
    """Land a file, or land it again: ids, and when they happened."""
    lines = [header or "id,happened", *(",".join(map(str, row)) for row in rows)]
    write(root, {f"landing/{name}.csv": "\n".join(lines) + "\n"})
