"""Numbers far from all others: beyond a gap that the spread of the others does not explain.

No share of outliers is assumed. Skewed columns are looked at on a logarithmic scale, so that a long tail is
no error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FarNumbers", "far_numbers"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_LEAST_ROWS = 50
_LEAST_VALUES = 10
_MOST = 0.01
_GAP = 0.5
_CHANCE = 0.85
_FACTORS = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001)


class FarNumbers(NamedTuple):
    """For each value how probably it is wrong, and the power of ten that would bring it back (NaN: none)."""

    chance: F64
    meant: F64


def far_numbers(values: F64, counts: I64) -> FarNumbers:
    """Find numbers beyond a gap.

    Parameters
    ----------
    values : numpy.ndarray of float
        Distinct values; NaN takes no part, infinity is always far.
    counts : numpy.ndarray of int64
        Rows with each.

    Returns
    -------
    FarNumbers
        A value is far if between it and the bulk there is a gap of half the width of the middle 98 %, and at
        most one value in a hundred lies out there.
    """
    chance, meant = np.zeros(len(values)), np.full(len(values), np.nan)
    finite = np.flatnonzero(np.isfinite(values) & (counts > 0))
    total = int(counts[finite].sum())
    if total < _LEAST_ROWS or len(finite) < _LEAST_VALUES:
        return FarNumbers(chance, meant)
    order = finite[np.argsort(values[finite], kind="stable")]
    points, weights = _straight(values[order], counts[order]), np.cumsum(counts[order])
    low, high = _quantile(points, weights, 0.01), _quantile(points, weights, 0.99)
    width = high - low
    if width <= 0:
        return FarNumbers(chance, meant)
    wide = np.flatnonzero(np.diff(points) > _GAP * width)
    above = wide[(points[wide] >= high - _GAP * width) & (total - weights[wide] <= _MOST * total)]
    below = wide[(points[wide + 1] <= low + _GAP * width) & (weights[wide] <= _MOST * total)]
    far = np.zeros(len(order), np.bool_)
    if len(above):
        far[above[0] + 1 :] = True
    if len(below):
        far[: below[-1] + 1] = True
    chance[order[far]] = _CHANCE
    chance[np.isinf(values) & (counts > 0)] = _CHANCE
    core = values[order][~far]
    if far.any() and len(core):
        inner = np.quantile(np.repeat(core, 1), [0.05, 0.95])
        scaled = values[order[far]][:, None] / np.array(_FACTORS)
        fits = (scaled >= inner[0]) & (scaled <= inner[1])
        one = fits.sum(axis=1) == 1
        meant[order[far][one]] = scaled[one, np.argmax(fits[one], axis=1)]
    return FarNumbers(chance, meant)


def _straight(values: F64, counts: I64) -> F64:
    """Return the values, or their signed logarithms where these lie more evenly about the middle."""
    sizes = np.abs(values[values != 0])
    bent = np.sign(values) * np.log1p(np.abs(values) / np.median(sizes) * 10) if len(sizes) else values
    return min((values, bent), key=lambda points: _skew(points, np.cumsum(counts)))


def _skew(points: F64, weights: I64) -> float:
    low, middle, high = (_quantile(points, weights, share) for share in (0.02, 0.5, 0.98))
    return abs(low + high - 2 * middle) / (high - low) if high > low else 1.0


def _quantile(points: F64, weights: I64, share: float) -> float:
    return float(points[min(int(np.searchsorted(weights, share * weights[-1])), len(points) - 1)])
