"""Rows do not travel through Python: memory is bounded by a setting, not by the data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.projects import write

MODELS = '''
    from collections.abc import Iterator
    from pathlib import Path
    import polars as pl
    import pyarrow as pa
    from medallion import *

    @silver
    def many() -> SQL:
        return """
            select range as id, md5(range::varchar) as a, md5((range + 1)::varchar) as b
            from range({rows})
        """

    @gold
    def batches(many: pa.RecordBatchReader = ref("silver.many")) -> Iterator[pa.RecordBatch]:
        for batch in many:
            yield batch.select(["b", "id"])

    @gold
    def scanned(many: pl.LazyFrame = ref("silver.many")) -> pl.LazyFrame:
        return many.filter(pl.col("id") % 2 == 0)
'''
BUILD = """
import json, sys
from pathlib import Path
from medallion import Form, Project
root, executor, name, limit = sys.argv[1:]
with Project.load(root, executor=executor, workers=1, memory_limit=limit) as project:
    report = project.build(name)
    assert report.ok, report.results
    frame = project.table(name, form=Form.FRAME)
    told = Path("/proc/self/status").read_text()
    print(json.dumps([len(frame), int(told.split("VmHWM:")[1].split()[0]) // 1000]))
"""
FEW, MANY = 300_000, 6_400_000  # 24 MB and 512 MB in memory
SPARE_MB = 90


def peaks(root: Path, executor: str, name: str, limit: str) -> list[int]:
    """The most memory, in MB, that the build held for a few rows and for many."""
    found = []
    for rows in (FEW, MANY):
        lake = write(root / str(rows), {"models/all.py": MODELS.format(rows=rows)})
        for model in dict.fromkeys(("silver.many", name)):
            done = subprocess.run(
                [sys.executable, "-c", BUILD, str(lake), executor, model, limit],
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
        count, peak = json.loads(done.stdout)
        assert count == (rows // 2 if name == "gold.scanned" else rows)
        found.append(peak)
    return found


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_a_table_ten_times_larger_than_the_memory_limit_is_built(
    tmp_path: Path, executor: str
) -> None:
    few, many = peaks(tmp_path, executor, "silver.many", "50MB")

    assert many - few < SPARE_MB, (few, many)


@pytest.mark.parametrize("name", ["gold.batches", "gold.scanned"])
def test_a_function_that_takes_rows_as_they_come_stays_within_its_memory(
    tmp_path: Path, name: str
) -> None:
    few, many = peaks(tmp_path, "local", name, "150MB")

    assert many - few < SPARE_MB + 60, (few, many)  # and the batches that are in Python's hands
