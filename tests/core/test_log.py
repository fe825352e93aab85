"""The log of a run."""

import json
from pathlib import Path
from typing import Any

import pytest
from core.examples import RUN_ID, named
from hypothesis import given
from hypothesis import strategies as st

from medallion.log import event_dict, logged
from medallion.report import Event, State, Step, TaskResult


def event(step: Step = Step.STARTED, **details: Any) -> Event:
    return Event(step, RUN_ID, "silver.trips", details)


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / f"{RUN_ID}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_an_event_is_a_line_before_it_is_passed_on(tmp_path: Path) -> None:
    seen: list[tuple[Event, int]] = []
    first, second = event(), event(Step.EVALUATED, part=1, parts=3)

    def listener(found: Event) -> None:
        seen.append((found, len(lines(tmp_path / "logs"))))

    with logged(tmp_path / "logs", RUN_ID, listener) as listen:
        listen(first)
        listen(second)

    assert seen == [(first, 1), (second, 2)]
    assert [(e["step"], e["subject"], e.get("parts")) for e in lines(tmp_path / "logs")] == [
        ("started", "silver.trips", None),
        ("evaluated", "silver.trips", 3),
    ]


def test_a_run_in_which_nothing_happened_leaves_no_log(tmp_path: Path) -> None:
    with logged(tmp_path / "logs", RUN_ID, lambda _: None):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_adds_to_its_log(tmp_path: Path) -> None:
    for _ in range(2):
        with logged(tmp_path, RUN_ID, lambda _: None) as listen:
            listen(event())
    assert len(lines(tmp_path)) == 2


def test_what_a_task_came_to_is_in_its_line() -> None:
    written = TaskResult(named("silver.trips"), State.WRITTEN, rows=7)
    ended = Event(Step.ENDED, RUN_ID, "silver.trips", {}, written)
    told = json.loads(json.dumps(event_dict(ended)))
    assert (told["result"]["state"], told["result"]["rows"]) == ("written", 7)


@given(st.text())
def test_no_text_breaks_a_line(text: str) -> None:
    line = json.dumps(event_dict(event(what=text)))
    assert len(line.splitlines()) == 1
    assert json.loads(line)["what"] == text


def test_an_error_of_who_listens_comes_through_after_the_line(tmp_path: Path) -> None:
    def listener(_: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), logged(tmp_path, RUN_ID, listener) as listen:
        listen(event())
    assert len(lines(tmp_path)) == 1
