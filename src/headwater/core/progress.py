"""Progress of long work: a callback the caller passes in. The default is silent; the CLI draws bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

__all__ = ["SILENT", "Progress", "track"]

T = TypeVar("T")


class Progress(Protocol):
    """Receives the advance of named pieces of work."""

    def start(self, label: str, total: int | None) -> None:
        """Begin ``label``, of ``total`` units where known."""

    def advance(self, label: str, units: int = 1) -> None:
        """Say that ``units`` more of ``label`` are done."""

    def finish(self, label: str) -> None:
        """Say that ``label`` has ended."""


class _Silent:
    def start(self, label: str, total: int | None) -> None:
        pass

    def advance(self, label: str, units: int = 1) -> None:
        pass

    def finish(self, label: str) -> None:
        pass


SILENT: Progress = _Silent()


def track(items: Iterable[T], label: str, *, progress: Progress, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` while telling ``progress`` about each."""
    progress.start(label, total)
    try:
        for item in items:
            yield item
            progress.advance(label)
    finally:
        progress.finish(label)
