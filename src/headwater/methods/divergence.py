"""How far two distributions are apart: from counts over the same categories, from rows, from sketches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.distributions import chi2_quantile, chi2_sf, kolmogorov_sf
from headwater.methods.quantiles import QuantileSketch

__all__ = [
    "ChiSquare",
    "KolmogorovSmirnov",
    "align_counts",
    "chi_square",
    "jensen_shannon",
    "ks_samples",
    "ks_sketches",
    "psi",
    "psi_noise",
    "total_variation",
]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class KolmogorovSmirnov(NamedTuple):
    """The largest gap between two distribution functions."""

    statistic: float
    p_value: float
    error: float


class ChiSquare(NamedTuple):
    """A test of whether rows of a table of counts share one distribution, with its size."""

    statistic: float
    degrees_of_freedom: int
    p_value: float
    cramers_v: float


def psi(expected: ArrayLike, actual: ArrayLike) -> float:
    """Return the population stability index: sum of (a - e) ln(a / e) over the shares of each bin.

    Parameters
    ----------
    expected, actual : array_like of float, shape (bins,)
        Counts of the baseline and of the new data in the same bins. An empty bin counts as half a row.

    Returns
    -------
    float
        0 means equal. By custom, above 0.1 is a shift to look at and above 0.25 a large one.

    References
    ----------
    Siddiqi (2006). Credit risk scorecards. doi:10.1002/9781119201731. It is Jeffreys' divergence:
    Jeffreys (1946). doi:10.1098/rspa.1946.0056
    """
    e, a = _counts(expected, actual)
    p, q = np.where(e == 0, 0.5, e) / e.sum(), np.where(a == 0, 0.5, a) / a.sum()
    used = (e > 0) | (a > 0)
    return float(np.sum((q - p)[used] * np.log(q[used] / p[used])))


def psi_noise(expected_total: int, actual_total: int, bins: int, confidence: float = 0.95) -> float:
    """Return the value below which ``psi`` stays, with the given confidence, when nothing has changed.

    Parameters
    ----------
    expected_total, actual_total : int
        Rows of the baseline and of the new data.
    bins : int
        Bins in use.
    confidence : float, default 0.95
        Between 0 and 1.

    Returns
    -------
    float
        The quantile of chi-square with bins - 1 degrees of freedom, times 1/n + 1/m; 0 for one bin.

    References
    ----------
    Yurdakul (2018). Statistical properties of population stability index. Western Michigan University,
    dissertation 3208.
    """
    if expected_total < 1 or actual_total < 1 or bins < 2:
        return 0.0
    return float(chi2_quantile(confidence, bins - 1)) * (1 / expected_total + 1 / actual_total)


def jensen_shannon(first: ArrayLike, second: ArrayLike) -> float:
    """Return the Jensen-Shannon distance, the square root of the divergence in bits.

    Parameters
    ----------
    first, second : array_like of float, shape (categories,)
        Counts over the same categories.

    Returns
    -------
    float
        0 means equal, 1 means nothing in common. A metric.

    References
    ----------
    Lin (1991). Divergence measures based on the Shannon entropy. IEEE Trans. Inf. Theory 37(1).
    doi:10.1109/18.61115
    Endres, Schindelin (2003). A new metric for probability distributions. doi:10.1109/TIT.2003.813506
    """
    a, b = _counts(first, second)
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    divergence = 0.0
    for share in (p, q):
        used = share > 0
        divergence += 0.5 * float(np.sum(share[used] * np.log2(share[used] / middle[used])))
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))


def total_variation(first: ArrayLike, second: ArrayLike) -> float:
    """Return the total variation distance: half the sum of the absolute differences of the shares.

    Parameters
    ----------
    first, second : array_like of float, shape (categories,)
        Counts over the same categories.

    Returns
    -------
    float
        0 means equal, 1 means nothing in common: the fraction of rows that would have to change.
    """
    a, b = _counts(first, second)
    return float(0.5 * np.abs(a / a.sum() - b / b.sum()).sum())


def ks_samples(first: ArrayLike, second: ArrayLike) -> KolmogorovSmirnov:
    """Return the two-sample Kolmogorov-Smirnov test of rows.

    Parameters
    ----------
    first, second : array_like of float
        Values; NaN is left out.

    Returns
    -------
    KolmogorovSmirnov
        Statistic from 0 (equal) to 1, its asymptotic p-value, and error 0.

    References
    ----------
    Smirnov (1948). doi:10.1214/aoms/1177730256
    Stephens (1970). JRSS B 32(1). doi:10.1111/j.2517-6161.1970.tb00821.x (small-sample correction).
    """
    a, b = (
        np.sort(x[~np.isnan(x)]) for x in (np.asarray(item, np.float64).ravel() for item in (first, second))
    )
    if a.size == 0 or b.size == 0:
        raise UsageError("The Kolmogorov-Smirnov test needs at least one number on each side.")
    at = np.concatenate([a, b])
    gaps = np.searchsorted(a, at, side="right") / a.size - np.searchsorted(b, at, side="right") / b.size
    statistic = float(np.abs(gaps).max())
    return KolmogorovSmirnov(statistic, _ks_p_value(statistic, a.size, b.size), 0.0)


def ks_sketches(first: QuantileSketch, second: QuantileSketch, confidence: float = 0.99) -> KolmogorovSmirnov:
    """Return the two-sample Kolmogorov-Smirnov test of two quantile sketches.

    Parameters
    ----------
    first, second : QuantileSketch
        Summaries of the values.
    confidence : float, default 0.99
        Of the bound on the error, between 0 and 1, both exclusive.

    Returns
    -------
    KolmogorovSmirnov
        The statistic, which differs from that of the rows by at most ``error`` with the given
        confidence; the p-value is that of the estimated statistic.
    """
    if first.n == 0 or second.n == 0:
        raise UsageError("The Kolmogorov-Smirnov test needs at least one number on each side.")
    ends = [first.minimum, first.maximum, second.minimum, second.maximum]
    at = np.concatenate([first.kept, second.kept, ends])
    gaps = [first.cdf(at, inclusive=side) - second.cdf(at, inclusive=side) for side in (True, False)]
    statistic = float(np.abs(gaps).max())
    each = 1 - (1 - confidence) / 2
    error = first.rank_error(each, everywhere=True) + second.rank_error(each, everywhere=True)
    return KolmogorovSmirnov(statistic, _ks_p_value(statistic, first.n, second.n), error)


def chi_square(table: ArrayLike) -> ChiSquare:
    """Return Pearson's chi-square test of a table of counts, with Cramér's V as its effect size.

    Parameters
    ----------
    table : array_like of float, shape (r, c)
        Counts; empty rows and columns are left out.

    Returns
    -------
    ChiSquare
        Statistic, degrees of freedom, p-value (1 where nothing can differ), and V from 0 (independent)
        to 1.

    References
    ----------
    Pearson (1900). doi:10.1080/14786440009463897. Cramér (1946). Mathematical methods of statistics, 21.
    """
    counts = np.asarray(table, np.float64)
    if counts.ndim != 2 or (counts < 0).any():
        raise UsageError("The chi-square test needs a table with two axes of counts that are not negative.")
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1) if counts.size else 0
    if freedom == 0:
        return ChiSquare(0.0, 0, 1.0, 0.0)
    total = counts.sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    statistic = float(((counts - expected) ** 2 / expected).sum())
    v = float(np.sqrt(statistic / (total * (min(counts.shape) - 1))))
    return ChiSquare(statistic, freedom, float(chi2_sf(statistic, freedom)), min(v, 1.0))


def align_counts(first: pa.Table, second: pa.Table) -> tuple[pa.ChunkedArray, I64, I64]:
    """Return the union of two tables' values with the counts of each, 0 where a value is absent.

    Parameters
    ----------
    first, second : pyarrow.Table
        Columns ``value`` and ``count``; nulls are a value of their own.

    Returns
    -------
    tuple
        The values, the counts in ``first`` and the counts in ``second``, in order of first occurrence.
    """
    sides = []
    for place, table in enumerate((first, second)):
        counts = [np.zeros(table.num_rows, np.int64), np.zeros(table.num_rows, np.int64)]
        counts[place] = np.asarray(table["count"].to_numpy(), np.int64)
        sides.append(pa.table({"value": table["value"], "first": counts[0], "second": counts[1]}))
    both = pa.concat_tables(sides, promote_options="permissive").combine_chunks()
    grouped = both.group_by("value", use_threads=False).aggregate([("first", "sum"), ("second", "sum")])
    return grouped["value"], grouped["first_sum"].to_numpy(), grouped["second_sum"].to_numpy()


def _counts(first: ArrayLike, second: ArrayLike) -> tuple[F64, F64]:
    a, b = np.asarray(first, np.float64).ravel(), np.asarray(second, np.float64).ravel()
    if a.size != b.size or (a < 0).any() or (b < 0).any() or a.sum() <= 0 or b.sum() <= 0:
        raise UsageError(
            f"Two sets of counts over the same categories are needed, neither negative nor all zero; "
            f"got {a.size} adding up to {a.sum():g} and {b.size} adding up to {b.sum():g}."
        )
    return a, b


def _ks_p_value(statistic: float, n: int, m: int) -> float:
    root = np.sqrt(n * m / (n + m))
    return float(kolmogorov_sf((root + 0.12 + 0.11 / root) * statistic))
