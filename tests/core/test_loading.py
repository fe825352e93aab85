"""A project's files: models, suites, fingerprints."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from core.examples import named, strings, write

from medallion.config import Settings
from medallion.errors import DefinitionError
from medallion.loading import Definition, load

NULL: dict[str, Any] = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}
TRIPS = """
from medallion import SQL, silver

@silver
def trips() -> SQL:
    return "select 1 as id"
"""
TIPS = """
import pandas as pd
from medallion import gold, ref

@gold
def tips(trips: pd.DataFrame = ref("silver.trips")) -> pd.DataFrame:
    return trips
"""


def loaded(root: Path, files: Mapping[str, str] = {}) -> Definition:
    """What a project with these files says."""
    return load(Settings(write(root, files)))


def refused(root: Path, files: Mapping[str, str]) -> DefinitionError:
    """How a project with these files is refused."""
    with pytest.raises(DefinitionError) as error:
        loaded(root, files)
    assert str(root) not in str(error.value)
    return error.value


def names(definition: Definition) -> list[str]:
    return strings(n.name for n in definition.graph)


def test_models_are_found_in_all_files_of_all_folders(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {
            "models/silver/trips.py": TRIPS,
            "models/gold/any/where.py": TIPS,
            "models/more.py": TRIPS.replace("trips", "zones") + TRIPS.replace("trips", "cabs"),
            "models/_shared.py": TRIPS.replace("trips", "no"),
            "models/_private/x.py": TRIPS.replace("trips", "no"),
            "models/.hidden/x.py": TRIPS.replace("trips", "no"),
            "models/notes.txt": "no",
        },
    )
    assert names(found) == ["silver.cabs", "silver.trips", "silver.zones", "gold.tips"]
    assert found.graph[named("gold.tips")].reads == (named("silver.trips"),)


def test_a_model_knows_its_place_in_the_project(tmp_path: Path) -> None:
    found = loaded(tmp_path, {"models/silver/trips.py": TRIPS})
    assert found.graph[named("silver.trips")].model.place == "models/silver/trips.py:4"


def test_a_file_imports_others_of_the_project(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {
            "models/_shared.py": "COLUMNS = 'a, b'",
            "models/silver/_keys.py": "KEY = 'id'",
            "models/silver/trips.py": """
                from medallion import SQL, silver
                from .._shared import COLUMNS
                from ._keys import KEY

                @silver(unique_key=KEY)
                def trips() -> SQL:
                    return f"select {COLUMNS} from silver.zones"
            """,
            "models/silver/zones.py": """
                from medallion import SQL, silver
                from .trips import trips

                @silver
                def zones() -> SQL:
                    return "select 1 as " + ", ".join(trips.unique_key)
            """,
        },
    )
    assert names(found) == ["silver.zones", "silver.trips"]
    models = {str(n.name): n.model for n in found.graph}
    assert models["silver.trips"].text() == "select a, b from silver.zones"
    assert models["silver.zones"].text() == "select 1 as id"


def test_two_projects_do_not_mix_their_modules(tmp_path: Path) -> None:
    files = {
        "models/_shared.py": "NAME = '{}'",
        "models/silver/trips.py": """
            from medallion import SQL, silver
            from .._shared import NAME

            @silver
            def trips() -> SQL:
                return f"select '{{NAME}}' as name"
        """,
    }
    found = {
        x: loaded(tmp_path / x, {name: text.format(x) for name, text in files.items()})
        for x in ("one", "two")
    }
    for x, definition in found.items():
        model = definition.graph[named("silver.trips")].model
        assert model.text() == f"select '{x}' as name"
        assert model.function.__module__.endswith(".silver.trips")


@pytest.fixture
def bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python writes bytecode, as it does unless it is told otherwise."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.mark.usefixtures("bytecode")
def test_loading_again_sees_what_changed(tmp_path: Path) -> None:
    shared = "from ._shared import N\nfrom ._more import M\n"
    text = f"{shared}{TRIPS}".replace('"select 1 as id"', 'f"select {N} as n, {M} as m"')
    files = {"models/trips.py": text, "models/_shared.py": "N = 1", "models/_more.py": "M = 1"}
    for number in range(1, 5):  # several times in a second, each file as long as before
        changed = {name: text.replace(" = 1", f" = {number}") for name, text in files.items()}
        found = loaded(tmp_path, changed).graph[named("silver.trips")].model
        assert found.text() == f"select {number} as n, {number} as m"
    (tmp_path / "models/trips.py").rename(tmp_path / "models/trips.txt")
    assert names(loaded(tmp_path, {"models/zones.py": TRIPS.replace("trips", "zones")})) == [
        "silver.zones"
    ]


@pytest.mark.usefixtures("bytecode")
def test_loading_writes_nothing(tmp_path: Path) -> None:
    files = {"models/trips.py": f"from . import _shared\n{TRIPS}", "models/_shared.py": ""}
    loaded(tmp_path, files)
    written = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert written == set(files)


def test_a_project_without_models_is_empty(tmp_path: Path) -> None:
    assert names(loaded(tmp_path, {"models/_nothing.py": ""})) == []


def test_a_missing_folder_of_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="models is no folder") as error:
        load(Settings(tmp_path))
    assert error.value.hint == "set models in [tool.medallion]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = = 2\n", "models/a.py:2: SyntaxError: invalid syntax"),
        ("\n\nimport nowhere_to_be_found\n", "models/a.py:3: ModuleNotFoundError: No module named"),
        ("from ._shared import nope\n", "models/a.py:1: ImportError: cannot import name 'nope'"),
        ("def f():\n    1 / 0\n\nf()\n", "models/a.py:2: ZeroDivisionError: division by zero"),
        ("\nraise KeyError('x')\n", "models/a.py:2: KeyError: 'x'"),
        ("\nfrom medallion import ref\nref('trips')\n", "models/a.py:3: 'trips' is not a table"),
        ("from medallion import bucket\nbucket('a', 0)", "models/a.py:2: bucket('a', 0): the"),
        (TRIPS.replace("@silver", "@silver(month)"), "models/a.py:4: NameError: name 'month'"),
        (TRIPS.replace("@silver", "@silver(1)"), "models/a.py:4: @silver decorates a function"),
        (TRIPS.replace("-> SQL", "-> int"), "models/a.py:4: trips() is annotated `-> int`"),
        (TRIPS.replace("select 1", "drop table x --"), "models/a.py:4: the SQL is not one query"),
        (TRIPS.replace(" 1 ", " ( "), "models/a.py:4: the SQL does not parse"),
        (TRIPS.replace("1 as id", "* from x"), "models/a.py:4: the SQL reads x, which is no table"),
        (TRIPS.replace('"select 1 as id"', "1 / 0"), "models/a.py:4: silver.trips could not say"),
        (TRIPS.replace("1 as id", "* from gold.x"), "models/a.py:4: silver.trips reads gold.x"),
    ],
)
def test_a_mistake_is_told_by_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    files = {"models/a.py": text, "models/_shared.py": ""}
    assert refused(tmp_path, files).message.startswith(said)


def test_a_mistake_in_an_imported_file_is_told_by_that_file(tmp_path: Path) -> None:
    files = {
        "models/a.py": "from ._shared import KEY\n",
        "models/_shared.py": TRIPS.replace("-> SQL", "-> int"),
    }
    assert refused(tmp_path, files).message.startswith("models/_shared.py:4: trips() is annotated")


def test_two_models_of_one_name_in_two_files_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, {"models/a.py": TRIPS, "models/b.py": TRIPS})
    assert error.message == "silver.trips is defined twice: models/a.py:4 and models/b.py:4"


def documents(definition: Definition, name: str = "silver.trips") -> list[Mapping[str, Any]]:
    return [document for _, document in definition.suites[named(name)].documents]


def test_every_model_has_a_suite_and_it_may_be_empty(tmp_path: Path) -> None:
    assert not loaded(tmp_path, {"models/a.py": TRIPS}).suites[named("silver.trips")]


def test_a_suite_is_the_declaration_then_json_then_python(tmp_path: Path) -> None:
    text = f"EXTRA = {NULL | {'severity': 'info'}!r}\n" + TRIPS.replace(
        "@silver", '@silver(unique_key="id", expectations=[EXTRA])'
    )
    found = loaded(
        tmp_path,
        {
            "models/a.py": text,
            "expectations/silver/trips.json": json.dumps({"name": "x", "expectations": [NULL]}),
            "expectations/silver/trips.py": "from nowhere import x",
        },
    ).suites[named("silver.trips")]
    assert [(place, d["type"]) for place, d in found.documents] == [
        ("models/a.py:5 unique_key", "expect_column_values_to_not_be_null"),
        ("models/a.py:5 unique_key", "expect_column_values_to_be_unique"),
        ("models/a.py:5 expectations[1]", "expect_column_values_to_not_be_null"),
        ("expectations/silver/trips.json expectation 1", "expect_column_values_to_not_be_null"),
    ]
    assert found.scripts == (("expectations/silver/trips.py", "from nowhere import x"),)


def test_a_key_promises_values_and_no_two_alike(tmp_path: Path) -> None:
    text = TRIPS.replace("@silver", '@silver(unique_key=["a", "b"])')
    found = documents(loaded(tmp_path, {"models/a.py": text}))
    assert [(d["type"], d["kwargs"]) for d in found] == [
        ("expect_column_values_to_not_be_null", {"column": "a"}),
        ("expect_column_values_to_not_be_null", {"column": "b"}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["a", "b"]}),
    ]
    assert all(d["meta"]["allow_vacuous"] for d in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", " is no JSON: "),
        ("", " is no JSON: "),
        ("{}", " has no expectations"),
        ("[]", " has no expectations"),
        ('{"expectations": []}', " has no expectations"),
        ('{"expectations": {}}', " has no expectations"),
        ('{"expectations": [1]}', " expectation 1 has no type"),
        (json.dumps({"expectations": [NULL, {"kwargs": {}}]}), " expectation 2 has no type"),
        (json.dumps({"expectations": [{"type": 1}]}), " expectation 1 has no type"),
    ],
)
def test_a_suite_that_says_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    error = refused(tmp_path, {"models/a.py": TRIPS, "expectations/silver/trips.json": text})
    assert error.message.startswith(f"expectations/silver/trips.json{said}")


@pytest.mark.parametrize(
    ("path", "said", "hint"),
    [
        (
            "silver/trip.json",
            " is the suite of silver.trip, and there is no",
            "did you mean silver",
        ),
        ("gold/trips.py", " is the suite of gold.trips, and there is no", "did you mean silver"),
        ("copper/trips.json", ": unknown layer 'copper'", "one of: bronze, silver, gold"),
        ("silver/Trips.json", ": 'Trips' is not a model name", "use lower-case letters"),
        ("trips.json", " is the suite of no model", "name it <layer>/<model>.json"),
        ("silver/more/trips.json", " is the suite of no model", "name it <layer>/<model>.json"),
    ],
)
def test_a_suite_belongs_to_a_model(tmp_path: Path, path: str, said: str, hint: str) -> None:
    text = json.dumps({"expectations": [NULL]})
    error = refused(tmp_path, {"models/a.py": TRIPS, f"expectations/{path}": text})
    assert error.message.startswith(f"expectations/{path}{said}")
    assert error.hint.startswith(hint)


def test_other_files_beside_the_suites_do_not_matter(tmp_path: Path) -> None:
    files = ["README.md", "silver/trips.md", ".ipynb_checkpoints/trips.json", "silver/._trips.json"]
    found = loaded(tmp_path, {"models/a.py": TRIPS} | {f"expectations/{f}": "x" for f in files})
    assert documents(found) == []


@pytest.mark.parametrize("suffix", ["json", "py"])
def test_a_suite_that_is_no_text_is_refused(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, {"models/a.py": TRIPS, f"expectations/silver/trips.{suffix}": ""})
    (tmp_path / f"expectations/silver/trips.{suffix}").write_bytes(b"\xff")
    with pytest.raises(DefinitionError, match=rf"silver/trips\.{suffix} is no UTF-8 text"):
        load(Settings(tmp_path))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("1", "1 is no expectation"),
        ("{'kwargs': {}}", "has no type"),
        ("{'type': 'x', 'kwargs': {'min_value': __import__('datetime').date.max}}", "is no JSON"),
    ],
)
def test_what_is_declared_must_be_an_expectation(tmp_path: Path, given: str, said: str) -> None:
    text = TRIPS.replace("@silver", f"@silver(expectations=[{NULL!r}, {given}])")
    error = refused(tmp_path, {"models/a.py": text})
    assert error.message.startswith("models/a.py:4 expectations[2]")
    assert said in error.message


SAID = """
from medallion import *
import pandas as pd

