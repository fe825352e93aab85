"""What functions of models give and raise."""

import asyncio
from typing import Any

import pytest

from medallion import SQL, gold
from medallion.adapters.duckdb.calling import called, texts_of
from medallion.errors import MedallionError, MistakeError, ModelError, RaisedError


@gold
def prices() -> SQL:
    return "select 1 as price"


def raising(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    "error", [ConnectionError("x"), TimeoutError(), RuntimeError(), ValueError()]
)
def test_what_may_pass_is_told_from_a_mistake(error: Exception) -> None:
    with pytest.raises(RaisedError, match=r"gold\.prices raised \w+Error.*\.py:\d+\)") as raised:
        called(prices, raising, {"error": error})
    assert not isinstance(raised.value, MistakeError)


@pytest.mark.parametrize(
    "error",
    [TypeError(), KeyError("x"), ZeroDivisionError(), ModuleNotFoundError(), AssertionError()],
)
def test_a_mistake_is_raised_as_one(error: Exception) -> None:
    with pytest.raises(MistakeError, match=r"gold\.prices raised"):
        called(prices, raising, {"error": error})


def test_an_error_that_names_its_thing_is_left_as_it_is() -> None:
    with pytest.raises(MedallionError) as raised:
        called(prices, raising, {"error": ModelError("no rows", hint="look")})
    assert str(raised.value) == "no rows\n  look"


def test_an_async_function_is_waited_for() -> None:
    async def later(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    assert called(prices, later, {"number": 1}) == 2


def test_items_are_json_in_their_order() -> None:
    items = ["b", "a", 1, 1.5, None, True, {"b": 1, "a": [2]}]
    assert texts_of(items, prices) == (
        '"b"', '"a"', "1", "1.5", "null", "true", '{"a": [2], "b": 1}',
    )  # fmt: skip
