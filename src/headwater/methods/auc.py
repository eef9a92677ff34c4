"""The area under the ROC curve: how well scores tell two groups of rows apart, with its interval and test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.distributions import normal_sf, two_sided_z

__all__ = ["Auroc", "auroc"]

F64 = NDArray[np.float64]


class Auroc(NamedTuple):
    """The area under the ROC curve, with what is known of it.

    ``value`` is the probability that a row of the second group has the higher score, ties counting half: 0.5 means
    that scores do not tell the groups apart, 1 that they always do. ``error`` is its standard error, ``p_value`` that
    of scores that do not tell them apart, against those that do.
    """

    value: float
    error: float
    p_value: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of the value, from 0 to 1."""
        reach = two_sided_z(confidence) * self.error
        return max(self.value - reach, 0.0), min(self.value + reach, 1.0)


def auroc(first: ArrayLike, second: ArrayLike) -> Auroc:
    """Return the area under the ROC curve of two groups' scores.

    Parameters
    ----------
    first, second : array_like of float
        The scores of each group; the second is to have the higher ones.

    Returns
    -------
    Auroc

    Raises
    ------
    UsageError
        If a group is empty.

    Notes
    -----
    The standard error is that of DeLong, by ranks in O(n log n); the p-value is the one-sided one of Mann and Whitney,
    by the normal approximation with ties and continuity allowed for.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988). Comparing the areas under two or more correlated receiver operating
    characteristic curves. doi:10.2307/2531595
    Sun, Xu (2014). Fast implementation of DeLong's algorithm. doi:10.1109/LSP.2014.2337313
    Mann, Whitney (1947). doi:10.1214/aoms/1177730491

    Examples
    --------
    >>> round(auroc([1, 2, 3], [2, 3, 4]).value, 4)
    0.7778
    """
    low, high = (np.asarray(side, np.float64).ravel() for side in (first, second))
    n, m = len(low), len(high)
    if not n or not m:
        raise UsageError("Scores of both groups are needed.")
    both = np.concatenate([low, high])
    ranks = _middle_ranks(both)
    above = (ranks[n:] - _middle_ranks(high)) / n
    below = 1.0 - (ranks[:n] - _middle_ranks(low)) / m
    value = float(above.mean())
    error = np.sqrt((above.var(ddof=1) / m if m > 1 else 0.25) + (below.var(ddof=1) / n if n > 1 else 0.25))
    total = n + m
    ties = np.unique(both, return_counts=True)[1].astype(np.float64)
    spread = n * m / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    if spread <= 0:
        return Auroc(value, float(error), 1.0)
    z = (value * n * m - n * m / 2 - 0.5) / np.sqrt(spread)
    return Auroc(value, float(error), float(normal_sf(z)))


def _middle_ranks(values: F64) -> F64:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], np.float64)
