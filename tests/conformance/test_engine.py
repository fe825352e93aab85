"""What every engine promises."""

import hashlib
import hmac
from typing import Any

import pytest
from conformance.world import FIRST, SECOND, TRIPS, ZONES, World, model, rows

from medallion import (
    Form,
    Frame,
    column,
    dropped,
    hashed,
    identity,
    kept_last,
    nullified,
    redacted,
    ref,
    secret,
    silver,
    truncated,
)
from medallion.errors import DefinitionError, ModelError
from medallion.model import Model
from medallion.names import TableName
from medallion.schema import Column, Schema
from medallion.tables import Draft

NOTHING: dict[str, object] = {}
ONE, TWO = rows((1, 1.5, "a")), rows((1, 1.5, "a"), (2, 2.5, "b"))
TYPED = Schema((Column("id", "long"), Column("fare", "double"), Column("zone", "string")))
SUMMED = TableName.parse("gold.sums")


@silver
def copied(trips: Frame = ref("silver.trips")) -> Frame:
    return trips


@silver
def broken(trips: Frame = ref("silver.trips")) -> Frame:
    raise KeyError("fare")


@silver
def mistaken(trips: Frame = ref("silver.trips")) -> Frame:
    return 7  # type: ignore[return-value]


def test_the_columns_said_before_a_run_are_those_that_it_gives(world: World) -> None:
    made = model(TRIPS, TWO, mask={"zone": hashed()})
    frame = world.frame(TWO, ZONES)
    renamed = model(SUMMED, 'select z.fare as "The Fare", z.id from silver.zones z')

    assert world.ports.engine.columns(made, {}) == world.evaluate(made).schema == TYPED
    said = world.ports.engine.columns(renamed, {ZONES: frame.schema})
    assert said == world.evaluate(renamed, inputs={ZONES: frame}).schema
    assert said == Schema((Column("The Fare", "double"), Column("id", "long")))


def test_columns_are_described_by_the_docstring(world: World) -> None:
    made = model(TRIPS, ONE, doc="Trips.\n\nColumns:\n    fare: in dollars\n")
    said = world.ports.engine.columns(made, {})

    assert said is not None
    assert [c.doc for c in said] == [c.doc for c in world.evaluate(made).schema]
    assert [c.doc for c in said] == ["", "in dollars", ""]


def test_the_columns_of_a_python_model_only_a_run_tells(world: World) -> None:
    assert world.ports.engine.columns(copied, {TRIPS: TYPED}) is None


def test_the_files_hold_the_rows_and_say_how_many(world: World) -> None:
    result = world.evaluate(model(TRIPS, rows((1, 1.5, "a"), (1, 1.5, "a"), (None, None, None))))

    assert sum(f.rows for f in result.files) == result.rows == 3
    assert sum(f.bytes for f in result.files) == result.bytes > 0
    assert len({f.path for f in result.files}) == len(result.files)
    assert world.read(Frame(result.schema, result.files)) == [
        (1, 1.5, "a"),
        (1, 1.5, "a"),
        (None, None, None),
    ]


def test_files_of_the_same_run_do_not_take_each_others_place(world: World) -> None:
    first, second = world.evaluate(model(TRIPS, ONE)), world.evaluate(model(TRIPS, TWO))

    assert world.read(Frame(first.schema, first.files)) == [(1, 1.5, "a")]
    assert world.read(Frame(second.schema, second.files)) == [(1, 1.5, "a"), (2, 2.5, "b")]


def test_no_rows_are_no_files_and_all_columns(world: World) -> None:
    result = world.evaluate(model(TRIPS, rows()))

    assert (result.files, result.rows, result.bytes) == ((), 0, 0)
    assert result.schema == TYPED


def test_values_come_back_as_they_were_written(world: World) -> None:
    odd = [
        (2**63 - 1, 1e308, 'it\'s "quoted"'),
        (-(2**63) + 1, -0.1, ""),
        (0, 0.1 + 0.2, "Zürich 東京 🚕"),
    ]

    assert world.read(world.frame(rows(*odd))) == sorted(odd, key=repr)


