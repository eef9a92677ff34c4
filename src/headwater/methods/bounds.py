"""Limits beyond which a number is an outlier of its column: by quartiles, median deviation or quantiles.

References
----------
Tukey (1977). Exploratory Data Analysis (fences at 1.5 times the interquartile range).
Iglewicz, Hoaglin (1993). How to Detect and Handle Outliers (median absolute deviation, 3.5).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError, require_choice

__all__ = ["BoundMethod", "bounds", "bounds_by_group"]

BoundMethod = Literal["iqr", "mad", "quantiles"]
F64 = NDArray[np.float64]

_SIGMA = 1.4826
"""What a median absolute deviation is multiplied by to be the standard deviation of normal values."""


def bounds(
    values: F64, method: BoundMethod, *, factor: float = 3.0, quantiles: tuple[float, float] = (0.01, 0.99)
) -> tuple[float, float]:
    """Return the lower and upper limit of ordinary values; NaN of both where there is no value.

    Parameters
    ----------
    values : numpy.ndarray of float64
        Values; NaN is none.
    method : {"iqr", "mad", "quantiles"}
        ``iqr``: the quartiles, less and plus ``factor`` times their distance. ``mad``: the median, less and plus
        ``factor`` times 1.4826 times the median absolute deviation. ``quantiles``: these two quantiles, as values
        that occur: clipping to them again changes nothing.
    factor : float
        How wide.
    quantiles : tuple of float
        Lower and upper share, from 0 to 1.

    Notes
    -----
    Where more than half of the values are equal, quartiles and median deviation say nothing of the others: the
    limits are then minus and plus infinity.

    Examples
    --------
    >>> bounds(np.array([1.0, 2, 3, 4, 100]), "iqr", factor=1.5)
    (-1.0, 7.0)
    """
    require_choice("method", method, get_args(BoundMethod))
    there = values[np.isfinite(values)]
    if not len(there):
        return np.nan, np.nan
    if method == "quantiles":
        low = np.quantile(there, quantiles[0], method="lower")
        high = np.quantile(there, quantiles[1], method="higher")
        return float(low), float(high)
    if method == "iqr":
        first, third = np.quantile(there, [0.25, 0.75])
        low, high, width = first, third, factor * (third - first)
    else:
        low = high = np.median(there)
        width = factor * _SIGMA * np.median(np.abs(there - low))
    if width == 0:
        return -np.inf, np.inf
    return float(low - width), float(high + width)


def bounds_by_group(
    values: F64,
    groups: NDArray[np.int64],
    number: int,
    method: BoundMethod,
    *,
    factor: float = 3.0,
    quantiles: tuple[float, float] = (0.01, 0.99),
    least: int = 1,
) -> tuple[F64, F64]:
    """Return the limits of each of so many groups; NaN for groups of fewer than ``least`` values.

    O(n log n), all groups in one sort.
    """
    if number < 0 or len(values) != len(groups):
        raise UsageError("Each value needs the number of its group.")
    fine = np.isfinite(values) & (groups >= 0)
    values, groups = values[fine], groups[fine]
    order = np.argsort(groups, kind="stable")
    values, groups = values[order], groups[order]
    edges = np.searchsorted(groups, np.arange(number + 1))
    low, high = np.full(number, np.nan), np.full(number, np.nan)
    for group in np.flatnonzero(np.diff(edges) >= max(least, 1)).tolist():
        part = values[edges[group] : edges[group + 1]]
        low[group], high[group] = bounds(part, method, factor=factor, quantiles=quantiles)
    return low, high
