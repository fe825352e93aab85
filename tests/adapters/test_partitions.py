"""Partition values in SQL, against PyIceberg's own transforms, and through files on the disk."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyiceberg import types as iceberg
from pyiceberg.schema import Schema
from pyiceberg.transforms import parse_transform

from medallion.adapters.duckdb.partitions import LIMIT, expression, key, macros, value
from medallion.adapters.duckdb.types import duckdb_type
from medallion.errors import ModelError
from medallion.partition import Kind, Transform
from medallion.quoting import literal
from medallion.schema import ListType, decimal_of

# A name for it: Hypothesis keeps the class itself alive past DuckDB's own end, which complains.
Duck: TypeAlias = "duckdb.DuckDBPyConnection"

SECOND = 1_000_000
DAYS = st.integers((date.min - date(1970, 1, 1)).days, (date.max - date(1970, 1, 1)).days)
MICROS = st.integers(
    (datetime.min - datetime(1970, 1, 1)).days * 86400 * SECOND,
    (datetime.max - datetime(1970, 1, 1)).days * 86400 * SECOND,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES: tuple[Kind, ...] = ("year", "month", "day", "hour")
HYPOTHESIS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def unscaled(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    return st.integers(-most, most).map(
        lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale))
    )


def sql_of(type: str) -> Callable[[Any], str]:
    """How a value, as PyIceberg keeps it, is written in SQL."""
    match type:
        case "date":
            return lambda days: f"(DATE '1970-01-01' + ({days})::INTEGER)"
        case "time":
            return lambda micros: f"(TIME '00:00' + to_microseconds({micros}))"
        case "timestamp":
            return lambda micros: f"make_timestamp(({micros})::BIGINT)"
        case "timestamptz":
            return lambda micros: f"to_timestamp(0) + to_microseconds({micros})"
        case "binary":
            return lambda raw: f"unhex('{raw.hex()}')"
        case "string":
            return literal
    form = "f" if decimal_of(type) else ""
    return lambda found: f"'{found:{form}}'::{duckdb_type(type)}"


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "decimal(9, 2)": unscaled(9, 2),
    "decimal(18, 0)": unscaled(18, 0),
    "decimal(38, 10)": unscaled(38, 10),
    "decimal(38, 38)": unscaled(38, 38),
    "date": DAYS,
    "time": st.integers(0, 86400 * SECOND - 1),
    "timestamp": MICROS,
    "timestamptz": MICROS,
    "string": TEXT,
    "uuid": st.uuids(),
    "binary": st.binary(max_size=20),
}
ICEBERG: dict[str, iceberg.IcebergType] = {
    type: Schema.model_validate(
        {"type": "struct", "fields": [{"id": 1, "name": "x", "type": type, "required": False}]}
    ).find_type(1)
    for type in (*VALUES, "float", "double")
}


@pytest.fixture
def duck() -> Iterator[Duck]:
    """A connection in an odd time zone: no partition value may depend on it."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'America/St_Johns'")
        for statement in macros():
            connection.execute(statement)
        yield connection


def computed(duck: Duck, transform: Transform, type: str, values: Sequence[Any]) -> list[Any]:
    rows = ", ".join(f"({i}, {sql_of(type)(v)})" for i, v in enumerate(values))
    query = f"select {expression(transform, type)} from (values {rows}) t(i, x) order by i"
    return [found for (found,) in duck.sql(query).fetchall()]


def expected(transform: Transform, type: str, values: Sequence[Any]) -> list[Any]:
    argument = "" if transform.argument is None else f"[{transform.argument}]"
    function = parse_transform(f"{transform.kind}{argument}").transform(ICEBERG[type])
    return [function(v) for v in values]


@pytest.mark.parametrize(
    ("kind", "type"),
    [
        (k, t)
        for k in TIMES
        for t in ("date", "timestamp", "timestamptz")
        if (k, t) != ("hour", "date")
    ],
)
@HYPOTHESIS
@given(data=st.data())
def test_a_moment_falls_into_the_same_year_month_day_and_hour_as_in_iceberg(
    duck: Duck, kind: Kind, type: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(VALUES[type], min_size=1, max_size=30))
    edges = [0, -1, 1, -(86400 * SECOND), -(86400 * SECOND) - 1] if type != "date" else [0, -1, 1]
    values += edges
    transform = Transform(kind, "x")
    assert computed(duck, transform, type, values) == expected(transform, type, values)


