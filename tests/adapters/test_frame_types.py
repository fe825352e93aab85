"""What kinds of rows keep: opened, returned by a model, written and opened again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conformance.world import TRIPS, ZONES, World, model
from support.readers import Shelf, ports

from medallion import Form, Frame, Model, ref, silver
from medallion.errors import ModelError, RaisedError
from medallion.schema import Type, show

CLASSES = {
    Form.PANDAS: pd.DataFrame,
    Form.ARROW: pa.Table,
    Form.BATCHES: pa.RecordBatchReader,
    Form.POLARS: pl.DataFrame,
    Form.LAZY: pl.LazyFrame,
    Form.DUCKDB: duckdb.DuckDBPyRelation,
    Form.DASK: dd.DataFrame,
    Form.FRAME: Frame,
}
# Columns by name: the type that Iceberg has for it, and two values beside NULL.
COLUMNS = {
    "flag": ("boolean", "true", "false"),
    "small": ("int", "-2147483648", "2147483647"),
    "whole": ("bigint", "9007199254740993", "-9223372036854775808"),
    "half": ("float", "0.1", "'-inf'"),
    "real": ("double", "0.1", "1.7976931348623157e308"),
    "money": ("decimal(12, 2)", "0.10", "-9999999999.99"),
    "huge": ("decimal(38, 0)", "'99999999999999999999999999999999999999'", "1"),
    "fine": ("decimal(38, 37)", "'-9.9999999999999999999999999999999999999'", "1"),
    "day": ("date", "'1582-10-15'", "'9999-12-31'"),
    "clock": ("time", "'23:59:59.999999'", "'00:00:00'"),
    "naive": ("timestamp", "'1969-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999999'"),
    "zoned": ("timestamptz", "'1900-01-01 00:00:00.000001+00'", "'2300-01-01 00:00:00+05'"),
    "text": ("varchar", "''", "'naïve 🚕'"),
    "name": ("uuid", "'00000000-0000-0000-0000-000000000001'", "gen_random_uuid()"),
    "bytes": ("blob", "'\\x00\\xFF'", "''"),
    "list": ("decimal(9, 3)[]", "[1.5, null]", "[]"),
    "lists": ("bigint[][]", "[[9007199254740993, null], null]", "[[]]"),
    "map": ("map(varchar, time)", "map{'a': time '00:00:00.000001', 'b': null}", "map{}"),
    "struct": (
        "struct(a int, b timestamp, c struct(d date[]))",
        "{'a': null, 'b': timestamp '1960-01-01 00:00:00.000001', 'c': {'d': [null]}}",
        "{'a': 1, 'b': null, 'c': null}",
    ),
    "items": (
        "struct(x bigint, y boolean)[]",
        "[{'x': 9007199254740993, 'y': true}, null]",
        "[{'x': null, 'y': null}]",
    ),
    "deep": ("map(int, struct(t varchar)[])", "map{1: [{'t': 'x'}], 2: null}", "map{3: []}"),
}
ROWS: dict[str, Callable[..., list[str]]] = {
    "values and NULL": lambda type, a, b: [a, b, "null"],
    "NULL only": lambda type, a, b: ["null", "null"],
    "NULL first": lambda type, a, b: ["null"] * 3 + [a],
}
# No library beside DuckDB has a uuid that can be sorted, grouped and joined: there it is text.
TEXT_OF = {"uuid": "string"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(ports(tmp_path))
    ports(tmp_path).close()


def typed(kind: str) -> str:
    """A query of all the columns."""
    if kind == "no row":
        columns = (f"null::{type} as {quoted(name)}" for name, (type, *_) in COLUMNS.items())
        return f"select {', '.join(columns)} where false"
    given = {name: ROWS[kind](*column) for name, column in COLUMNS.items()}
    selects = (
        "select " + ", ".join(f"({v[i]})::{COLUMNS[n][0]} as {quoted(n)}" for n, v in given.items())
        for i in range(len(given["flag"]))
    )
    return " union all ".join(selects)


def quoted(name: str) -> str:
    return f'"{name}"'


def passing(form: Form, result: Form | None = None) -> Model:
    """A model that gives what it gets."""

    def passed(rows: Any = ref("silver.trips")) -> Any:
        return rows

    given = CLASSES[result or form]
    passed.__annotations__ = {"rows": CLASSES[form], "return": given}
    return silver(passed)


def frame(world: World, query: str, shelf: Path) -> Frame:
    return replace(world.frame(query), reader=Shelf(shelf))


def told(frame: Frame) -> dict[str, tuple[str, list[str]]]:
    """The type and the values of each column, as DuckDB prints them."""
    relation = frame.duckdb()
    texts = ", ".join(f"{quoted(n)}::varchar" for n in relation.columns)
    rows = sorted(relation.project(texts).fetchall(), key=str)
    types = {c.name: c.type for c in frame.schema}
    return {n: (show(types[n]), [r[i] for r in rows]) for i, n in enumerate(relation.columns)}


@pytest.mark.parametrize("kind", [*ROWS, "no row"])
@pytest.mark.parametrize("form", CLASSES)
def test_types_and_values_are_those_that_were_opened(
    world: World, tmp_path: Path, form: Form, kind: str
) -> None:
    before = frame(world, typed(kind), tmp_path)
    result = world.evaluate(passing(form), inputs={TRIPS: before})
    after = Frame(result.schema, result.files, reader=Shelf(tmp_path))
    kept = form in (Form.DUCKDB, Form.FRAME)
    wanted = {
        name: (type if kept else TEXT_OF.get(type, type), values)
        for name, (type, values) in told(before).items()
    }

    assert told(after) == wanted
    assert [*told(after)] == [*COLUMNS]


def test_the_types_of_several_parts_are_those_of_one(world: World) -> None:
    """A part in which a column has no value does not say its type."""
    without = pd.DataFrame({"day": [None], "flag": [None], "kind": pd.Categorical([None], ["z"])})
    rows = {"day": [date(1960, 1, 1)], "flag": [True], "kind": pd.Categorical(["a"])}
    parts = [without.astype({"day": object, "flag": object}), pd.DataFrame(rows)]

    @silver
    def made(given: Frame = ref("silver.trips")) -> dd.DataFrame:
        from_map: Callable[..., dd.DataFrame] = dd.from_map
        with dask.config.set({"dataframe.convert-string": False}):
            return from_map(lambda i: parts[i], [0, 1], meta=parts[1].iloc[:0])

    result = world.evaluate(made, inputs={TRIPS: world.frame("select 1::int as id")})

    assert [c.type for c in result.schema] == ["date", "boolean", "string"]
    assert world.read(Frame(result.schema, result.files)) == [
        (None, None, None),
        (date(1960, 1, 1), True, "a"),
    ]


def test_parts_that_do_not_fit_together_are_an_error(world: World) -> None:
    @silver
    def made(given: Frame = ref("silver.trips")) -> dd.DataFrame:
        from_map: Callable[..., dd.DataFrame] = dd.from_map
        parts = [pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [date(2020, 1, 1)]})]
        return from_map(lambda i: parts[i], [0, 1], meta=parts[0].iloc[:0])

    with pytest.raises(ModelError, match=r"silver\.made gives parts that do not fit together"):
        world.evaluate(made, inputs={TRIPS: world.frame("select 1::int as id")})


@pytest.mark.parametrize(
    ("column", "type", "values"),
    [
        (pd.Series(["a", None], dtype="category"), "string", ["a", None]),
        (pd.Series(["a", None], dtype="str"), "string", ["a", None]),
        (pd.Series(["a", None], dtype=object), "string", ["a", None]),
        (pd.Series([None, None], dtype="str"), "string", [None, None]),
        (pd.Series([2**53 + 1, None], dtype="Int64"), "long", [2**53 + 1, None]),
        (pd.Series([True, None], dtype="boolean"), "boolean", [True, None]),
        (pl.Series(["a", None], dtype=pl.Categorical), "string", ["a", None]),
        (pl.Series(["a", None], dtype=pl.Enum(["a", "b"])), "string", ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), "string", ["a", None]),
        (pa.array(["a", None], pa.string_view()), "string", ["a", None]),
        (pa.array([2**64 - 1, None], pa.uint64()), "decimal(20, 0)", [2**64 - 1, None]),
    ],
    ids=lambda value: str(getattr(value, "dtype", getattr(value, "type", "")))[:30],
)
def test_types_that_only_one_library_has_become_the_nearest(
    world: World, column: Any, type: Type, values: list[Any]
) -> None:
    owner = {pd.Series: pd.DataFrame, pl.Series: pl.DataFrame}.get(column.__class__, pa.table)

    def made(rows: Frame = ref("silver.trips")) -> Any:
        return owner({"x": column})

    made.__annotations__["return"] = pa.Table if owner is pa.table else owner
    result = world.evaluate(silver(made), inputs={TRIPS: world.frame("select 1::int as id")})

    assert [c.type for c in result.schema] == [type]
    assert [r[0] for r in world.read(Frame(result.schema, result.files))] == sorted(
        values, key=lambda v: repr((v,))
    )


def test_a_lazy_query_that_a_model_changed_is_written_without_being_loaded(
    world: World, tmp_path: Path
) -> None:
    @silver
    def dear(rows: pl.LazyFrame = ref("silver.trips")) -> pl.LazyFrame:
        assert "PYTHON SCAN" in rows.explain()
        return rows.filter(pl.col("id") > 5).select("id")

    given = world.frame("select range as id, 'x' as zone from range(10)")
    result = world.evaluate(dear, inputs={TRIPS: given})

    assert world.read(Frame(result.schema, result.files)) == [(6,), (7,), (8,), (9,)]


def test_two_readers_and_a_relation_can_be_used_by_one_model(world: World) -> None:
    @silver
    def joined(
        trips: pa.RecordBatchReader = ref("silver.trips"),
        zones: duckdb.DuckDBPyRelation = ref("silver.zones"),
    ) -> pa.Table:
        found = zones.filter("id = 2").to_arrow_table()
        return pa.concat_tables([found, trips.read_all()])

    inputs = {
        TRIPS: world.frame("select 1::bigint as id"),
        ZONES: world.frame("select range as id from range(5)", ZONES),
    }
    result = world.evaluate(joined, inputs=inputs)

    assert world.read(Frame(result.schema, result.files)) == [(1,), (2,)]


def test_a_sql_model_and_a_frame_keep_a_uuid(world: World) -> None:
    given = world.frame("select gen_random_uuid() as id")
    result = world.evaluate(model(ZONES, "select * from silver.trips"), inputs={TRIPS: given})

    assert [c.type for c in result.schema] == ["uuid"]


@pytest.mark.parametrize("form", [Form.LAZY, Form.DASK, Form.ITERATOR])
def test_what_fails_only_when_the_rows_are_asked_for_is_an_error_of_the_model(
    world: World, tmp_path: Path, form: Form
) -> None:
    def fails(rows: Any) -> Any:
        raise KeyError("fare")

    def batches() -> Iterator[pa.RecordBatch]:
        yield fails(None)

    def made(given: Frame = ref("silver.trips")) -> Any:
        match form:
            case Form.LAZY:
                return given.polars().map_batches(fails)
            case Form.DASK:
                return given.dask().map_partitions(fails, meta=given.pandas(where="false"))
        return batches()

    results = {**CLASSES, Form.ITERATOR: Iterator[pa.RecordBatch]}
    made.__annotations__["return"] = results[form]
    given = frame(world, "select 1::int as id", tmp_path)

    with pytest.raises(RaisedError, match=r"silver\.made raised .*fare"):
        world.evaluate(silver(made), inputs={TRIPS: given})
