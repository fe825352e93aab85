"""Masks: what they are called, which type they give, and where they are refused."""

from typing import Any

import pytest

from medallion import (
    Model,
    dropped,
    files,
    hashed,
    kept_last,
    nullified,
    redacted,
    secret,
    silver,
    truncated,
)
from medallion.errors import DefinitionError
from medallion.history import scd2
from medallion.mask import Mask
from medallion.source import Source


@pytest.mark.parametrize(
    ("mask", "shown", "types"),
    [
        (hashed(), "hashed()", {"long": "string", "date": "string"}),
        (hashed("salt"), "hashed('salt')", {"string": "string"}),
        (hashed(secret("KEY")), "hashed('${KEY}')", {"string": "string"}),
        (redacted("gone"), "redacted('gone')", {"double": "string"}),
        (kept_last(4), "kept_last(4)", {"long": "string"}),
        (kept_last(0), "kept_last(0)", {"string": "string"}),
        (truncated("month"), "truncated('month')", {"date": "date", "timestamptz": "timestamptz"}),
        (truncated("hour"), "truncated('hour')", {"timestamp": "timestamp"}),
        (nullified(), "nullified()", {"decimal(9, 2)": "decimal(9, 2)"}),
        (dropped(), "dropped()", {"long": None}),
    ],
)
def test_a_mask_says_what_it_is_and_which_type_it_gives(
    mask: Mask, shown: str, types: dict[str, str | None]
) -> None:
    assert str(mask) == shown
    assert {given: mask.gives(given) for given in types} == types


@pytest.mark.parametrize(
    ("mask", "type"),
    [(truncated("day"), "string"), (truncated("year"), "long"), (truncated("hour"), "date")],
)
def test_only_times_are_truncated(mask: Mask, type: str) -> None:
    with pytest.raises(DefinitionError, match=f"is not for values of type {type}"):
        mask.gives(type)


def test_what_is_no_mask_is_refused() -> None:
    with pytest.raises(DefinitionError, match="one of: year, month, day, hour"):
        truncated("week")
    for count in (-1, 1.5, True):
        with pytest.raises(DefinitionError, match=r"kept_last\(4\)"):
            kept_last(count)  # type: ignore[arg-type]  # as somebody may call it
    with pytest.raises(DefinitionError, match="names no secret"):
        hashed("${no name}")


def defined(declared: str) -> Model:
    names: dict[str, Any] = {"scd2": scd2}
    imports = "from medallion import SQL, bucket, day, dropped, hashed, identity, kept_last, month"
    imports += ", nullified, redacted, secret, silver, truncated"
    exec(f"{imports}\n@silver({declared})\ndef x() -> SQL: ...\n", names)
    model: Model = names["x"]
    return model


TIMED = "time_column='at', partition_by=day('at')"


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("unique_key='a', mask={'a': dropped()}", "dropped() of 'a', which is in the unique_key"),
        ("unique_key=['b', 'a'], mask={'a': nullified()}", "nullified() of 'a'"),
        ("unique_key='a', mask={'a': redacted()}", "redacted('***') of 'a'"),
        (f"{TIMED}, mask={{'at': hashed()}}", "hashed() of 'at', the time_column"),
        (f"{TIMED}, mask={{'at': nullified()}}", "nullified() of 'at', the time_column"),
        (f"{TIMED}, mask={{'at': dropped()}}", 'mask it with truncated("day"), or not at all'),
        (f"{TIMED}, mask={{'at': truncated('month')}}", "truncated('month') of 'at'"),
        ("partition_by=month('at'), mask={'at': kept_last(2)}", "which is in month(at)"),
        ("partition_by=identity('a'), mask={'a': nullified()}", "by which the table is part"),
        ("partition_by=bucket('a', 4), mask={'a': dropped()}", "by which the table is part"),
        ("strategy=scd2('id', changed_at='at'), mask={'at': truncated('day')}", "says when"),
        ("strategy=scd2('id', changed_at='at'), mask={'id': redacted()}", "in the unique_key"),
    ],
)
def test_a_mask_that_takes_away_what_is_needed_is_refused(declared: str, told: str) -> None:
    with pytest.raises(DefinitionError) as error:
        defined(declared)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "declared",
    [
        "unique_key='a', strategy='merge', mask={'a': hashed(secret('KEY'))}",
        "partition_by=bucket('a', 4), mask={'a': hashed()}",
        f"{TIMED}, mask={{'at': truncated('hour'), 'b': dropped()}}",
        f"{TIMED}, mask={{'at': truncated('day')}}",
        "strategy=scd2('id', changed_at='at'), mask={'id': hashed(), 'name': dropped()}",
    ],
)
def test_a_mask_that_leaves_what_is_needed_is_taken(declared: str) -> None:
    assert defined(declared).mask


def test_the_name_of_a_landed_file_is_not_masked() -> None:
    @silver(mask={"_source_file": redacted()})
    def landed() -> Source:
        return files("{landing}/*.csv")

    with pytest.raises(DefinitionError, match="by which rows of a file that changed are found"):
        landed.source()