def test_a_moment_before_1970_is_counted_downwards_from_it(duck: Duck) -> None:
    before = [-1, -3600 * SECOND, -3600 * SECOND - 1]
    assert computed(duck, Transform("hour", "x"), "timestamp", before) == [-1, -1, -2]
    assert computed(duck, Transform("day", "x"), "timestamp", before) == [-1, -1, -1]
    assert computed(duck, Transform("month", "x"), "date", [-1, -31, -32]) == [-1, -1, -2]
    assert computed(duck, Transform("year", "x"), "date", [-1, -365, -366]) == [-1, -1, -2]


@pytest.mark.parametrize("type", [t for t in VALUES if t != "boolean"])
@HYPOTHESIS
@given(data=st.data(), buckets=st.integers(1, 2**31 - 1))
def test_a_value_falls_into_the_same_bucket_as_in_iceberg(
    duck: Duck, type: str, data: st.DataObject, buckets: int
) -> None:
    values = data.draw(st.lists(VALUES[type], min_size=1, max_size=30))
    transform = Transform("bucket", "x", buckets)
    assert computed(duck, transform, type, values) == expected(transform, type, values)


def test_text_of_every_length_and_width_falls_into_the_same_bucket_as_in_iceberg(
    duck: Duck,
) -> None:
    values = [c * n for c in ("a", "é", "€", "😀", "\0", "\U0010ffff") for n in range(18)]
    transform = Transform("bucket", "x", 2**31 - 1)
    assert computed(duck, transform, "string", values) == expected(transform, "string", values)


@pytest.mark.parametrize(
    ("sql", "type", "hash"),
    [
        ("34", "int", 2017239379),
        ("34", "long", 2017239379),
        ("14.20", "decimal(4, 2)", -500754589),
        ("'2017-11-16'", "date", -653330422),
        ("'22:31:08'", "time", -662762989),
        ("'2017-11-16 22:31:08'", "timestamp", -2047944441),
        ("'2017-11-16 14:31:08-08'", "timestamptz", -2047944441),
        ("'iceberg'", "string", 1210000089),
        ("'f79c3e09-677c-4bbd-a479-3f349cb785e7'", "uuid", 1488055340),
        ("'\\x00\\x01\\x02\\x03'", "binary", -188683207),
    ],
)
def test_the_examples_of_the_specification_have_their_hashes(
    duck: Duck, sql: str, type: str, hash: int
) -> None:
    transform = Transform("bucket", "x", 2**31 - 1)
    query = f"select {expression(transform, type)} from (select ({sql})::{duckdb_type(type)} as x)"
    assert duck.sql(query).fetchall() == [((hash & (2**31 - 1)) % (2**31 - 1),)]


@pytest.mark.parametrize(
    ("type", "strategy"),
    [
        # the least numbers have nothing below them to be truncated to
        ("int", st.integers(1000 - 2**31, 2**31 - 1)),
        ("long", st.integers(1000 - 2**63, 2**63 - 1)),
        ("decimal(9, 2)", unscaled(8, 2)),
        ("decimal(38, 10)", unscaled(37, 10)),
        ("string", TEXT),
        ("binary", st.binary(max_size=20)),
    ],
)
@HYPOTHESIS
@given(data=st.data(), width=st.integers(1, 1000))
def test_a_value_is_truncated_as_in_iceberg(
    duck: Duck, type: str, strategy: st.SearchStrategy[Any], data: st.DataObject, width: int
) -> None:
    values = data.draw(st.lists(strategy, min_size=1, max_size=30))
    transform = Transform("truncate", "x", width)
    assert computed(duck, transform, type, values) == expected(transform, type, values)


def test_text_is_truncated_by_code_points_and_not_by_what_looks_like_one_character(
    duck: Duck,
) -> None:
    values = ["e\u0301x", "👨\u200d👩", "ab", ""]
    assert computed(duck, Transform("truncate", "x", 1), "string", values) == ["e", "👨", "a", ""]


@pytest.mark.parametrize(
    ("type", "least"), [("int", -(2**31)), ("long", -(2**63)), ("decimal(4, 2)", Decimal("-99.99"))]
)
def test_a_number_that_would_be_truncated_out_of_its_type_is_an_error(
    duck: Duck, type: str, least: Any
) -> None:
    with pytest.raises(duckdb.Error):
        computed(duck, Transform("truncate", "x", 10), type, [least])


