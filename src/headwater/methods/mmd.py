"""Maximum mean discrepancy: whether two sets of vectors come from one distribution, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError

__all__ = ["Discrepancy", "kernel_discrepancy"]

F64 = NDArray[np.float64]

_PAIRS = 2000
_ROUND = 100


class Discrepancy(NamedTuple):
    """How far two sets of vectors are apart.

    ``value`` is the unbiased estimate of MMD²: 0 means equal (chance puts it a little above or below), 2 is the most.
    ``share`` is the part of the spread of all vectors (in the space of the kernel) that lies between the two sets,
    from 0 to 1; ``bandwidth`` the width of the kernel.
    """

    value: float
    p_value: float
    share: float
    bandwidth: float


def kernel_discrepancy(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    features: int = 256,
    permutations: int = 999,
) -> Discrepancy:
    """Return the maximum mean discrepancy of two sets of vectors under a Gaussian kernel.

    Parameters
    ----------
    first, second : array_like of float, shape (n, d) and (m, d)
        Two vectors at least of each.
    rng : numpy.random.Generator
        Draws features, permutations, and the pairs that the bandwidth follows from.
    features : int
        Pairs of random features.
    permutations : int
        How many times the two sets are mixed for the p-value, which is 1 / (permutations + 1) at least.

    Returns
    -------
    Discrepancy

    Raises
    ------
    UsageError
        If there are fewer than two vectors of one, or they differ in length.

    Notes
    -----
    k(x, y) = exp(-|x - y|² / 2s²) with s the median distance of pairs, and its random Fourier features
    (cos wx, sin wx) / sqrt(D) with w drawn from N(0, 1/s²): then k is an inner product of 2D numbers, up to chance, and
    MMD² = (|Sx|² - n) / n(n - 1) + (|Sy|² - m) / m(m - 1) - 2 SxSy / nm of sums S. Memory is O((n + m) D), time O((n +
    m) D (d + permutations)). The p-value is that of the permutation test, exact whatever the features.

    References
    ----------
    Gretton et al. (2012). A kernel two-sample test. JMLR 13. https://jmlr.org/papers/v13/gretton12a.html
    Rahimi, Recht (2007). Random features for large-scale kernel machines. NeurIPS.
    Phipson, Smyth (2010). Permutation p-values should never be zero. doi:10.2202/1544-6115.1585
    Anderson (2001). A new method for non-parametric multivariate analysis of variance.
    doi:10.1111/j.1442-9993.2001.01070.pp.x (the share).
    """
    x, y = (np.atleast_2d(np.asarray(side, np.float64)) for side in (first, second))
    n, m = len(x), len(y)
    if n < 2 or m < 2 or x.shape[1] != y.shape[1]:
        raise UsageError(
            f"Two vectors of equal length at least are needed on each side, not {x.shape} and {y.shape}."
        )
    both = np.concatenate([x, y])
    width = _median_distance(both, rng)
    if width == 0:
        width = float(np.abs(both - both[0]).max()) or 1.0
    mapped = _fourier(both, width, features, rng)
    whole = mapped.sum(axis=0)

    def estimates(sums: F64) -> F64:
        rest = whole - sums
        squares = np.einsum("ij,ij->i", sums, sums), np.einsum("ij,ij->i", rest, rest)
        cross = np.einsum("ij,ij->i", sums, rest)
        inner = (squares[0] - n) / (n * (n - 1)) + (squares[1] - m) / (m * (m - 1))
        return np.asarray(inner - 2 * cross / (n * m), np.float64)

    value = float(estimates(mapped[:n].sum(axis=0, keepdims=True))[0])
    reached = 0
    for start in range(0, permutations, _ROUND):
        rounds = min(_ROUND, permutations - start)
        picked = np.zeros((rounds, n + m), mapped.dtype)
        for row in picked:
            row[rng.permutation(n + m)[:n]] = 1.0
        # As many digits as the sums have: a mixture that is the two sets themselves must reach them.
        reached += int((estimates(picked @ mapped) >= value - 1e-12).sum())
    spread = 1.0 - float(whole @ whole) / (n + m) ** 2
    between = value * n * m / (n + m) ** 2
    share = min(max(between / spread, 0.0), 1.0) if spread > 1e-12 else 0.0
    return Discrepancy(value, (reached + 1) / (permutations + 1), share, width)


def _median_distance(vectors: F64, rng: np.random.Generator) -> float:
    left, right = rng.integers(0, len(vectors), (2, _PAIRS))
    kept = left != right
    return float(np.median(np.linalg.norm(vectors[left[kept]] - vectors[right[kept]], axis=1)))


def _fourier(vectors: F64, width: float, features: int, rng: np.random.Generator) -> F64:
    at = vectors @ (rng.normal(size=(vectors.shape[1], features)) / width)
    return np.asarray(np.hstack([np.cos(at), np.sin(at)]) / np.sqrt(features), np.float64)
