"""Walk a graph of work: each piece after what it needs, several at a time."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

K = TypeVar("K")
R = TypeVar("R")


def walk(
    needs: Mapping[K, Collection[K]],
    work: Callable[[K], R],
    ok: Callable[[R], bool],
    skip: Callable[[K], R],
    *,
    lanes: int,
) -> dict[K, R]:
    """Do the work of every key, at most `lanes` at a time; the results in the order of `needs`.

    What needs a key whose result is not ok is skipped. Needs that are no keys count as met.
    """
    results: dict[K, R] = {}
    waiting = {key: {n for n in needed if n in needs} for key, needed in needs.items()}
    running: dict[Future[R], K] = {}
    with ThreadPoolExecutor(lanes, thread_name_prefix="medallion") as pool:
        while waiting or running:
            for key in [k for k, needed in waiting.items() if needed <= results.keys()]:
                if not all(ok(results[n]) for n in waiting[key]):
                    results[key] = skip(key)
                elif len(running) < lanes:  # the pool queues none: after an error it would do them
                    running[pool.submit(work, key)] = key
                else:
                    continue
                del waiting[key]
            done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            for future in done:
                results[running.pop(future)] = future.result()
    return {key: results[key] for key in needs}
