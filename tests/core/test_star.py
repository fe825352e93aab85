"""Star schemas as they are declared: what fits together, and what keys are."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from core.examples import model, named

from medallion import Model, calendar, column, dimension, hashed, lookup, surrogate_key
from medallion.config import Settings
from medallion.conforming import check_keys, conformed
from medallion.declaration import Strategy
from medallion.errors import DefinitionError
from medallion.forms import Form
from medallion.history import scd2
from medallion.loading import load
from medallion.promises import found_keys
from medallion.schema import Column, Schema
from medallion.star import Dimension, Lookup, alike

DIM = "gold.dim_customer"
FACT = "gold.fct_orders"


def star(kept: Dimension, **lookups: Lookup) -> tuple[Model, Model]:
    """A dimension, and a fact with lookups, as a project knows them."""
    first, second = conformed([model(DIM, dimension=kept), model(FACT, lookups=lookups)])
    return first, second


def refused(*models: Model) -> DefinitionError:
    """How models are refused that do not go together."""
    with pytest.raises(DefinitionError) as error:
        conformed(models)
    return error.value


def test_a_surrogate_key_never_changes() -> None:
    """Tables keep them for years."""
    assert surrogate_key(7) == surrogate_key("7") == 763456559232083109
    assert surrogate_key("GB") == 481988963715979587
    assert surrogate_key(date(2026, 1, 1), 1, None) == 337651069678217878


def test_different_keys_have_different_hashes() -> None:
    keys: list[tuple[str | int | date | None, ...]] = [
        ("",), (None,), ("-",), ("", ""), ("a", "b"), ("ab",), ("ab", ""), ("", "ab"), ("b", "a"),
        ("a", None), (None, "a"), ("1:a",), ("a1:b",), (1, 12), (11, 2), ("é",), ("e\u0301",),
    ]  # fmt: skip
    assert len({surrogate_key(*k) for k in keys}) == len(keys)
    assert all(0 < surrogate_key(*k) < 2**63 for k in keys)


@pytest.mark.parametrize("value", [1.5, True, datetime(2026, 1, 1), b"a"])
def test_a_value_that_sql_may_print_otherwise_has_no_key_in_python(value: Any) -> None:
    with pytest.raises(DefinitionError, match=f"takes no {type(value).__name__}"):
        surrogate_key(value)


def test_the_key_of_a_dimension_is_named_after_it() -> None:
    found, fact = star(dimension("id"), customer_key=lookup(DIM, "customer_id"))
    assert found.dimension
    assert found.dimension.name == "customer_key"
    assert found.unique_key == ("customer_key",)
    assert fact.references == {"customer_key": f"{DIM}.customer_key"}
    other, fact = star(dimension("id", name="sk"), buyer=lookup(DIM, "a"), seller=lookup(DIM, "b"))
    assert other.unique_key == ("sk",)
    assert fact.references == {"buyer": f"{DIM}.sk", "seller": f"{DIM}.sk"}


def test_only_what_is_joined_is_read() -> None:
    kept = dimension("id", inferred={"silver.orders": "customer_id"})
    found, fact = star(kept, a=lookup(DIM, "a"), b=lookup(DIM, "b"))
    assert (found.reads, fact.reads) == ((named("silver.orders"),), ())
    _, fact = star(kept, a=lookup(DIM, "a", missing="unknown"))
    assert fact.reads == (named(DIM),)
    _, fact = star(dimension("id", version="valid_from"), a=lookup(DIM, "a", at="b"))
    assert fact.reads == (named(DIM),)


def test_a_key_that_is_found_is_demanded_of_lookups_that_may_fail() -> None:
    kept = dimension("id", version="valid_from")
    unknown = lookup(DIM, "b", at="c", missing="unknown")
    _, fact = star(kept, one=lookup(DIM, "a", at="c"), other=unknown)
    ((_, document),) = found_keys(fact)
    assert document["kwargs"] == {"column": "one"}
    assert document["meta"]["why"] == "gold.dim_customer has no member for a as of c"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: dimension(), "names no key"),
        (lambda: dimension("id", kind="uuid"), "kind='uuid'"),
        (lambda: dimension("a", "b", kind="date"), 'kind="date" makes the key of one day'),
        (lambda: dimension("a", version="b", kind="date"), 'kind="date" makes the key of one day'),
        (lambda: dimension("id", inferred={"silver.a": ["b", "c"]}), "names 2 columns of silver.a"),
        (
            lambda: dimension("id", version="valid_from", inferred={"silver.a": "b"}),
            "names 1 columns of silver.a, and these are 2: id, the column that says as of when",
        ),
        (lambda: dimension("id", inferred={"orders": "b"}), "'orders' is not a table name"),
        (lambda: lookup(DIM), "names no column"),
        (lambda: lookup("dim_customer", "id"), "'dim_customer' is not a table name"),
        (lambda: lookup(DIM, "id", missing="null"), "missing='null'"),
        (lambda: calendar("2026-13-01", "2027-01-01"), "month must be in 1..12"),
        (lambda: calendar("2027-01-01", "2026-01-01"), "ends before it starts"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_is_written(made: Any, said: str) -> None:
    with pytest.raises(DefinitionError) as error:
        made()
    assert said in error.value.message


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"unique_key": ("id",)}, "whose unique_key is its surrogate key customer_key"),
        ({"strategy": Strategy.MERGE}, "made of all its rows at once"),
        ({"time_column": "at"}, "made of all its rows at once"),
        ({"history": scd2("id", changed_at="at")}, "is a dimension and keeps a history"),
        ({"mask": {"id": hashed()}}, "masks 'id', by which it is found"),
        (
            {"columns": {"id": column(), "name": column(nullable=False)}},
            "name cannot be NULL, as in a member of which nothing is known",
        ),
    ],
)
def test_a_dimension_that_does_not_fit_is_refused(declared: Mapping[str, Any], said: str) -> None:
    error = refused(model(DIM, dimension=dimension("id"), **declared))
    assert said in error.message
    assert error.message.startswith(f"models/{DIM}.py:1: {DIM}")
    assert error.hint


@pytest.mark.parametrize(
    "kept", [dimension("id", unknown=False), dimension("id", unknown={"id": 0, "name": "?"})]
)
def test_columns_that_have_a_value_in_every_member_may_be_promised(kept: Dimension) -> None:
    promised = {n: column(nullable=False) for n in ("customer_key", "id", "name")}
    (found,) = conformed([model(DIM, dimension=kept, columns=promised)])
    assert found.dimension


@pytest.mark.parametrize(
    ("kept", "looks", "said"),
    [
        (dimension("id"), lookup("gold.dim_customers", "id"), "and no model gives it"),
        (dimension("id"), lookup(FACT, "id"), "which is no dimension"),
        (dimension("a", "b"), lookup(DIM, "id"), "by id, and its key is a, b"),
        (dimension("id", version="v"), lookup(DIM, "id"), "which has a history"),
        (dimension("id"), lookup(DIM, "id", at="t"), "which has no history"),
        (
            dimension("id", unknown=False),
            lookup(DIM, "id", missing="unknown"),
            "and it has no unknown member",
        ),
    ],
)
def test_a_lookup_that_finds_nothing_is_refused(kept: Dimension, looks: Lookup, said: str) -> None:
    error = refused(model(DIM, dimension=kept), model(FACT, lookups={"key": looks}))
    assert f"{FACT} looks key up in {looks.dimension}" in error.message
    assert said in error.message
    assert error.hint


def test_a_lookup_of_a_later_layer_is_refused() -> None:
    looks = {"key": lookup(DIM, "id")}
    error = refused(model(DIM, dimension=dimension("id")), model("silver.orders", lookups=looks))
    assert "which is of a later layer" in error.message


def test_rows_that_are_only_added_are_not_joined() -> None:
    looks = {"key": lookup(DIM, "id", missing="unknown")}
    error = refused(
        model(DIM, dimension=dimension("id")),
        model(FACT, lookups=looks, strategy=Strategy.APPEND),
    )
    assert "adds rows, and reads gold.dim_customer for their keys" in error.message


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("int", "long", True),
        ("long", "decimal(38, 0)", True),
        ("string", "string", True),
        ("decimal(10, 2)", "decimal(10, 2)", True),
        ("decimal(10, 2)", "decimal(10, 3)", False),
        ("string", "long", False),
        ("date", "timestamp", False),
        ("float", "double", False),
    ],
)
def test_types_are_alike_if_their_values_print_alike(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is alike(other, one) is same


@pytest.mark.parametrize(
    ("kept", "looks", "types", "said"),
    [
        (dimension("id"), lookup(DIM, "a"), {"a": "string"}, "by 'a', which is string, and gold.d"),
        (dimension("id", kind="date"), lookup(DIM, "a"), {"a": "string"}, "by the time 'a'"),
        (
            dimension("id", version="v"),
            lookup(DIM, "a", at="b"),
            {"a": "long", "b": "string"},
            "by the time 'b', which is string",
        ),
    ],
)
def test_a_key_of_another_type_is_a_mistake(
    kept: Dimension, looks: Lookup, types: Mapping[str, str], said: str
) -> None:
    _, fact = star(kept, key=looks)
    columns = Schema(tuple(Column(n, t) for n, t in types.items()))
    known = {named(DIM): Schema((Column("id", "int"),))}
    with pytest.raises(DefinitionError) as error:
        check_keys(fact, columns, known)
    assert said in error.value.message
    numbers = Schema(tuple(Column(n, "timestamp" if n == "b" else "long") for n in types))
    if kept.kind == "hash":
        check_keys(fact, numbers, known)
    check_keys(fact, Schema(()), {})


GOLD = """
from medallion import *

