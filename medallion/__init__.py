"""Bronze, silver and gold models in Python, audited on a branch before any reader sees them."""

from typing import TYPE_CHECKING, Any

from medallion.forms import SQL, Form
from medallion.frame import Frame
from medallion.mask import hashed, redacted
from medallion.model import Model, bronze, gold, ref, silver
from medallion.partition import bucket, day, hour, identity, month, truncate, year
from medallion.source import Source, files

if TYPE_CHECKING:
    from medallion.project import Project

__all__ = [
    "SQL",
    "Form",
    "Frame",
    "Model",
    "Project",
    "Source",
    "bronze",
    "bucket",
    "day",
    "files",
    "gold",
    "hashed",
    "hour",
    "identity",
    "month",
    "redacted",
    "ref",
    "silver",
    "truncate",
    "year",
]


def __getattr__(name: str) -> Any:
    # Models need the names above only; a project brings the rest of the package with it.
    if name == "Project":
        from medallion.project import Project

        return Project
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