def test_a_model_reads_its_inputs_by_layer_and_name(world: World) -> None:
    inputs = {TRIPS: world.frame(TWO), ZONES: world.frame(rows((2, 0.5, "Zone B")), ZONES)}
    joined = model(
        SUMMED,
        """
        with dear as (select * from silver.trips where fare > 2)
        select t.id, z.zone, t.fare + z.fare as total
        from dear t join silver.zones as z on z.id = t.id;
        """,
    )
    result = world.evaluate(joined, inputs=inputs)

    assert world.read(Frame(result.schema, result.files)) == [(2, "Zone B", 3.0)]


@pytest.mark.parametrize(
    "query",
    [
        "select nothing from silver.trips",
        "select id from silver.zones",
        "select id from gold.trips",
        "selec id from silver.trips",
        "select id, id from silver.trips",
        "select id, zone as ID from silver.trips",
    ],
)
def test_sql_that_does_not_fit_its_inputs_is_found_before_a_run_and_in_one(
    world: World, query: str
) -> None:
    wrong, frame = model(SUMMED, query), world.frame(TWO)

    with pytest.raises(DefinitionError, match=r"gold\.sums"):
        world.ports.engine.columns(wrong, {TRIPS: frame.schema})
    with pytest.raises(ModelError, match=r"gold\.sums"):
        world.evaluate(wrong, inputs={TRIPS: frame})


def test_a_column_that_is_null_in_every_row_has_no_type_to_be_kept_as(world: World) -> None:
    with pytest.raises(ModelError, match=r"(?s)silver\.trips.*nothing"):
        world.evaluate(model(TRIPS, "select cast(1 as bigint) as id, null as nothing"))


def test_nothing_but_the_inputs_can_be_read(world: World) -> None:
    """Not even what the engine was given before."""
    world.evaluate(copied, inputs={TRIPS: world.frame(ONE)})

    with pytest.raises(ModelError, match=r"gold\.sums"):
        world.evaluate(model(SUMMED, "select * from silver.trips"))


def test_masked_columns_are_never_written_as_they_are(world: World) -> None:
    query = rows((1, 1.5, "a"), (2, None, None))
    masks = {"id": redacted("xxx"), "zone": hashed("salt"), "fare": redacted()}
    result = world.evaluate(model(TRIPS, query, mask=masks))

    assert [c.type for c in result.schema] == ["string"] * 3
    assert world.read(Frame(result.schema, result.files)) == [
        ("xxx", "***", hashlib.sha256(b"salta").hexdigest()),
        ("xxx", None, None),
    ]


def test_every_mask_gives_its_type_and_a_dropped_column_is_not_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PII_KEY", "k" * 70)
    masks = {"id": kept_last(2), "fare": nullified(), "zone": hashed(secret("PII_KEY"))}
    made = model(TRIPS, rows((12345, 1.5, "a"), (7, None, None)), mask=masks)
    result = world.evaluate(made)
    keyed = hmac.new(b"k" * 70, b"a", "sha256").hexdigest()

    assert [c.type for c in result.schema] == ["string", "double", "string"]
    assert sorted(world.read(Frame(result.schema, result.files))) == [
        ("*", None, None),
        ("***45", None, keyed),
    ]
    made = model(TRIPS, TWO, mask={"fare": dropped()})
    result = world.evaluate(made)
    assert result.schema.names == ("id", "zone")
    assert all(len(row) == 2 for row in world.read(Frame(result.schema, result.files)))
    with pytest.raises(ModelError, match="is not for values of type string"):
        world.evaluate(model(TRIPS, TWO, mask={"zone": truncated("day")}))


@pytest.mark.parametrize(
    "declaration",
    [
        {"mask": {"nobody": hashed()}},
        {"unique_key": "nobody"},
        {"partition_by": identity("nobody")},
    ],
    ids=lambda d: next(iter(d)),
)
def test_a_declaration_that_names_no_column_of_the_model_is_an_error(
    world: World, declaration: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match=r"silver\.trips .*nobody"):
        world.evaluate(model(TRIPS, ONE, **declaration))


