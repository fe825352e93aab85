"""How a table is partitioned."""

from collections.abc import Callable

import pytest

from medallion.errors import DefinitionError
from medallion.partition import Transform, bucket, day, hour, identity, month, truncate, year


@pytest.mark.parametrize(
    ("transform", "text", "field"),
    [
        (identity("zone"), "identity(zone)", "zone"),
        (year("at"), "year(at)", "at_year"),
        (month("at"), "month(at)", "at_month"),
        (day("at"), "day(at)", "at_day"),
        (hour("at"), "hour(at)", "at_hour"),
        (bucket("zone", 16), "bucket(zone, 16)", "zone_bucket"),
        (truncate("name", 1), "truncate(name, 1)", "name_truncate"),
    ],
)
def test_a_transform_tells_its_declaration_and_its_field(
    transform: Transform, text: str, field: str
) -> None:
    assert (str(transform), transform.field) == (text, field)


@pytest.mark.parametrize("number", [0, -1])
@pytest.mark.parametrize("transform", [bucket, truncate])
def test_a_number_below_one_is_refused(
    transform: Callable[[str, int], Transform], number: int
) -> None:
    with pytest.raises(DefinitionError, match=rf"\('zone', {number}\): .* at least 1"):
        transform("zone", number)
