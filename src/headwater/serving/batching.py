"""Requests that wait at the same time are answered by one call of the model; nobody waits for others to come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import HeadwaterError

__all__ = ["Batcher", "Overloaded"]

F64 = NDArray[np.float64]
Work = tuple[pa.Table, "Future[F64]"]


class Overloaded(HeadwaterError):
    """More requests wait than can be answered in time."""


class Batcher:
    """Calls a model from one thread.

    Parameters
    ----------
    predict : callable
        Takes a table of n rows, gives shape (n, k).
    most_rows : int
        Rows of one call; a request with more is a call of its own.
    most_waiting : int
        Requests that may wait; further ones are refused.
    """

    def __init__(
        self, predict: Callable[[pa.Table], F64], *, most_rows: int = 4096, most_waiting: int = 1000
    ) -> None:
        self._predict, self._most_rows = predict, most_rows
        self._waiting: queue.Queue[Work | None] = queue.Queue(most_waiting)
        self._thread = threading.Thread(target=self._work, name="predict", daemon=True)
        self._thread.start()

    def submit(self, rows: pa.Table) -> Future[F64]:
        """Return what will hold the answer.

        Raises
        ------
        Overloaded
            If too many wait.
        """
        answer: Future[F64] = Future()
        try:
            self._waiting.put_nowait((rows, answer))
        except queue.Full:
            raise Overloaded(
                f"{self._waiting.maxsize:,} requests wait already. Send them again later, or several rows in one."
            ) from None
        return answer

    @property
    def is_idle(self) -> bool:
        """Whether no request waits for its turn."""
        return self._waiting.empty()

    def close(self) -> None:
        """Answer what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_open = True
        while is_open:
            first = self._waiting.get()
            if first is None:
                return
            together, rows = [first], first[0].num_rows
            while rows < self._most_rows:
                try:
                    other = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if other is None:
                    is_open = False
                    break
                together.append(other)
                rows += other[0].num_rows
            self._answer(together)

    def _answer(self, together: list[Work]) -> None:
        try:
            said = self._predict(pa.concat_tables([rows for rows, _ in together]))
        except Exception as error:  # noqa: BLE001 - it is the answer to whoever asked, and the others are asked alone
            if len(together) == 1:
                together[0][1].set_exception(error)
                return
            for one in together:
                self._answer([one])
            return
        start = 0
        for rows, answer in together:
            answer.set_result(said[start : start + rows.num_rows])
            start += rows.num_rows