def test_a_partitioned_table_has_all_rows(world: World) -> None:
    made = model(TRIPS, TWO, partition_by=[identity("zone")])
    snapshot = world.publish(made)

    assert world.rows_at(snapshot) == [(1, 1.5, "a"), (2, 2.5, "b")]


def test_columns_keep_their_ids_and_new_ones_read_as_null_in_older_files(world: World) -> None:
    first = world.publish(model(TRIPS, "select cast(1 as bigint) as id"))
    second = world.publish(model(TRIPS, TWO), SECOND, base=first)
    table = world.table()
    old, new = (world.ports.store.frame(table, s) for s in (first, second))

    assert [c.id for c in new.schema] == [1, 2, 3]
    assert world.read(Frame(new.schema, old.files)) == [(1, None, None)]


def test_a_renamed_column_keeps_its_id_and_its_rows(world: World) -> None:
    first = world.publish(model(TRIPS, TWO))
    renamed = model(
        TRIPS,
        f"select id, zone as borough, fare from ({ONE}) as t",
        renamed={"borough": "zone"},
    )
    second = world.publish(renamed, SECOND, base=first)
    table = world.table()
    old, new = (world.ports.store.frame(table, s) for s in (first, second))

    assert {c.name: c.id for c in new.schema} == {"id": 1, "borough": 3, "fare": 2}
    assert world.read(Frame(new.schema, old.files)) == [(1, "a", 1.5), (2, "b", 2.5)]


def test_a_type_that_old_rows_could_not_be_read_as_is_an_error(world: World) -> None:
    world.publish(model(TRIPS, ONE))
    changed = model(TRIPS, "select cast('x' as varchar) as id")

    with pytest.raises(ModelError, match=r"silver\.trips column 'id' changes from long to string"):
        world.evaluate(changed, SECOND)


