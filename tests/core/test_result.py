"""Results as text: what is found again is what would be computed."""

from dataclasses import replace
from typing import Any

import pytest
from core.examples import IDS, RUN_ID, few, named
from hypothesis import given
from hypothesis import strategies as st

from medallion.frame import DataFile, Frame
from medallion.result import read_result, result_key, result_text, usable
from medallion.schema import Column, Schema
from medallion.tables import ColumnStats, Draft, Part, Result, WrittenFile
from medallion.window import EVER, Window

NAME = named("silver.a")
FILE = WrittenFile(
    "/w/a.parquet", 3, 100, ("17897", None), {1: ColumnStats(20, 3, 0, "1", "3")}, "h0"
)
SCHEMA = replace(IDS, id=None)
RESULT = Result(SCHEMA, (FILE,), frozenset(["/w/old.parquet"]))
FRAME = Frame(IDS, (DataFile("/w/x.parquet", 1, 10), DataFile("/w/y.parquet", 2, 20)))
DRAFT = Draft(NAME, "/w", RUN_ID, current=IDS, known=(IDS,), last_column_id=1)

text = st.text(max_size=8)
stats = st.builds(
    ColumnStats,
    st.integers(0),
    st.integers(0),
    st.integers(0),
    st.none() | text,
    st.none() | text,
)
files = st.builds(
    WrittenFile,
    text,
    st.integers(0),
    st.integers(0),
    st.lists(st.none() | text, max_size=2).map(tuple),
    st.dictionaries(st.integers(1, 9), stats, max_size=3),
    text,
)


@few
@given(st.lists(files, max_size=4), st.frozensets(text, max_size=3), st.integers(0, 3))
def test_a_result_that_is_written_reads_back(
    found: list[WrittenFile], replaced: frozenset[str], removed: int
) -> None:
    result = Result(SCHEMA, tuple(found), replaced, removed=removed)
    assert read_result(result_text(result)) == result


@few
@given(st.data())
def test_a_text_that_is_cut_or_has_another_character_is_no_result(data: st.DataObject) -> None:
    whole = result_text(RESULT)
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != whole[place]))
    for wrong in (whole[:place], whole[:place] + other + whole[place + 1 :], f"{whole}{other}"):
        with pytest.raises(ValueError, match="no result"):
            read_result(wrong)


BASE: dict[str, Any] = {
    "code": "c0",
    "inputs": {named("bronze.b"): FRAME},
    "part": Part(),
    "landed": {},
}


def key(**changed: Any) -> str:
    """The key of some work, with what is another."""
    return result_key(**{**BASE, **changed})


WIDER = Schema((*IDS, Column("zone", "string", 2)), 0)


def test_all_that_determines_rows_is_in_the_key() -> None:
    one = {named("bronze.b"): replace(FRAME, files=FRAME.files[:1])}
    within = {named("bronze.b"): FRAME.between("t", Window(0, 24))}
    keys = [
        key(),
        key(code="c1"),
        key(inputs={}),
        key(inputs={named("bronze.c"): FRAME}),
        key(inputs=one),
        key(inputs=within),
        key(inputs={named("bronze.b"): FRAME.between("u", Window(0, 24))}),
        key(inputs={named("bronze.b"): FRAME.between("t", Window(0, 25))}),
        key(inputs={named("bronze.b"): replace(FRAME, schema=WIDER)}),
        key(part=Part(Window(0, 24))),
        key(part=Part(Window(0, 25))),
        key(part=Part(EVER)),
        key(part=Part(landed=())),
        key(part=Part(landed=("a",)), landed={"a": "1"}),
        key(part=Part(landed=("a",)), landed={"a": "2"}),
        key(part=Part(landed=("b",)), landed={"b": "1"}),
        key(part=Part(landed=("a",), again=("a",)), landed={"a": "1"}),
        key(part=Part(current=FRAME)),
        key(part=Part(current=replace(FRAME, files=()))),
    ]
    assert len(set(keys)) == len(keys)
    assert all(len(k) == 32 and int(k, 16) >= 0 for k in keys)


def test_the_order_in_which_things_are_found_is_not_in_the_key() -> None:
    backwards = replace(FRAME, files=FRAME.files[::-1])
    assert key(inputs={named("bronze.b"): backwards}) == key()
    both = {named("bronze.b"): FRAME, named("bronze.a"): FRAME}
    assert key(inputs=both) == key(inputs=dict(reversed(both.items())))
    part = Part(landed=("a", "b"))
    assert key(part=part, landed={"a": "1", "b": "2"}) == key(
        part=part, landed={"b": "2", "a": "1"}
    )


def test_a_result_is_used_while_its_files_are_there_as_they_were_written() -> None:
    there = {FILE.path: FILE.hash}
    assert usable(RESULT, DRAFT, there)
    assert usable(replace(RESULT, files=()), DRAFT, {})
    assert not usable(RESULT, DRAFT, {})
    assert not usable(RESULT, DRAFT, {FILE.path: "another"})


def test_a_result_is_used_while_its_columns_are_those_of_the_table() -> None:
    there = {FILE.path: FILE.hash}
    wider = Result(replace(WIDER, id=None), (FILE,))
    assert usable(wider, DRAFT, there)
    # Somebody else gave the field id to another column meanwhile.
    taken = Schema((*IDS, Column("shop", "string", 2)), 1)
    other = replace(DRAFT, current=taken, known=(IDS, taken), last_column_id=2)
    assert not usable(wider, other, there)
    # Beside rows that stay, a result without one of their columns is none of the table.
    assert usable(RESULT, replace(other, keeps=False), there)
    assert not usable(RESULT, replace(other, keeps=True), there)
