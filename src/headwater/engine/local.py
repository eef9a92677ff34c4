"""The default executor: threads of this process, or processes for work bound by the interpreter."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Resources

__all__ = ["LocalExecutor"]

T = TypeVar("T")
R = TypeVar("R")


class LocalExecutor:
    """Runs tasks on this machine.

    Parameters
    ----------
    workers : int, optional
        Tasks at once; the number of processors by default. With 1, tasks run in the caller's thread.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or _processors()

    def __repr__(self) -> str:
        return f"LocalExecutor(workers={self.workers})"

    def map(
        self,
        task: Callable[[T], R],
        items: Iterable[T],
        *,
        resources: Resources | None = None,
        retries: int = 0,
        label: str = "",
        progress: Progress = SILENT,
    ) -> Iterator[R]:
        """Yield ``task(item)`` for every item, in order; see `headwater.engine.base.Executor`."""
        total = len(items) if isinstance(items, Sized) else None
        progress.start(label, total)
        try:
            for result in self._results(task, items, resources or Resources(), retries):
                yield result
                progress.advance(label)
        finally:
            progress.finish(label)

    def _results(
        self, task: Callable[[T], R], items: Iterable[T], resources: Resources, retries: int
    ) -> Iterator[R]:
        if self.workers == 1 and not resources.python_bound:
            for item in items:
                yield _attempt(task, item, retries)
            return
        pool: Pool = (
            # A process with threads, as Arrow's and those of object stores, cannot be forked safely.
            ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))
            if resources.python_bound
            else ThreadPoolExecutor(self.workers, thread_name_prefix="headwater")
        )
        with pool:
            waiting: deque[Future[R]] = deque()
            try:
                for item in items:
                    waiting.append(pool.submit(_attempt, task, item, retries))
                    if len(waiting) > self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def _attempt(task: Callable[[T], R], item: T, retries: int) -> R:
    for remaining in range(retries, -1, -1):
        try:
            return task(item)
        except Exception:
            if remaining == 0:
                raise
    raise AssertionError("unreachable")


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