def test_a_python_model_gets_its_inputs_and_gives_rows(world: World) -> None:
    frame = world.frame(TWO)
    result = world.evaluate(copied, inputs={TRIPS: frame})

    assert world.read(Frame(result.schema, result.files)) == [(1, 1.5, "a"), (2, 2.5, "b")]
    assert not {f.path for f in result.files} & {f.path for f in frame.files}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (broken, r"silver\.broken raised KeyError: 'fare'"),
        (mistaken, r"silver\.mistaken returned .*int"),
    ],
)
def test_a_python_model_that_gives_no_rows_is_an_error(
    world: World, wrong: Model, told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        world.evaluate(wrong, inputs={TRIPS: world.frame(TWO)})


def test_a_query_gives_rows_as_an_arrow_table(world: World) -> None:
    inputs = {"silver.trips": world.frame(TWO), "before": world.frame(ONE)}
    query = "select t.zone, b.fare from silver.trips t join before b on b.id = t.id;"
    found = world.ports.engine.query(query, inputs, Form.ARROW)

    assert found.num_rows == 1
    assert found.column_names == ["zone", "fare"]
    assert found.to_pylist() == [{"zone": "a", "fare": 1.5}]


def test_a_query_without_rows_has_columns(world: World) -> None:
    frame = world.frame(rows())
    found = world.ports.engine.query("select id, zone from given", {"given": frame})

    assert (found.num_rows, found.column_names, found.to_pylist()) == (0, ["id", "zone"], [])


@pytest.mark.parametrize(
    "query", ["select * from nothing", "select nothing from given", "select", "drop table given"]
)
def test_a_query_that_cannot_be_run_is_an_error_of_who_wrote_it(world: World, query: str) -> None:
    with pytest.raises(DefinitionError):
        world.ports.engine.query(query, {"given": world.frame(ONE)})


def test_files_lie_in_the_location_of_the_draft(world: World) -> None:
    location = world.ports.catalog.location(ZONES)
    result = world.ports.engine.evaluate(model(TRIPS, ONE), {}, Draft(TRIPS, location, FIRST))

    assert all(location.removeprefix("file://") in f.path for f in result.files)


def test_a_frame_is_opened(world: World) -> None:
    frame = world.frame(rows((1, 1.5, "a"), (2, 2.5, "b"), (3, None, "b")))
    opened = world.ports.engine.open

    assert opened(frame, Form.ARROW).num_rows == 3
    assert opened(frame, Form.ARROW).column_names == ["id", "fare", "zone"]
    assert opened(frame, Form.ARROW, limit=2).num_rows == 2
    found = opened(
        frame, Form.ARROW, columns=["zone", "id"], where="fare > 2 or fare is null -- so"
    )
    assert sorted(found.to_pylist(), key=str) == [{"zone": "b", "id": 2}, {"zone": "b", "id": 3}]


def test_a_frame_without_files_is_opened(world: World) -> None:
    found = world.ports.engine.open(Frame(TYPED, ()), Form.ARROW, columns=["fare"])

    assert (found.num_rows, found.column_names) == (0, ["fare"])


@pytest.mark.parametrize(
    "options",
    [
        {"columns": ["nobody"]},
        {"columns": ["id", "id"]},
        {"columns": []},
        {"where": "nobody = 1"},
        {"where": "id >"},
        {"where": "id > 1; drop table given"},
        {"where": "id > 1 limit 1"},
    ],
    ids=str,
)
def test_a_frame_is_not_opened_by_what_it_does_not_have(
    world: World, options: dict[str, Any]
) -> None:
    with pytest.raises(DefinitionError):
        world.ports.engine.open(world.frame(TWO), Form.ARROW, **options)


def test_columns_are_as_their_contract_has_them(world: World) -> None:
    declared = {"id": column("bigint", nullable=False), "zone": column("varchar")}
    made = model(TRIPS, ONE, columns=declared)
    wanted = Schema((Column("id", "long", required=True), *TYPED.columns[1:]))

    assert world.ports.engine.columns(made, {}) == world.evaluate(made).schema == wanted


def test_other_columns_than_declared_are_refused_before_and_while_they_are_written(
    world: World,
) -> None:
    made = model(TRIPS, ONE, columns={"id": column("varchar")}, closed=True)
    told = r"'id' is declared varchar and given as bigint; 'fare' \(double\) is given and not"

    with pytest.raises(DefinitionError, match=told):
        world.ports.engine.columns(made, {})
    with pytest.raises(ModelError, match=told):
        world.evaluate(made)


def test_given_rows_are_written_as_they_are(world: World) -> None:
    schema = Schema(
        (Column("id", "long", 1), Column("fare", "double", 2), Column("zone", "string", 3))
    )
    draft = world.draft(model(TRIPS, ONE))
    given: list[dict[str, object]] = [{"id": "7", "zone": 'it\'s "é"'}, {"id": None, "zone": None}]
    result = world.ports.engine.record(given, schema, draft)

    assert result.rows == 2
    assert world.read(Frame(result.schema, result.files)) == [
        (7, None, 'it\'s "é"'),
        (None, None, None),
    ]


def test_what_a_given_row_does_not_say_is_that_of_another(world: World) -> None:
    like = world.frame(rows((1, 1.5, "a"), (2, 2.5, "b")))
    draft, engine = world.draft(model(TRIPS, ONE)), world.ports.engine
    copied = engine.record([NOTHING], like.schema, draft, like, "zone = 'b'")
    changed = engine.record([{"fare": "0.5"}], like.schema, draft, like, "id = 1")
    nothing = engine.record([{"id": 9}], like.schema, draft, like, "id = 77")

    found = [world.read(Frame(r.schema, r.files)) for r in (copied, changed, nothing)]
    assert found == [[(2, 2.5, "b")], [(1, 0.5, "a")], [(9, None, None)]]


def test_a_given_value_that_is_none_of_its_column_is_refused(world: World) -> None:
    with pytest.raises(ModelError, match="seven"):
        world.ports.engine.record(
            [{"id": "seven"}], world.frame(ONE).schema, world.draft(model(TRIPS, ONE))
        )
