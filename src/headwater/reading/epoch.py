"""The order in which a training loop meets rows: shuffled from a seed, shared out, and resumable anywhere.

Rows are shuffled at two levels. The order of the chunks is drawn first; then the rows of a few chunks at a time, a
*window*, are drawn together, so that only those chunks are in memory. The whole order follows from the seed and the
number of the epoch. Each reader takes one stretch of it, so it reads the chunks of its stretch and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["Epoch", "Shard", "Stretch"]

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shard:
    """Which of the readers one is.

    Parameters
    ----------
    rank, world_size : int
        Number of the process, and how many there are.
    worker, workers : int
        Number of the worker of that process, and how many it has.
    is_equal : bool
        Whether all ranks get the same number of rows: up to ``world_size - 1`` rows of the epoch are left out, other
        ones in each.
    """

    rank: int = 0
    world_size: int = 1
    worker: int = 0
    workers: int = 1
    is_equal: bool = False

    def __post_init__(self) -> None:
        for name, at, count in (
            ("rank", self.rank, self.world_size),
            ("worker", self.worker, self.workers),
        ):
            if count < 1 or not 0 <= at < count:
                raise UsageError(f"There is no {name} {at} among {count}: they count from 0.")

    def stretch(self, rows: int) -> tuple[int, int]:
        """Return start and end of the stretch of an epoch of ``rows`` rows that is this reader's."""
        usable = rows - rows % self.world_size if self.is_equal else rows
        start, end = (usable * at // self.world_size for at in (self.rank, self.rank + 1))
        size = end - start
        return start + size * self.worker // self.workers, start + size * (self.worker + 1) // self.workers


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows to be read together: the chunks, and the rows in the order wanted.

    ``rows`` counts through the live rows of the chunks, one chunk after the other.
    """

    chunks: tuple[int, ...]
    rows: I64


class Epoch:
    """The order of one epoch.

    Parameters
    ----------
    counts : sequence of int
        Rows in each chunk.
    shuffle : bool
        Whether to shuffle; the order of a scan otherwise.
    seed, epoch : int
        Together they fix the order.
    window : int
        How many chunks are drawn from at a time.

    Notes
    -----
    Memory: the numbers of the rows of a window. Setting up is linear in the number of chunks.
    """

    def __init__(
        self, counts: Sequence[int], *, shuffle: bool = False, seed: int = 0, epoch: int = 0, window: int = 4
    ) -> None:
        if window < 1:
            raise UsageError(f"A window has 1 chunk or more, not {window}.", window=window)
        self._counts = np.asarray(counts, np.int64)
        self._shuffle, self._seed, self._epoch = shuffle, seed, epoch
        self._window = window if shuffle else 1
        count = len(self._counts)
        self._chunks = self._rng(0).permutation(count) if shuffle else np.arange(count)
        ends = np.cumsum(self._counts[self._chunks])
        self._ends = ends[min(self._window, count) - 1 :: self._window] if count else ends
        if count and (not len(self._ends) or self._ends[-1] != ends[-1]):
            self._ends = np.append(self._ends, ends[-1])

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self._counts.sum())

    def stretches(self, start: int, end: int) -> Iterator[Stretch]:
        """Yield what to read for the rows from ``start`` to ``end`` of the order."""
        number = int(np.searchsorted(self._ends, start, side="right"))
        while number < len(self._ends) and start < end:
            first = int(self._ends[number - 1]) if number else 0
            last = int(self._ends[number])
            chunks = self._chunks[number * self._window : (number + 1) * self._window]
            rows = self._drawn(number, last - first)[start - first : min(end, last) - first]
            if len(rows):
                yield Stretch(tuple(int(chunk) for chunk in chunks), rows)
            start, number = last, number + 1

    def _drawn(self, window: int, rows: int) -> I64:
        if not self._shuffle:
            return np.arange(rows)
        return self._rng(window + 1).permutation(rows)

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([abs(self._seed), int(self._seed < 0), self._epoch, number])
