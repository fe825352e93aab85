"""Columns, their types, and how the columns of a table may change."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from core.examples import few
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import ModelError
from medallion.schema import (
    PRIMITIVES,
    Column,
    ListType,
    MapType,
    Schema,
    StructType,
    Type,
    checked,
    decimal_of,
    evolve,
    show,
)

DECIMALS = st.tuples(st.integers(1, 38), st.integers(0, 10)).map(
    lambda d: f"decimal({d[0]}, {d[1]})"
)
LETTERS = st.sampled_from("abcdef")


def structs(types: st.SearchStrategy[Type]) -> st.SearchStrategy[StructType]:
    fields = st.lists(st.tuples(LETTERS, types), min_size=1, max_size=3, unique_by=lambda f: f[0])
    return fields.map(lambda fs: StructType(tuple(Column(n, t) for n, t in fs)))


TYPES: st.SearchStrategy[Type] = st.recursive(
    st.sampled_from(PRIMITIVES) | DECIMALS,
    lambda inner: st.builds(ListType, inner) | st.builds(MapType, inner, inner) | structs(inner),
    max_leaves=4,
)
SCHEMAS = st.lists(st.tuples(LETTERS, TYPES), min_size=1, max_size=5, unique_by=lambda c: c[0]).map(
    lambda cs: Schema(tuple(Column(n, t) for n, t in cs))
)
_FIELDS = st.lists(st.sampled_from("xyz"), min_size=1, unique=True).map(
    lambda names: StructType(tuple(Column(n, "int") for n in names))
)
_KINDS: dict[str, st.SearchStrategy[Type]] = {
    "a": st.just("long"),
    "b": st.just("string").map(ListType),
    "c": _FIELDS.map(lambda struct: MapType("string", struct)),
    "d": _FIELDS,
    "e": _FIELDS.map(ListType),
}
# Schemas in which a column is of the same kind whenever it is there: any may follow any other.
FIXED = st.permutations("abcde").flatmap(
    lambda names: st.tuples(*(st.builds(Column, st.just(n), _KINDS[n]) for n in names[:3])).map(
        Schema
    )
)


def ids(columns: Iterable[Column], path: str = "") -> dict[str, int]:
    """Every id of a schema by the path of what carries it."""
    found: dict[str, int] = {}
    for column in columns:
        found[path + column.name] = column.id
        found |= _type_ids(column.type, f"{path}{column.name}.")
    return found


def _type_ids(type: Type, path: str) -> dict[str, int]:
    match type:
        case ListType():
            return {f"{path}[]": type.element_id} | _type_ids(type.element, f"{path}[].")
        case MapType():
            return (
                {f"{path}key": type.key_id, f"{path}value": type.value_id}
                | _type_ids(type.key, f"{path}key.")
                | _type_ids(type.value, f"{path}value.")
            )
        case StructType():
            return ids(type.fields, path)
    return {}


def columns(**types: Type) -> Schema:
    return Schema(tuple(Column(n, t) for n, t in types.items()))


def nested(type: Type, **more: Type) -> Schema:
    return columns(s=type, **more)


@few
@given(SCHEMAS)
def test_a_new_table_has_the_wanted_columns_and_an_id_for_everything_that_carries_one(
    wanted: Schema,
) -> None:
    schema = evolve(wanted, None)
    assert schema == wanted
    numbers = list(ids(schema).values())
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@few
@given(st.lists(FIXED, min_size=1, max_size=8), st.data())
def test_an_id_stays_with_its_column_and_is_given_to_no_other(
    versions: list[Schema], data: st.DataObject
) -> None:
    current: Schema | None = None
    known: list[Schema] = []
    last = 0
    owners: dict[int, str] = {}
    for number, wanted in enumerate(versions):
        schema = evolve(wanted, current, known=known, last_id=last)
        now = ids(schema)
        assert len(set(now.values())) == len(now)
        for path, id in now.items():
            assert owners.setdefault(id, path) == path
        before = ids(current) if current else {}
        assert {p: i for p, i in now.items() if p in before} == {
            p: i for p, i in before.items() if p in now
        }
        last = max(last, *now.values())
        if schema.id is None:
            schema = replace(schema, id=number)
            known.append(schema)
        if data.draw(st.booleans(), label="published"):
            current = schema


@few
@given(FIXED, FIXED)
def test_a_rerun_gives_the_ids_of_the_run_that_was_not_published(
    published: Schema, wanted: Schema
) -> None:
    current = replace(evolve(published, None), id=0)
    last = max(ids(current).values())
    pending = replace(evolve(wanted, current, last_id=last), id=1)
    last = max(last, *ids(pending).values())
    again = evolve(wanted, current, known=(current, pending), last_id=last)
    assert ids(again) == ids(pending)
    assert again.id == (0 if published == wanted else 1)


def test_a_rerun_with_other_comments_keeps_the_ids_and_is_a_new_schema() -> None:
    pending = Schema((Column("a", "int", 1, "old"),), 4)
    again = evolve(Schema((Column("a", "int", doc="new"),)), None, known=(pending,), last_id=1)
    assert [(c.name, c.id, c.doc) for c in again] == [("a", 1, "new")]
    assert again.id is None


def test_an_older_schema_lends_no_id_to_a_column_that_has_another_by_now() -> None:
    first = Schema((Column("a", "int", 1), Column("b", "int", 2)), 0)
    current = Schema((Column("b", "int", 2), Column("a", "int", 3)), 2)
    again = evolve(columns(a="int", b="int"), current, known=(first, current), last_id=3)
    assert ids(again) == {"a": 3, "b": 2}


def test_an_older_schema_lends_no_id_to_a_nested_field_that_has_another_by_now() -> None:
    def version(id: int, **fields: int) -> Schema:
        return Schema(
            (Column("s", StructType(tuple(Column(n, "int", i) for n, i in fields.items())), 1),), id
        )

    first, current = version(0, a=2, b=3), version(2, b=3, a=4)
    wanted = nested(StructType((Column("a", "int"), Column("b", "int"))))
    again = evolve(wanted, current, known=(first, current), last_id=4)
    assert ids(again) == {"s": 1, "s.a": 4, "s.b": 3}


WIDER = [
    ("int", "long", "long"),
    ("float", "double", "double"),
    ("decimal(9, 2)", "decimal(12, 2)", "decimal(12, 2)"),
]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [*WIDER, *((new, old, kept) for old, new, kept in WIDER), ("date", "date", "date")],
)
def test_a_type_widens_and_never_narrows(old: str, new: str, kept: str) -> None:
    current = evolve(columns(a=old), None)
    assert evolve(columns(a=new), current, last_id=1) == columns(a=kept)


ALLOWED = {frozenset(("int", "long")), frozenset(("float", "double"))}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (old, new)
        for old in (*PRIMITIVES, "decimal(9, 2)")
        for new in (*PRIMITIVES, "decimal(9, 3)")
        if old != new and {old, new} not in ALLOWED
    ],
)
def test_a_type_that_old_rows_do_not_fit_is_refused(old: str, new: str) -> None:
    with pytest.raises(ModelError) as refused:
        evolve(columns(a=new), evolve(columns(a=old), None), owner="silver.trips")
    assert f"silver.trips column 'a' changes from {old} to {new}" in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("old", ["int", ListType("int"), MapType("string", "int")])
@pytest.mark.parametrize("new", [StructType((Column("x", "int"),)), "binary"])
def test_a_type_does_not_change_its_kind(old: Type, new: Type) -> None:
    with pytest.raises(ModelError, match="changes from"):
        evolve(columns(a=new), evolve(columns(a=old), None))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ListType("int"), ListType("long")),
        (MapType("string", "float"), MapType("string", "double")),
        (StructType((Column("x", "int"),)), StructType((Column("x", "long"),))),
        (ListType(StructType((Column("x", "int"),))), ListType(StructType((Column("x", "long"),)))),
    ],
)
def test_nested_types_widen_and_keep_their_ids(old: Type, new: Type) -> None:
    current = evolve(nested(old), None)
    wider = evolve(nested(new), current, last_id=9)
    assert wider == nested(new)
    assert ids(wider) == ids(current)
    assert evolve(nested(old), wider, last_id=9) == nested(new)


def test_a_struct_gains_and_loses_fields() -> None:
    current = evolve(nested(StructType((Column("x", "int"), Column("y", "int")))), None)
    wanted = nested(StructType((Column("z", "int"), Column("y", "int"))))
    assert ids(evolve(wanted, current, last_id=3)) == {"s": 1, "s.z": 4, "s.y": 3}


def test_the_keys_of_a_map_do_not_change() -> None:
    current = evolve(nested(MapType("int", "int")), None)
    with pytest.raises(ModelError, match="changes from map<int, int> to map<long, int>"):
        evolve(nested(MapType("long", "int")), current)


def test_a_nested_refusal_names_the_field() -> None:
    current = evolve(nested(StructType((Column("x", "int"),))), None)
    with pytest.raises(ModelError, match=r"column 's'\.x changes from int to string"):
        evolve(nested(StructType((Column("x", "string"),))), current)


def test_a_dropped_column_that_comes_back_is_a_new_one() -> None:
    first = evolve(columns(a="int", b="int"), None)
    second = evolve(columns(a="int"), first, last_id=2)
    assert ids(evolve(columns(a="int", b="string"), second, last_id=2)) == {"a": 1, "b": 3}


RENAMED = {"new": "old"}


def test_a_renamed_column_keeps_its_id_and_may_widen() -> None:
    current = evolve(columns(old="int", a="int"), None)
    schema = evolve(columns(a="int", new="long"), current, last_id=2, renamed=RENAMED)
    assert ids(schema) == {"a": 2, "new": 1}
    assert evolve(columns(a="int", new="int"), schema, last_id=2, renamed=RENAMED) == schema


def test_a_renamed_column_is_refused_what_any_column_is() -> None:
    with pytest.raises(ModelError, match="column 'new' changes from int to date"):
        evolve(columns(new="date"), evolve(columns(old="int"), None), renamed=RENAMED)


def test_a_name_that_nothing_had_makes_a_new_column() -> None:
    current = evolve(columns(a="int"), None)
    assert ids(evolve(columns(new="int"), current, last_id=1, renamed=RENAMED)) == {"new": 2}


@pytest.mark.parametrize("order", [("new", "old"), ("old", "new")])
def test_an_old_name_that_is_used_again_keeps_its_id(order: tuple[str, str]) -> None:
    current = evolve(columns(old="int"), None)
    schema = evolve(columns(**dict.fromkeys(order, "int")), current, last_id=1, renamed=RENAMED)
    assert ids(schema) == {"old": 1, "new": 2}


def test_two_columns_are_not_the_same_old_one() -> None:
    current = evolve(columns(old="int"), None)
    renamed = {"a": "old", "b": "old"}
    assert ids(evolve(columns(a="int", b="int"), current, last_id=1, renamed=renamed)) == {
        "a": 1,
        "b": 2,
    }


@few
@given(SCHEMAS, st.integers(0, 9))
def test_a_schema_is_read_as_it_is_written(wanted: Schema, id: int) -> None:
    schema = replace(evolve(wanted, None), id=id)
    again = Schema.from_json(schema.to_json())
    assert (again, ids(again), again.id) == (schema, ids(schema), id)


def test_comments_are_written_where_there_are_some() -> None:
    schema = Schema((Column("a", "int", 1, "first"), Column("b", "int", 2)))
    again = Schema.from_json(schema.to_json())
    assert [c.doc for c in again] == ["first", ""]
    assert ["doc" in f for f in schema.to_json()["fields"]] == [True, False]


def test_a_decimal_is_read_however_it_is_spaced() -> None:
    field = {"id": 1, "name": "a", "type": "decimal(9,2)", "required": False}
    assert Schema.from_json({"fields": [field]}) == columns(a="decimal(9, 2)")


@pytest.mark.parametrize("type", ["int", "decimal", "decimal(9)", ListType("decimal(9, 2)")])
def test_only_a_decimal_has_precision_and_scale(type: Type) -> None:
    assert decimal_of(type) is None
    assert decimal_of("decimal(9, 2)") == (9, 2)


def test_no_columns_make_no_table() -> None:
    with pytest.raises(ModelError, match=r"silver\.trips gives no columns"):
        checked([], "silver.trips")


@pytest.mark.parametrize("names", [("id", "id"), ("id", "x", "ID"), ("Éa", "éA")])
def test_names_that_differ_by_case_alone_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ModelError) as refused:
        checked([Column(n, "int") for n in names], "silver.trips")
    assert refused.value.message == f"silver.trips gives two columns {names[0]!r} and {names[-1]!r}"


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_a_column_needs_a_name(name: str) -> None:
    with pytest.raises(ModelError, match="a column without a name"):
        checked([Column("a", "int"), Column(name, "int")], "silver.trips")


def test_good_columns_make_a_schema_in_their_order() -> None:
    b, a = Column("b", "int"), Column("a", "date")
    schema = checked([b, a], "silver.trips")
    assert schema.names == ("b", "a")
    assert (schema.column("a"), schema.column("nope")) == (a, None)


def test_a_type_is_shown_as_people_write_it() -> None:
    type = MapType("string", ListType(StructType((Column("a", "int"), Column("b", "date")))))
    assert show(type) == "map<string, list<struct<a: int, b: date>>>"
    assert show("decimal(9, 2)") == "decimal(9, 2)"
