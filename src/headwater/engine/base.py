"""The one protocol of every executor, and what tasks say of themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from headwater.core.progress import SILENT, Progress

__all__ = ["Executor", "Held", "Resources", "attempt"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one task needs.

    Parameters
    ----------
    cpus, gpus : float
        Processors; a cluster runs as many tasks at once as have theirs.
    memory_bytes : int
        Memory; 0 is unknown. A cluster runs no more tasks on a machine than have theirs.
    python_bound : bool
        Whether the task holds the interpreter lock, so that threads would not help.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0
    python_bound: bool = False


class Held(Generic[T, R]):
    """A task with something that is costly to make, such as a model: made once a worker, and held there.

    Parameters
    ----------
    make : callable
        Makes what is held, in the process of the worker; called before its first item.
    use : callable
        Takes what is held and an item, and returns the result.

    Notes
    -----
    Threads of one process share what is held. In other processes it is made anew: it is never sent. What workers hold
    stays with them from one `Executor.map` to the next, for as long as this object lives.
    """

    def __init__(self, make: Callable[[], Any], use: Callable[[Any, T], R]) -> None:
        self._make, self._use = make, use
        self._lock = threading.Lock()
        self._made: tuple[Any] | None = None

    def __call__(self, item: T) -> R:
        """Return the result of an item."""
        with self._lock:
            if self._made is None:
                self._made = (self._make(),)
        return self._use(self._made[0], item)

    def __reduce__(self) -> tuple[Any, ...]:
        return Held, (self._make, self._use)


class Executor(Protocol):
    """Runs one task over many items."""

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
        """Yield ``task(item)`` for every item, in the order of the items.

        Items are drawn as they are needed, so that memory stays bounded by the work in flight. The
        first error, after ``retries`` further tries of its item, is raised and ends the work; so does whoever
        stops to ask for results.

        Parameters
        ----------
        task : callable
            What to do. Where it runs in other processes, it and the items are pickled: it should hold on to what
            says where data are, not to the data. A `Held` task is made once a worker.
        items : iterable
            What to do it with.
        resources : Resources, optional
            What one item needs.
        retries : int
            Further tries of an item that raised.
        label : str
            What the work is called.
        progress : Progress
            Told about the items.
        """
        ...


def attempt(task: Callable[[T], R], item: T, retries: int) -> R:
    """Return ``task(item)``; try again up to ``retries`` times if it raises."""
    for remaining in range(retries, -1, -1):
        try:
            return task(item)
        except Exception:
            if remaining == 0:
                raise
    raise AssertionError("unreachable")
