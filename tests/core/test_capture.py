"""What a piece of work prints, and who gets it."""

import contextvars
import io
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.capture import printed_to


def test_a_line_is_given_as_soon_as_it_is_whole() -> None:
    found: list[str] = []
    with printed_to(found.append):
        print("one")
        assert found == ["one"]
        print("tw", end="")
        assert found == ["one"]
        print("o\nthr", end="")
        assert found == ["one", "two"]
    assert found == ["one", "two", "thr"]


@given(st.lists(st.text(st.characters(exclude_characters="\r"))))
def test_nothing_that_is_printed_is_lost_or_changed(texts: list[str]) -> None:
    found: list[str] = []
    with printed_to(found.append):
        sys.stdout.writelines(texts)
    wanted = "".join(texts).split("\n")
    assert found == (wanted if wanted[-1] else wanted[:-1])


def test_the_lines_of_both_streams_are_kept_apart() -> None:
    found: list[str] = []
    with printed_to(found.append):
        print("out", end="")
        print("err", end="", file=sys.stderr)
        print("!")
    assert found == ["out!", "err"]


def test_of_a_line_that_is_written_over_the_last_state_is_given() -> None:
    found: list[str] = []
    with printed_to(found.append):
        for percent in (1, 50, 100):
            print(f"\r{percent} %", end="", file=sys.stderr)
        print(file=sys.stderr)
        print("windows\r\n", end="")
    assert found == ["100 %", "windows"]


def test_a_warning_that_is_logged_is_printed() -> None:
    found: list[str] = []
    with printed_to(found.append):
        handler = logging.StreamHandler()
        handler.emit(logging.makeLogRecord({"msg": "careful"}))
    assert found == ["careful"]


def test_threads_get_their_own_lines_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    meet = threading.Barrier(5)

    def lines(name: str) -> list[str]:
        found: list[str] = []
        with printed_to(found.append):
            for step in range(20):
                meet.wait()
                print(name, end=" ")
                meet.wait()
                print(step)
        return found

    with ThreadPoolExecutor(5) as pool:
        captured = [pool.submit(lines, name) for name in "abcd"]
        for _ in range(20):
            meet.wait()
            print("free", end=" ")
            meet.wait()
            print("too")
        for name, found in zip("abcd", captured, strict=True):
            assert found.result() == [f"{name} {step}" for step in range(20)]
    assert capsys.readouterr().out == "free too\n" * 20


def test_what_a_sink_prints_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with printed_to(lambda line: print(f"| {line}")):
        print("one")
        print("two", end="")
    assert capsys.readouterr().out == "| one\n| two\n"


def test_a_capture_in_a_capture_takes_its_lines() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with printed_to(outer.append):
        print("before")
        with printed_to(inner.append):
            print("in")
        print("after")
    assert (outer, inner) == (["before", "after"], ["in"])


def test_a_copied_context_prints_to_the_same_sink() -> None:
    found: list[str] = []
    with printed_to(found.append):
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(print, "from there"))
        thread.start()
        thread.join()
    assert found == ["from there"]


def test_the_streams_are_what_they_were_after_the_last_capture() -> None:
    before = sys.stdout, sys.stderr
    with printed_to(lambda _: None):
        with pytest.raises(ZeroDivisionError), printed_to(lambda _: None):
            print(1 / 0)
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before


def test_who_replaces_a_stream_in_a_capture_gets_what_is_printed() -> None:
    found: list[str] = []
    with printed_to(found.append):
        with redirect_stdout(io.StringIO()) as own:
            print("mine")
            with printed_to(found.append):
                print("captured")
        print("again")
    assert own.getvalue() == "mine\n"
    assert found == ["captured", "again"]


def test_the_stream_of_a_capture_is_no_terminal_and_else_the_one_that_was_there() -> None:
    before = sys.stdout
    with printed_to(lambda _: None):
        assert not sys.stdout.isatty()
        assert sys.stdout.encoding == before.encoding
        assert sys.stdout.fileno() == before.fileno()
        sys.stdout.flush()
