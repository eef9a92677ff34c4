"""Tails and quantiles of the usual distributions, in numpy: scipy is no dependency of the core.

References
----------
Abramowitz, Stegun (1964). Handbook of mathematical functions, 6.5 and 26.5 (series and continued
fractions of the incomplete gamma and beta functions).
Lentz (1976). Generating Bessel functions in Mie scattering calculations using continued fractions.
Applied Optics 15(3). doi:10.1364/AO.15.000668 (how a continued fraction is evaluated).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError

__all__ = [
    "beta_cdf",
    "beta_quantile",
    "chi2_quantile",
    "chi2_sf",
    "kolmogorov_sf",
    "normal_quantile",
    "normal_sf",
    "student_quantile",
    "student_sf",
    "two_sided_z",
]

F64 = NDArray[np.float64]

_TINY = 1e-300
_EPS = 1e-16
_ROUNDS = 2000
_lgamma = np.frompyfunc(math.lgamma, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)


def normal_sf(x: ArrayLike) -> F64:
    """Return the probability that a standard normal variable exceeds ``x``."""
    return 0.5 * np.asarray(_erfc(np.asarray(x, np.float64) / math.sqrt(2)), np.float64)


def normal_quantile(p: float) -> float:
    """Return the value below which a standard normal variable lies with probability ``p``."""
    if p in (0.0, 1.0):
        return math.copysign(math.inf, p - 0.5)
    return NormalDist().inv_cdf(p)


def two_sided_z(confidence: float) -> float:
    """Return z such that a standard normal variable lies within ±z with probability ``confidence``.

    Raises
    ------
    UsageError
        If ``confidence`` is not between 0 and 1, both exclusive.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence}; give a number between 0 and 1, such as 0.95.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def beta_cdf(x: ArrayLike, a: ArrayLike, b: ArrayLike) -> F64:
    """Return the regularised incomplete beta function I_x(a, b), the distribution function of Beta(a, b).

    Parameters
    ----------
    x : array_like of float
        From 0 to 1.
    a, b : array_like of float
        Above 0.

    Returns
    -------
    numpy.ndarray of float64
    """
    x, a, b = np.broadcast_arrays(*(np.asarray(item, np.float64) for item in (x, a, b)))
    # The fraction converges fast below the mean; above it, I_x(a, b) = 1 - I_{1-x}(b, a).
    swap = x > (a + 1) / (a + b + 2)
    u, p, q = np.where(swap, 1 - x, x), np.where(swap, b, a), np.where(swap, a, b)
    inside = (u > 0) & (u < 1)
    v = np.where(inside, u, 0.5)
    log_front = p * np.log(v) + q * np.log1p(-v) + _log_gamma(p + q) - _log_gamma(p) - _log_gamma(q)

    def terms(m: int) -> tuple[F64, F64]:
        half, odd = divmod(m, 2)
        if odd:
            numerator = -(p + half) * (p + q + half) * v / ((p + 2 * half) * (p + 2 * half + 1))
        else:
            numerator = half * (q - half) * v / ((p + 2 * half - 1) * (p + 2 * half))
        return numerator, np.ones_like(v)

    lower = np.exp(log_front) / p / _continued(np.ones_like(v), terms)
    lower = np.where(inside, lower, np.where(u <= 0, 0.0, 1.0))
    return np.clip(np.where(swap, 1 - lower, lower), 0.0, 1.0)


def beta_quantile(p: ArrayLike, a: ArrayLike, b: ArrayLike) -> F64:
    """Return x with ``beta_cdf(x, a, b) == p``, by bisection."""
    p, a, b = np.broadcast_arrays(*(np.asarray(item, np.float64) for item in (p, a, b)))
    return _invert(lambda x: beta_cdf(x, a, b), p, np.zeros(p.shape), np.ones(p.shape))


def student_sf(t: ArrayLike, df: ArrayLike) -> F64:
    """Return the probability that a Student variable of ``df`` degrees of freedom exceeds ``t``."""
    t, df = np.broadcast_arrays(np.asarray(t, np.float64), np.asarray(df, np.float64))
    tail = 0.5 * beta_cdf(df / (df + t * t), df / 2, 0.5)
    return np.where(t > 0, tail, 1 - tail)


def student_quantile(p: ArrayLike, df: ArrayLike) -> F64:
    """Return the value below which a Student variable of ``df`` degrees of freedom lies with probability ``p``."""
    p, df = np.broadcast_arrays(np.asarray(p, np.float64), np.asarray(df, np.float64))
    x = beta_quantile(2 * np.minimum(p, 1 - p), df / 2, 0.5)
    with np.errstate(divide="ignore"):
        return np.sign(p - 0.5) * np.sqrt(df * (1 / x - 1))


