"""Histograms with fixed edges: mergeable, subtractable, and comparable between versions of a dataset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.quantiles import QuantileSketch

__all__ = ["Histogram", "count_into", "from_sketch", "quantile_edges", "round_edges"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of numbers between fixed edges.

    Parameters
    ----------
    edges : numpy.ndarray of float64, shape (m + 1,)
        Rising. Bin i holds edges[i] <= x < edges[i + 1]; the last bin holds its upper edge too.
    counts : numpy.ndarray of int64, shape (m,)
        Numbers in each bin.
    below, above : int
        Numbers outside the edges; infinities are among them.
    missing : int
        NaN.
    """

    edges: F64
    counts: I64
    below: int = 0
    above: int = 0
    missing: int = 0

    @property
    def total(self) -> int:
        """How many numbers there are, inside and outside; missing ones are not among them."""
        return int(self.counts.sum()) + self.below + self.above

    @property
    def all_counts(self) -> I64:
        """The counts with ``below`` put in front and ``above`` at the end: a partition of all numbers."""
        return np.concatenate([[self.below], self.counts, [self.above]])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        same_edges = np.array_equal(self.edges, other.edges)
        return bool(
            same_edges and np.array_equal(self.all_counts, other.all_counts) and self.missing == other.missing
        )

    __hash__ = None  # type: ignore[assignment]

    def merge(self, other: Histogram) -> Histogram:
        """Return the histogram of both sets of numbers together."""
        return self._combine(other, 1)

    def subtract(self, other: Histogram) -> Histogram:
        """Return the histogram without the numbers of ``other``, which had been added before."""
        result = self._combine(other, -1)
        if (result.all_counts < 0).any() or result.missing < 0:
            raise UsageError("Cannot take away numbers that the histogram does not hold.")
        return result

    def _combine(self, other: Histogram, sign: int) -> Histogram:
        if not np.array_equal(self.edges, other.edges):
            raise UsageError(
                f"Histograms with different edges cannot be combined: {self.edges.size} edges from {self.edges[0]:g}, "
                f"{other.edges.size} edges from {other.edges[0]:g}. Count both with the same edges."
            )
        return Histogram(
            self.edges,
            self.counts + sign * other.counts,
            self.below + sign * other.below,
            self.above + sign * other.above,
            self.missing + sign * other.missing,
        )


def count_into(values: ArrayLike, edges: ArrayLike, counts: ArrayLike | None = None) -> Histogram:
    """Count numbers between edges.

    Parameters
    ----------
    values : array_like of float
        The numbers; NaN is missing.
    edges : array_like of float
        At least two, rising, finite.
    counts : array_like of int, optional
        How often each number occurs; once by default.

    Returns
    -------
    Histogram

    Raises
    ------
    UsageError
        If the edges do not rise.

    Notes
    -----
    Time is rows times log edges.
    """
    x, at = np.asarray(values, np.float64).ravel(), np.asarray(edges, np.float64)
    if at.size < 2 or not np.isfinite(at).all() or not (np.diff(at) > 0).all():
        raise UsageError("A histogram needs at least two finite edges, each above the one before.")
    place = np.searchsorted(at, x, side="right")
    place[x == at[-1]] = at.size - 1
    place[np.isnan(x)] = at.size + 1
    weights = None if counts is None else np.asarray(counts, np.int64)
    tally = np.bincount(place, weights, minlength=at.size + 2).astype(np.int64)
    return Histogram(at, tally[1 : at.size], int(tally[0]), int(tally[at.size]), int(tally[at.size + 1]))


def from_sketch(sketch: QuantileSketch, edges: ArrayLike) -> Histogram:
    """Return the histogram that a quantile sketch implies; each count is off by at most twice its rank error."""
    at = np.asarray(edges, np.float64)
    frame = count_into(np.zeros(0), at)
    if sketch.n == 0:
        return frame
    below = np.rint(sketch.cdf(at, inclusive=False) * sketch.n).astype(np.int64)
    below[-1] = round(sketch.rank(float(at[-1])) * sketch.n)
    return Histogram(at, np.diff(below), int(below[0]), sketch.n - int(below[-1]))


def quantile_edges(sketch: QuantileSketch, bins: int = 10) -> F64:
    """Return edges that cut the numbers of a sketch into parts of about equal size.

    Parameters
    ----------
    sketch : QuantileSketch
        The numbers; at least one.
    bins : int, default 10
        How many parts at most; fewer where values repeat.

    Returns
    -------
    numpy.ndarray of float64
        From the smallest to the largest finite number kept, at least two.
    """
    if sketch.n == 0 or bins < 1:
        raise UsageError("Edges need at least one number and one bin.")
    cuts = sketch.quantiles(np.linspace(0, 1, bins + 1))
    cuts = np.unique(cuts[np.isfinite(cuts)])
    if cuts.size >= 2:
        return cuts
    only = float(cuts[0]) if cuts.size else 0.0
    return np.array([only, np.nextafter(only, math.inf) if abs(only) > 2.0**52 else only + 1.0])


def round_edges(minimum: float, maximum: float, bins: int = 20) -> F64:
    """Return edges at round numbers (steps of 1, 2 or 5 times a power of ten) that span a range.

    Parameters
    ----------
    minimum, maximum : float
        The range, finite.
    bins : int, default 20
        How many at most, at least 2.

    Returns
    -------
    numpy.ndarray of float64

    Examples
    --------
    >>> round_edges(0.3, 97.1, bins=5).tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    if not (math.isfinite(minimum) and math.isfinite(maximum) and minimum <= maximum and bins >= 2):
        raise UsageError(
            f"No edges from {minimum} to {maximum} in {bins} bins: give a finite range and at least 2."
        )
    resolution = max(abs(minimum), abs(maximum)) * 1e-12
    span = max(maximum - minimum, resolution) or 1.0
    power = 10.0 ** math.floor(math.log10(span / bins))
    for step in (power * factor for factor in (1, 2, 5, 10, 20, 50, 100)):
        first, last = math.floor(minimum / step + 1e-9), math.ceil(maximum / step - 1e-9)
        last = max(last, first + 1)
        if last - first <= bins:
            break
    edges = np.arange(first, last + 1) * step
    # Rounding may leave the ends a hair inside.
    edges[0], edges[-1] = min(edges[0], minimum), max(edges[-1], maximum)
    return np.asarray(edges, np.float64)
