"""What is declared of columns, held against those that are given."""

from collections.abc import Mapping

import pytest
from core.examples import model, named

from medallion import column
from medallion.conformity import (
    Violation,
    check_contract,
    check_reference,
    conforming,
    contract_text,
    promised,
    violations,
)
from medallion.contract import ColumnContract
from medallion.errors import DefinitionError, ModelError
from medallion.foreign_key import parse_foreign_key
from medallion.promises import promises
from medallion.schema import Column, ListType, MapType, Schema, StructType, Type, evolve
from medallion.typename import parse_type, type_name, widens

ID = Column("id", "long", 1)
TRIPS, ZONES = named("silver.trips"), named("silver.zones")


def given(**types: Type) -> Schema:
    return Schema(tuple(Column(n, t, i) for i, (n, t) in enumerate(types.items(), 1)))


def typed(**types: str) -> Mapping[str, ColumnContract]:
    return {name: column(type) for name, type in types.items()}


def test_columns_that_are_as_declared_violate_nothing() -> None:
    contract = typed(id="int8", zone="text", fares="decimal(9,2)[]")
    schema = given(id="long", zone="string", fares=ListType("decimal(9, 2)"), extra="int")
    assert violations(contract, schema) == ()
    assert violations({"id": column()}, schema) == ()


def test_all_that_is_wrong_is_told_in_the_order_of_the_contract() -> None:
    contract = typed(fare="integer", idd="bigint", zone="varchar")
    found = violations(contract, given(id="long", fare="long", zone="string"), closed=True)

    assert found == (
        Violation("fare", "int", "long"),
        Violation("idd", "long", None, "id"),
        Violation("id", None, "long"),
    )
    assert [v.narrower for v in found] == [True, False, False]
    assert list(map(str, found)) == [
        "'fare' is declared integer and given as bigint",
        "'idd' (bigint) is declared and not given, is it 'id'?",
        "'id' (bigint) is given and not declared",
    ]


def test_what_every_source_adds_needs_no_declaration() -> None:
    schema = given(id="long", _source_file="string", _loaded_at="timestamptz")
    assert violations(typed(id="bigint"), schema, closed=True) == ()


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("int", "bigint"),
        ("float", "double"),
        ("decimal(5, 2)", "decimal(9, 2)"),
        ("int[]", "bigint[]"),
        ("map(varchar, int)", "map(varchar, bigint)"),
        ("struct(a int, b int)", "struct(a bigint, b int)"),
    ],
)
def test_a_type_widens_where_no_value_is_lost(narrow: str, wide: str) -> None:
    assert widens(parse_type(narrow), parse_type(wide))
    assert not widens(parse_type(wide), parse_type(narrow))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int", "double"),
        ("bigint", "decimal(38, 0)"),
        ("decimal(5, 2)", "decimal(9, 3)"),
        ("date", "timestamp"),
        ("varchar", "uuid"),
        ("int", "int[]"),
        ("map(int, int)", "map(bigint, int)"),
        ("struct(a int)", "struct(b int)"),
        ("struct(a int, b int)", "struct(b int, a int)"),
    ],
)
def test_a_type_does_not_widen_to_another_kind(one: str, other: str) -> None:
    assert not widens(parse_type(one), parse_type(other))
    assert not widens(parse_type(other), parse_type(one))


def test_a_contract_makes_columns_wider_and_required_and_keeps_their_ids() -> None:
    inner = StructType((Column("a", "int", 3),))
    schema = Schema((Column("id", "int", 1), Column("many", ListType(inner, 2), 4)))
    contract = {
        "id": column("bigint", nullable=False),
        "many": column("struct(a bigint)[]"),
    }
    found = promised(contract, schema)

    assert found == Schema(
        (
            Column("id", "long", required=True),
            Column("many", ListType(StructType((Column("a", "long"),)))),
        )
    )
    assert found.last_id == schema.last_id
    assert [c.id for c in found] == [1, 4]
    assert promised(contract, found) == found


def test_a_table_keeps_what_is_wider_than_declared_and_loses_what_is_not_promised() -> None:
    before = Schema((Column("id", "long", 1, required=True),))
    assert promised(typed(id="int"), before) == Schema((ID,))
    assert promised({}, before) == Schema((ID,))
    assert promised({}, Schema((ID,))) == Schema((ID,))


