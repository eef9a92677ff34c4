"""Do two samples come from one distribution: p-values of the usual tests, and how far numbers moved."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.distributions import chi2_sf, kolmogorov_sf
from headwater.methods.divergence import chi_square

__all__ = ["Steps", "homogeneity_p_value", "ks_p_value", "proportion_p_value", "wasserstein"]

F64 = NDArray[np.float64]

_EXACT = 10_000
_LEAST_EXPECTED = 5.0
_lgamma = np.frompyfunc(math.lgamma, 1, 1)


class Steps(NamedTuple):
    """A distribution function at some points: its value just before and at each of them, as shares."""

    points: F64
    below: F64
    up_to: F64


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """Return the p-value of the two-sample Kolmogorov-Smirnov statistic.

    Parameters
    ----------
    statistic : float
        The largest gap between the two distribution functions, from 0 to 1.
    n, m : int
        How many values there are on each side, at least 1.

    Returns
    -------
    float
        Exact for n·m up to 10,000, by counting paths; else asymptotic. With ties it is too large, never too small.

    References
    ----------
    Hodges (1958). The significance probability of the Smirnov two-sample test. doi:10.1007/BF02589501 (paths).
    Smirnov (1948). doi:10.1214/aoms/1177730256. Stephens (1970). doi:10.1111/j.2517-6161.1970.tb00821.x

    Examples
    --------
    >>> round(ks_p_value(1.0, 5, 5), 6)  # 2 of the 252 orders of ten values
    0.007937
    """
    if n < 1 or m < 1:
        raise UsageError("The Kolmogorov-Smirnov test needs at least one number on each side.")
    if statistic <= 0:
        return 1.0
    if n * m <= _EXACT:
        return _paths_p_value(statistic, min(n, m), max(n, m))
    root = math.sqrt(n * m / (n + m))
    return float(kolmogorov_sf((root + 0.12 + 0.11 / root) * statistic))


def proportion_p_value(k: float, n: float, j: float, m: float) -> float:
    """Return the two-sided p-value of equal proportions: k of n beside j of m.

    Notes
    -----
    Pearson's chi-square; Fisher's exact test where an expected count is below 5. 1 of no rows.

    References
    ----------
    Fisher (1922). doi:10.2307/2340521. Cochran (1954). doi:10.2307/3001616 (expected counts of 5).

    Examples
    --------
    >>> round(proportion_p_value(3, 4, 1, 4), 4)  # the lady tasting tea, both tails
    0.4857
    """
    total, hits = n + m, k + j
    if not n or not m or not 0 < hits < total:
        return 1.0
    if min(n, m) * min(hits, total - hits) / total >= _LEAST_EXPECTED:
        return chi_square([[k, n - k], [j, m - j]]).p_value
    n, m, hits, k = round(n), round(m), round(hits), round(k)
    possible = np.arange(max(0, hits - m), min(n, hits) + 1)
    logs = (
        _log_choose(n, possible)
        + _log_choose(m, hits - possible)
        - float(_log_choose(n + m, np.array([hits]))[0])
    )
    at = logs[min(max(k - possible[0], 0), len(possible) - 1)]
    return float(min(np.exp(logs[logs <= at + 1e-7]).sum(), 1.0))


def homogeneity_p_value(first: ArrayLike, second: ArrayLike) -> float:
    """Return the p-value of two sets of counts over the same categories having the same shares.

    Parameters
    ----------
    first, second : array_like of float, shape (categories,)
        Counts.

    Returns
    -------
    float
        That of the chi-square test, where categories too rare for it (expected counts below 5) are put together;
        Fisher's where two are left.

    References
    ----------
    Pearson (1900). doi:10.1080/14786440009463897. Cochran (1954). doi:10.2307/3001616
    """
    table = np.array([np.asarray(first, np.float64).ravel(), np.asarray(second, np.float64).ravel()])
    sides = table.sum(axis=1)
    if not sides.all():
        return 1.0
    totals = table.sum(axis=0)
    table, totals = table[:, totals > 0], totals[totals > 0]
    order = np.argsort(-totals, kind="stable")
    table, expected = table[:, order], totals[order] * sides.min() / sides.sum()
    kept = int((expected >= _LEAST_EXPECTED).sum())
    if kept < len(expected) and expected[kept:].sum() < _LEAST_EXPECTED:
        kept = max(kept - 1, 1)  # what is rare is too little even together
    if kept < len(expected):
        table = np.column_stack([table[:, :kept], table[:, kept:].sum(axis=1)])
    if table.shape[1] < 2:
        return 1.0
    if table.shape[1] == 2:
        return proportion_p_value(table[0, 0], sides[0], table[1, 0], sides[1])
    found = chi_square(table)
    return float(chi2_sf(found.statistic, found.degrees_of_freedom))


def wasserstein(first: Steps, second: Steps) -> float:
    """Return the area between two distribution functions: how far values moved, in their unit, on average.

    Parameters
    ----------
    first, second : Steps
        Both at the same finite points, ascending; between points they are straight lines.

    Returns
    -------
    float
        0 means equal. Divided by the standard deviation of the first it is a size without a unit.

    References
    ----------
    Vallender (1974). Calculation of the Wasserstein distance between probability distributions on the line.
    doi:10.1137/1118101
    """
    widths = np.diff(first.points)
    start = (first.up_to - second.up_to)[:-1]
    stop = (first.below - second.below)[1:]
    both = np.abs(start) + np.abs(stop)
    crosses = start * stop < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        area = np.where(crosses, (start**2 + stop**2) / (2 * both), both / 2)
    return float((widths * area).sum()) if len(widths) else 0.0


def _paths_p_value(statistic: float, n: int, m: int) -> float:
    """Return the share of the ways to order n and m values in which the gap is as large."""
    # A way is a path over an n by m grid; those with a smaller gap stay within a band around the diagonal.
    reach = statistic * (1 - 1e-12) * n * m
    row = np.zeros(m + 1)
    for i in range(n + 1):
        places = np.arange(m + 1)
        inside = np.abs(i * m - places * n) < reach
        if i == 0:
            row = np.cumprod(inside).astype(np.float64)
            continue
        low, high = np.flatnonzero(inside)[[0, -1]] if inside.any() else (0, -1)
        fresh = np.zeros(m + 1)
        fresh[low : high + 1] = np.cumsum(row[low : high + 1])
        row = fresh
    log_ways = math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)
    share = math.exp(math.log(row[m]) - log_ways) if row[m] > 0 else 0.0
    return min(max(1.0 - share, 0.0), 1.0)


def _log_choose(n: int, k: NDArray[np.int64]) -> F64:
    logs = math.lgamma(n + 1) - _lgamma(k + 1.0) - _lgamma(n - k + 1.0)
    return np.asarray(logs, np.float64)
