"""From which length on a gap between times is more than the pace of the data explains."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["longest_usual_gap"]

_RARE = 0.02
_LEAST_RARE = 2
_SLACK = 1.5
_ALIKE = 0.01
_ALPHA = 0.001


def longest_usual_gap(gaps: ArrayLike) -> float | None:
    """Return the length that gaps of the usual kinds do not exceed; None where there are too few to tell.

    Parameters
    ----------
    gaps : array_like of float
        The gaps between times that follow each other; the longest of them are enough, if there are many.

    Returns
    -------
    float or None

    Notes
    -----
    A gap that comes again and again (nights, weekends) is usual, whatever its length: only what is longer than the
    (k + 1)-th longest gap u can be unusual, with k = max(2, 2 %) of them. The limit is 1.5 u and, where gaps of that
    length do not come again, as with times at random, at least u + s ln(k / 0.001): beyond it one series in a thousand
    would have a gap by chance. The scale s of the tail is that of an exponential one between the (k + 1)-th and the
    4(k + 1)-th longest gap (Rényi): the gaps that are sought are no part of those.

    References
    ----------
    Rényi (1953). On the theory of order statistics. doi:10.1007/BF02127580
    Hill (1975). A simple general approach to inference about the tail of a distribution.
    doi:10.1214/aos/1176343247

    Examples
    --------
    >>> longest_usual_gap([1, 1, 1, 1, 1, 1, 1, 1, 9])
    1.5
    """
    ordered = np.sort(np.asarray(gaps, np.float64))[::-1]
    rare = max(_LEAST_RARE, math.floor(_RARE * len(ordered)))
    if len(ordered) < 4 * (rare + 1) - 3:
        return None
    usual = float(ordered[rare])
    again = np.count_nonzero(np.abs(ordered - usual) <= _ALIKE * usual)
    if again >= max(rare / 2, _LEAST_RARE + 1):
        return _SLACK * usual  # it comes again and again: a weekend, or the step of a steady pace
    deeper = min(4 * (rare + 1), len(ordered)) - 1
    scale = (usual - float(ordered[deeper])) / math.log((deeper + 1) / (rare + 1))
    return max(_SLACK * usual, usual + scale * math.log(rare / _ALPHA))
