"""Which of the times at both ends lie so far from all others that they are none of their series: 1970, 2096."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["few", "main_span"]

F64 = NDArray[np.float64]

_FAR = 0.5
_SHARE = 100
_AT_MOST = 3
_OF_TEN = 10


def few(total: float) -> float:
    """Return how many times of so many may be far off: one in a hundred, or three where that is one in ten at most."""
    return max(total // _SHARE, min(_AT_MOST, total // _OF_TEN))


def main_span(starts: ArrayLike, ends: ArrayLike, weights: ArrayLike, most: float) -> slice:
    """Return the stretches of time that are left when those are left out which lie far from all others.

    Parameters
    ----------
    starts, ends : array_like of float, shape (n,)
        Stretches that hold times, ascending and apart; a single time starts where it ends.
    weights : array_like of float, shape (n,)
        Times in each.
    most : float
        The greatest weight that may be left out, at both ends together; see `few`.

    Returns
    -------
    slice
        What stays.

    Notes
    -----
    Far is a gap of more than half of all the time beyond it: the series would be empty for more than a third of its
    length. One end may hide the other (1970 is not far from 2026, seen from 9999), so that both are looked at until
    none is far. Time is linear in stretches.

    Examples
    --------
    >>> main_span([0, 100, 101, 102, 400], [0, 100, 101, 102, 400], [1] * 5, 2)
    slice(1, 4, None)
    """
    first, last = np.asarray(starts, np.float64), np.asarray(ends, np.float64)
    weight = np.asarray(weights, np.float64)
    low, high, left = 0, len(first), most
    while high - low > 1:
        cut = _cut(first[low:high], last[low:high], weight[low:high], left)
        if cut:
            left -= float(weight[low : low + cut].sum())
            low += cut
            continue
        cut = _cut(-last[low:high][::-1], -first[low:high][::-1], weight[low:high][::-1], left)
        if not cut:
            break
        left -= float(weight[high - cut : high].sum())
        high -= cut
    return slice(low, high)


def _cut(starts: F64, ends: F64, weight: F64, most: float) -> int:
    """Return how many of the first stretches lie far from the rest, of no more than a weight."""
    light = int(np.searchsorted(np.cumsum(weight), most, side="right"))
    light = min(light, len(starts) - 1)
    gaps = starts[1 : light + 1] - ends[:light]
    rest = ends[-1] - starts[1 : light + 1]
    far = np.flatnonzero(gaps > _FAR * rest)
    return int(far[-1]) + 1 if len(far) else 0
