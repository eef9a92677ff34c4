"""How strongly two columns go together, and how well one column alone gives away the label.

From tables of counts where columns are categories, so that these measures merge as the counts do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError

__all__ = [
    "auc",
    "correlation_ratio",
    "cramers_v",
    "label_gain",
    "ranks",
    "spearman",
    "theils_u",
    "variance_gain",
]

F64 = NDArray[np.float64]


def cramers_v(table: ArrayLike) -> float:
    """Return Cramér's V of a table of counts, corrected for its bias.

    Parameters
    ----------
    table : array_like of float, shape (r, c)
        Rows with each pair of values.

    Returns
    -------
    float
        From 0 (independent) to 1 (each determines the other); NaN where one does not vary.

    References
    ----------
    Bergsma (2013). A bias-correction for Cramér's V and Tschuprow's T. Journal of the Korean Statistical
    Society 42(3). doi:10.1016/j.jkss.2012.10.002
    """
    counts = _trimmed(table)
    total = counts.sum()
    rows, columns = counts.shape
    if min(rows, columns) < 2 or total < 2:
        return float("nan")
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    phi2 = ((counts - expected) ** 2 / expected).sum() / total
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (total - 1))
    rows, columns = rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)
    smaller = min(rows, columns) - 1
    return float(min(1.0, np.sqrt(phi2 / smaller))) if smaller > 0 else float("nan")


def theils_u(table: ArrayLike) -> float:
    """Return Theil's U of a table of counts: how much of the column variable the row variable explains.

    Parameters
    ----------
    table : array_like of float, shape (r, c)
        Rows with each pair of values.

    Returns
    -------
    float
        (H(column) - H(column | row)) / H(column): 0 means nothing, 1 means all; NaN where the column
        variable does not vary. It is optimistic where a row value has few rows; ``label_gain`` is not.

    References
    ----------
    Theil (1972). Statistical decomposition analysis.
    """
    counts = _trimmed(table)
    total = counts.sum()
    if counts.shape[0] == 0 or counts.shape[1] < 2:
        return float("nan")
    entropy = _entropy(counts.sum(axis=0) / total)
    share = counts / counts.sum(axis=1, keepdims=True)
    conditional = float(
        sum(w * _entropy(row) for w, row in zip(counts.sum(axis=1) / total, share, strict=True))
    )
    return float(np.clip((entropy - conditional) / entropy, 0.0, 1.0))


def correlation_ratio(count: ArrayLike, sums: ArrayLike, squares: ArrayLike) -> float:
    """Return eta: the square root of the fraction of a number's variance that a category explains.

    Parameters
    ----------
    count, sums, squares : array_like of float, shape (groups,)
        Of each category: rows, sum of the number, and sum of its squares.

    Returns
    -------
    float
        From 0 (all categories have the same mean) to 1; NaN where the number does not vary.

    References
    ----------
    Pearson (1905). On the general theory of skew correlation and non-linear regression.
    """
    _, _, within, all_squares = _spread(count, sums, squares)
    if all_squares <= 0:
        return float("nan")
    return float(np.sqrt(np.clip(1 - within.sum() / all_squares, 0.0, 1.0)))


def label_gain(table: ArrayLike) -> float:
    """Return how much better than guessing the most frequent label one column predicts the label.

    Parameters
    ----------
    table : array_like of float, shape (values, labels)
        Rows with each value of the column and each label.

    Returns
    -------
    float
        (accuracy - base) / (1 - base), where each row's label is predicted as the most frequent one of
        the other rows with its value (of all other rows, if there are none), and base is the share of the
        most frequent label: 0 or less means no better, 1 means always right. NaN where the label does not
        vary. A column of distinct values gains nothing by itself, since no row is used to predict itself.

    Notes
    -----
    Leave-one-out, in closed form from the counts; ties count in equal parts. Without leaving one out it
    is Goodman and Kruskal's lambda (1954), doi:10.1080/01621459.1954.10501231.
    """
    counts = _trimmed(table)
    if counts.shape[0] == 0 or counts.shape[1] < 2:
        return float("nan")
    labels = counts.sum(axis=0)
    total = labels.sum()
    lonely = counts.sum(axis=1) == 1
    right = (counts[~lonely] * _chance_of_own(counts[~lonely])).sum()
    right += (counts[lonely].sum(axis=0) * _chance_of_own(labels[None, :])[0]).sum()
    base = labels.max() / total
    return float((right / total - base) / (1 - base))


def variance_gain(count: ArrayLike, sums: ArrayLike, squares: ArrayLike) -> float:
    """Return the fraction of a numeric label's variance that one column's categories predict.

    Parameters
    ----------
    count, sums, squares : array_like of float, shape (groups,)
        Of each category: rows, sum of the label, and sum of its squares.

    Returns
    -------
    float
        1 - squared error / variance, each row predicted by the mean of the other rows of its category (of
        all other rows, if there are none): 0 or less means nothing, 1 all; NaN where the label does not
        vary or there are fewer than two rows.
    """
    n, total, within, all_squares = _spread(count, sums, squares)
    rows = n.sum()
    if rows < 2 or all_squares <= 0:
        return float("nan")
    several = n > 1
    error = (within[several] * (n[several] / (n[several] - 1)) ** 2).sum()
    distance = total[~several] - total.sum() / rows
    error += ((distance * rows / (rows - 1)) ** 2).sum()
    return float(1 - error / all_squares)


def auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that a positive row scores above a negative one.

    Parameters
    ----------
    scores : array_like of float
        Larger means more positive; ties count half; rows with NaN are left out.
    positive : array_like of bool
        Which rows are positive.

    Returns
    -------
    float
        0.5 means no better than chance, 1 (or 0) that the score tells all; NaN with one class only.

    References
    ----------
    Mann, Whitney (1947). doi:10.1214/aoms/1177730491
    """
    s, y = np.asarray(scores, np.float64), np.asarray(positive, np.bool_)
    if s.shape != y.shape:
        raise UsageError(f"Scores and labels have different shapes: {s.shape} and {y.shape}.")
    s, y = s[~np.isnan(s)], y[~np.isnan(s)]
    ones = int(y.sum())
    zeros = y.size - ones
    if ones == 0 or zeros == 0:
        return float("nan")
    return float((ranks(s)[y].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def ranks(values: ArrayLike) -> F64:
    """Return ranks from 1, equal values getting the mean of theirs; NaN stays NaN."""
    x = np.asarray(values, np.float64)
    out = np.full(x.shape, np.nan)
    known = ~np.isnan(x)
    _, place, count = np.unique(x[known], return_inverse=True, return_counts=True)
    out[known] = (np.cumsum(count) - (count - 1) / 2)[place]
    return out


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Return Spearman's rank correlation over the rows in which both are known.

    Parameters
    ----------
    first, second : array_like of float, shape (n,)
        Values; NaN is unknown.

    Returns
    -------
    float
        From -1 to 1; NaN where one does not vary.

    References
    ----------
    Spearman (1904). doi:10.2307/1412159
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    both = ~np.isnan(a) & ~np.isnan(b)
    a, b = (ranks(x[both]) - (both.sum() + 1) / 2 for x in (a, b))
    scale = np.sqrt((a @ a) * (b @ b))
    return float(np.clip(a @ b / scale, -1.0, 1.0)) if scale > 0 else float("nan")


def _trimmed(table: ArrayLike) -> F64:
    counts = np.asarray(table, np.float64)
    if counts.ndim != 2 or (counts < 0).any():
        raise UsageError(f"A table of counts has two axes and is not negative; got shape {counts.shape}.")
    return np.asarray(counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0], np.float64)


def _entropy(shares: F64) -> float:
    used = shares[shares > 0]
    return float(-(used * np.log(used)).sum())


def _chance_of_own(counts: F64) -> F64:
    """Return the chance that a row's own label is the most frequent one among the other rows of its value."""
    out = np.zeros_like(counts)
    for label in range(counts.shape[1]):
        others = counts.copy()
        others[:, label] -= 1
        own = others[:, label]
        highest = others.max(axis=1)
        ties = (others == highest[:, None]).sum(axis=1)
        out[:, label] = np.where((own == highest) & (own > 0), 1 / ties, 0.0)
    return out


def _spread(count: ArrayLike, sums: ArrayLike, squares: ArrayLike) -> tuple[F64, F64, F64, float]:
    """Return the rows and sums of non-empty groups, their squared deviations, and those of all rows."""
    n, total, square = (np.asarray(item, np.float64) for item in (count, sums, squares))
    if not (n.shape == total.shape == square.shape):
        raise UsageError("Counts, sums and sums of squares of the same groups are needed.")
    n, total, square = n[n > 0], total[n > 0], square[n > 0]
    within = np.maximum(square - total**2 / n, 0.0)
    mean = total.sum() / n.sum() if n.size else 0.0
    between = float((n * (total / n - mean) ** 2).sum())
    everything = float(within.sum()) + between
    return n, total, within, everything if everything > 1e-12 * float(square.sum()) else 0.0
