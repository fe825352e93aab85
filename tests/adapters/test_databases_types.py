"""Every type of MySQL, MariaDB and PostgreSQL, with its extremes: as declared, and exactly."""

# ruff: noqa: E501  # the tables of types have a line for each

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from support.databases import WAYS, read, run, server

from medallion.adapters.databases import mysql as mysql_adapter
from medallion.errors import DefinitionError, SourceError
from medallion.extract import Query
from medallion.schema import ListType, Type

UTC = dt.UTC
D30 = "123456789012345678.12345678901234567890"
D65 = "12345678901234567890123456789012345.123456789012345678901234567890"
LONG = "x" * 70_000

# The declaration, the type it is read as, and pairs: a value as SQL, and as Python has it.
MYSQL: dict[str, tuple[str, Type, list[tuple[str, Any]]]] = {
    "flag": ("tinyint(1)", "boolean", [("0", False), ("1", True)]),
    "tiny": ("tinyint(4)", "int", [("-128", -128), ("127", 127)]),
    "tiny_u": ("tinyint unsigned", "int", [("0", 0), ("255", 255)]),
    "tiny_u1": ("tinyint(1) unsigned", "int", [("0", 0), ("255", 255)]),
    "small": ("smallint", "int", [("-32768", -32768), ("32767", 32767)]),
    "small_u": ("smallint unsigned", "int", [("0", 0), ("65535", 65535)]),
    "medium": ("mediumint", "int", [("-8388608", -8388608), ("8388607", 8388607)]),
    "medium_u": ("mediumint unsigned", "int", [("0", 0), ("16777215", 16777215)]),
    "whole": ("int", "int", [("-2147483648", -(2**31)), ("2147483647", 2**31 - 1)]),
    "whole_u": ("int unsigned", "long", [("0", 0), ("4294967295", 2**32 - 1)]),
    "filled": ("int(7) unsigned zerofill", "long", [("42", 42), ("4294967295", 2**32 - 1)]),
    "big": ("bigint", "long", [(str(-(2**63)), -(2**63)), (str(2**63 - 1), 2**63 - 1)]),
    "big_u": ("bigint unsigned", "decimal(20, 0)", [("0", 0), (str(2**64 - 1), 2**64 - 1)]),
    "money": (
        "decimal(18,4)",
        "decimal(18, 4)",
        [("-99999999999999.9999", Decimal("-99999999999999.9999")), ("0.0001", Decimal("0.0001"))],
    ),
    "money_z": ("decimal(9,2) zerofill", "decimal(9, 2)", [("1.5", Decimal("1.50")), ("0", 0)]),
    "d10": ("decimal", "decimal(10, 0)", [("9999999999", 9999999999), ("-1", -1)]),
    "d30": (
        "decimal(38,20)",
        "decimal(38, 20)",
        [(D30, Decimal(D30)), (f"-{D30}", Decimal(f"-{D30}"))],
    ),
    "d65": ("decimal(65,30)", "string", [(D65, D65), ("0", "0." + "0" * 30)]),
    "single": (
        "float",
        "float",
        [("16777217", 16777216.0), ("1.1", 1.10000002384185791015625), ("-3.4e38", None)],
    ),
    "double_": (
        "double",
        "double",
        [("0.1", 0.1), ("1.7976931348623157e308", 1.7976931348623157e308), ("5e-324", 5e-324)],
    ),
    "bit1": ("bit", "boolean", [("b'0'", False), ("b'1'", True)]),
    "bit3": ("bit(3)", "long", [("b'101'", 5), ("b'0'", 0)]),
    "bit64": ("bit(64)", "decimal(20, 0)", [(str(2**64 - 1), 2**64 - 1), ("0", 0)]),
    "day": (
        "date",
        "date",
        [
            ("'0001-01-01'", dt.date(1, 1, 1)),
            ("'9999-12-31'", dt.date(9999, 12, 31)),
            ("'0000-00-00'", None),
        ],
    ),
    "at": (
        "datetime(6)",
        "timestamp",
        [
            ("'0001-01-01 00:00:00.000001'", dt.datetime(1, 1, 1, 0, 0, 0, 1)),
            ("'9999-12-31 23:59:59.999999'", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
            ("'0000-00-00 00:00:00'", None),
        ],
    ),
    "at0": ("datetime", "timestamp", [("'2024-02-29 12:00:00'", dt.datetime(2024, 2, 29, 12))]),
    "moment": (
        "timestamp(6) null",
        "timestamptz",
        [
            ("'1970-01-01 00:00:01'", dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
            (
                "'2038-01-19 03:14:07.999999'",
                dt.datetime(2038, 1, 19, 3, 14, 7, 999999, tzinfo=UTC),
            ),
            ("'0000-00-00 00:00:00'", None),
        ],
    ),
    "moment3": (
        "timestamp(3) null",
        "timestamptz",
        [("'2024-01-01 00:00:00.123'", dt.datetime(2024, 1, 1, 0, 0, 0, 123000, tzinfo=UTC))],
    ),
    "length": (
        "time",
        "string",
        [("'-838:59:59'", "-838:59:59"), ("'12:34:56'", "12:34:56"), ("'100:00:00'", "100:00:00")],
    ),
    "length6": ("time(6)", "string", [("'00:00:00.000001'", "00:00:00.000001")]),
    "year_": ("year", "int", [("1901", 1901), ("2155", 2155), ("0", 0)]),
    "enum_": ("enum('a','it''s')", "string", [("'a'", "a"), ("'it''s'", "it's")]),
    "set_": ("set('x','y')", "string", [("'x,y'", "x,y"), ("''", "")]),
    "json_": ("json", "string", [('\'{"b": 1.10, "a": [1]}\'', '{"b": 1.10, "a": [1]}')]),
    "fixed": ("char(5)", "string", [("'ab '", "ab"), ("''", "")]),
    "text_": (
        "text character set utf8mb4",
        "string",
        [("'söme 🦆 \\\\ ''quotes''\\n,;\"'", "söme 🦆 \\ 'quotes'\n,;\""), ("'NULL'", "NULL")],
    ),
    "old": (
        "varchar(50) character set latin1",
        "string",
        [("'äöü ÿ €'", "äöü ÿ €"), ("'  '", "  ")],
    ),
    "exact": (
        "varchar(50) character set utf8mb4 collate utf8mb4_bin",
        "string",
        [("'Straße'", "Straße"), ("''", "")],
    ),
    "wide": ("varchar(50) character set ucs2", "string", [("'Жук'", "Жук")]),
    "nul": ("varchar(50)", "string", [("concat('a', char(0 using utf8mb4), 'b')", "a\0b")]),
    "long_": ("longtext character set utf8mb4", "string", [("repeat('x', 70000)", LONG)]),
    "bytes_": ("blob", "binary", [("x'00ff5c270a'", b"\0\xff\\'\n"), ("''", b"")]),
    "bytes4": ("binary(4)", "binary", [("x'00ff'", b"\0\xff\0\0")]),
    "bytesv": ("varbinary(9)", "binary", [("x'c328'", b"\xc3(")]),
    "uuid_": (
        "uuid",
        "uuid",
        [("'123e4567-e89b-12d3-a456-426655440000'", UUID("123e4567e89b12d3a456426655440000"))],
    ),
    "inet": ("inet6", "string", [("'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329")]),
}
MYSQL["single"][2].pop()


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way of reading; small tables too are read the fast way."""
    monkeypatch.setattr(mysql_adapter, "_FEW", -1)
    return str(request.param)


def fill(address: str, types: dict[str, tuple[str, Type, list[tuple[str, Any]]]]) -> None:
    """A table `tricky` with a column of each type; the last row has no values."""
    declared = ", ".join(f"{n} {d[0]}" for n, d in types.items())
    most = max(len(d[2]) for d in types.values())
    with server(address) as engine:
        run(engine, f"create table tricky (id int primary key, {declared})")
        for i in range(most + 1):
            values = [d[2][i][0] if i < len(d[2]) else "null" for d in types.values()]
            modes = ["set sql_mode = ''"] if "mysql" in address else []
            run(engine, *modes, f"insert into tricky values ({i}, {', '.join(values)})")


def expected(values: list[tuple[str, Any]], count: int) -> list[Any]:
    return [v for _, v in values] + [None] * (count - len(values))


def check(
    address: str, way: str, types: dict[str, tuple[str, Type, list[tuple[str, Any]]]]
) -> None:
    schema = WAYS[way].schema(Query(address, table="tricky"))
    rows = read(address, way, table="tricky").sort_by("id")

    assert {c.name: c.type for c in schema} == {"id": "int"} | {n: d[1] for n, d in types.items()}
    for name, (_, _, values) in types.items():
        assert rows[name].to_pylist() == expected(values, rows.num_rows), name


def test_each_type_of_mysql_is_kept_exactly(mysql: str, way: str) -> None:
    fill(mysql, MYSQL)

    check(mysql, way, MYSQL)


POSTGRES: dict[str, tuple[str, Type, list[tuple[str, Any]]]] = {
    "flag": ("boolean", "boolean", [("false", False), ("true", True)]),
    "small": ("smallint", "int", [("-32768", -32768), ("32767", 32767)]),
    "whole": ("integer", "int", [("-2147483648", -(2**31)), ("2147483647", 2**31 - 1)]),
    "big": ("bigint", "long", [(str(-(2**63)), -(2**63)), (str(2**63 - 1), 2**63 - 1)]),
    "object": ("oid", "long", [("4294967295", 2**32 - 1)]),
    "single": ("real", "float", [("1.1", 1.10000002384185791015625), ("'-Infinity'", -float("inf"))]),
    "double_": (
        "double precision",
        "double",
        [("0.1", 0.1), ("1.7976931348623157e308", 1.7976931348623157e308), ("'Infinity'", float("inf"))],
    ),
    "d18": ("numeric(18,4)", "decimal(18, 4)", [("-99999999999999.9999", Decimal("-99999999999999.9999"))]),
    "d38": ("numeric(38,20)", "decimal(38, 20)", [(D30, Decimal(D30)), (f"-{D30}", Decimal(f"-{D30}"))]),
    "d65": ("numeric(65,30)", "string", [(D65, D65)]),
    "free": ("numeric", "string", [("'NaN'", "NaN"), (D65, D65), ("1.10", "1.10")]),
    "hundreds": ("numeric(3,-2)", "decimal(5, 0)", [("12345", 12300)]),
    "parts": ("numeric(2,4)", "decimal(4, 4)", [("0.0012", Decimal("0.0012"))]),
    "money_": ("money", "string", [("'1234.5'", "$1,234.50")]),
    "text_": (
        "text",
        "string",
        [("''", ""), ("'NULL'", "NULL"), (r"E'a\n\"b\",\\. \r\n'", 'a\n"b",\\. \r\n'), ("' \U0001f986 '", " 🦆 ")],
    ),
    "dot": ("text", "string", [(r"'\.'", "\\."), (r"'\N'", "\\N"), ("'\"\"'", '""')]),
    "vary": ("varchar(10)", "string", [("'a  '", "a  ")]),
    "padded": ("char(5)", "string", [("'ab'", "ab")]),
    "long_": ("text", "string", [("repeat('x', 70000)", LONG)]),
    "bytes_": ("bytea", "binary", [(r"'\x00ff5c270a'", b"\0\xff\\'\n"), ("''", b"")]),
    "day": ("date", "date", [("'0001-01-01'", dt.date(1, 1, 1)), ("'9999-12-31'", dt.date(9999, 12, 31))]),
    "at": (
        "timestamp",
        "timestamp",
        [
            ("'0001-01-01 00:00:00.000001'", dt.datetime(1, 1, 1, 0, 0, 0, 1)),
            ("'9999-12-31 23:59:59.999999'", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
            ("'2024-02-29 12:00'", dt.datetime(2024, 2, 29, 12)),
        ],
    ),
    "moment": (
        "timestamptz",
        "timestamptz",
        [("'2024-01-01 00:00:00.1+05:30'", dt.datetime(2023, 12, 31, 18, 30, 0, 100000, tzinfo=UTC))],
    ),
    "clock": ("time", "time", [("'23:59:59.999999'", dt.time(23, 59, 59, 999999)), ("'00:00'", dt.time())]),
    "clock_z": ("timetz", "string", [("'12:00:00+02'", "12:00:00+02")]),
    "uuid_": (
        "uuid",
        "uuid",
        [("'123e4567-e89b-12d3-a456-426655440000'", UUID("123e4567e89b12d3a456426655440000"))],
    ),
    "json_": ("json", "string", [("'{\"b\": 1.10,\n \"a\": null}'", '{"b": 1.10,\n "a": null}')]),
    "jsonb_": ("jsonb", "string", [("'{\"b\": 1.10, \"a\": null}'", '{"a": null, "b": 1.10}')]),
    "inet_": ("inet", "string", [("'10.0.0.1/8'", "10.0.0.1/8")]),
    "range_": ("int4range", "string", [("'[1,5)'", "[1,5)"), ("'empty'", "empty")]),
    "bits": ("bit(3)", "string", [("b'101'", "101")]),
    "mood": ("mood", "string", [("'it''s'", "it's")]),
    "amount": ("amount", "decimal(9, 2)", [("1.5", Decimal("1.50"))]),
    "xml_": ("xml", "string", [("'<a>1</a>'", "<a>1</a>")]),
    "twice": ("integer generated always as (42) stored", "int", []),
    "wholes": ("integer[]", ListType("int"), [("'{1,NULL,-2}'", [1, None, -2]), ("'{}'", [])]),
    "texts": (
        "text[]",
        ListType("string"),
        [("array['a,b', '', 'NULL', null, E'\"\\\\n']", ["a,b", "", "NULL", None, '"\\n'])],
    ),
    "flags": ("boolean[]", ListType("boolean"), [("'{t,f,NULL}'", [True, False, None])]),
    "amounts": ("numeric(9,2)[]", ListType("decimal(9, 2)"), [("'{1.5}'", [Decimal("1.50")])]),
    "doubles": ("double precision[]", ListType("double"), [("'{Infinity,0.1}'", [float("inf"), 0.1])]),
    "blobs": ("bytea[]", ListType("binary"), [(r"array['\x00ff'::bytea, '', null]", [b"\0\xff", b"", None])]),
    "moments": (
        "timestamptz[]",
        ListType("timestamptz"),
        [("'{2024-01-01 00:00:00+01}'", [dt.datetime(2023, 12, 31, 23, tzinfo=UTC)])],
    ),
    "uuids": (
        "uuid[]",
        ListType("uuid"),
        [("'{123e4567-e89b-12d3-a456-426655440000,NULL}'", [UUID("123e4567e89b12d3a456426655440000"), None])],
    ),
    "clocks": ("time[]", ListType("time"), [("'{12:30}'", [dt.time(12, 30)])]),
}  # fmt: skip


def test_each_type_of_postgresql_is_kept_exactly(postgres: str, way: str) -> None:
    with server(postgres) as engine:
        run(
            engine,
            "create type mood as enum ('sad', 'it''s')",
            "create domain amount as numeric(9,2)",
        )
    computed = {n: d for n, d in POSTGRES.items() if n != "twice"}
    fill(postgres, computed)
    with server(postgres) as engine:
        run(engine, "alter table tricky add twice int generated always as (id * 2) stored")

    check(postgres, way, computed | {"twice": ("", "int", [("", i * 2) for i in range(5)])})


def test_a_query_has_the_types_of_its_columns(mysql: str, postgres: str, way: str) -> None:
    fill(mysql, MYSQL)
    with server(postgres) as engine:
        run(
            engine,
            "create type mood as enum ('sad', 'it''s')",
            "create domain amount as numeric(9,2)",
        )
    computed = {n: d for n, d in POSTGRES.items() if n != "twice"}
    fill(postgres, computed)

    for address, types in ((mysql, MYSQL), (postgres, computed)):
        schema = WAYS[way].schema(Query(address, query="select * from tricky;"))
        rows = read(address, way, query="select * from tricky -- all").sort_by("id")
        for name, (_, type, values) in types.items():
            found = schema.column(name)
            assert found
            # What only the catalog of a table tells.
            if name != "amounts" and (name != "uuid_" or address == postgres):
                assert found.type == type, name
                assert rows[name].to_pylist() == expected(values, rows.num_rows), name


def test_zero_dates_are_told_and_read_as_null(mysql: str, way: str) -> None:
    told: dict[str, int] = {}
    fill(mysql, MYSQL)
    reader = type(WAYS[way])(slow=way == "slow")

    every = Query(mysql, table="tricky")
    reader.batches(every, dirty=lambda c, n: told.update({c: n})).read_all()

    assert told == {"day": 1, "at": 1, "moment": 1}
    assert reader.nulls(Query(mysql, query="select * from tricky where id = 2"), "day")
    assert not reader.nulls(Query(mysql, query="select * from tricky where id < 2"), "day")


@pytest.mark.parametrize(
    ("declared", "value"),
    [("tinyint(1)", "2"), ("date", "'2024-00-10'"), ("datetime", "'2024-02-31 00:00:00'")],
)
def test_a_value_of_mysql_that_its_type_cannot_keep_is_an_error(
    mysql: str, way: str, declared: str, value: str
) -> None:
    with server(mysql) as engine:
        run(
            engine,
            f"create table odd (id int primary key, c {declared})",
            "set sql_mode = 'ALLOW_INVALID_DATES'",
            f"set statement sql_mode = 'ALLOW_INVALID_DATES' for insert into odd values (1, {value})",
        )

    with pytest.raises(SourceError, match=r"column 'c' of table odd .*; 0 rows had come"):
        read(mysql, way, table="odd")


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("date", "infinity"),
        ("date", "0044-03-15 BC"),
        ("date", "10000-01-01"),
        ("timestamptz", "-infinity"),
        ("numeric(9,2)", "NaN"),
        ("time", "24:00"),
        ("integer[]", "{{1,2},{3,4}}"),
    ],
)
def test_a_value_of_postgresql_that_its_type_cannot_keep_is_an_error(
    postgres: str, way: str, declared: str, value: str
) -> None:
    with server(postgres) as engine:
        run(engine, f"create table odd (c {declared})", f"insert into odd values ('{value}')")

    with pytest.raises(SourceError, match=r"table odd has a value|column 'c' of table odd"):
        read(postgres, way, table="odd")


@pytest.mark.parametrize(
    ("kind", "declared", "remedy"),
    [
        ("mysql", "point", "ST_AsText"),
        ("mysql", "geometry", "ST_AsText"),
        ("postgres", "interval", "extract"),
        ("postgres", "interval[]", "extract"),
        ("postgres", "point", "cast to text"),
        ("postgres", "pair", "to_jsonb"),
    ],
)
def test_a_type_that_no_table_keeps_is_refused_with_a_way_out(
    request: pytest.FixtureRequest, kind: str, declared: str, remedy: str
) -> None:
    address = request.getfixturevalue(kind)
    with server(address) as engine:
        if declared == "pair":
            run(engine, "create type pair as (a int, b int)")
        run(engine, f"create table odd (id int, c {declared})")

    with pytest.raises(DefinitionError, match="column 'c' of table odd is of type") as error:
        WAYS["fast"].schema(Query(address, table="odd"))
    assert remedy in error.value.hint
    assert WAYS["fast"].schema(Query(address, table="odd", columns=("id",))).names == ("id",)


def test_comments_of_columns_are_their_documentation(mysql: str, postgres: str) -> None:
    with server(mysql) as engine:
        run(engine, "create table t (id int comment 'the 1st', b int)")
    with server(postgres) as engine:
        run(engine, "create table t (id int, b int)", "comment on column t.id is 'the 1st'")

    for address in (mysql, postgres):
        assert [c.doc for c in WAYS["fast"].schema(Query(address, table="t"))] == ["the 1st", ""]


def test_one_column_of_nulls_and_empty_texts_keeps_its_rows(postgres: str, way: str) -> None:
    with server(postgres) as engine:
        run(engine, "create table t (c text)", "insert into t values (null), (''), (null), ('a')")

    assert read(postgres, way, table="t")["c"].to_pylist() == [None, "", None, "a"]
