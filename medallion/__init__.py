"""Bronze, silver and gold models in Python, audited on a branch before any reader sees them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medallion.contract import column
    from medallion.cursor import Cursor
    from medallion.decorators import bronze, gold, silver, task
    from medallion.deduplication import earliest, latest
    from medallion.extraction import table
    from medallion.forms import SQL, Form
    from medallion.frame import Frame
    from medallion.history import scd2
    from medallion.mask import dropped, hashed, kept_last, nullified, redacted, truncated
    from medallion.model import Model
    from medallion.partition import bucket, day, hour, identity, month, truncate, year
    from medallion.project import Project
    from medallion.secrets import reveal, secret
    from medallion.signature import ref
    from medallion.source import Source, files
    from medallion.star import calendar, dimension, lookup, surrogate_key
    from medallion.window import Window

__all__ = [
    "SQL",
    "Cursor",
    "Form",
    "Frame",
    "Model",
    "Project",
    "Source",
    "Window",
    "bronze",
    "bucket",
    "calendar",
    "column",
    "day",
    "dimension",
    "dropped",
    "earliest",
    "files",
    "gold",
    "hashed",
    "hour",
    "identity",
    "kept_last",
    "latest",
    "lookup",
    "month",
    "nullified",
    "redacted",
    "ref",
    "reveal",
    "scd2",
    "secret",
    "silver",
    "surrogate_key",
    "table",
    "task",
    "truncate",
    "truncated",
    "year",
]

_HOMES = {
    "contract": ("column",),
    "cursor": ("Cursor",),
    "deduplication": ("earliest", "latest"),
    "extraction": ("table",),
    "forms": ("SQL", "Form"),
    "frame": ("Frame",),
    "mask": ("dropped", "hashed", "kept_last", "nullified", "redacted", "truncated"),
    "decorators": ("bronze", "gold", "silver", "task"),
    "model": ("Model",),
    "partition": ("bucket", "day", "hour", "identity", "month", "truncate", "year"),
    "project": ("Project",),
    "secrets": ("reveal", "secret"),
    "signature": ("ref",),
    "source": ("Source", "files"),
    "star": ("calendar", "dimension", "lookup", "surrogate_key"),
    "history": ("scd2",),
    "window": ("Window",),
}


def __getattr__(name: str) -> Any:
    # Imported when first asked for: `medallion --help` needs none of them.
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"medallion.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
