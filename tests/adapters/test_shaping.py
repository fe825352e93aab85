"""What a declaration says of rows, against the columns that the model gives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance.world import TRIPS, model

from medallion import latest, scd2
from medallion.config import Settings
from medallion.errors import DefinitionError
from medallion.ports import Engine
from medallion.wiring import connect

QUERY = "select 1 as id, 'Rome' as city, 'D' as op, timestamp '2024-01-01' as since"
MERGED: dict[str, Any] = {"strategy": "merge", "unique_key": "id"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: Any) -> Iterator[Engine]:
    root: Path = tmp_path_factory.mktemp("project")
    ports = connect(Settings(root))
    yield ports.engine
    ports.close()


@pytest.mark.parametrize(
    ("declared", "query", "told", "hint"),
    [
        ({"deduplicate": latest("id", by="when")}, QUERY, "deduplicates by 'when'", "op, since"),
        ({"deduplicate": latest("id", by="op")}, "select 1 as id, 2 as id", "id", ""),
        ({**MERGED, "deleted": "opp = 'D'"}, QUERY, 'column "opp" not found', "op, since"),
        ({**MERGED, "deleted": "op = = 'D'"}, QUERY, "syntax error", "op, since"),
        ({**MERGED, "deleted": "count(*) > 1"}, QUERY, "does not fit", "op, since"),
        ({**MERGED, "deleted": "true"}, "select 1 as n", "unique_key column 'id'", "columns: n"),
        (
            {"strategy": scd2("id", changed_at="since", deleted="opp = 'D'")},
            QUERY,
            'column "opp" not found',
            "op, since",
        ),
        ({"strategy": scd2("id", changed_at="at")}, QUERY, "a history by 'at'", "op, since"),
        (
            {"strategy": scd2("id", changed_at="since")},
            f'select *, 1 as "Valid_To" from ({QUERY})',
            "'Valid_To', which its history adds",
            "another name",
        ),
        (
            {"strategy": scd2("id", changed_at="city", snapshots=True)},
            QUERY,
            "'city' is of type string",
            "cast it to one of: date",
        ),
    ],
)
def test_what_does_not_fit_the_columns_is_found_without_reading_rows(
    engine: Engine, declared: dict[str, Any], query: str, told: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as error:
        engine.columns(model(TRIPS, query, **declared), {})
    assert told in error.value.message
    assert hint in error.value.hint


def test_a_history_has_columns_of_its_own(engine: Engine) -> None:
    found = engine.columns(model(TRIPS, QUERY, strategy=scd2("id", changed_at="since")), {})
    assert found
    assert [(c.name, c.type) for c in found][-3:] == [
        ("valid_from", "timestamp"),
        ("valid_to", "timestamp"),
        ("is_current", "boolean"),
    ]


def test_a_condition_may_end_with_a_comment(engine: Engine) -> None:
    assert engine.columns(model(TRIPS, QUERY, **MERGED, deleted="op = 'D' -- gone"), {})