@pytest.mark.parametrize(
    ("kind", "type"),
    [
        *((k, "timestamptz") for k in ("identity", *TIMES, "bucket")),
        *((k, "string") for k in ("identity", "bucket", "truncate")),
        *((k, "decimal(38, 10)") for k in ("identity", "bucket", "truncate")),
    ],
)
def test_null_is_a_partition_value_of_its_own(duck: Duck, kind: Kind, type: str) -> None:
    transform = Transform(kind, "x", 7 if kind in ("bucket", "truncate") else None)
    query = f"select {key(transform, type)}, {expression(transform, type)}"
    rows = f"select null::{duckdb_type(type)} as x"
    assert duck.sql(f"{query} from ({rows})").fetchall() == [(None, None)]
    assert value(transform, None) is None


@pytest.mark.parametrize("type", ICEBERG)
@pytest.mark.parametrize("kind", ["identity", *TIMES, "bucket", "truncate"])
def test_a_transform_takes_the_types_that_iceberg_lets_it_take_but_no_float(
    kind: Kind, type: str
) -> None:
    transform = Transform(kind, "x", 16 if kind in ("bucket", "truncate") else None)
    argument = "[16]" if transform.argument else ""
    fits = parse_transform(f"{kind}{argument}").can_transform(ICEBERG[type])
    if fits and type not in ("float", "double"):
        assert expression(transform, type)
        assert key(transform, type)
    else:
        with pytest.raises(ModelError) as caught:
            key(transform, type)
        assert str(transform) in caught.value.message
        assert f"'x' is of type {type}" in caught.value.message


@pytest.mark.parametrize("kind", ["identity", "bucket"])
def test_a_nested_column_cannot_be_a_partition_key(kind: Kind) -> None:
    with pytest.raises(ModelError, match="of type list<int>"):
        key(Transform(kind, "x", 4 if kind == "bucket" else None), ListType("int"))


def test_a_width_beyond_all_values_of_a_decimal_is_refused() -> None:
    with pytest.raises(ModelError, match=r"truncate\(x, 1000\).*larger than any value"):
        expression(Transform("truncate", "x", 1000), "decimal(3, 2)")


@pytest.mark.parametrize("type", ["date", "timestamp", "timestamptz"])
@pytest.mark.parametrize("far", ["infinity", "-infinity"])
def test_an_infinite_moment_is_an_error_and_not_a_null(duck: Duck, type: str, far: str) -> None:
    transform = Transform("month", "x")
    for sql in (key(transform, type), expression(transform, type)):
        with pytest.raises(duckdb.Error, match=r"month\(x\): a value is infinite"):
            duck.sql(f"select {sql} from (select '{far}'::{type} as x)").fetchall()


