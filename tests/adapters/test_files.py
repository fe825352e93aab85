"""Files that DuckDB wrote, as Iceberg's manifests keep them and as PyIceberg finds their rows."""

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, cast

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import BooleanExpression, EqualTo
from pyiceberg.expressions.visitors import _InclusiveMetricsEvaluator
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.transforms import parse_transform
from pyiceberg.types import PrimitiveType

from medallion.adapters.duckdb.partitions import key, macros, value
from medallion.adapters.duckdb.stats import parse_stats
from medallion.adapters.duckdb.types import duckdb_type, field_ids
from medallion.adapters.iceberg.files import data_file
from medallion.errors import ModelError
from medallion.partition import Transform
from medallion.quoting import literal
from medallion.schema import Column, ListType, MapType, Schema, StructType
from medallion.tables import ColumnStats, WrittenFile

# A name for it: Hypothesis keeps the class itself alive past DuckDB's own end, which complains.
Duck: TypeAlias = "duckdb.DuckDBPyConnection"

EPOCH = datetime(1970, 1, 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HYPOTHESIS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    return st.integers(-most, most).map(
        lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale))
    )


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "decimal(9, 2)": decimals(9, 2),
    "decimal(18, 18)": decimals(18, 18),
    "decimal(38, 10)": decimals(38, 10),
    "date": st.dates(),
    "time": st.times(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes().map(lambda t: t.replace(tzinfo=UTC)),
    "string": TEXT,
    "uuid": st.uuids(),
    "binary": st.binary(max_size=20),
}


def internal(found: Any) -> Any:
    """A value as PyIceberg's bounds and partitions keep it."""
    match found:
        case datetime():
            return (found.replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)
        case date():
            return (found - EPOCH.date()).days
        case time():
            return (datetime.combine(EPOCH, found) - EPOCH) // timedelta(microseconds=1)
    return found


def equal(name: str, found: Any) -> BooleanExpression:
    expression: Any = EqualTo  # its constructor is declared otherwise than it is
    return cast("BooleanExpression", expression(name, found))


def sql(type: str, found: Any) -> str:
    match found:
        case None:
            text = "NULL"
        case bytes():
            text = f"unhex('{found.hex()}')"
        case Decimal():
            text = f"'{found:f}'"
        case _:
            text = literal(str(found))
    return f"({text}::{duckdb_type(type)})"


@pytest.fixture
def duck() -> Iterator[Duck]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in macros():
            connection.execute(statement)
        yield connection


def written(
    duck: Duck, path: Path, rows: str, schema: Schema, partition_by: Sequence[Transform] = ()
) -> list[WrittenFile]:
    """Write rows as the engine does: one file, or some in folders below the path."""
    types = {c.name: c.type for c in schema}
    keys = "".join(f", {key(t, types[t.column])} as k{i}" for i, t in enumerate(partition_by))
    names = ", ".join(f"k{i}" for i in range(len(partition_by)))
    folders = f", partition_by ({names}), filename_pattern '{{uuid}}', append" if names else ""
    answer = duck.execute(
        f"copy (select *{keys} from ({rows})) to {literal(str(path))}"
        f" (format parquet, {field_ids(schema)}, return_stats{folders})"
    ).fetchall()
    return [
        WrittenFile(
            row[0],
            row[1],
            row[2],
            tuple(value(t, k) for t, k in zip(partition_by, (row[5] or {}).values(), strict=True)),
            parse_stats(row[4], schema),
        )
        for row in answer
    ]


def metadata_of(schema: Schema, partition_by: Sequence[Transform] = ()) -> TableMetadata:
    """Metadata of a table with the schema, whose field ids are one, two, three and so on."""
    iceberg = IcebergSchema.model_validate(schema.to_json())
    fields = [
        PartitionField(
            iceberg.find_field(t.column).field_id,
            1000 + i,
            parse_transform(f"{t.kind}[{t.argument}]" if t.argument else t.kind),
            t.field,
        )
        for i, t in enumerate(partition_by)
    ]
    return new_table_metadata(
        iceberg, PartitionSpec(*fields), UNSORTED_SORT_ORDER, "file:///none", {}
    )


def file_of(type: str, lower: str | None, upper: str | None) -> tuple[DataFile, TableMetadata]:
    metadata = metadata_of(Schema((Column("x", type, 1),)))
    stats = {1: ColumnStats(10, 2, 0, lower, upper)}
    return data_file(WrittenFile("/w/x.parquet", 2, 100, (), stats), metadata), metadata


