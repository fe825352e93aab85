"""What is remembered of queries, and what happens where it cannot be."""

import json
import os
import sys
from pathlib import Path

import pytest
from core.examples import strings

from medallion.errors import DefinitionError
from medallion.queries import Queries

TEXT = "select a, 'x' as b -- counted\nfrom silver.a join bronze.b using (id)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a lake keeps what is remembered."""
    return tmp_path / ".cache" / "queries.json"


def remembered(file: Path, *texts: str) -> None:
    """Parse texts and keep what they say."""
    queries = Queries(file)
    for text in texts:
        queries.parse(text, "here")
    queries.keep()


def test_a_remembered_query_says_the_same(file: Path) -> None:
    before = Queries(file).parse(TEXT, "here")
    remembered(file, TEXT)
    assert Queries(file).parse(TEXT, "there") == before
    assert strings(before.reads) == ["bronze.b", "silver.a"]


def test_a_remembered_query_is_not_parsed_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered(file, TEXT)
    monkeypatch.setitem(sys.modules, "sqlglot", None)  # importing it is an error
    assert strings(Queries(file).parse(TEXT, "here").reads) == ["bronze.b", "silver.a"]
    with pytest.raises(ImportError):
        Queries(file).parse(TEXT + " where true", "here")


def test_another_text_is_another_query(file: Path) -> None:
    remembered(file, TEXT)
    assert Queries(file).parse(TEXT.replace("'x'", "'y'"), "here") != Queries(file).parse(
        TEXT, "here"
    )


@pytest.mark.parametrize("damage", ["", "[]", "{", "{}", "null", "half", "queries", "name"])
def test_a_broken_file_is_as_good_as_none(file: Path, damage: str) -> None:
    remembered(file, TEXT)
    kept = json.loads(file.read_text())
    broken = {
        "half": file.read_text()[: file.stat().st_size // 2],
        "queries": json.dumps(kept | {"queries": [1]}),
        "name": file.read_text().replace("silver.a", "nothing"),
    }
    file.write_text(broken.get(damage, damage))
    assert strings(Queries(file).parse(TEXT, "here").reads) == ["bronze.b", "silver.a"]
    remembered(file, TEXT)
    assert json.loads(file.read_text()) == kept


def test_what_another_version_remembered_does_not_count(file: Path) -> None:
    remembered(file, TEXT)
    other = file.read_text().replace("bronze.b", "bronze.other")
    file.write_text(other.replace("sqlglot ", "sqlglot 0."))
    assert strings(Queries(file).parse(TEXT, "here").reads) == ["bronze.b", "silver.a"]


def test_queries_that_are_asked_for_no_more_are_forgotten(file: Path) -> None:
    remembered(file, TEXT, "select 1")
    assert len(json.loads(file.read_text())["queries"]) == 2
    remembered(file, "select 1")
    assert len(json.loads(file.read_text())["queries"]) == 1


def test_a_wrong_query_is_wrong_each_time(file: Path) -> None:
    for _ in range(2):
        with pytest.raises(DefinitionError, match="here: the SQL is not one query"):
            remembered(file, "drop table silver.a")
    assert not file.exists()


def test_looking_makes_no_lake(tmp_path: Path) -> None:
    remembered(tmp_path / "warehouse" / ".cache" / "queries.json", TEXT)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("a file where the folder would be")
    remembered(tmp_path / ".cache" / "queries.json", TEXT)
    assert os.listdir(tmp_path) == [".cache"]
