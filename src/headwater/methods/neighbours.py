"""Exact nearest neighbours: blocked matrix products, and the merging of what several blocks found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["Metric", "Nearest", "comparable", "merge_nearest", "nearest", "scores"]

Metric = Literal["cosine", "dot", "l2"]
"""Similarity by angle, by inner product, or Euclidean distance."""

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_BLOCK = 16_384
_QUERIES = 256
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Nearest:
    """The neighbours of some queries, the nearest first.

    Parameters
    ----------
    rows : list of numpy.ndarray of int64
        For each query the numbers of its neighbours.
    scores : list of numpy.ndarray of float64
        Their scores: similarity for ``cosine`` and ``dot``, distance for ``l2``.
    """

    rows: list[I64]
    scores: list[F64]


def nearest(
    queries: F32, vectors: F32, k: int, *, metric: Metric = "cosine", rows: I64 | None = None
) -> Nearest:
    """Find the k nearest vectors of each query by looking at all of them.

    Parameters
    ----------
    queries : numpy.ndarray of float32, shape (q, d)
        Finite; of nonzero length for ``cosine``.
    vectors : numpy.ndarray of float32, shape (n, d)
        What is searched. Rows that are not finite are passed over, and rows of zeros for ``cosine``.
    k : int
        How many, at least 1; fewer are found where fewer can be compared.
    metric : {"cosine", "dot", "l2"}
        How near is measured.
    rows : numpy.ndarray of int64, shape (n,), optional
        Numbers of the vectors, ascending; 0, 1, 2, … by default.

    Returns
    -------
    Nearest
        Of equally near rows the one with the smaller number comes first.

    Raises
    ------
    UsageError
        If ``k`` is less than 1, or queries and vectors have different lengths.

    Notes
    -----
    Products are taken in float32, a block of 16,384 rows at a time; the rows that could be among the k nearest
    given their rounding are then compared again in float64. Time O(q n d), memory O(q · 16,384) beside the input.
    """
    if k < 1:
        raise UsageError(f"Ask for 1 neighbour or more, not {k}.", k=k)
    if queries.shape[1] != vectors.shape[1]:
        raise UsageError(
            f"The query has {queries.shape[1]} dimensions, the vectors searched have {vectors.shape[1]}. Encode the "
            "query with the encoder that made them.",
            expected=vectors.shape[1],
            found=queries.shape[1],
        )
    numbers = np.arange(len(vectors), dtype=np.int64) if rows is None else rows
    parts = [_nothing(len(queries))]
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        good = comparable(block, metric)
        if not good.all():
            block = block[good]
        if len(block):
            parts.append(_of_block(queries, block, numbers[start : start + _BLOCK][good], k, metric))
    return merge_nearest(parts, k, metric)


def comparable(vectors: F32, metric: Metric) -> NDArray[np.bool_]:
    """Say which vectors can be compared: finite ones, for ``cosine`` of nonzero length."""
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    good: NDArray[np.bool_] = np.isfinite(squares)
    return good & (squares > 0) if metric == "cosine" else good


def merge_nearest(parts: Sequence[Nearest], k: int, metric: Metric) -> Nearest:
    """Return the k nearest of what was found in several parts; ``parts`` is not empty."""
    rows, found = [], []
    for query in range(len(parts[0].rows)):
        numbers = np.concatenate([part.rows[query] for part in parts])
        values = np.concatenate([part.scores[query] for part in parts])
        best = _order(numbers, values, metric)[:k]
        rows.append(numbers[best])
        found.append(values[best])
    return Nearest(rows, found)


def scores(query: F32, vectors: F32, metric: Metric) -> F64:
    """Return the score of each vector for one query, in float64."""
    wide, one = vectors.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return np.asarray(np.sqrt(((wide - one) ** 2).sum(axis=1)))
    # Sums row by row, for a matrix product may round equal rows differently.
    products = np.asarray((wide * one).sum(axis=1))
    if metric == "cosine":
        products /= np.sqrt((wide * wide).sum(axis=1)) * np.sqrt((one * one).sum())
    return products


def _of_block(queries: F32, block: F32, numbers: I64, k: int, metric: Metric) -> Nearest:
    rows, found = [], []
    squares = np.einsum("ij,ij->i", block, block, dtype=np.float64)
    for start in range(0, len(queries), _QUERIES):
        some = queries[start : start + _QUERIES]
        near, error = _nearness(some, block, squares, metric)
        at = max(near.shape[1] - k, 0)
        bounds = np.partition(near, at, axis=1)[:, at] - error
        for query, values, bound in zip(some, near, bounds, strict=True):
            candidates = np.flatnonzero(values >= bound)
            exact = scores(query, block[candidates], metric)
            best = _order(numbers[candidates], exact, metric)[:k]
            rows.append(numbers[candidates[best]])
            found.append(exact[best])
    return Nearest(rows, found)


def _nearness(queries: F32, block: F32, squares: F64, metric: Metric) -> tuple[F32, F64]:
    """Return how near each vector is, greater meaning nearer, and for each query how far rounding may reach.

    ``squares`` are the squared lengths of the vectors.
    """
    near: F32 = queries @ block.T
    reach: F64 = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))
    if metric == "cosine":
        near *= (1 / np.sqrt(squares)).astype(np.float32)
        return near, _ROUNDING * reach
    longest = np.sqrt(squares.max())
    if metric == "l2":
        # Half the squared distance, with the sign turned, but for what depends on the query alone.
        near -= (squares / 2).astype(np.float32)
        reach = reach + longest
    return near, _ROUNDING * reach * longest


def _order(rows: I64, values: F64, metric: Metric) -> I64:
    return np.lexsort((rows, values if metric == "l2" else -values))


def _nothing(queries: int) -> Nearest:
    return Nearest([np.zeros(0, np.int64)] * queries, [np.zeros(0)] * queries)
