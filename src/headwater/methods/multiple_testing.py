"""Adjusted p-values, so that testing many columns or slices does not raise false alarms by number alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError

__all__ = ["benjamini_hochberg", "holm"]

F64 = NDArray[np.float64]


def holm(p_values: ArrayLike) -> F64:
    """Return Holm's adjusted p-values: rejecting those at most alpha keeps any false alarm below alpha.

    Parameters
    ----------
    p_values : array_like of float, shape (m,)
        From 0 to 1; NaN (not tested) stays NaN and does not count.

    Returns
    -------
    numpy.ndarray of float64, shape (m,)

    Notes
    -----
    The i-th smallest of m becomes (m - i + 1) p, then no smaller than those before it, at most 1.

    References
    ----------
    Holm (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
    Statistics 6(2), 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005]).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    p, tested, order = _ordered(p_values)
    m = order.size
    adjusted = np.minimum(np.maximum.accumulate(p[tested][order] * np.arange(m, 0, -1)), 1.0)
    return _put_back(p, tested, order, adjusted)


def benjamini_hochberg(p_values: ArrayLike) -> F64:
    """Return adjusted p-values: of those at most q, an expected fraction of at most q are false alarms.

    Parameters
    ----------
    p_values : array_like of float, shape (m,)
        From 0 to 1, independent or positively dependent; NaN (not tested) stays NaN and does not count.

    Returns
    -------
    numpy.ndarray of float64, shape (m,)

    Notes
    -----
    The i-th smallest of m becomes m p / i, then no larger than those after it.

    References
    ----------
    Benjamini, Hochberg (1995). Controlling the false discovery rate. JRSS B 57(1).
    doi:10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.005]).tolist()
    [0.02, 0.04, 0.04, 0.02]
    """
    p, tested, order = _ordered(p_values)
    m = order.size
    scaled = p[tested][order] * (m / np.arange(1, m + 1))
    adjusted = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return _put_back(p, tested, order, adjusted)


def _ordered(p_values: ArrayLike) -> tuple[F64, NDArray[np.bool_], NDArray[np.intp]]:
    p = np.asarray(p_values, np.float64)
    tested = ~np.isnan(p)
    if p.ndim != 1 or ((p[tested] < 0) | (p[tested] > 1)).any():
        raise UsageError("p-values are a flat list of numbers from 0 to 1.")
    return p, tested, np.argsort(p[tested], kind="stable")


def _put_back(p: F64, tested: NDArray[np.bool_], order: NDArray[np.intp], adjusted: F64) -> F64:
    of_tested = np.empty(order.size)
    of_tested[order] = adjusted
    out = np.full(p.shape, np.nan)
    out[tested] = of_tested
    return out
