"""Walk a graph of work: each piece after what it needs, several at a time."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

K = TypeVar("K")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Rules:
    """How work is walked: at most `lanes` pieces at a time, of a tag so many as `limits` says.

    `fail_fast` starts nothing more after a result that is not ok. Without it, all that does not
    depend on that result is done.
    """

    lanes: int
    limits: Mapping[str, int] = field(default_factory=dict)
    fail_fast: bool = False


class Slots:
    """Places for pieces of work, shared by threads: so many at a time, and so many of a tag."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._running: list[Collection[str]] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, tags: Collection[str] = ()) -> Iterator[None]:
        """Hold a place for a piece with these tags; wait until there is one."""
        with self._changed:
            self._changed.wait_for(lambda: _fits(tags, self._running, self._rules))
            self._running.append(tags)
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(tags)
                self._changed.notify_all()


def walk(
    needs: Mapping[K, Collection[K]],
    work: Callable[[K], R],
    ok: Callable[[R], bool],
    skip: Callable[[K], R],
    rules: Rules,
    tags: Callable[[K], Collection[str]] = lambda _: (),
) -> dict[K, R]:
    """Do the work of every key; the results in the order of `needs`.

    What needs a key whose result is not ok is skipped. Needs that are no keys count as met. Of what
    can start, that with the longest way behind it starts first.
    """
    results: dict[K, R] = {}
    waiting = {key: {n for n in needed if n in needs} for key, needed in _by_way(needs).items()}
    running: dict[Future[R], K] = {}
    failed = False
    with ThreadPoolExecutor(rules.lanes, thread_name_prefix="medallion") as pool:
        while waiting or running:
            for key in [k for k, needed in waiting.items() if needed <= results.keys()]:
                if not all(ok(results[n]) for n in waiting[key]) or (failed and rules.fail_fast):
                    results[key] = skip(key)
                elif _fits(tags(key), [tags(k) for k in running.values()], rules):
                    # The pool queues none: after an error it would do them.
                    running[pool.submit(work, key)] = key
                else:
                    continue
                del waiting[key]
            done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            for future in done:
                result = results[running.pop(future)] = future.result()
                failed = failed or not ok(result)
    return {key: results[key] for key in needs}


def _fits(tags: Collection[str], running: Collection[Collection[str]], rules: Rules) -> bool:
    """Whether a piece with these tags may run beside those."""
    counts = Counter(tag for others in running for tag in set(others))
    limited = (tag for tag in tags if tag in rules.limits)
    return len(running) < rules.lanes and all(counts[t] < rules.limits[t] for t in limited)


def _by_way(needs: Mapping[K, Collection[K]]) -> dict[K, Collection[K]]:
    """The needs, those with the longest way to an end first."""
    ways: dict[K, int] = {}
    for key in _last_first(needs):
        ways.setdefault(key, 1)
        for needed in needs[key]:
            ways[needed] = max(ways.get(needed, 1), ways[key] + 1)
    return {key: needs[key] for key in sorted(needs, key=lambda k: -ways[k])}


def _last_first(needs: Mapping[K, Collection[K]]) -> Iterator[K]:
    """The keys, each before all that it needs."""
    readers = Counter(n for needed in needs.values() for n in needed if n in needs)
    ready = [key for key in needs if not readers[key]]
    while ready:
        key = ready.pop()
        yield key
        for needed in needs[key]:
            if needed in needs:
                readers[needed] -= 1
                if not readers[needed]:
                    ready.append(needed)
