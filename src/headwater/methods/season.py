"""Counts by day or hour beside their usual week: which are far from it, by a measure that breaks do not spoil."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.distributions import normal_quantile

__all__ = ["Expected", "seasonal_counts"]

F64 = NDArray[np.float64]

_ROUNDS = 3
_LEAST_SPREAD = 1.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What counts were to be expected, and between which bounds.

    Parameters
    ----------
    middle, low, high : numpy.ndarray of float64
        For each count.
    dispersion : float
        The variance of counts over their mean: 1 where rows come independently of each other.
    """

    middle: F64
    low: F64
    high: F64
    dispersion: float


def seasonal_counts(counts: ArrayLike, period: int, *, alpha: float = 0.001) -> Expected:
    """Return what counts were to be expected from the others: a level that moves slowly, times a season.

    Parameters
    ----------
    counts : array_like of float, shape (n,)
        Counts of times that follow each other, without gaps: 0 where nothing came.
    period : int
        After how many the season repeats; 1 for none.
    alpha : float
        The probability that any count lies outside its bounds by chance.

    Returns
    -------
    Expected

    Raises
    ------
    UsageError
        If there are fewer than three periods.

    Notes
    -----
    Level and season are medians, taken by turns: of the counts without their season over two periods around each, and
    of the counts over their level at the same place of each period. Up to a third of the counts of a place may be
    anything. Bounds are ±z sqrt(φ m) with φ from the median absolute deviation, at least 1 (Poisson), and z for n
    counts at once (Bonferroni).

    References
    ----------
    Cleveland et al. (1990). STL: a seasonal-trend decomposition. J. Official Statistics 6(1).
    Rousseeuw, Croux (1993). Alternatives to the median absolute deviation. doi:10.1080/01621459.1993.10476408
    """
    x = np.asarray(counts, np.float64)
    if period < 1 or len(x) < 3 * period or len(x) < 3:
        raise UsageError(f"A season of {period} needs three times as many counts, not {len(x)}.")
    phase = np.arange(len(x)) % period
    season = np.ones(period)
    level = np.full(len(x), max(float(np.median(x)), float(x.mean()) * 0.1))
    for _ in range(_ROUNDS):
        season = _medians(x / np.maximum(level, 1e-9), phase, period)
        open_ = season > 0.02 * max(float(season.max()), 1e-9)
        level = _level(x, season, phase, open_, 2 * period + 1 if period > 1 else 15)
    middle = level * season[phase]
    deviations = (x - middle) / np.sqrt(np.maximum(middle, 1.0))
    spread = 1.4826 * float(np.median(np.abs(deviations)))
    dispersion = max(_LEAST_SPREAD, spread**2)
    z = normal_quantile(1 - alpha / (2 * len(x)))
    reach = z * np.sqrt(dispersion * np.maximum(middle, 1.0))
    return Expected(middle, np.maximum(middle - reach, 0.0), middle + reach, dispersion)


def _medians(ratios: F64, phase: NDArray[np.int64], period: int) -> F64:
    rounds = -(-len(ratios) // period)
    padded = np.full(rounds * period, np.nan)
    padded[: len(ratios)] = ratios
    return np.asarray(np.nanmedian(padded.reshape(rounds, period), axis=0))


def _level(x: F64, season: F64, phase: NDArray[np.int64], open_: NDArray[np.bool_], width: int) -> F64:
    """Return the running median of counts without their season; places where nothing ever comes say nothing."""
    said = open_[phase]
    if not said.any():
        return np.zeros(len(x))
    plain = x[said] / season[phase[said]]
    width = min(width, len(plain) if len(plain) % 2 else len(plain) - 1)
    half = width // 2
    # At the ends the window stays as wide and lies to one side, so that a break of a few days is not the level.
    windows = np.lib.stride_tricks.sliding_window_view(plain, width)
    middle = np.median(windows, axis=1)
    running = np.concatenate(
        [np.full(half, middle[0]), middle, np.full(len(plain) - half - len(middle), middle[-1])]
    )
    return np.asarray(np.interp(np.arange(len(x)), np.flatnonzero(said), running), np.float64)
