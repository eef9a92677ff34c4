"""What each training row is worth to a vote of nearest neighbours: exact KNN-Shapley values.

References
----------
Jia, Dao, Wang, Hubis, Gurel, Li, Zhang, Spanos, Song (2019). Efficient task-specific data valuation for nearest
neighbor algorithms. PVLDB 12(11), 1610-1623. doi:10.14778/3342263.3342637, arXiv:1908.08619, theorem 1
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["knn_shapley"]

F64 = NDArray[np.float64]
Numbers = NDArray[np.float32] | NDArray[np.float64]
Codes = NDArray[np.int64]

_CELLS = 1 << 20
_ROUNDING = 1e-12


def knn_shapley(
    features: Numbers, labels: Codes, judged: Numbers, judged_labels: Codes, *, k: int = 5
) -> F64:
    """Return the Shapley value of each training row for the rows it is judged on.

    A set of training rows is worth the mean, over the judged rows, of the votes for the right label among the k
    nearest of the set, divided by k. The Shapley value shares the worth of all rows out among them. Rows of
    negative value harm.

    Parameters
    ----------
    features : numpy.ndarray of float, shape (n, d)
        The training rows, finite, scaled so that Euclidean distance means something.
    labels : numpy.ndarray of int64, shape (n,)
        Codes of their labels.
    judged : numpy.ndarray of float, shape (m, d)
        The rows judged on, at least one.
    judged_labels : numpy.ndarray of int64, shape (m,)
        Codes of their labels, the same codes as ``labels``.
    k : int, default 5
        How many neighbours vote, at least 1.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        They sum to the worth of all rows.

    Raises
    ------
    UsageError
        If the shapes do not fit, no row is judged, a number is not finite, or ``k`` is less than 1.

    Notes
    -----
    With the rows ordered from the nearest, c = 1 where a label is right, and w(i) = min(k, i) / (i k), the recursion
    of theorem 1 sums to s(i) = w(i) c(i) + sum over j > i of (w(j) - w(j-1)) c(j). Equally near rows are taken in
    every order, and the mean returned, so that the order rows are stored in changes nothing.

    Time O(m n (d + log n)). Beside the input, memory is a copy of it in float64 and a few blocks of a million cells,
    or of n if that is more.
    """
    _check(features, labels, judged, judged_labels, k)
    n = len(features)
    total = np.zeros(n)
    if n == 0:
        return total
    centre = features.mean(axis=0, dtype=np.float64)
    points = features.astype(np.float64)
    points -= centre
    squares = np.einsum("ij,ij->i", points, points)
    rank = np.arange(1, n + 1)
    weight = np.minimum(k, rank) / (rank * k)
    block = max(1, _CELLS // n)
    for start in range(0, len(judged), block):
        some = judged[start : start + block].astype(np.float64) - centre
        distance = squares - 2.0 * (some @ points.T)
        order = np.argsort(distance, axis=1, kind="stable")
        right = labels[order] == judged_labels[start : start + block, None]
        near = np.take_along_axis(distance, order, axis=1)
        rounding = _ROUNDING * (squares.max() + np.einsum("ij,ij->i", some, some))
        values = _values(near, right, weight, rounding)
        total += np.bincount(order.ravel(), values.ravel(), minlength=n)
    return total / len(judged)


def _values(distance: F64, right: NDArray[np.bool_], weight: F64, rounding: F64) -> F64:
    """Return the values for each judged row, of rows ordered by distance, shape (q, n).

    Distances that differ by ``rounding``, shape (q,), or less are a tie.

    In a tie of g rows at places a to b, of which r are right, a row comes to each place equally often, and of the
    others the share (r - c) / (g - 1) is right. The places after it weigh w(b) - mean(w(a..b)) on average.
    """
    rows, n = distance.shape
    first = np.ones((rows, n), np.bool_)
    first[:, 1:] = np.diff(distance, axis=1) > rounding[:, None]
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, rows * n))
    hits = np.add.reduceat(right.ravel().astype(np.float64), starts)
    mean = np.add.reduceat(np.tile(weight, rows), starts) / sizes
    last = weight[(starts + sizes - 1) % n]

    def spread(values: F64) -> F64:
        return np.repeat(values, sizes).reshape(rows, n)

    # What the places after each one contribute, were every tie as right as it is on average.
    steps = np.diff(weight, prepend=weight[:1]) * spread(hits / sizes)
    after = steps[:, ::-1].cumsum(axis=1)[:, ::-1] - steps
    ends = (starts + sizes - 1) // n, (starts + sizes - 1) % n
    others = (spread(hits) - right) / spread(np.maximum(sizes - 1, 1).astype(np.float64))
    return spread(mean) * right + spread(last - mean) * others + spread(after[ends])


def _check(features: Numbers, labels: Codes, judged: Numbers, judged_labels: Codes, k: int) -> None:
    if k < 1:
        raise UsageError(f"Ask for 1 neighbour or more, not {k}.", k=k)
    if features.ndim != 2 or judged.ndim != 2 or features.shape[1] != judged.shape[1]:
        raise UsageError(
            f"The training rows have shape {features.shape}, the judged rows {judged.shape}. Encode both alike."
        )
    if len(labels) != len(features) or len(judged_labels) != len(judged):
        raise UsageError(
            f"There are {len(features)} training rows with {len(labels)} labels, and {len(judged)} judged rows with "
            f"{len(judged_labels)}. Give each row one label."
        )
    if not len(judged):
        raise UsageError("No row to judge on. Hold some labelled rows out.")
    if not (np.isfinite(features).all() and np.isfinite(judged).all()):
        raise UsageError("A number is missing or infinite, so distances cannot be taken. Fill it first.")
