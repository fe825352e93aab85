"""What can be declared of a model's time and strategy, what follows, and every refusal."""

from typing import Any

import pytest
from core.examples import named

from medallion import (
    bucket,
    day,
    earliest,
    hashed,
    hour,
    identity,
    latest,
    month,
    scd2,
    truncate,
    year,
)
from medallion.declaration import Strategy, grain_of, read_declaration
from medallion.errors import DefinitionError
from medallion.forms import Form
from medallion.window import Grain

TIMED: dict[str, Any] = {"time_column": "t", "partition_by": day("t")}


def refused(given: dict[str, Any], form: Form = Form.SQL, window: str = "") -> tuple[str, str]:
    """The message and the hint of a refusal."""
    with pytest.raises(DefinitionError) as error:
        read_declaration(given, form, window)
    return error.value.message, error.value.hint


@pytest.mark.parametrize(
    ("partition_by", "grain"),
    [
        ((hour("t"),), Grain.HOUR),
        ((day("t"),), Grain.DAY),
        ((month("t"),), Grain.MONTH),
        ((year("t"),), Grain.YEAR),
        ((bucket("id", 3), month("t"), identity("zone")), Grain.MONTH),
        ((day("other"), month("t")), Grain.MONTH),
        ((), None),
        ((identity("t"),), None),
        ((truncate("t", 4), bucket("t", 2)), None),
        ((day("other"),), None),
        ((day("t"), month("t")), None),
    ],
)
def test_the_transform_of_the_time_column_is_how_long_a_window_is(
    partition_by: Any, grain: Grain | None
) -> None:
    assert grain_of("t", partition_by) is grain


@pytest.mark.parametrize(
    ("given", "form", "window", "strategy"),
    [
        ({}, Form.SQL, "", Strategy.FULL),
        ({}, Form.PANDAS, "", Strategy.FULL),
        ({}, Form.SOURCE, "", Strategy.APPEND),
        (TIMED, Form.SQL, "", Strategy.WINDOW),
        (TIMED, Form.ARROW, "w", Strategy.WINDOW),
        (TIMED, Form.SOURCE, "", Strategy.APPEND),
        (TIMED, Form.SOURCE, "w", Strategy.WINDOW),
        ({**TIMED, "strategy": "full"}, Form.SQL, "", Strategy.FULL),
        ({**TIMED, "strategy": "window"}, Form.SQL, "", Strategy.WINDOW),
        ({**TIMED, "strategy": "window"}, Form.SOURCE, "w", Strategy.WINDOW),
        ({**TIMED, "strategy": "append"}, Form.SOURCE, "", Strategy.APPEND),
        ({"strategy": "full"}, Form.SOURCE, "", Strategy.FULL),
        ({"strategy": "merge", "unique_key": "id"}, Form.SQL, "", Strategy.MERGE),
        ({**TIMED, "strategy": "merge", "unique_key": "id"}, Form.FRAME, "", Strategy.MERGE),
    ],
)
def test_the_strategy_is_the_one_said_or_follows(
    given: dict[str, Any], form: Form, window: str, strategy: Strategy
) -> None:
    assert read_declaration(given, form, window)["strategy"] is strategy


def test_what_is_declared_is_kept() -> None:
    given = {**TIMED, "lookback": 2, "whole": "silver.zones", "start": "2019-01-01"}
    fields = read_declaration(given, Form.SQL, "")
    assert fields == {
        "time_column": "t",
        "partition_by": (day("t"),),
        "lookback": 2,
        "whole": frozenset([named("silver.zones")]),
        "start": "2019-01-01",
        "strategy": Strategy.WINDOW,
    }
    several = read_declaration({**TIMED, "whole": ["silver.a", "silver.b"]}, Form.SQL, "")
    assert several["whole"] == {named("silver.a"), named("silver.b")}


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"time_column": 1}, 'write: time_column="pickup_at"'),
        ({"time_column": ["t"]}, 'write: time_column="pickup_at"'),
        ({"lookback": "1"}, "write: lookback=1"),
        ({"lookback": 1.5}, "write: lookback=1"),
        ({"lookback": True}, "write: lookback=1"),
        ({"whole": 1}, 'write: whole=["silver.zones"]'),
        ({"start": 2019}, 'write: start="2019-01-01"'),
        ({"strategy": Strategy}, 'write: strategy="merge"'),
        ({"strategy": None}, 'write: strategy="merge"'),
    ],
)
def test_a_value_of_another_shape_is_refused(given: dict[str, Any], hint: str) -> None:
    message, said = refused({**TIMED, **given})
    assert message.startswith(f"{next(iter(given))}=")
    assert message.endswith(" does not fit")
    assert said == hint


@pytest.mark.parametrize("key", ["lookback", "whole", "start"])
def test_what_is_said_of_windows_needs_a_time_column(key: str) -> None:
    value = {"lookback": 1, "whole": "silver.a", "start": "2019"}[key]
    message, _ = refused({key: value, "partition_by": day("t")})
    assert message == f"{key} says nothing without a time_column"


def test_a_window_parameter_needs_a_time_column() -> None:
    message, hint = refused({}, window="when")
    assert message == "parameter 'when' receives a window, and there is no time_column"
    assert hint == 'declare: time_column="pickup_at", partition_by=day("pickup_at")'


