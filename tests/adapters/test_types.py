"""DuckDB's types, as Iceberg keeps them, and files read by field id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medallion.adapters.duckdb.types import duckdb_type, field_ids, iceberg_type, reading
from medallion.errors import DefinitionError, ModelError
from medallion.quoting import literal, quote
from medallion.schema import Column, ListType, MapType, Schema, StructType, Type, evolve
from medallion.typename import parse_type, type_name

# A name for it: Hypothesis keeps the class itself alive past DuckDB's own end, which complains.
Duck: TypeAlias = "duckdb.DuckDBPyConnection"
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
EXTREMES: dict[str, list[str]] = {
    "boolean": ["true", "false"],
    "int": ["-2147483648", "0", "2147483647"],
    "long": ["-9223372036854775808", "0", "9223372036854775807"],
    "float": ["-3.4028235e38", "1e-45", "inf", "-inf", "nan", "-0.0", "0.1"],
    "double": ["-1.7976931348623157e308", "5e-324", "inf", "-inf", "nan", "-0.0", "0.1"],
    "decimal(1, 0)": ["-9", "9"],
    "decimal(9, 2)": ["-9999999.99", "0.01"],
    "decimal(18, 9)": ["-999999999.999999999", "0.000000001"],
    "decimal(38, 0)": ["9" * 38, "-" + "9" * 38],
    "decimal(38, 10)": ["9" * 28 + "." + "9" * 10, "-0.0000000001"],
    "decimal(38, 38)": ["0." + "9" * 38, "-0." + "0" * 37 + "1"],
    "string": ["", "a'b\"c\n", "naïve 😀", "x\0y", "NULL", "z" * 1000],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "binary": ["", "\\x00\\xFF", "\\x27\\x22"],
    "date": ["0001-01-01", "1969-12-31", "9999-12-31"],
    "time": ["00:00:00", "23:59:59.999999"],
    "timestamp": [
        "0001-01-01 00:00:00",
        "1969-12-31 23:59:59.999999",
        "9999-12-31 23:59:59.999999",
    ],
    "timestamptz": ["0001-01-01 00:00:00+00", "1969-12-31 23:59:59.999999+00"],
}


@pytest.fixture
def duck() -> Iterator[Duck]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def column(duck: Duck, sql: str) -> Any:
    return duck.sql(f"select {sql} as x").types[0]


def write(duck: Duck, path: Path, rows: str, schema: Schema) -> None:
    duck.execute(f"copy ({rows}) to {literal(str(path))} (format parquet, {field_ids(schema)})")


def read(duck: Duck, path: Path, schema: Schema) -> Any:
    return duck.sql(f"select * from read_parquet({literal(str(path))}, {reading(schema)})")


@pytest.mark.parametrize(
    ("duckdb_name", "expected"),
    [
        ("boolean", "boolean"),
        ("tinyint", "int"),
        ("smallint", "int"),
        ("integer", "int"),
        ("utinyint", "int"),
        ("usmallint", "int"),
        ("uinteger", "long"),
        ("bigint", "long"),
        ("ubigint", "decimal(20, 0)"),
        ("hugeint", "decimal(38, 0)"),
        ("uhugeint", "decimal(38, 0)"),
        ("float", "float"),
        ("double", "double"),
        ("decimal(12, 3)", "decimal(12, 3)"),
        ("varchar", "string"),
        ("enum('a', 'b')", "string"),
        ("json", "string"),
        ("uuid", "uuid"),
        ("blob", "binary"),
        ("date", "date"),
        ("time", "time"),
        ("timestamp", "timestamp"),
        ("timestamp_s", "timestamp"),
        ("timestamp_ms", "timestamp"),
        ("timestamptz", "timestamptz"),
        ("integer[]", ListType("int")),
        ("smallint[3]", ListType("int")),
        ("map(varchar, double)", MapType("string", "double")),
        (
            'struct(a ubigint, "b c" json[])',
            StructType((Column("a", "decimal(20, 0)"), Column("b c", ListType("string")))),
        ),
    ],
)
def test_a_duckdb_type_becomes_the_narrowest_iceberg_type_that_keeps_its_values(
    duck: Duck, duckdb_name: str, expected: Type
) -> None:
    found = iceberg_type(column(duck, f"null::{duckdb_name}"), "x")
    assert found == expected
    # The way there is one that DuckDB can go.
    duck.execute(f"select cast(null::{duckdb_name} as {duckdb_type(found)})")


@pytest.mark.parametrize(
    ("sql", "named", "hint"),
    [
        ("null", "silver.trips column 'x' is of type NULL", "null::varchar"),
        ("[]", "column 'x'.element is of type NULL", "null::varchar"),
        ("interval 1 day", "INTERVAL", "varchar"),
        ("'101'::bit", "BIT", "varchar"),
        ("1::bignum", "BIGNUM", "varchar"),
        ("'12:00:00+02'::timetz", "TIME WITH TIME ZONE", "varchar"),
        ("now()::timestamp::timestamp_ns", "TIMESTAMP_NS", "cast it to timestamp"),
        ("null::timestamptz_ns", "TIMESTAMPTZ_NS", "cast it to timestamptz"),
        ("null::time_ns", "TIME_NS", "cast it to time"),
        ("union_value(num := 1)", "UNION", "union_extract"),
        ("1::variant", "VARIANT", "json"),
        ("null::geometry", "GEOMETRY", "ST_AsText"),
        ("(1, 2)", "TUPLE", "{'a': 1, 'b': 2}"),
        ("{'a': {'b': [interval 1 day]}}", "column 'x'.a.b.element is of type INTERVAL", ""),
        ("map{'k': interval 1 day}", "column 'x'.value is of type INTERVAL", ""),
        ("map{interval 1 day: 1}", "column 'x'.key is of type INTERVAL", ""),
    ],
)
def test_a_type_that_iceberg_lacks_is_refused_with_the_column_and_a_way_out(
    duck: Duck, sql: str, named: str, hint: str
) -> None:
    with pytest.raises(ModelError) as caught:
        iceberg_type(column(duck, sql), "silver.trips column 'x'")
    assert named in caught.value.message
    assert hint in caught.value.hint


def test_every_type_that_duckdb_lists_is_either_kept_or_refused(
    duck: Duck,
) -> None:
    names = duck.execute("select distinct type_name from duckdb_types()").fetchall()
    known = 0
    for (name,) in names:
        try:
            found = column(duck, f"null::{quote(name)}")
        except duckdb.Error:
            continue  # takes parameters, or is no type of a column
        known += 1
        try:
            duckdb_type(iceberg_type(found, name))
        except ModelError as refused:
            assert name in refused.message  # noqa: PT017  # both ways are right
    assert known > 50


def test_a_type_of_a_later_iceberg_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match="columns of type timestamp_ns"):
        duckdb_type("timestamp_ns")


@pytest.mark.parametrize("type", EXTREMES)
def test_extreme_values_come_back_by_field_id_alone_and_inside_nested_types(
    duck: Duck, tmp_path: Path, type: str
) -> None:
    texts = ", ".join(f"(cast({literal(t)} as {duckdb_type(type)}))" for t in EXTREMES[type])
    rows = f"""
        select x, [x, null] as l, map {{'k': x}} as m, {{'a b': x, 'n': [{{'x': x}}]}} as s
        from (values {texts}, (null)) as t(x)
    """
    wanted = duck.sql(rows)
    schema = evolve(
        Schema(
            tuple(
                Column(n, iceberg_type(t, n))
                for n, t in zip(wanted.columns, wanted.types, strict=True)
            )
        ),
        None,
    )
    assert schema.columns[0].type == type
    path = tmp_path / "rows.parquet"
    write(duck, path, rows, schema)
    shown = "select x::varchar, l::varchar, m::varchar, s::varchar, x is null, typeof(s)"
    assert (
        duck.sql(f"{shown} from read_parquet({literal(str(path))}, {reading(schema)})").fetchall()
        == duck.sql(f"{shown} from ({rows})").fetchall()
    )


def test_a_file_carries_the_field_id_of_every_part(duck: Duck, tmp_path: Path) -> None:
    item = StructType((Column("x", "int", 12),))
    schema = Schema(
        (
            Column("l", ListType(item, 11), 10),
            Column("m", MapType("string", ListType("int", 23), 21, 22), 20),
            Column("s", StructType((Column("in'n\"er", "int", 31),)), 30),
        )
    )
    path = tmp_path / "rows.parquet"
    write(duck, path, """select [{'x': 1}] l, map{'k': [1]} m, {'in''n"er': 1} s""", schema)
    found = duck.sql(f"select name, field_id from parquet_schema({literal(str(path))})").fetchall()
    assert {name: id for name, id in found if id is not None} == {
        "l": 10, "element": 23, "x": 12, "m": 20, "key": 21, "value": 22, "s": 30, "in'n\"er": 31,
    }  # fmt: skip
    assert ("element", 11) in found


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
def test_any_name_can_be_written_and_read(duck: Duck, tmp_path: Path, names: list[str]) -> None:
    schema = Schema(
        tuple(
            Column(name, StructType((Column(name, "int", 2 * i + 1),)), 2 * i + 2)
            for i, name in enumerate(names)
        )
    )
    rows = ", ".join(f"{{{quote(n)}: {i}}} as {quote(n)}" for i, n in enumerate(names))
    path = tmp_path / "rows.parquet"
    write(duck, path, f"select {rows}", schema)
    found = read(duck, path, schema)
    assert found.columns == names
    assert found.fetchall() == [tuple({n: i} for i, n in enumerate(names))]


def test_a_name_with_a_nul_is_refused_because_it_would_be_cut_there() -> None:
    with pytest.raises(ModelError, match=r"'a\\x00b'"):
        quote("a\0b")


class TestAFileOlderThanItsSchema:
    """A file is read by field id, whatever became of the table's columns since."""

    @pytest.fixture
    def path(self, duck: Duck, tmp_path: Path) -> Path:
        inner = StructType((Column("p", "int", 5), Column("q", "string", 6)))
        schema = Schema(
            (
                Column("a", "int", 1),
                Column("b", "string", 2),
                Column("d", "decimal(5, 2)", 3),
                Column("s", inner, 4),
                Column("l", ListType(StructType((Column("x", "float", 9),)), 8), 7),
                Column("m", MapType("string", StructType((Column("y", "int", 13),)), 11, 12), 10),
            )
        )
        rows = """
            select * from (values
                (1, 'x', 1.25::decimal(5, 2), {'p': 1, 'q': 'q1'}, [{'x': 0.5::float}],
                    map{'k': {'y': 7}}),
                (2, null, null, null, null, null),
                (3, null, null, {'p': null, 'q': null}, [], map{}::map(varchar, struct(y int)))
            ) as t(a, b, d, s, l, m)
        """
        path = tmp_path / "old.parquet"
        write(duck, path, rows, schema)
        return path

    def test_a_renamed_column_keeps_its_values(self, duck: Duck, path: Path) -> None:
        schema = Schema((Column("b", "int", 1), Column("a", "string", 2)))
        assert read(duck, path, schema).fetchall() == [(1, "x"), (2, None), (3, None)]

    def test_an_added_column_is_null_even_under_the_name_of_a_dropped_one(
        self, duck: Duck, path: Path
    ) -> None:
        schema = Schema(
            (
                Column("b", "long", 20),
                Column("s", StructType((Column("p", "int", 22),)), 21),
                Column("l", ListType("int", 24), 23),
                Column("a", "int", 1),
            )
        )
        assert read(duck, path, schema).fetchall() == [(None, None, None, i) for i in (1, 2, 3)]

    def test_a_widened_type_keeps_its_values(self, duck: Duck, path: Path) -> None:
        schema = Schema(
            (
                Column("a", "long", 1),
                Column("d", "decimal(20, 2)", 3),
                Column("s", StructType((Column("p", "long", 5),)), 4),
                Column("l", ListType(StructType((Column("x", "double", 9),)), 8), 7),
            )
        )
        found = read(duck, path, schema)
        kept = ["BIGINT", "DECIMAL(20,2)", "STRUCT(p BIGINT)", "STRUCT(x DOUBLE)[]"]
        assert [str(t) for t in found.types] == kept
        assert str(found.fetchall()[0]) == "(1, Decimal('1.25'), {'p': 1}, [{'x': 0.5}])"

    def test_a_renamed_inner_field_keeps_its_values_and_an_added_one_is_null(
        self, duck: Duck, path: Path
    ) -> None:
        s = StructType((Column("n", "int", 30), Column("q2", "string", 6), Column("q", "int", 5)))
        items = ListType(StructType((Column("n", "date", 31), Column("x2", "double", 9))), 8)
        value = StructType((Column("y2", "long", 13), Column("n", "int", 32)))
        m = MapType("string", value, 11, 12)
        schema = Schema((Column("s2", s, 4), Column("l", items, 7), Column("m", m, 10)))
        assert read(duck, path, schema).fetchall() == [
            (
                {"n": None, "q2": "q1", "q": 1},
                [{"n": None, "x2": 0.5}],
                {"k": {"y2": 7, "n": None}},
            ),
            (None, None, None),
            ({"n": None, "q2": None, "q": None}, [], {}),
        ]

    def test_an_inner_field_that_was_dropped_and_added_again_is_null(
        self, duck: Duck, path: Path
    ) -> None:
        schema = Schema(
            (
                Column("s", StructType((Column("p", "int", 40), Column("q", "string", 41))), 4),
                Column("l", ListType(StructType((Column("x", "float", 42),)), 8), 7),
                Column("m", MapType("string", StructType((Column("y", "int", 43),)), 11, 12), 10),
            )
        )
        assert read(duck, path, schema).fetchall() == [
            ({"p": None, "q": None}, [{"x": None}], {"k": {"y": None}}),
            (None, None, None),
            ({"p": None, "q": None}, [], {}),
        ]

    def test_files_of_several_schemas_are_read_in_one_scan(
        self, duck: Duck, path: Path, tmp_path: Path
    ) -> None:
        schema = Schema(
            (
                Column("z", "long", 50),
                Column("s", StructType((Column("q", "string", 6), Column("r", "int", 51))), 4),
            )
        )
        newer = tmp_path / "new.parquet"
        write(duck, newer, "select 9::bigint as z, {'q': 'q2', 'r': 4} as s", schema)
        paths = f"[{literal(str(path))}, {literal(str(newer))}]"
        rows = duck.sql(f"select * from read_parquet({paths}, {reading(schema)})").fetchall()
        assert rows == [
            (None, {"q": "q1", "r": None}),
            (None, None),
            (None, {"q": None, "r": None}),
            (9, {"q": "q2", "r": 4}),
        ]

    @pytest.mark.xfail(raises=duckdb.InternalException, reason="DuckDB 2.0 fails internally")
    def test_a_list_in_a_struct_can_be_read_although_no_field_of_its_items_is_left(
        self, duck: Duck, tmp_path: Path
    ) -> None:
        def nested(id: int) -> Schema:
            items = ListType(StructType((Column("x", "int", id),)), 3)
            return Schema((Column("s", StructType((Column("l", items, 2),)), 1),))

        path = tmp_path / "old.parquet"
        write(duck, path, "select {'l': [{'x': 1}]} as s", nested(4))
        assert read(duck, path, nested(5)).fetchall() == [({"l": [{"x": None}]},)]


def test_a_declared_type_is_what_duckdb_takes_it_for(duck: Duck) -> None:
    names = {
        str(row[0]).lower()
        for row in duck.execute("select type_name from duckdb_types()").fetchall()
    }
    plain = names - {
        "list",
        "array",
        "map",
        "struct",
        "row",
        "union",
        "enum",
        "type",
        "tuple",
        "null",
    }
    more = ["varchar(3)", "decimal(9,2)", "numeric(5)", "int[]", "int[3]", 'struct("a, b" int[])']
    more += ["map(varchar, row(a date))", "double precision", "timestamp with time zone"]
    for name in (*sorted(plain), *more):
        try:
            kept = iceberg_type(column(duck, f"null::{name}"), "x")
        except ModelError:
            with pytest.raises(DefinitionError):
                parse_type(name)
            continue
        assert parse_type(name) == kept, name
        assert iceberg_type(column(duck, f"null::{type_name(kept)}"), "x") == kept
