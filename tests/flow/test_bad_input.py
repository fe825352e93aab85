"""Wrong input gets one clear error and leaves `main` and the warehouse as they were."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
from support.projects import rows, sql_model, suite, write

from medallion import Project
from medallion.errors import DefinitionError, MedallionError, SourceError
from medallion.report import State

SOURCE = """
from medallion import *

@bronze()
def events() -> Source:
    return files("landing/*", columns={"id": "bigint", "at": "timestamp"})
"""
EVENTS = {"models/bronze/events.py": SOURCE, "landing/a.csv": "id,at\n1,2026-01-01\n"}


def files_of(root: Path) -> dict[str, bytes]:
    """Every file of the warehouse, with what is in it."""
    found = (p for p in (root / "warehouse").rglob("*") if p.is_file())
    return {str(p): p.read_bytes() for p in found if not p.name.startswith("catalog.db")}


def built(root: Path) -> Path:
    """A project that was built once."""
    write(
        root,
        {
            **EVENTS,
            "models/silver/events.py": sql_model(
                "silver", "events", "select id from bronze.events"
            ),
        },
    )
    with Project.load(root) as project:
        assert project.build().ok
    return root


WRONG = {
    "wrong annotation": (
        {"models/m.py": "from medallion import *\n@silver()\ndef m() -> int: ..."},
        "models/m.py:2.*`-> int`.*pd.DataFrame",
    ),
    "unknown table": (
        {"models/m.py": sql_model("gold", "m", "select * from silver.event")},
        r"models/m.py.*silver.event, and no model gives it.*did you mean silver\.events",
    ),
    "cycle": (
        {
            "models/a.py": sql_model("gold", "a", "select * from gold.b"),
            "models/b.py": sql_model("gold", "b", "select * from gold.a"),
        },
        r"in a circle: gold\.\w -> gold\.\w -> gold\.\w",
    ),
    "later layer": (
        {"models/m.py": sql_model("bronze", "m", "select * from silver.events")},
        r"bronze\.m reads silver\.events, which is of a later layer",
    ),
    "SQL that does not parse": (
        {"models/m.py": sql_model("gold", "m", "select * frm silver.events where")},
        "models/m.py.*does not parse",
    ),
    "SQL that does not bind": (
        {"models/m.py": sql_model("gold", "m", "select nope from silver.events")},
        'models/m.py.*"nope" not found',
    ),
    "a suite that is not JSON": (
        {"expectations/silver/events.json": "{"},
        "expectations/silver/events.json is no JSON",
    ),
    "a suite without expectations": (
        {"expectations/silver/events.json": '{"expectations": []}'},
        "expectations/silver/events.json has no expectations",
    ),
    "an unknown expectation": (
        {
            "expectations/silver/events.json": suite(
                ("expect_column_values_to_be_nul", {"column": "id"})
            )
        },
        "expectations/silver/events.json.*expect_column_values_to_be_nul",
    ),
    "an unknown argument": (
        {
            "expectations/silver/events.json": suite(
                ("expect_column_values_to_be_null", {"colum": "id"})
            )
        },
        "expectations/silver/events.json.*colum",
    ),
    "an unknown column": (
        {
            "expectations/silver/events.json": suite(
                ("expect_column_values_to_be_null", {"column": "idd"})
            )
        },
        "expectations/silver/events.json.*'idd'",
    ),
    "a suite of no model": (
        {"expectations/silver/event.json": suite(("expect_column_to_exist", {"column": "id"}))},
        r"did you mean silver\.events",
    ),
    "a setting misspelt": (
        {"pyproject.toml": '[tool.medallion]\nwarehose = "x"\n'},
        "no setting 'warehose'.*did you mean warehouse",
    ),
    "a file that does not import": (
        {"models/m.py": "import nothing_of_that_name"},
        "models/m.py:1: ModuleNotFoundError",
    ),
    "a location that is not set": (
        {"models/bronze/events.py": SOURCE.replace("landing/*", "{lake}/*")},
        "names the location 'lake'",
    ),
    "a type that is none": (
        {"models/bronze/events.py": SOURCE.replace("bigint", "bigind")},
        "bigind",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_project_is_refused_before_anything_is_touched(tmp_path: Path, name: str) -> None:
    files, told = WRONG[name]
    root = built(tmp_path)
    before = files_of(root)
    write(root, files)
    with (
        pytest.raises(MedallionError, match=f"(?s){told}") as refused,
        Project.load(root) as project,
    ):
        project.build()

    assert refused.value.exit_code in (2, 4)
    assert str(tmp_path) not in str(refused.value) or name == "a setting misspelt"
    assert files_of(root) == before
    assert rows(root, "silver.events") == [{"id": 1}]


LANDED = {
    "no gzip, as a.csv.gz": (b"id,at\n1,2026-01-01\n", "a.csv.gz cannot be read"),
    "lines, as a.json": (b'{"id": 1}\n{"id": 2}\n', "is not one JSON array of objects"),
    "empty": (b"", "a.csv is empty"),
    "garbage": (bytes(range(256)) * 9, "no header that can be read|unprintable|repeated"),
    "another table's": (b"x,y\n1,2\n", "none of the declared columns"),
    "of no known kind": (b"x", "is of no known kind"),
}


@pytest.mark.parametrize("name", LANDED)
def test_a_wrong_landing_file_is_refused_before_anything_is_touched(
    tmp_path: Path, name: str
) -> None:
    content, told = LANDED[name]
    root = built(tmp_path)
    before = files_of(root)
    landing = root / "landing" / "a.csv"
    landing.unlink()
    landed = "a.xlsx" if "kind" in name else name.partition(" as ")[2] or "a.csv"
    (landing.parent / landed).write_bytes(content)
    with pytest.raises(SourceError, match=told) as refused, Project.load(root) as project:
        project.build()

    assert refused.value.exit_code == 4
    assert refused.value.hint
    assert files_of(root) == before
    assert rows(root, "silver.events") == [{"id": 1}]


def test_a_source_without_a_file_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    write(tmp_path, EVENTS)
    for file in (tmp_path / "landing").iterdir():
        file.unlink()
    with pytest.raises(SourceError, match="no file matches"), Project.load(tmp_path) as project:
        project.build()
    assert not (tmp_path / "warehouse" / "bronze").exists()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("1,yesterday\n", "yesterday"),
        ("1,2026-01-01,3\n", "Expected Number of Columns: 2 Found: 3"),
        ("1\n", "Expected Number of Columns: 2 Found: 1"),
        ('1,"2026-01-01\n', "quote"),
        ("\xff\xfe,2026-01-01\n", "Line: 52"),
    ],
)
def test_a_line_that_cannot_be_read_fails_the_build_and_names_itself(
    tmp_path: Path, lines: str, told: str
) -> None:
    root = built(tmp_path)
    good = "".join(f"{i},2026-01-01\n" for i in range(50))
    (root / "landing" / "a.csv").write_bytes(("id,at\n" + good + lines).encode("latin-1"))
    with Project.load(root) as project:
        report = project.build()

    failure = report["bronze.events"].failure
    assert failure
    assert report.exit_code == 4
    assert report["silver.events"].state is State.SKIPPED
    assert rows(root, "silver.events") == [{"id": 1}]
    assert re.search(told, failure.message), failure.message
    assert "a.csv" in failure.message or "landing/*" in failure.message


@pytest.mark.parametrize(("ending", "codec"), [("", None), (".gz", "gzip"), (".zst", "zstd")])
def test_dirty_files_lose_and_shift_nothing(tmp_path: Path, ending: str, codec: str | None) -> None:
    """Mixed line ends, a byte-order mark, missing and added columns, quotes, no last line end."""
    root = write(tmp_path, EVENTS)
    landing = root / "landing"
    (landing / "a.csv").write_bytes(
        b"id,at,note\r\n1,2026-01-01,x\r\n2,2026-01-02,\n3,2026-01-03,z"
    )
    (landing / "b.csv").write_bytes(
        b'\xef\xbb\xbfnote,id\n"a ""quoted"", text",4\n"two\nlines",5\n'
    )
    (landing / "c.tsv").write_bytes(b"id\tat\n6\t2026-01-06\n")
    (landing / "d.jsonl").write_bytes(b'{"id": 7, "at": "2026-01-07", "more": [1]}\n{"id": 8}\n')
    (landing / "e.json").write_bytes(b'[{"id": 9, "at": "2026-01-09"},\r\n {"id": 10}]')
    for file in list(landing.iterdir()) if codec else ():
        with pa.CompressedOutputStream(f"{file}{ending}", codec) as out:
            out.write(file.read_bytes())
        file.unlink()
    with Project.load(root) as project:
        report = project.build()
        assert report.ok, report.results[0].failure
        found = project.query(
            "select * exclude (_loaded_at) from bronze.events order by id"
        ).to_pylist()

    assert all(r["_source_file"].endswith(ending) for r in found)
    names = [r["_source_file"].removesuffix(ending) for r in found]
    days = [r["at"] and r["at"].day for r in found]
    assert [(r["id"], d, r["note"], n) for r, d, n in zip(found, days, names, strict=True)] == [
        (1, 1, "x", "a.csv"),
        (2, 2, None, "a.csv"),
        (3, 3, "z", "a.csv"),
        (4, None, 'a "quoted", text', "b.csv"),
        (5, None, "two\nlines", "b.csv"),
        (6, 6, None, "c.tsv"),
        (7, 7, None, "d.jsonl"),
        (8, None, None, "d.jsonl"),
        (9, 9, None, "e.json"),
        (10, None, None, "e.json"),
    ]
    assert [r["more"] for r in found if r["id"] == 7] == [[1]]


def test_types_are_found_where_none_are_declared(tmp_path: Path) -> None:
    model = SOURCE.replace(', columns={"id": "bigint", "at": "timestamp"}', "")
    landed = "id,at\r\n1,2026-01-01 10:00:00\n2,2026-01-02 11:00:00\n"
    root = write(tmp_path, {"models/bronze/events.py": model, "landing/a.csv": landed})
    with Project.load(root) as project:
        assert project.build().ok
        types = project.query(
            'select typeof(id) as id, typeof("at") as at_type from bronze.events limit 1'
        )

    assert types.to_pylist() == [{"id": "BIGINT", "at_type": "TIMESTAMP"}]


def test_a_catalog_that_cannot_be_opened_is_told_before_anything_is_written(tmp_path: Path) -> None:
    root = write(tmp_path, EVENTS)
    (root / "catalog.db").write_bytes(b"this is no database, whatever its name says" * 50)
    with (
        pytest.raises(
            MedallionError, match=r"the catalog sqlite:///.*catalog\.db cannot be used"
        ) as refused,
        Project.load(root, catalog="sqlite:///catalog.db") as project,
    ):
        project.build()

    assert refused.value.exit_code == 4
    assert not files_of(root)


def test_an_unpublished_input_that_is_not_selected_is_told(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {**EVENTS, "models/s.py": sql_model("silver", "s", "select * from bronze.events")},
    )
    with (
        Project.load(root) as project,
        pytest.raises(
            DefinitionError, match=r"bronze\.events, which was never published"
        ) as refused,
    ):
        project.build("silver.s")
    assert refused.value.hint == "medallion build --select +silver.s"
