"""Functions that are called in models say how they are called, when they are called wrongly."""

from collections.abc import Callable
from typing import Any

import pytest

from medallion import (
    bucket,
    column,
    dimension,
    files,
    hashed,
    kept_last,
    latest,
    lookup,
    scd2,
    table,
)
from medallion.errors import DefinitionError

WRONG: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "column(): got an unexpected keyword argument 'nulable'": (column, (), {"nulable": False}),
    "column(): nullable='no' does not fit": (column, (), {"nullable": "no"}),
    "column(): type=int does not fit": (column, (int,), {}),
    "scd2(): missing a required argument: 'changed_at'": (scd2, ("id",), {}),
    "scd2(): key=['id'] does not fit": (scd2, (["id"],), {"changed_at": "at"}),
    "latest(): by=5 does not fit": (latest, ("id",), {"by": 5}),
    "lookup(): missing a required argument: 'dimension'": (lookup, (), {}),
    "dimension(): inferred={'silver.orders': 5} does not fit": (
        dimension,
        ("id",),
        {"inferred": {"silver.orders": 5}},
    ),
    "files(): columns=['id'] does not fit": (files, ("*.csv",), {"columns": ["id"]}),
    "table(): too many positional arguments": (table, ("a", "b", "c"), {}),
    "hashed(): key=5 does not fit": (hashed, (5,), {}),
    "kept_last(): count=True does not fit": (kept_last, (True,), {}),
    "bucket(): missing a required argument: 'buckets'": (bucket, ("id",), {}),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_call_says_what_is_wrong_and_how_it_is_written(message: str) -> None:
    function, args, kwargs = WRONG[message]
    with pytest.raises(DefinitionError) as error:
        function(*args, **kwargs)
    assert error.value.message == message
    assert error.value.hint.startswith(f"write: {function.__name__}(")


def test_right_calls_pass() -> None:
    dimension("id", unknown={"name": "none", "size": 0.5}, inferred={"silver.orders": ["id"]})
    latest("id", by=["a", "b"])
    files("*.csv", columns={"id": "bigint"}, most_unparsable=1)