@gold(dimension=dimension("id"))
def dim_customer() -> SQL:
    return "select 1 as id"

@gold(lookups={"customer_key": lookup("gold.dim_customer", "customer_id")})
def fct_orders() -> SQL:
    return "select 1 as customer_id"

@gold(lookups={"customer_key": lookup("gold.dim_customer", "customer_id", missing="unknown")})
def fct_other() -> SQL:
    return "select 1 as customer_id"
"""


def test_what_changes_keys_counts_as_code(tmp_path: Path) -> None:
    """A fact that joins nothing does not mind how the dimension is made."""
    changed = {
        'dimension("id")': set[str](),
        'dimension("id", unknown={"name": "?"})': {"gold.dim_customer"},
        'dimension("id", name="sk")': {"gold.dim_customer", "gold.fct_other"},
        'dimension("id", kind="date")': {"gold.dim_customer", "gold.fct_other", "gold.fct_orders"},
    }
    (tmp_path / "models").mkdir()
    before: Mapping[Any, str] = {}
    for declared, others in changed.items():
        (tmp_path / "models" / "gold.py").write_text(GOLD.replace('dimension("id")', declared))
        codes = load(Settings(tmp_path)).codes
        before = before or codes
        assert {str(n) for n, code in codes.items() if code != before[n]} == others


def test_a_form_without_rows_of_its_own_is_no_dimension() -> None:
    landed = replace(model(DIM, dimension=dimension("id")), form=Form.SOURCE)
    assert "made of all its rows at once" in refused(landed).message
