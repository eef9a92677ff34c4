"""How groups are represented in data, and how often each has the favourable label, with intervals.

Everything works on counts of groups, so it merges as counts do. These are properties of the data, not of a
model: a difference of base rates may be the world's, the sampling's or the labelling's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.divergence import chi_square
from headwater.methods.intervals import newcombe_difference, wilson

__all__ = ["Parity", "Rates", "base_rates", "demographic_parity", "representation"]

F64 = NDArray[np.float64]


class Rates(NamedTuple):
    """A rate of each group with its interval; NaN, and (0, 1), where a group has no rows."""

    rate: F64
    low: F64
    high: F64


class Parity(NamedTuple):
    """The largest gap between the rates of groups.

    Parameters
    ----------
    difference : float
        Highest minus lowest rate; 0 means equal.
    difference_low, difference_high : float
        Its interval.
    ratio : float
        Lowest over highest rate; 1 means equal.
    ratio_low, ratio_high : float
        Its interval.
    highest, lowest : int
        Positions of the two groups; -1 where fewer than two groups have rows enough.
    p_value : float
        Of the chi-square test that all groups have one rate.
    """

    difference: float
    difference_low: float
    difference_high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    highest: int
    lowest: int
    p_value: float


def representation(counts: ArrayLike, confidence: float = 0.95) -> Rates:
    """Return each group's share of all rows, with Wilson intervals.

    Parameters
    ----------
    counts : array_like of float, shape (groups,)
        Rows of each group.
    confidence : float, default 0.95
        Between 0 and 1, both exclusive; of each interval by itself.

    Returns
    -------
    Rates
    """
    rows = np.asarray(counts, np.float64)
    return base_rates(rows, np.full(rows.shape, rows.sum()), confidence)


def base_rates(favourable: ArrayLike, totals: ArrayLike, confidence: float = 0.95) -> Rates:
    """Return how often each group has the favourable label, with Wilson intervals.

    Parameters
    ----------
    favourable, totals : array_like of float, shape (groups,)
        Rows of each group with the favourable label, and all that have a label.
    confidence : float, default 0.95
        Between 0 and 1, both exclusive; of each interval by itself.

    Returns
    -------
    Rates
    """
    k, n = np.asarray(favourable, np.float64), np.asarray(totals, np.float64)
    low, high = wilson(k, n, confidence)
    return Rates(np.divide(k, n, out=np.full(n.shape, np.nan), where=n > 0), low, high)


def demographic_parity(
    favourable: ArrayLike, totals: ArrayLike, confidence: float = 0.95, *, min_rows: int = 1
) -> Parity:
    """Return the difference and the ratio of the extreme rates of groups.

    Parameters
    ----------
    favourable, totals : array_like of float, shape (groups,)
        Rows of each group with the favourable label, and all that have a label.
    confidence : float, default 0.95
        Between 0 and 1, both exclusive; holds for all pairs of groups at once.
    min_rows : int, default 1
        Smaller groups are left out.

    Returns
    -------
    Parity

    Notes
    -----
    The extremes of many groups differ by chance alone, so a bootstrap of their difference never reaches 0.
    The interval here is that of all pairs at once (Bonferroni over Newcombe's intervals): its lower end is
    above 0 only where some pair differs beyond chance. The interval of the ratio comes from Wilson's for
    all groups at once.

    References
    ----------
    Dwork, Hardt, Pitassi, Reingold, Zemel (2012). Fairness through awareness. doi:10.1145/2090236.2090255
    Feldman, Friedler, Moeller, Scheidegger, Venkatasubramanian (2015). Certifying and removing disparate
    impact. doi:10.1145/2783258.2783311 (the ratio, and the four-fifths rule).

    Examples
    --------
    >>> parity = demographic_parity([60, 30], [100, 100])
    >>> parity.difference, parity.ratio, parity.highest
    (0.3, 0.5, 0)
    """
    k, n = np.asarray(favourable, np.float64), np.asarray(totals, np.float64)
    if k.ndim != 1 or k.shape != n.shape:
        raise UsageError(
            f"Favourable and total rows of the same groups are needed; got {k.shape} and {n.shape}."
        )
    used = np.flatnonzero(n >= max(min_rows, 1))
    if used.size < 2:
        return Parity(0.0, 0.0, 1.0, 1.0, 0.0, 1.0, -1, -1, 1.0)
    k, n = k[used], n[used]
    rate = k / n
    pairs = used.size * (used.size - 1) / 2
    low, high = newcombe_difference(
        k[:, None], n[:, None], k[None, :], n[None, :], 1 - (1 - confidence) / pairs
    )
    off = ~np.eye(used.size, dtype=np.bool_)
    each_low, each_high = wilson(k, n, 1 - (1 - confidence) / used.size)
    top, bottom = float(rate.max()), float(rate.min())
    return Parity(
        top - bottom,
        max(0.0, float(low[off].max())),
        float(high[off].max()),
        bottom / top if top > 0 else 1.0,
        float(each_low.min() / each_high.max()),
        min(1.0, float(each_high.min() / each_low.max())) if each_low.max() > 0 else 1.0,
        int(used[rate.argmax()]),
        int(used[rate.argmin()]),
        chi_square(np.stack([k, n - k])).p_value,
    )
