"""Progress bars on stderr: drawn only for work that takes a moment, gone when it ends."""

from __future__ import annotations

import time
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

__all__ = ["Bars"]

_PATIENCE_S = 0.4


class Bars:
    """A `headwater.core.progress.Progress` that draws one bar for each piece of work.

    Parameters
    ----------
    console : Console, optional
        Where to draw; stderr by default.
    patience_s : float
        How long work may take before anything is drawn, in seconds, so that quick work does not flicker.
    """

    def __init__(self, console: Console | None = None, *, patience_s: float = _PATIENCE_S) -> None:
        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._patience_s = patience_s
        self._tasks: dict[str, TaskID] = {}
        self._since = 0.0
        self._lock = Lock()

    def start(self, label: str, total: int | None) -> None:
        """Begin ``label``, of ``total`` units where known."""
        with self._lock:
            if not self._tasks:
                self._since = time.monotonic()
            if label not in self._tasks:
                self._tasks[label] = self._bars.add_task(label or "working", total=total)

    def advance(self, label: str, units: int = 1) -> None:
        """Say that ``units`` more of ``label`` are done."""
        with self._lock:
            if label in self._tasks:
                self._bars.advance(self._tasks[label], units)
            if not self._bars.live.is_started and time.monotonic() - self._since >= self._patience_s:
                self._bars.start()

    def finish(self, label: str) -> None:
        """Say that ``label`` has ended; the bars go when nothing is left to do."""
        with self._lock:
            task = self._tasks.pop(label, None)
            if task is not None:
                self._bars.remove_task(task)
            if not self._tasks and self._bars.live.is_started:
                self._bars.stop()