def test_what_a_model_gives_otherwise_is_one_error() -> None:
    contract = typed(id="varchar", zone="varchar")
    with pytest.raises(ModelError) as error:
        conforming(TRIPS, contract, given(id="long"), closed=False)
    assert error.value.message == (
        "silver.trips does not keep its contract: 'id' is declared varchar and given as bigint; "
        "'zone' (varchar) is declared and not given"
    )
    assert error.value.hint == (
        "cast 'id' to varchar in the model, or change what it declares as columns"
    )


def test_required_columns_evolve_and_come_back_as_they_were() -> None:
    required = Schema((Column("id", "long", required=True),))
    table = Schema((ID, Column("zone", "string", 2)), 0)
    found = evolve(required, table, known=[table], last_id=2)

    assert [(c.id, c.required) for c in found] == [(1, True)]
    assert Schema.from_json(found.to_json()) == found
    assert found.to_json()["fields"][0]["required"] is True
    again = evolve(Schema((Column("id", "long"),)), found, last_id=2)
    assert [(c.id, c.required) for c in again] == [(1, False)]


@pytest.mark.parametrize(
    "text",
    [
        *("bigin", "interval", "int[", " "),
        *("decimal(39, 0)", "decimal(2, 3)", "map(int)", "struct(int)", "varchar(a)", "struct()"),
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError) as error:
        check_contract(typed(id=text), closed=False)
    assert error.value.message.startswith("column 'id': ")
    assert error.value.message.endswith("is no type that a table keeps")
    assert error.value.hint


def test_the_nearest_type_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"(?s)'timestmp'.*did you mean 'timestamp'\?"):
        parse_type("timestmp")


@pytest.mark.parametrize(
    ("contract", "closed"),
    [
        ({}, True),
        ({"zone": column(references="silver.zones")}, False),
        ({"zone": column(references="platinum.zones.zone")}, False),
        ({"zone": column(references="task.zones.zone")}, False),
    ],
)
def test_what_no_table_could_keep_is_refused(
    contract: Mapping[str, ColumnContract], closed: bool
) -> None:
    with pytest.raises(DefinitionError):
        check_contract(contract, closed=closed)


def test_a_type_is_the_same_however_it_is_written() -> None:
    same = [{"a": column(t)} for t in ("BIGINT", " int8", "long")]
    assert len({contract_text(c, closed=False) for c in same}) == 1
    assert contract_text(same[0], closed=True) != contract_text(same[0], closed=False)
    assert contract_text({}, closed=False) == ""
    nested = parse_type('struct("a, b" map(varchar, int[]), c decimal(4,1))')
    assert parse_type(type_name(nested)) == nested
    assert isinstance(nested, StructType)
    assert nested.fields[0] == Column("a, b", MapType("string", ListType("int")))


def test_promises_are_expectations_that_the_key_does_not_say_already() -> None:
    contract = {
        "id": column(nullable=False, unique=True),
        "line": column(nullable=False, unique=True, references="silver.zones.zone"),
    }
    found = list(promises(model("silver.trips", place="trips.py:3", columns=contract)))
    assert [(d["type"].split("_to_")[-1], d["kwargs"]["column"]) for _, d in found] == [
        ("not_be_null", "id"),
        ("be_unique", "id"),
        ("not_be_null", "line"),
        ("be_unique", "line"),
        ("foreign_key", "line"),
    ]
    assert {place for place, _ in found} == {"trips.py:3 columns"}
    key = list(promises(model("silver.trips", unique_key=("id",), columns=contract)))
    assert len(key) == 3
    both = list(promises(model("silver.trips", unique_key=("id", "line"), columns=contract)))
    assert [d["kwargs"]["column"] for _, d in both] == ["id", "line", "line"]


def test_a_reference_is_looked_up_as_far_as_tables_are_known() -> None:
    key = parse_foreign_key("a", {"column": "zone", "references": "silver.zones.id"})
    check_reference("a", TRIPS, key, {})
    check_reference("a", TRIPS, key, {TRIPS: given(zone="int"), ZONES: given(id="long")})
    for zones in (given(zone="int"), given(id="string")):
        with pytest.raises(DefinitionError):
            check_reference("a", TRIPS, key, {TRIPS: given(zone="int"), ZONES: zones})