def test_a_file_is_listed_with_what_is_known_of_it() -> None:
    file, _ = file_of("long", "-1", "5")
    assert file.file_path == "file:///w/x.parquet"
    assert (file.record_count, file.file_size_in_bytes, file.spec_id) == (2, 100, 0)
    assert (file.column_sizes, file.value_counts, file.null_value_counts) == (
        {1: 10},
        {1: 2},
        {1: 0},
    )
    assert (file.lower_bounds, file.upper_bounds) == (
        {1: (-1).to_bytes(8, "little", signed=True)},
        {1: (5).to_bytes(8, "little")},
    )


def test_an_address_that_is_no_path_stays_as_it_is() -> None:
    metadata = metadata_of(Schema((Column("x", "int", 1),)))
    file = data_file(WrittenFile("s3://bucket/x.parquet", 1, 1, (), {}), metadata)
    assert file.file_path == "s3://bucket/x.parquet"


@pytest.mark.parametrize("type", VALUES)
@HYPOTHESIS
@given(data=st.data())
def test_every_value_lies_within_the_bounds_and_no_filter_on_it_skips_its_file(
    duck: Duck, tmp_path: Path, type: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(VALUES[type], min_size=1, max_size=8))
    schema = Schema((Column("x", type, 1), Column("s", StructType((Column("x", type, 3),)), 2)))
    metadata = metadata_of(schema)
    rows = ", ".join(sql(type, v) for v in [*values, None])
    rows = f"select unnest([{rows}]) as x, {{'x': x}} as s"
    (found,) = written(duck, tmp_path / "x.parquet", rows, schema)
    file = data_file(found, metadata)
    for id, name in ((1, "x"), (3, "s.x")):
        column = cast("PrimitiveType", metadata.schema().find_type(id))
        lower, upper = file.lower_bounds.get(id), file.upper_bounds.get(id)
        assert (lower is None) == (type == "uuid")
        for v in values:
            assert lower is None or from_bytes(column, lower) <= internal(v)
            assert upper is None or internal(v) <= from_bytes(column, upper)
            if type == "float" and math.isinf(v):
                continue  # PyIceberg takes it for a number too large for the column
            accepts = _InclusiveMetricsEvaluator(metadata.schema(), equal(name, v))
            assert accepts.eval(file)


@pytest.mark.parametrize("type", ["float", "double"])
def test_no_bound_is_a_nan_and_zero_is_bounded_by_both_zeros(type: str) -> None:
    file, metadata = file_of(type, "nan", "nan")
    assert (file.lower_bounds, file.upper_bounds) == ({}, {})
    file, metadata = file_of(type, "0.0", "-0.0")
    column = cast("PrimitiveType", metadata.schema().find_type(1))
    bounds: list[Any] = [from_bytes(column, b[1]) for b in (file.lower_bounds, file.upper_bounds)]
    assert [math.copysign(1, b) for b in bounds] == [-1, 1]


@pytest.mark.parametrize(
    ("upper", "expected"),
    [
        ("z" * 16, "z" * 16),
        ("z" * 17, "z" * 15 + "{"),
        ("é" * 17, "é" * 15 + "ê"),
        ("a" + "\U0010ffff" * 16, "b"),
        ("\U0010ffff" * 17, None),
        ("a" * 15 + "\ud7ff" + "a", "a" * 15 + "\ue000"),
    ],
)
def test_a_long_text_is_bounded_from_above_by_sixteen_characters(
    upper: str, expected: str | None
) -> None:
    file, _ = file_of("string", upper, upper)
    found = file.upper_bounds.get(1)
    assert (found.decode() if found is not None else None) == expected
    assert file.lower_bounds[1].decode() == upper[:16]


@pytest.mark.parametrize(
    ("upper", "expected"),
    [
        (b"z" * 16, b"z" * 16),
        (b"z" * 17, b"z" * 15 + b"{"),
        (b"a" + b"\xff" * 16, b"b"),
        (b"\xff" * 17, None),
    ],
)
def test_a_long_binary_is_bounded_from_above_by_sixteen_bytes(
    upper: bytes, expected: bytes | None
) -> None:
    file, _ = file_of("binary", upper.hex(), upper.hex().upper())
    assert file.upper_bounds.get(1) == expected
    assert file.lower_bounds[1] == upper[:16]


