"""Confidence intervals: proportions, their differences, means, and anything else by the bootstrap.

Every interval is a pair (low, high). Where a closed form exists it is used; the bootstrap works on a
table of counts where it can, so that its cost depends on the distinct outcomes and not on the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.distributions import beta_quantile, student_quantile, two_sided_z

__all__ = [
    "bootstrap",
    "bootstrap_mean",
    "clopper_pearson",
    "newcombe_difference",
    "paired_bootstrap",
    "percentile_interval",
    "student_interval",
    "wilson",
]

F64 = NDArray[np.float64]
Statistic = Callable[[F64], F64]

_BLOCK_CELLS = 4_000_000
_TABLE_LIMIT = 2_000


def wilson(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> tuple[F64, F64]:
    """Return Wilson's score interval of proportions.

    Parameters
    ----------
    successes, trials : array_like of float
        Counts, broadcast together; 0 <= successes <= trials. With 0 trials the interval is (0, 1).
    confidence : float, default 0.95
        Between 0 and 1, both exclusive.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper ends, within [0, 1].

    References
    ----------
    Wilson (1927). Probable inference, the law of succession, and statistical inference. JASA 22(158).
    doi:10.1080/01621459.1927.10502953

    Examples
    --------
    >>> low, high = wilson(15, 148)
    >>> low.round(3), high.round(3)
    (np.float64(0.062), np.float64(0.16))
    """
    z = two_sided_z(confidence)
    k, n = _counts(successes, trials)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = k / n
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At the ends the formula gives 0 and 1, up to rounding.
    low = np.where(k == 0, 0.0, np.clip(centre - half, 0.0, 1.0))
    high = np.where(k == n, 1.0, np.clip(centre + half, 0.0, 1.0))
    return low, high


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> tuple[F64, F64]:
    """Return the exact interval of proportions, which covers at least as often as it says.

    Parameters
    ----------
    successes, trials : array_like of float
        Counts, as in ``wilson``.
    confidence : float, default 0.95
        Between 0 and 1, both exclusive.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper ends, within [0, 1].

    References
    ----------
    Clopper, Pearson (1934). The use of confidence or fiducial limits illustrated in the case of the
    binomial. Biometrika 26(4). doi:10.1093/biomet/26.4.404
    """
    two_sided_z(confidence)
    k, n = _counts(successes, trials)
    tail = (1 - confidence) / 2
    low = np.where(k == 0, 0.0, beta_quantile(tail, np.maximum(k, 1), n - k + 1))
    high = np.where(k == n, 1.0, beta_quantile(1 - tail, k + 1, np.maximum(n - k, 1)))
    return low, high


def newcombe_difference(
    successes_1: ArrayLike,
    trials_1: ArrayLike,
    successes_2: ArrayLike,
    trials_2: ArrayLike,
    confidence: float = 0.95,
) -> tuple[F64, F64]:
    """Return the interval of the difference of two independent proportions, first minus second.

    Parameters
    ----------
    successes_1, trials_1, successes_2, trials_2 : array_like of float
        Counts, as in ``wilson``.
    confidence : float, default 0.95
        Between 0 and 1, both exclusive.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper ends, within [-1, 1].

    References
    ----------
    Newcombe (1998). Interval estimation for the difference between independent proportions: comparison of
    eleven methods. Statistics in Medicine 17(8), method 10.
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I
    """
    k1, n1 = _counts(successes_1, trials_1)
    k2, n2 = _counts(successes_2, trials_2)
    low_1, high_1 = wilson(k1, n1, confidence)
    low_2, high_2 = wilson(k2, n2, confidence)
    with np.errstate(invalid="ignore"):
        p1, p2 = k1 / n1, k2 / n2
    low = p1 - p2 - np.hypot(p1 - low_1, high_2 - p2)
    high = p1 - p2 + np.hypot(high_1 - p1, p2 - low_2)
    unknown = (n1 == 0) | (n2 == 0)
    return np.where(unknown, -1.0, np.maximum(low, -1.0)), np.where(unknown, 1.0, np.minimum(high, 1.0))


def student_interval(
    mean: ArrayLike, deviation: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[F64, F64]:
    """Return Student's interval of means of normal values.

    Parameters
    ----------
    mean, deviation, n : array_like of float
        Sample means, sample standard deviations (divisor n - 1) and sizes.
    confidence : float, default 0.95
        Between 0 and 1, both exclusive.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper ends; infinite where n < 2.

    References
    ----------
    Student (1908). The probable error of a mean. Biometrika 6(1). doi:10.1093/biomet/6.1.1
    """
    two_sided_z(confidence)
    m, s, size = np.broadcast_arrays(*(np.asarray(item, np.float64) for item in (mean, deviation, n)))
    enough = size >= 2
    half = student_quantile(0.5 + confidence / 2, np.where(enough, size - 1, 1.0))
    half = np.where(enough, half * s / np.sqrt(np.maximum(size, 1.0)), np.inf)
    return m - half, m + half


def percentile_interval(samples: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the middle part of bootstrap samples that holds the given fraction; NaN samples are left out."""
    two_sided_z(confidence)
    kept = np.asarray(samples, np.float64)
    kept = kept[~np.isnan(kept)]
    if kept.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def bootstrap(
    counts: ArrayLike, statistic: Statistic, *, rng: np.random.Generator, resamples: int = 2000
) -> F64:
    """Return a statistic on resamples, with replacement, of rows that are given as a table of counts.

    Parameters
    ----------
    counts : array_like of int, shape (cells,)
        How many rows are in each cell: ones for rows themselves, or a table such as group by label by
        prediction, flattened.
    statistic : callable
        Takes resampled counts, shape (some, cells), returns one value each, shape (some,).
    rng : numpy.random.Generator
        The source of randomness.
    resamples : int, default 2000
        How many.

    Returns
    -------
    numpy.ndarray of float64, shape (resamples,)

    Notes
    -----
    Time is proportional to resamples times the smaller of cells and rows; memory is bounded by blocks.

    References
    ----------
    Efron (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7(1).
    doi:10.1214/aos/1176344552
    """
    table = np.asarray(counts, np.int64)
    total = int(table.sum())
    if table.ndim != 1 or total == 0 or (table < 0).any() or resamples < 1:
        raise UsageError(
            "The bootstrap needs at least one row, counts that are not negative, and one resample."
        )
    by_row = total <= table.size
    cell_of_row = np.repeat(np.arange(table.size), table) if by_row else None
    block = max(1, _BLOCK_CELLS // table.size)
    out = np.empty(resamples)
    for start in range(0, resamples, block):
        some = min(block, resamples - start)
        if cell_of_row is None:
            drawn = rng.multinomial(total, table / total, size=some)
        else:
            picked = (
                cell_of_row[rng.integers(0, total, (some, total))] + table.size * np.arange(some)[:, None]
            )
            drawn = np.bincount(picked.ravel(), minlength=some * table.size).reshape(some, table.size)
        out[start : start + some] = statistic(drawn.astype(np.float64))
    return out


def bootstrap_mean(values: ArrayLike, *, rng: np.random.Generator, resamples: int = 2000) -> F64:
    """Return means of resamples of ``values``, by a table of distinct values where there are few."""
    rows = np.asarray(values, np.float64).ravel()
    distinct, counts = np.unique(rows, return_counts=True)
    if distinct.size > _TABLE_LIMIT:
        distinct, counts = rows, np.ones(rows.size, np.int64)
    return bootstrap(counts, lambda drawn: drawn @ distinct / rows.size, rng=rng, resamples=resamples)


def paired_bootstrap(
    base: ArrayLike,
    head: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float, float]:
    """Return the mean of ``head - base``, measured on the same rows, with its percentile interval.

    Parameters
    ----------
    base, head : array_like of float, shape (n,)
        A score of every row (1 for correct and 0 for wrong, a loss, ...) under two conditions.
    rng : numpy.random.Generator
        The source of randomness.
    confidence : float, default 0.95
        Between 0 and 1, both exclusive.
    resamples : int, default 2000
        How many.

    Returns
    -------
    tuple of float
        The mean difference, the lower and the upper end.

    References
    ----------
    Efron, Tibshirani (1993). An introduction to the bootstrap, chapters 8 and 13. doi:10.1201/9780429246593
    """
    first, second = np.asarray(base, np.float64).ravel(), np.asarray(head, np.float64).ravel()
    if first.size != second.size:
        raise UsageError(f"Pairs are needed: {first.size} base scores, {second.size} head scores.")
    difference = second - first
    low, high = percentile_interval(bootstrap_mean(difference, rng=rng, resamples=resamples), confidence)
    return float(difference.mean()), low, high


def _counts(successes: ArrayLike, trials: ArrayLike) -> tuple[F64, F64]:
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    if not ((k >= 0) & (k <= n)).all():
        raise UsageError("A proportion needs 0 <= successes <= trials.")
    return k, n
