"""The one protocol of every executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from headwater.core.progress import SILENT, Progress

__all__ = ["Executor", "Resources"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one task needs.

    ``python_bound`` says that the task holds the interpreter lock, so that threads would not help.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0
    python_bound: bool = False


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
        first error, after ``retries`` further tries of its item, is raised and ends the work.
        """
        ...
