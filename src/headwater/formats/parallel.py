"""Work on blocks of a file in threads, results in order, with few blocks in memory at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order"]

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 8


def in_order(task: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield ``task(item)`` for every item, in order.

    Items are drawn as they are needed, at most two more than there are threads; the first error ends the work.
    A single item is worked on in the caller's thread.
    """
    threads = min(_processors(), MOST_THREADS)
    drawn = iter(items)
    waiting: deque[Future[R]] = deque()
    first = list(_take(drawn, 2))
    if len(first) < 2 or threads == 1:
        for item in first:
            yield task(item)
        for item in drawn:
            yield task(item)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="headwater-read")
    try:
        waiting.extend(pool.submit(task, item) for item in first)
        del first
        for item in drawn:
            waiting.append(pool.submit(task, item))
            if len(waiting) > threads + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _take(items: Iterator[T], count: int) -> Iterator[T]:
    for _ in range(count):
        try:
            yield next(items)
        except StopIteration:
            return


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
