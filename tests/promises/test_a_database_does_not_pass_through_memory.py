"""A table of a database is built in memory that a setting bounds, not the number of its rows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.databases import run, server
from support.projects import write

MODEL = """
    from medallion import *
    from medallion import table

    @bronze
    def wide() -> Source:
        return table({address!r}, "wide")
"""
BUILD = """
import json, resource, sys
from pathlib import Path
from medallion import Form, Project
with Project.load(sys.argv[1], memory_limit="150MB") as project:
    report = project.build()
    assert report.ok, report.results
    rows = len(project.table("bronze.wide", form=Form.FRAME))
told = Path("/proc/self/status").read_text()
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([rows, int(told.split("VmHWM:")[1].split()[0]) // 1000, child // 1000]))
"""
FEW, MANY = 40_000, 400_000  # 25 MB and 250 MB in memory
SPARE_MB = 150  # DuckDB fills what it may use


def peaks(root: Path) -> list[int]:
    """The rows of the table, and the most memory, in MB, of the build and of its reader."""
    done = subprocess.run([sys.executable, "-c", BUILD, str(root)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[int] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_ten_times_more_rows_take_no_more_memory(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    address = request.getfixturevalue(kind)
    mine = kind == "mysql"
    found = []
    with server(address) as shop:
        for rows in (FEW, MANY):
            series = f"seq_1_to_{rows}" if mine else f"generate_series(1, {rows}) seq"
            made = "seq, repeat('a', 400), repeat(md5(cast(seq as char(9))), 6)"
            run(shop, "drop table if exists wide", "create table wide (id int, a text, b text)")
            run(shop, f"insert into wide select {made} from {series}")
            run(shop, "analyze table wide" if mine else "analyze wide")
            model = MODEL.format(address=address)
            root = write(tmp_path / str(rows), {"models/wide.py": model})
            count, *taken = peaks(root)
            assert count == rows
            found.append(taken)

    (few, few_child), (many, many_child) = found
    assert many - few < SPARE_MB, found
    assert many_child - few_child < SPARE_MB, found