@pytest.mark.parametrize("type", ["date", "timestamp", "timestamptz"])
def test_infinity_is_no_bound(duck: Duck, tmp_path: Path, type: str) -> None:
    schema = Schema((Column("x", type, 1),))
    rows = f"select unnest(['-infinity'::{type}, '2020-01-01'::{type}, 'infinity'::{type}]) as x"
    (found,) = written(duck, tmp_path / "x.parquet", rows, schema)
    file = data_file(found, metadata_of(schema))
    assert (file.lower_bounds, file.upper_bounds) == ({}, {})


@HYPOTHESIS
@given(
    micros=st.integers(-(2**63) + 100_000_000_000_000_000, 2**63 - 2), offset=st.integers(-14, 12)
)
@example(micros=0, offset=0)
@example(micros=-1, offset=-3)
def test_a_moment_is_bounded_exactly_whatever_its_year_and_the_time_zone_it_is_shown_in(
    duck: Duck, micros: int, offset: int
) -> None:
    duck.execute(f"set timezone = 'Etc/GMT{offset:+d}'" if offset else "set timezone = 'UTC'")
    query = f"""
        select x::varchar, epoch_us(x), (to_timestamp(0) + to_microseconds({micros}))::varchar,
            x::date::varchar, x::date - date '1970-01-01'
        from (select make_timestamp({micros}) as x)
    """
    text, same, zoned, day, days = duck.execute(query).fetchall()[0]
    for type, shown, expected in (
        ("timestamp", text, same), ("timestamptz", zoned, micros), ("date", day, days),
    ):  # fmt: skip
        file, _ = file_of(type, shown, shown)
        assert int.from_bytes(file.lower_bounds[1], "little", signed=True) == expected
        assert file.upper_bounds == file.lower_bounds


@dataclass(frozen=True, slots=True)
class Lake:
    """A PyIceberg catalog on the disk."""

    catalog: SqlCatalog
    folder: Path

    def create(
        self, schema: Schema, partition_by: Sequence[Transform] = ()
    ) -> tuple[Table, Schema]:
        """A table, and the schema with the field ids that PyIceberg gave it."""
        shaped = metadata_of(schema, partition_by)
        name = f"silver.t{uuid.uuid4().hex}"
        table = self.catalog.create_table(name, shaped.schema(), partition_spec=shaped.spec())
        return table, Schema.from_json(table.schema().model_dump())

    def append(self, table: Table, files: Sequence[WrittenFile]) -> None:
        """Commit the files."""
        with table.transaction() as transaction, transaction.update_snapshot().fast_append() as to:
            for file in files:
                to.append_data_file(data_file(file, table.metadata))


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    catalog = SqlCatalog("c", uri="sqlite:///:memory:", warehouse=f"file://{tmp_path}/w")
    catalog.create_namespace("silver")
    yield Lake(catalog, tmp_path)
    catalog.close()


SAMPLES: Mapping[str, Sequence[Any]] = {
    "boolean": [True, False],
    "int": [-(2**31), 2**31 - 1],
    "long": [-(2**63), 2**63 - 1],
    "float": [-1.5, 0.25],
    "double": [-math.inf, -1e300, 5e-324],
    "decimal(9, 2)": [Decimal("-9999999.99"), Decimal("0.01")],
    "decimal(18, 0)": [Decimal("9" * 18)],
    "decimal(38, 10)": [Decimal("-" + "9" * 28 + "." + "9" * 10)],
    "date": [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)],
    "time": [time(0), time(23, 59, 59, 999999)],
    "timestamp": [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)],
    "timestamptz": [datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)],
    "string": ["", "naïve 😀", "z" * 300, "é" * 300, 'a"b\nc', "x\0y"],
    "uuid": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)],
    "binary": [b"", b"\x00\xff" * 20],
}


@pytest.mark.parametrize("type", SAMPLES)
def test_pyiceberg_reads_every_type_and_finds_each_value_by_a_filter(
    duck: Duck, lake: Lake, type: str
) -> None:
    samples = [*SAMPLES[type], None]
    items = ListType(StructType((Column("x", type, 11),)), 10)
    columns = (
        Column("x", type, 1),
        Column("l", ListType(type, 3), 2),
        Column("m", MapType("string", type, 5, 6), 4),
        Column("s", StructType((Column("x", type, 8), Column("n", items, 9))), 7),
    )
    table, schema = lake.create(Schema(columns))
    rows = f"""
        select x, [x, null] as l, map {{'k': x}} as m, {{'x': x, 'n': [{{'x': x}}]}} as s
        from (select unnest([{", ".join(sql(type, v) for v in samples)}]) as x)
    """
    lake.append(table, written(duck, lake.folder / "x.parquet", rows, schema))
    assert table.scan().to_arrow().to_pylist() == [
        {"x": v, "l": [v, None], "m": [("k", v)], "s": {"x": v, "n": [{"x": v}]}} for v in samples
    ]
    for sample in SAMPLES[type]:
        for name in ("x", "s.x"):
            assert len(table.scan(equal(name, sample)).to_arrow()) == 1


