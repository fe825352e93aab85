"""Which row of a key stays, against an obvious implementation."""

from typing import Any

import duckdb
import pytest
from conformance.world import TRIPS, model
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion import day, earliest, latest
from medallion.adapters.duckdb.deduplicating import deduplicated
from medallion.adapters.duckdb.shape import Shaped
from medallion.deduplication import Deduplication
from medallion.errors import ModelError
from medallion.window import Grain

Row = tuple[int | None, int | None, str | None, int]

value = st.none() | st.integers(0, 2)
ROWS = st.lists(st.tuples(value, value, st.none() | st.sampled_from("ab"), st.integers(0, 1)))
SAID = (
    latest("key", by="t"),
    earliest("key", by="t"),
    latest("key", "text", by=["n", "t"]),
    earliest("key", by=["t", "text"]),
)
NAMES = ("key", "t", "text", "n")


def obvious(said: Deduplication, rows: list[Row]) -> list[Row]:
    """The rows that stay."""
    order = [*said.by, *(n for n in NAMES if n not in (*said.by, *said.key))]

    def place(row: Row) -> list[tuple[bool, Any]]:
        """Where the row comes among those with its key; those without a value come last."""
        values = [row[NAMES.index(name)] for name in order]
        ranks = [ord(v) if isinstance(v, str) else v for v in values]
        return [(r is None, 0 if r is None else -r if said.descending else r) for r in ranks]

    kept: list[Row] = []
    for key in {tuple(row[NAMES.index(name)] for name in said.key) for row in rows}:
        own = [row for row in rows if tuple(row[NAMES.index(n)] for n in said.key) == key]
        kept += own if None in key else [min(own, key=place)]
    return kept


@pytest.fixture(scope="module")
def connection() -> Any:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("said", SAID, ids=str)
def test_one_row_of_a_key_stays_whatever_their_order(connection: Any, said: Deduplication) -> None:
    made = model(TRIPS, "select 1", deduplicate=said)

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(ROWS, st.randoms(use_true_random=False))
    def check(rows: list[Row], chance: Any) -> None:
        for _ in range(2):
            text = " union all ".join(
                ["select null::int as key, null::int as t, null::text as text, 0 as n where false"]
                + [
                    "select " + ", ".join("null" if v is None else repr(v) for v in row)
                    for row in rows
                ]
            )
            shape = deduplicated(connection, made, Shaped(text, read=True))
            found = connection.execute(shape.text).fetchall()
            assert sorted(found, key=repr) == sorted(obvious(said, rows), key=repr)
            assert shape.removed == len(rows) - len(found)
            chance.shuffle(rows)

    check()


def test_rows_of_other_windows_take_no_rows_place(connection: Any) -> None:
    """They are not stored with this window."""
    made = model(
        TRIPS, "", deduplicate=latest("id", by="t"), time_column="t", partition_by=day("t")
    )
    text = "select unnest([1, 1, 1]) as id, unnest(['2019-01-01', '2019-01-02', null])::date as t"
    window = Grain.DAY.window(Grain.DAY.ordinal(429528))  # 2019-01-01
    shape = deduplicated(connection, made, Shaped(text, read=True, window=window))
    found = connection.execute(f"select id, t::varchar from ({shape.text})").fetchall()
    assert (found, shape.removed) == ([(1, "2019-01-01")], 1)


def test_every_kind_of_column_tells_rows_apart(connection: Any) -> None:
    made = model(TRIPS, "", deduplicate=latest("id", by="t"))
    for kind in (
        "map{'a': n}",
        "[n]",
        "{'a': n, 'b': null}",
        "n::varchar::json",
        "n::varchar::blob",
    ):
        rows = f"select 1 as id, 1 as t, {kind} as v, n from unnest([1, 3, 2]) u(n)"
        shape = deduplicated(connection, made, Shaped(rows, read=True))
        assert connection.execute(f"select n from ({shape.text})").fetchall() == [(3,)]


@pytest.mark.parametrize("said", [latest("ids", by="t"), latest("id", by="T")])
def test_columns_that_are_not_there_are_told_with_those_that_are(
    connection: Any, said: Deduplication
) -> None:
    made = model(TRIPS, "", deduplicate=said)
    with pytest.raises(ModelError, match=r"deduplicates by '(ids|T)'") as error:
        deduplicated(connection, made, Shaped("select 1 as id, 2 as t", read=False))
    assert error.value.hint == "its columns: id, t"