@silver(unique_key="id")
def trips() -> SQL:
    return "select id, 'x' as x from bronze.cabs"

@gold(partition_by=month("at"))
def tips(trips: pd.DataFrame = ref("silver.trips")) -> pd.DataFrame:
    rows = trips[trips.x == "y"]
    return rows.assign(n=1)

@bronze
def cabs() -> Source:
    return files("in/*.csv")

@gold(time_column="at", partition_by=day("at"))
def spans(window: Window) -> SQL:
    return f"select '{window.start}'::timestamp as at from silver.trips"
"""


def codes(root: Path, text: str) -> dict[str, str]:
    found = loaded(root, {"models/a.py": text})
    return {str(name): code for name, code in found.codes.items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("select id,", "SELECT  id  ,  -- the key\\n"),
        ("@silver", "\n\n# about trips\n@silver"),
        ("-> SQL:\n", '-> SQL:\n    """About trips."""\n'),
        ("-> pd.DataFrame:\n", '-> pd.DataFrame:\n    """About tips."""\n\n    # only some\n'),
        ('[trips.x == "y"]', "[\n        (trips.x == 'y')\n    ]"),
        ("@bronze", '@bronze(owner="me", tags="daily")'),
        ('"in/*.csv"', "'in/*' '.csv'"),
        ("month", "day"),  # where rows lie, not what they are
        ("from silver.trips", "\\n  from   silver.trips"),
    ],
)
def test_comments_and_formatting_leave_the_code(tmp_path: Path, old: str, new: str) -> None:
    assert old in SAID
    assert codes(tmp_path, SAID.replace(old, new)) == codes(tmp_path, SAID)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("'x'", "'X'", "silver.trips"),
        ("as x", "as y", "silver.trips"),
        ('unique_key="id"', 'unique_key="x"', "silver.trips"),
        ('"y"', '"z"', "gold.tips"),
        ("n=1", "m=1", "gold.tips"),
        ('(partition_by=month("at")', '(time_column="at", partition_by=month("at")', "gold.tips"),
        ("::timestamp", "::timestamptz", "gold.spans"),
        ("{window.start}", "{window.end}", "gold.spans"),
        ("day(", "hour(", "gold.spans"),
        ('"silver.trips"', '"bronze.cabs"', "gold.tips"),
        ("in/*", "on/*", "bronze.cabs"),
    ],
)
def test_meaning_changes_the_code_of_that_model_alone(
    tmp_path: Path, old: str, new: str, changed: str
) -> None:
    assert SAID.count(old) == 1
    before, after = codes(tmp_path, SAID), codes(tmp_path, SAID.replace(old, new))
    assert [name for name in before if after[name] != before[name]] == [changed]


def test_a_load_leaves_nothing_behind_and_finds_what_was_kept(tmp_path: Path) -> None:
    first = loaded(tmp_path, {"models/trips.py": TRIPS})
    (tmp_path / "warehouse").mkdir()
    before = sorted(tmp_path.rglob("*"))
    again = loaded(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    again.queries.keep()
    third = loaded(tmp_path)
    assert first.codes == again.codes == third.codes
