"""Layers, table names, run ids and branch names."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from core.examples import few
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import DefinitionError
from medallion.names import Layer, TableName, branch_of, new_run, run_of

MODELS = st.from_regex(r"[a-z_][a-z0-9_]{0,62}", fullmatch=True)
NAMES = st.builds(TableName, st.sampled_from(Layer), MODELS)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
ENTROPY = st.binary(min_size=3, max_size=8)


@few
@given(NAMES)
def test_a_table_name_is_read_as_it_is_printed(name: TableName) -> None:
    assert TableName.parse(str(name)) == name


@few
@given(st.from_regex(r"(?i)(bronze|silver)?\.?[a-z0-9_.\n-]*"))
def test_a_name_that_is_accepted_is_printed_as_it_was_written(text: str) -> None:
    with suppress(DefinitionError):
        assert str(TableName.parse(text)) == text


@pytest.mark.parametrize(
    "model",
    ["", "Trips", "1trips", "tri ps", "tri-ps", "trips.x", "../x", "trips\n", 'x"', "é", "a" * 64],
)
def test_a_model_name_has_one_grammar(model: str) -> None:
    with pytest.raises(DefinitionError, match="is not a model name") as refused:
        TableName(Layer.SILVER, model)
    assert repr(model) in refused.value.message


def test_a_name_without_a_layer_is_refused() -> None:
    with pytest.raises(DefinitionError, match="'trips' is not a table name") as refused:
        TableName.parse("trips")
    assert "silver.trips" in refused.value.hint


def test_an_unknown_layer_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(DefinitionError, match="unknown layer 'copper'") as refused:
        TableName.parse("copper.trips")
    assert refused.value.hint == "one of: bronze, silver, gold"


@few
@given(st.lists(NAMES))
def test_names_sort_by_layer_first(names: list[TableName]) -> None:
    ranks = [name.layer.rank for name in sorted(names)]
    assert ranks == sorted(ranks)
    assert [n for n in sorted(names) if n.layer is Layer.GOLD] == sorted(
        (n for n in names if n.layer is Layer.GOLD), key=lambda n: n.model
    )


def test_rows_flow_from_bronze_to_gold() -> None:
    assert [layer.rank for layer in (Layer.BRONZE, Layer.SILVER, Layer.GOLD)] == [0, 1, 2]


@few
@given(MOMENTS, MOMENTS, ENTROPY, ENTROPY)
def test_runs_sort_by_time(a: datetime, b: datetime, x: bytes, y: bytes) -> None:
    if a < b:
        assert new_run(a, x) < new_run(b, y)


def test_the_time_of_a_run_is_utc() -> None:
    paris = datetime(2026, 11, 21, 3, tzinfo=timezone(timedelta(hours=1)))
    assert new_run(paris, b"\x00\x01\x02") == "20261121t020000-000102"


@few
@given(MOMENTS, ENTROPY)
def test_a_branch_leads_back_to_its_run(moment: datetime, entropy: bytes) -> None:
    run = new_run(moment, entropy)
    assert run_of(branch_of(run)) == run
    assert branch_of(branch_of(run)) == branch_of(run) == f"run-{run}"


@pytest.mark.parametrize(
    "branch", ["main", "run-", "run-x", "20261121t020000-a1b2c3", "run-20261121t020000-a1b2c3\n"]
)
def test_the_branches_of_others_belong_to_no_run(branch: str) -> None:
    assert run_of(branch) is None


@pytest.mark.parametrize("run", ["", "x", "main", "../main", "20261121t020000-A1B2C3"])
def test_what_is_no_run_has_no_branch(run: str) -> None:
    with pytest.raises(DefinitionError, match="is not a run id") as refused:
        branch_of(run)
    assert refused.value.hint == "see: medallion branches"
