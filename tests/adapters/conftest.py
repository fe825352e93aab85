"""What tests of adapters may ask for."""

from pathlib import Path

import pytest
from support.audits import ROWS, Write, written

from medallion.frame import Frame


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the rows of a query to a file, and gives the frame of it."""

    def frame(select: str = ROWS, name: str = "rows") -> Frame:
        return written(select, tmp_path / f"{name}.parquet")

    return frame