def chi2_sf(x: ArrayLike, df: ArrayLike) -> F64:
    """Return the probability that a chi-square variable of ``df`` degrees of freedom exceeds ``x``."""
    x, a = np.broadcast_arrays(np.asarray(x, np.float64) / 2, np.asarray(df, np.float64) / 2)
    flat, shape = np.maximum(x.ravel(), 0.0), a.ravel()
    small = flat < shape + 1
    out = np.empty(flat.shape)
    out[small] = 1 - _gamma_series(flat[small], shape[small])
    out[~small] = _gamma_fraction(flat[~small], shape[~small])
    return np.clip(out.reshape(x.shape), 0.0, 1.0)


def chi2_quantile(p: ArrayLike, df: ArrayLike) -> F64:
    """Return the value below which a chi-square variable of ``df`` degrees of freedom lies with probability ``p``."""
    p, df = np.broadcast_arrays(np.asarray(p, np.float64), np.asarray(df, np.float64))
    high = df + 10 * np.sqrt(2 * df) + 100
    return _invert(lambda x: 1 - chi2_sf(x, df), p, np.zeros(p.shape), high)


def kolmogorov_sf(x: ArrayLike) -> F64:
    """Return 2 * sum of (-1)^(j-1) exp(-2 j^2 x^2), the tail of Kolmogorov's distribution.

    References
    ----------
    Kolmogorov (1933), Smirnov (1948). doi:10.1214/aoms/1177730256
    """
    at = np.asarray(x, np.float64)[..., None]
    j = np.arange(1, 101)
    # Below 1 the alternating series is slow; Jacobi's transform of it is fast there.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        large = 2 * np.sum((-1.0) ** (j - 1) * np.exp(-2 * (j * at) ** 2), axis=-1)
        odd = (2 * j - 1) ** 2
        small = 1 - math.sqrt(2 * math.pi) / at[..., 0] * np.sum(
            np.exp(-odd * math.pi**2 / (8 * at**2)), axis=-1
        )
    out = np.where(at[..., 0] < 1, np.where(at[..., 0] < 0.1, 1.0, small), large)
    return np.asarray(np.clip(out, 0.0, 1.0), np.float64)


def _log_gamma(x: F64) -> F64:
    return np.asarray(_lgamma(x), np.float64)


def _continued(first: F64, terms: Callable[[int], tuple[F64, F64]]) -> F64:
    """Evaluate first + a1/(b1 + a2/(b2 + ...)) by the modified Lentz method; ``terms(m)`` gives (am, bm)."""
    value, c, d = first.copy(), first.copy(), np.zeros_like(first)
    for m in range(1, _ROUNDS):
        a, b = terms(m)
        d = 1 / _away_from_zero(b + a * d)
        c = _away_from_zero(b + a / c)
        step = c * d
        value = value * step
        if np.all(np.abs(step - 1) < 4 * _EPS):
            break
    return value


def _away_from_zero(x: F64) -> F64:
    return np.where(np.abs(x) < _TINY, _TINY, x)


def _gamma_series(x: F64, a: F64) -> F64:
    """Return the regularised lower incomplete gamma function P(a, x) by its series."""
    term = 1 / a
    total = term.copy()
    for n in range(1, _ROUNDS):
        term = term * x / (a + n)
        total = total + term
        if np.all(term < _EPS * total):
            break
    with np.errstate(divide="ignore"):
        front = np.where(x > 0, np.exp(-x + a * np.log(np.maximum(x, _TINY)) - _log_gamma(a)), 0.0)
    return np.asarray(total * front, np.float64)


def _gamma_fraction(x: F64, a: F64) -> F64:
    """Return the regularised upper incomplete gamma function Q(a, x) by its continued fraction."""
    finite = np.where(np.isfinite(x), x, 1.0)
    value = _continued(finite + 1 - a, lambda m: (-m * (m - a), finite + 2 * m + 1 - a))
    return np.where(np.isfinite(x), np.exp(-finite + a * np.log(finite) - _log_gamma(a)) / value, 0.0)


def _invert(cdf: Callable[[Any], F64], p: F64, low: F64, high: F64) -> F64:
    for _ in range(200):
        middle = 0.5 * (low + high)
        below = cdf(middle) < p
        low, high = np.where(below, middle, low), np.where(below, high, middle)
        if np.all((high - low) <= 4 * _EPS * np.maximum(high, _TINY)):
            break
    return 0.5 * (low + high)