@pytest.mark.parametrize("kind", TIMES)
@HYPOTHESIS
@given(hours=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=30))
@example(hours=[0, -1, 24 * 365 * -3000, 24 * 365 * 20000])
def test_the_key_of_any_moment_that_duckdb_has_leads_back_to_its_ordinal(
    duck: Duck, kind: Kind, hours: list[int]
) -> None:
    transform = Transform(kind, "x")
    rows = ", ".join(f"(make_timestamp({h * 3600 * SECOND}))" for h in hours)
    query = f"select {key(transform, 'timestamp')}, {expression(transform, 'timestamp')}"
    for folder, ordinal in duck.sql(f"{query} from (values {rows}) t(x)").fetchall():
        assert value(transform, str(folder)) == str(ordinal)


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a partitioned COPY, as RETURN_STATS tells of it."""

    path: Path
    rows: int
    value: str | None


def partitioned(duck: Duck, folder: Path, rows: str, transform: Transform, type: str) -> list[Part]:
    """Write rows with a column `x` as the engine does."""
    source = f"select x, {key(transform, type)} as _key from ({rows})"
    written = duck.execute(
        f"copy ({source}) to {literal(str(folder))} (format parquet, partition_by (_key),"
        " write_partition_columns false, return_stats, append, filename_pattern '{uuid}')"
    ).fetchall()
    return [Part(Path(r[0]), r[1], value(transform, r[5]["_key"])) for r in written]


HARD = [
    "", "NULL", "null", "__HIVE_DEFAULT_PARTITION__", "_HIVE_DEFAULT_PARTITION_", "/", "a/b", "..",
    ".", "a=b", "%", "%2F", "a%20b", " ", " a ", "a\nb", "\0", "\\", "'", '"', "é", "😀", "A", "a",
    "0", "?*#&+:;,<>|",
]  # fmt: skip


@HYPOTHESIS
@given(texts=st.sets(TEXT, max_size=6))
@example(texts=set(HARD))
def test_any_text_is_the_partition_value_that_its_file_is_listed_under(
    duck: Duck, tmp_path: Path, texts: set[str]
) -> None:
    values = ", ".join(f"({literal(t)})" for t in texts | {""})
    rows = f"select x from (values {values}, (null), (null)) t(x)"
    parts = partitioned(duck, tmp_path, rows, Transform("identity", "x"), "string")
    assert Counter({p.value: p.rows for p in parts}) == Counter([*texts | {""}, None, None])
    for part in parts:
        assert part.path.resolve().is_relative_to(tmp_path.resolve())
        found = duck.sql(f"select distinct x from read_parquet({literal(str(part.path))})")
        assert found.fetchall() == [(part.value,)]


@pytest.mark.parametrize(
    ("transform", "type", "value", "text"),
    [
        (Transform("identity", "x"), "boolean", True, "true"),
        (Transform("identity", "x"), "int", -5, "-5"),
        (Transform("identity", "x"), "decimal(9, 2)", Decimal("-0.50"), "-0.50"),
        (Transform("identity", "x"), "date", -1, "1969-12-31"),
        (Transform("identity", "x"), "time", 3_723_000_000, "01:02:03"),
        (Transform("identity", "x"), "timestamp", -1, "1969-12-31 23:59:59.999999"),
        (Transform("identity", "x"), "uuid", uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (Transform("identity", "x"), "binary", b"\x00/\xff", "002FFF"),
        (Transform("truncate", "x", 2), "binary", b"\x00/\xff", "002F"),
        (Transform("truncate", "x", 2), "string", "é/é", "é/"),
        (Transform("truncate", "x", 10), "int", -5, "-10"),
        (Transform("truncate", "x", 50), "decimal(9, 2)", Decimal("10.65"), "10.50"),
        (Transform("bucket", "x", 1000), "long", 34, "379"),
        (Transform("year", "x"), "date", -1, "-1"),
        (Transform("month", "x"), "date", 31, "1"),
        (Transform("day", "x"), "timestamptz", -1, "-1"),
        (Transform("hour", "x"), "timestamp", 3600 * SECOND, "1"),
    ],
    ids=str,
)
def test_a_partition_value_is_listed_as_its_text(
    duck: Duck, tmp_path: Path, transform: Transform, type: str, value: Any, text: str
) -> None:
    rows = f"select {sql_of(type)(value)} as x union all select null"
    parts = partitioned(duck, tmp_path, rows, transform, type)
    assert {p.value: p.rows for p in parts} == {text: 1, None: 1}


def test_folders_of_moments_can_be_read_by_people(duck: Duck, tmp_path: Path) -> None:
    folders = []
    for kind in TIMES:
        rows = "select timestamp '2019-01-31 23:59:59' as x"
        (part,) = partitioned(duck, tmp_path / kind, rows, Transform(kind, "x"), "timestamp")
        folders.append(part.path.parent.name)
    assert folders == ["_key=2019", "_key=201901", "_key=20190131", "_key=2019013123"]


@pytest.mark.parametrize(
    ("type", "fits", "too_long"),
    [
        ("string", "x" * LIMIT, "x" * (LIMIT + 1)),
        ("string", "😀" * (LIMIT // 12), "😀" * (LIMIT // 12 + 1)),
        ("binary", b"x" * (LIMIT // 2), b"x" * (LIMIT // 2 + 1)),
    ],
)
def test_a_value_too_long_for_a_folder_is_an_error_that_says_what_to_do(
    duck: Duck, tmp_path: Path, type: str, fits: Any, too_long: Any
) -> None:
    transform = Transform("identity", "x")
    assert partitioned(duck, tmp_path, f"select {sql_of(type)(fits)} as x", transform, type)
    with pytest.raises(duckdb.Error, match=r"identity\(x\): a value takes more than.*truncate"):
        partitioned(duck, tmp_path, f"select {sql_of(type)(too_long)} as x", transform, type)


@pytest.mark.parametrize("type", ["date", "timestamp", "string"])
def test_the_column_of_a_partition_may_have_any_name(duck: Duck, type: str) -> None:
    name = 'odd "name", of {0}'
    transform = Transform("bucket" if type == "string" else "day", name, 4)
    rows = f'select null::{duckdb_type(type)} as "{name.replace(chr(34), chr(34) * 2)}"'
    assert duck.sql(f"select {key(transform, type)} from ({rows})").fetchall() == [(None,)]