@pytest.mark.parametrize(
    "partition_by", [None, day("other"), identity("t"), [day("t"), month("t")], []]
)
def test_a_time_column_is_partitioned_by_one_of_its_times(partition_by: Any) -> None:
    given = {"time_column": "t", "partition_by": partition_by}
    message, hint = refused({k: v for k, v in given.items() if v is not None})
    assert message == "time_column='t' is not partitioned by one of its times"
    assert hint == "declare: partition_by=day('t'), or hour, month, year"


def test_windows_are_looked_back_at_not_ahead() -> None:
    assert refused({**TIMED, "lookback": -1})[0] == "lookback=-1 counts windows before a window"


@pytest.mark.parametrize("start", ["", "yesterday", "2019-13", "2019-02-30", "2019-01-01T05:30Z"])
def test_a_start_is_a_time(start: str) -> None:
    message, hint = refused({**TIMED, "start": start})
    assert message.startswith(f"{start!r} is no time")
    assert hint.startswith("write 2019, 2019-01, 2019-01-31")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("zones", "'zones' is not a table name"),
        ("copper.zones", "unknown layer 'copper'"),
        ("silver.Zones", "'Zones' is not a model name"),
    ],
)
def test_what_is_read_whole_is_a_table(table: str, said: str) -> None:
    message, hint = refused({**TIMED, "whole": ["silver.a", table]})
    assert message == said
    assert hint


@pytest.mark.parametrize("strategy", ["incremental", "", "Full", "WINDOW"])
def test_there_are_four_strategies(strategy: str) -> None:
    message, hint = refused({"strategy": strategy})
    assert message == f"strategy={strategy!r}"
    assert hint == "one of: full, window, append, merge, or scd2(...) without quotes"


@pytest.mark.parametrize(
    ("given", "form", "window", "lacks"),
    [
        ({"strategy": "window"}, Form.SQL, "", "a time_column"),
        ({"strategy": "merge"}, Form.SQL, "", "a unique_key"),
        ({"strategy": "append"}, Form.SQL, "", "a source to go on reading"),
        ({**TIMED, "strategy": "append"}, Form.PANDAS, "", "a source to go on reading"),
        ({**TIMED, "strategy": "window"}, Form.SOURCE, "", "a Window parameter"),
        *(
            (
                {**TIMED, "strategy": strategy, "unique_key": "id"},
                form,
                "when",
                "a function without the parameter 'when', which receives a window",
            )
            for strategy, form in [
                ("full", Form.SQL),
                ("full", Form.SOURCE),
                ("merge", Form.SQL),
                ("append", Form.SOURCE),
            ]
        ),
    ],
)
def test_a_strategy_needs_what_it_works_with(
    given: dict[str, Any], form: Form, window: str, lacks: str
) -> None:
    assert refused(given, form, window)[0] == f"strategy={given['strategy']!r} needs {lacks}"


HISTORY: dict[str, Any] = {"strategy": scd2("id", changed_at="at")}


def test_a_history_is_merged_by_its_key_and_when_each_version_began() -> None:
    fields = read_declaration(HISTORY, Form.SQL, "")
    assert fields["strategy"] is Strategy.MERGE
    assert fields["unique_key"] == ("id", "valid_from")
    assert fields["history"] == scd2("id", changed_at="at")
    more = {**HISTORY, "deduplicate": latest("id", "at", by="loaded_at")}
    assert read_declaration(more, Form.SQL, "")["deduplicate"].key == ("id", "at")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({**HISTORY, "unique_key": "id"}, "scd2 says by itself"),
        ({**HISTORY, "deleted": "gone"}, "scd2 says by itself"),
        ({**TIMED, **HISTORY}, "time_column='t': what reads a history by window would miss"),
        ({**HISTORY, "mask": {"at": hashed()}}, "mask: 'at' says when a version is valid"),
        ({**HISTORY, "mask": {"valid_to": hashed()}}, "mask: 'valid_to' says when"),
        ({"deleted": "gone"}, "this one is 'full'"),
        ({**TIMED, "deleted": "gone"}, "this one is 'window'"),
        ({"strategy": "merge", "unique_key": "id", "deleted": " "}, "deleted=' ' is to be a"),
    ],
)
def test_what_a_history_or_a_delete_cannot_be_is_refused(given: dict[str, Any], told: str) -> None:
    message, hint = refused(given)
    assert told in message
    assert hint


def test_a_history_is_not_made_of_what_goes_on() -> None:
    with pytest.raises(DefinitionError, match="'since' receives where to go on, and a history"):
        read_declaration(HISTORY, Form.PANDAS, "", "since")


@pytest.mark.parametrize(
    ("key", "changed_at"), [((), "at"), (("id",), ""), (("id", "id"), "at"), (("at",), "at")]
)
def test_a_history_has_a_key_and_a_time(key: tuple[str, ...], changed_at: str) -> None:
    with pytest.raises(DefinitionError, match="needs the columns of a key and one more"):
        scd2(*key, changed_at=changed_at)
    with pytest.raises(DefinitionError, match="needs the columns of a key and one more"):
        scd2("valid_from", changed_at="at")


@pytest.mark.parametrize("keep", [latest, earliest])
def test_deduplication_has_a_key_and_an_order(keep: Any) -> None:
    for key, by in (((), "at"), (("id",), []), (("id",), "")):
        with pytest.raises(DefinitionError, match="names too few columns"):
            keep(*key, by=by)
