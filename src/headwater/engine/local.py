"""The default executor: threads of this process, or processes for work bound by the interpreter."""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

from headwater.core.errors import UsageError
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Resources, attempt

__all__ = ["LocalExecutor"]

T = TypeVar("T")
R = TypeVar("R")

_task: Callable[[Any], Any] | None = None
"""What a process of a pool does."""


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
                yield attempt(task, item, retries)
            return
        pool: Pool
        submit: Callable[[T], Future[R]]
        if resources.python_bound:
            _require_picklable(task)
            # A process with threads, as Arrow's and those of object stores, cannot be forked safely.
            spawned = get_context("spawn")
            pool = ProcessPoolExecutor(self.workers, spawned, initializer=_hold, initargs=(task,))
            submit = partial(_submitted, pool, retries)
        else:
            pool = ThreadPoolExecutor(self.workers, thread_name_prefix="headwater")
            submit = partial(_threaded, pool, retries, task)
        with pool:
            waiting: deque[Future[R]] = deque()
            try:
                for item in items:
                    waiting.append(submit(item))
                    if len(waiting) > self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def _require_picklable(task: Callable[[Any], Any]) -> None:
    try:
        pickle.dumps(task)
    except Exception as error:
        raise UsageError(
            f"This work cannot be sent to another process: {error}. Use a function at the top of a module."
        ) from error


def _threaded(pool: Pool, retries: int, task: Callable[[Any], Any], item: Any) -> Future[Any]:
    return pool.submit(attempt, task, item, retries)


def _submitted(pool: Pool, retries: int, item: Any) -> Future[Any]:
    return pool.submit(_do, item, retries)


def _hold(task: Callable[[Any], Any]) -> None:
    """Keep the task of a process, which then only needs items."""
    global _task
    _task = task


def _do(item: Any, retries: int) -> Any:
    assert _task is not None, "a process is given its task first"
    return attempt(_task, item, retries)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
