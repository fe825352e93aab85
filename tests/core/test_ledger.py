"""The ledger of landed files: what is new, changed or gone since it was written."""

from collections.abc import Callable

import pytest
from core.examples import few
from hypothesis import given
from hypothesis import strategies as st

from medallion.ledger import Arrivals, Entry, Ledger
from medallion.source import Stamp

names = st.text(min_size=1, max_size=12)
stamps = st.builds(Stamp, st.integers(0, 9), st.integers(0, 9))
entries = st.builds(Entry, stamps, st.sampled_from("abc"))
ledgers = st.dictionaries(names, entries, max_size=6).map(Ledger)


def hashed(**digests: str) -> Callable[[str], str]:
    """What is in each file; another must not be read."""
    return lambda name: digests[name]


OLD = Ledger({"a": Entry(Stamp(1, 10), "1"), "b": Entry(Stamp(2, 20), "2")})
SAME = {"a": Stamp(1, 10), "b": Stamp(2, 20)}


def test_files_as_they_were_are_not_read() -> None:
    assert OLD.arrivals(SAME, hashed()) == Arrivals(entries=OLD.entries)


def test_a_file_that_was_not_there_is_new() -> None:
    found = OLD.arrivals({**SAME, "c": Stamp(3, 5)}, hashed(c="3"))
    assert (found.new, found.again, found.gone) == (("c",), (), ())
    assert found.entries == {**OLD.entries, "c": Entry(Stamp(3, 5), "3")}


@pytest.mark.parametrize("stamp", [Stamp(1, 11), Stamp(2, 10), Stamp(1, 9)])
def test_a_file_with_another_stamp_counts_by_what_is_in_it(stamp: Stamp) -> None:
    """The next ledger has its new stamp in any case, so that it is not read each time."""
    changed = OLD.arrivals({**SAME, "a": stamp}, hashed(a="other"))
    touched = OLD.arrivals({**SAME, "a": stamp}, hashed(a="1"))
    assert (changed.new, changed.again, changed.gone) == ((), ("a",), ())
    assert (touched.new, touched.again, touched.gone) == ((), (), ())
    assert touched.entries["a"] == Entry(stamp, "1")


def test_a_file_that_is_gone_is_in_no_later_ledger() -> None:
    found = OLD.arrivals({"b": Stamp(2, 20)}, hashed())
    assert (found.new, found.again, found.gone) == ((), (), ("a",))
    assert found.entries == {"b": OLD.entries["b"]}


def test_a_file_that_was_renamed_is_new_and_gone() -> None:
    found = OLD.arrivals({"c": Stamp(1, 10), "b": Stamp(2, 20)}, hashed(c="1"))
    assert (found.new, found.again, found.gone) == (("c",), (), ("a",))


@few
@given(ledgers, st.dictionaries(names, entries, max_size=6))
def test_every_file_is_in_one_place(ledger: Ledger, landed: dict[str, Entry]) -> None:
    """And a ledger of what arrived finds nothing more."""
    found = ledger.arrivals({n: e.stamp for n, e in landed.items()}, lambda n: landed[n].digest)
    assert set(found.new) == landed.keys() - ledger.entries.keys()
    assert set(found.gone) == ledger.entries.keys() - landed.keys()
    assert set(found.again) <= landed.keys() & ledger.entries.keys()
    assert found.entries.keys() == landed.keys()
    later = Ledger(found.entries)
    assert later.arrivals({n: e.stamp for n, e in landed.items()}, hashed()) == Arrivals(
        entries=found.entries
    )


@few
@given(ledgers)
def test_a_ledger_that_is_written_reads_back(ledger: Ledger) -> None:
    text = ledger.to_text()
    assert Ledger.from_text(text) == ledger
    assert len(text.splitlines()) == len(ledger.entries)


@pytest.mark.parametrize("text", ["no json", "[]", '["a", 1, 2]', "1"])
def test_what_is_no_ledger_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        Ledger.from_text(text)
