"""Quantiles and ranks of a numeric column in a few kilobytes, mergeable: a deterministic KLL sketch.

Why our own: the sketch of ``datasketches`` draws unseeded random bits, so that two runs over the same
rows print different medians. Here the coin of each compaction comes from the values themselves, so equal
input gives equal bytes; batches are sampled in one sort, which is several times faster; and the error is
added up as it arises, so that the stated bound is that of this sketch, not of the worst one.

References
----------
Karnin, Lang, Liberty (2016). Optimal quantile approximation in streams. FOCS. doi:10.1109/FOCS.2016.17
Agarwal, Cormode, Huang, Phillips, Wei, Yi (2012). Mergeable summaries. PODS. doi:10.1145/2213556.2213562
(random halving of sorted buffers, and its error by Hoeffding's inequality).
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import CorruptObject, UsageError

__all__ = ["QuantileSketch"]

F64 = NDArray[np.float64]

_MAGIC = b"QKL1"
_HEADER = struct.Struct("<4sIQddddB")
_DECAY = 2 / 3
_SMALLEST = 8


class QuantileSketch:
    """A mergeable summary of the distribution of numbers.

    Parameters
    ----------
    k : int, default 512
        Size of the largest buffer; the error falls as 1/k. About 3 k numbers are kept at most.

    Notes
    -----
    NaN is left out; infinities count as numbers. Exact while there are no more than about 3 k values.
    Time is linear in the values, one sort a batch.

    Examples
    --------
    >>> sketch = QuantileSketch()
    >>> sketch.update([3.0, 1.0, 2.0])
    >>> sketch.n, sketch.minimum, sketch.quantile(0.5), sketch.rank(2.0)
    (3, 1.0, 2.0, 0.6666666666666666)
    """

    __slots__ = ("_levels", "_squares", "_worst", "k", "maximum", "minimum", "n")

    def __init__(self, k: int = 512) -> None:
        if not _SMALLEST <= k <= 1 << 20:
            raise UsageError(f"k is {k}; give a whole number from {_SMALLEST} to {1 << 20}.")
        self.k = k
        self.n = 0
        self.minimum = math.nan
        self.maximum = math.nan
        # Level h holds sorted values that stand for 2^h values each.
        self._levels: list[F64] = []
        # Errors made: the sum of their squares (sub-Gaussian proxies) and the sum of their largest sizes.
        self._squares = 0.0
        self._worst = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether all values are kept."""
        return self._worst == 0

    @property
    def kept(self) -> F64:
        """The values that are kept, rising: between two of them the estimated distribution is flat."""
        return np.sort(np.concatenate([*self._levels, np.zeros(0, np.float64)]))

    def update(self, values: ArrayLike, counts: NDArray[np.int64] | None = None) -> None:
        """Add values.

        Parameters
        ----------
        values : array_like of float
            NaN is left out.
        counts : numpy.ndarray of int64, optional
            How often each value occurs, at least 0; once by default.
        """
        batch = np.asarray(values, np.float64).ravel()
        if counts is None:
            self._add_batch(np.sort(batch[~np.isnan(batch)]))
        else:
            self._add_counted(batch, np.asarray(counts, np.int64))
        self._compress()

    def merge(self, *others: QuantileSketch) -> None:
        """Take in the values of other sketches, which stay as they are; many at once is best."""
        for other in others:
            self._extend(other.minimum, other.maximum, other.n)
            for level, items in enumerate(other._levels):
                self._put(level, items)
            self._squares += other._squares
            self._worst += other._worst
        self._compress()

    def copy(self) -> QuantileSketch:
        """Return an independent copy."""
        other = QuantileSketch(self.k)
        other.merge(self)
        return other

    def quantile(self, q: float) -> float:
        """Return the smallest kept value whose rank is at least ``q``; NaN when empty.

        Parameters
        ----------
        q : float
            Between 0 (the minimum) and 1 (the maximum).
        """
        return float(self.quantiles([q])[0])

    def quantiles(self, q: ArrayLike) -> F64:
        """Return the quantiles at several fractions, each as ``quantile`` does."""
        fractions = np.asarray(q, np.float64)
        if not ((fractions >= 0) & (fractions <= 1)).all():
            raise UsageError("A quantile's fraction lies between 0 and 1, both included.")
        if self.n == 0:
            return np.full(fractions.shape, math.nan)
        values, cumulated = self._weighted()
        # Rounding in q * n must not lift a whole number over itself.
        wanted = fractions * self.n * (1 - 1e-15)
        out = values[np.minimum(np.searchsorted(cumulated, wanted, side="left"), values.size - 1)]
        out = np.where(fractions <= 0, self.minimum, np.where(fractions >= 1, self.maximum, out))
        return np.asarray(out, np.float64)

    def quantile_interval(self, q: float, confidence: float = 0.99) -> tuple[float, float]:
        """Return values between which the true quantile lies with the given confidence."""
        error = self.rank_error(confidence)
        low, high = self.quantiles([max(q - error, 0.0), min(q + error, 1.0)])
        return float(low), float(high)

    def rank(self, value: float, *, inclusive: bool = True) -> float:
        """Return the fraction of values that are at most (or, not inclusive, less than) ``value``."""
        return float(self.cdf([value], inclusive=inclusive)[0])

    def cdf(self, points: ArrayLike, *, inclusive: bool = True) -> F64:
        """Return the fraction of values at or below each point.

        Parameters
        ----------
        points : array_like of float
            Where to evaluate, in any order.
        inclusive : bool, default True
            Whether a value equal to the point counts.

        Returns
        -------
        numpy.ndarray of float64
            Fractions from 0 to 1, each within ``rank_error`` of the truth; NaN when empty.
        """
        at = np.asarray(points, np.float64)
        if self.n == 0:
            return np.full(at.shape, math.nan)
        values, cumulated = self._weighted()
        below = np.searchsorted(values, at, side="right" if inclusive else "left")
        fraction = np.concatenate([[0], cumulated])[below] / self.n
        # The ends are known exactly, whatever the sample kept.
        low, high = (
            (at >= self.maximum, at < self.minimum) if inclusive else (at > self.maximum, at <= self.minimum)
        )
        return np.where(low, 1.0, np.where(high, 0.0, fraction))

    def rank_error(self, confidence: float = 0.99, *, everywhere: bool = False) -> float:
        """Return a bound on the error of a rank, as a fraction of all values.

        Parameters
        ----------
        confidence : float, default 0.99
            The probability that the bound holds, between 0 and 1, both exclusive.
        everywhere : bool, default False
            Whether it is to hold for all ranks at once rather than for a given one.

        Returns
        -------
        float
            0 while the sketch is exact.
        """
        if not 0 < confidence < 1:
            raise UsageError(f"confidence is {confidence}; give a number between 0 and 1, such as 0.99.")
        if self.is_exact:
            return 0.0
        # The estimated rank takes one value between two kept items, so there are as many events as items.
        events = 2.0 * (sum(items.size for items in self._levels) + 1 if everywhere else 1)
        return min(math.sqrt(2 * self._squares * math.log(events / (1 - confidence))), self._worst) / self.n

    def to_bytes(self) -> bytes:
        """Return the state as bytes; equal input in equal order gives equal bytes."""
        header = _HEADER.pack(
            _MAGIC, self.k, self.n, self.minimum, self.maximum, self._squares, self._worst, len(self._levels)
        )
        sizes = np.array([items.size for items in self._levels], "<u4").tobytes()
        return header + sizes + b"".join(items.astype("<f8").tobytes() for items in self._levels)

    @classmethod
    def from_bytes(cls, data: bytes) -> QuantileSketch:
        """Return the sketch whose ``to_bytes`` gave ``data``.

        Raises
        ------
        CorruptObject
            If ``data`` is not such bytes.
        """
        try:
            magic, k, n, minimum, maximum, squares, worst, depth = _HEADER.unpack_from(data)
            sizes = np.frombuffer(data, "<u4", depth, _HEADER.size).astype(np.int64)
            items = np.frombuffer(data, "<f8", offset=_HEADER.size + 4 * depth).astype(np.float64)
            weight = sum(size << level for level, size in enumerate(sizes.tolist()))
            if magic != _MAGIC or int(sizes.sum()) != items.size or weight != n:
                raise ValueError("sizes do not add up")
            sketch = cls(k)
        except (struct.error, ValueError) as error:
            raise CorruptObject(f"These {len(data)} bytes are not a quantile sketch: {error}.") from error
        sketch.n, sketch.minimum, sketch.maximum, sketch._squares, sketch._worst = (
            n,
            minimum,
            maximum,
            squares,
            worst,
        )
        sketch._levels = np.split(items, np.cumsum(sizes)[:-1]) if depth else []
        return sketch

    def _add_batch(self, batch: F64) -> None:
        """Add sorted values: one of each 2^level neighbours, so that k to 2 k are kept, and the rest as it is."""
        if batch.size == 0:
            return
        self._extend(float(batch[0]), float(batch[-1]), batch.size)
        level = 0 if batch.size <= self._room() else (batch.size // (2 * self.k)).bit_length()
        blocks = batch.size >> level
        if level:
            offset = _draw(batch[:: max(1, batch.size // 64)], self.n) & ((1 << level) - 1)
            self._put(level, batch[offset : blocks << level : 1 << level])
            # A rank inside one block is off by less than the block, without bias.
            self._squares += 4.0**level / 4
            self._worst += 2.0**level
            batch = batch[blocks << level :]
        self._put(0, batch)

    def _add_counted(self, values: F64, counts: NDArray[np.int64]) -> None:
        if counts.shape != values.shape or (counts < 0).any():
            raise UsageError(f"{values.size} values need as many counts, each at least 0; got {counts.size}.")
        wanted = ~np.isnan(values) & (counts > 0)
        order = np.argsort(values[wanted], kind="stable")
        values, counts = values[wanted][order], counts[wanted][order]
        if values.size == 0:
            return
        self._extend(float(values[0]), float(values[-1]), int(counts.sum()))
        for level in range(int(counts.max()).bit_length()):
            self._put(level, values[(counts >> level) & 1 == 1])

    def _extend(self, minimum: float, maximum: float, count: int) -> None:
        self.n += count
        self.minimum = float(np.fmin(self.minimum, minimum))
        self.maximum = float(np.fmax(self.maximum, maximum))

    def _put(self, level: int, items: F64) -> None:
        while len(self._levels) <= level:
            self._levels.append(np.zeros(0, np.float64))
        if items.size:
            self._levels[level] = np.concatenate([self._levels[level], items])

    def _room(self) -> int:
        """Return how many values may be kept; at least the sum of the capacities of all levels."""
        return 3 * self.k + _SMALLEST * len(self._levels)

    def _compress(self) -> None:
        """Halve levels from the lowest full one up until everything fits."""
        self._levels = [np.sort(items) for items in self._levels]
        while sum(items.size for items in self._levels) > self._room():
            top = len(self._levels) - 1
            capacities = [max(_SMALLEST, self.k * _DECAY ** (top - level)) for level in range(top + 1)]
            level = next(h for h, capacity in enumerate(capacities) if self._levels[h].size >= capacity)
            items = self._levels[level]
            # Of an odd number, one stays behind: at one end or the other.
            even = items.size & ~1
            coin = _draw(items, self.n + level)
            stays = items[even:] if coin & 2 else items[: items.size - even]
            pairs = items[:even] if coin & 2 else items[items.size - even :]
            self._levels[level] = stays
            self._put(level + 1, pairs[coin & 1 :: 2])
            self._levels[level + 1].sort()
            self._squares += 4.0**level
            self._worst += 2.0**level

    def _weighted(self) -> tuple[F64, NDArray[np.int64]]:
        values = np.concatenate(self._levels)
        weights = np.repeat(1 << np.arange(len(self._levels)), [items.size for items in self._levels])
        order = np.argsort(values, kind="stable")
        return values[order], np.cumsum(weights[order])


def _draw(items: F64, salt: int) -> int:
    """Return bits that depend on every item: the same for the same values, unrelated to their order."""
    bits: Any = (items + 0.0).view(np.uint64)
    state = (int(np.add.reduce(bits, dtype=np.uint64)) + salt * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    # The finalizer of SplitMix64 (doi:10.1145/2714064.2660195).
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return state ^ (state >> 31)