def test_a_nan_is_found_beside_numbers(duck: Duck, lake: Lake) -> None:
    table, schema = lake.create(Schema((Column("x", "double", 1),)))
    rows = "select unnest(['nan'::double, 1, 2]) as x"
    lake.append(table, written(duck, lake.folder / "x.parquet", rows, schema))
    assert len(table.scan("x is nan").to_arrow()) == 1
    assert len(table.scan("x = 2").to_arrow()) == 1
    table.delete("x < 5")
    assert math.isnan(table.scan().to_arrow()["x"].to_pylist()[-1])


TRANSFORMS: list[tuple[Transform, str]] = [
    *((Transform("identity", "x"), t) for t in SAMPLES if t not in ("float", "double")),
    *((Transform("bucket", "x", 3), t) for t in SAMPLES if t not in ("float", "double", "boolean")),
    *((Transform("truncate", "x", 2), t) for t in ("string", "binary")),
    *((Transform("truncate", "x", 10), t) for t in ("int", "long", "decimal(9, 2)")),
    *((Transform("year", "x"), t) for t in ("date", "timestamp", "timestamptz")),
    *((Transform("month", "x"), t) for t in ("date", "timestamp", "timestamptz")),
    *((Transform("day", "x"), t) for t in ("date", "timestamp", "timestamptz")),
    *((Transform("hour", "x"), t) for t in ("timestamp", "timestamptz")),
]


@pytest.mark.parametrize(("transform", "type"), TRANSFORMS, ids=str)
def test_pyiceberg_finds_each_value_in_the_one_partition_that_its_transform_names(
    duck: Duck, lake: Lake, transform: Transform, type: str
) -> None:
    table, schema = lake.create(Schema((Column("x", type, 1),)), [transform])
    samples = [v for v in SAMPLES[type] if not isinstance(v, str) or len(v) < 300]
    if transform.kind == "truncate" and isinstance(samples[0], int | Decimal):
        samples = [v + 10 if v < 0 else v for v in samples]  # the least has nothing below it
    rows = f"select unnest([{', '.join(sql(type, v) for v in [*samples, None])}]) as x"
    files = written(duck, lake.folder / "x", rows, schema, [transform])
    lake.append(table, files)
    of = table.spec().fields[0].transform.transform(table.schema().find_type(1))
    partitions = {internal(of(internal(v))) for v in samples} | {None}
    entries = [task.file for task in table.scan().plan_files()]
    assert len(entries) == len(files) == len(partitions)
    assert {e.partition[0] for e in entries} == partitions
    assert len(table.scan().to_arrow()) == len(samples) + 1
    if (transform.kind, type) == ("identity", "uuid"):
        samples = []  # PyIceberg's filters find no uuid of such a table, its own neither
    for sample in samples:
        (task,) = table.scan(equal("x", sample)).plan_files()
        assert task.file.partition[0] == internal(of(internal(sample)))


def test_a_file_of_several_partition_fields_keeps_them_in_their_order(
    duck: Duck, lake: Lake
) -> None:
    partition_by = [
        Transform("identity", "z"),
        Transform("month", "at"),
        Transform("bucket", "a", 4),
    ]
    columns = Column("a", "long", 1), Column("at", "timestamp", 2), Column("z", "string", 3)
    table, schema = lake.create(Schema(columns), partition_by)
    rows = "select 34::bigint as a, timestamp '1970-02-03' as at, 'a/b' as z"
    lake.append(table, written(duck, lake.folder / "x", rows, schema, partition_by))
    (task,) = table.scan(equal("z", "a/b")).plan_files()
    assert [task.file.partition[i] for i in range(3)] == ["a/b", 1, 3]


def test_a_partition_value_that_the_type_does_not_have_is_refused() -> None:
    metadata = metadata_of(Schema((Column("at", "timestamp", 1),)), [Transform("identity", "at")])
    file = WrittenFile("/w/x.parquet", 1, 1, ("infinity",), {})
    with pytest.raises(ModelError, match="'at' cannot have the value 'infinity' of type timestamp"):
        data_file(file, metadata)
