"""What COPY tells of the columns of a file, by field id."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medallion.adapters.duckdb.stats import parse_stats
from medallion.adapters.duckdb.types import field_ids, iceberg_type
from medallion.quoting import literal, quote
from medallion.schema import Column, Schema, evolve
from medallion.tables import ColumnStats


@pytest.fixture
def file(tmp_path: Path) -> Iterator["File"]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        yield File(connection, tmp_path / "rows.parquet")


class File:
    """A file written by a query."""

    def __init__(self, duck: "duckdb.DuckDBPyConnection", path: Path) -> None:
        self._duck = duck
        self._path = path

    def stats(self, rows: str, options: str = "") -> dict[str, ColumnStats]:
        """What `parse_stats` finds, by the dotted name of the column or inner field."""
        found = self._duck.sql(rows)
        columns = zip(found.columns, found.types, strict=True)
        wanted = Schema(tuple(Column(n, iceberg_type(t, n)) for n, t in columns))
        schema = evolve(wanted, None)
        (row,) = self._duck.execute(
            f"copy ({rows}) to {literal(str(self._path))}"
            f" (format parquet, {field_ids(schema)}, return_stats {options})"
        ).fetchall()
        names = {
            id: name
            for name, id in self._duck.execute(
                f"select name, field_id from parquet_schema({literal(str(self._path))})"
            ).fetchall()
        }
        return {names[id]: s for id, s in parse_stats(row[4], schema).items()}


def bounds(stats: ColumnStats) -> tuple[str | None, str | None]:
    return stats.lower, stats.upper


def test_a_column_has_its_values_its_nulls_and_its_bounds(file: File) -> None:
    stats = file.stats("select * from (values (1), (null), (3)) t(x)")["x"]
    assert (stats.values, stats.nulls, *bounds(stats)) == (3, 1, "1", "3")
    assert stats.bytes > 0


def test_only_columns_and_inner_fields_that_hold_values_have_statistics(file: File) -> None:
    stats = file.stats(
        "select {'a': 1, 'b': {'c': 'x'}} s, [{'d': 2}] l, map{'k': [3]} m, [[4]] ll"
    )
    assert {n: bounds(s) for n, s in stats.items() if n != "element"} == {
        "a": ("1", "1"), "c": ("x", "x"), "d": ("2", "2"), "key": ("k", "k"),
    }  # fmt: skip
    assert bounds(stats["element"]) == ("4", "4")
    assert len(file.stats("select map{'k': [3]} m, [[4]] ll")) == 2


def test_a_null_struct_counts_as_a_null_of_its_fields(file: File) -> None:
    stats = file.stats("select * from (values ({'a': 1}), (null), ({'a': null})) t(s)")["a"]
    assert (stats.values, stats.nulls) == (3, 2)


def test_values_of_a_list_are_counted_one_by_one(file: File) -> None:
    stats = file.stats("select [1, null, 3] as l")["element"]
    assert (stats.values, stats.nulls, *bounds(stats)) == (3, 1, "1", "3")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.text(st.sampled_from("ab.\"' \\é[]{}=,"), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
        unique_by=str.casefold,
    )
)
def test_names_may_contain_dots_and_quotes(file: File, names: list[str]) -> None:
    inner = ", ".join(f"{quote(n)}: {i}" for i, n in enumerate(names))
    outer = ", ".join(f"{i + 100} as {quote(n)}" for i, n in enumerate(names))
    assert {n: s.lower for n, s in file.stats(f"select {outer}").items()} == {
        n: str(i + 100) for i, n in enumerate(names)
    }
    assert {n: s.lower for n, s in file.stats(f"select {{{inner}}} as s").items()} == {
        n: str(i) for i, n in enumerate(names)
    }


@pytest.mark.parametrize("type", ["float", "double"])
def test_a_column_with_a_nan_has_no_bounds_for_they_would_leave_it_out(
    file: File, type: str
) -> None:
    rows = "select x::{} as x from (values ('nan'), ('1'), (null)) t(x)"
    stats = file.stats(rows.format(type))["x"]
    assert (stats.values, stats.nulls, *bounds(stats)) == (3, 1, None, None)
    (without,) = file.stats(f"select 1.5::{type} as x").values()
    assert bounds(without) == ("1.5", "1.5")


def test_a_nan_in_one_of_many_row_groups_is_not_overlooked(file: File) -> None:
    rows = "select if(range = 7000, 'nan'::double, range) as x from range(10000)"
    assert bounds(file.stats(rows, ", row_group_size 2048")["x"]) == (None, None)


def test_a_column_without_values_has_no_bounds(file: File) -> None:
    nulls = file.stats("select null::int as x")["x"]
    assert (nulls.values, nulls.nulls, *bounds(nulls)) == (1, 1, None, None)
    empty = file.stats("select 1 as x where false")["x"]
    assert (empty.values, empty.nulls, *bounds(empty)) == (0, 0, None, None)


def test_a_bound_of_long_text_bounds_it_or_is_absent(file: File) -> None:
    lower, upper = bounds(file.stats("select repeat('z', 5000) as x")["x"])
    assert lower is not None
    assert upper is not None
    assert lower <= "z" * 5000 <= upper
    assert bounds(file.stats("select repeat('é', 5000) as x")["x"]) == (None, None)
    both = "select repeat('é', 5000) as x union all select 'a'"
    assert bounds(file.stats(both)["x"])[1] is None
