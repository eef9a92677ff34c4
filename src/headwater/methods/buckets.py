"""Candidate pairs from bands: rows that share a bucket, without going quadratic; and groups of linked rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.core.hashing import U64

__all__ = ["Bands", "components", "cross_pairs", "own_pairs"]

I64 = NDArray[np.int64]
Bands = NDArray[np.unsignedinteger[Any]]

_FULL = 32


def own_pairs(bands: Bands, order: U64) -> tuple[I64, I64]:
    """Return the pairs of rows that share the value of a band.

    Parameters
    ----------
    bands : numpy.ndarray of unsigned integers, shape (bands, rows)
        A bucket for each row in each band.
    order : numpy.ndarray of uint64, shape (rows,)
        What a row says, as a hash: it makes the pairs the same whatever the order of the rows.

    Returns
    -------
    tuple of numpy.ndarray of int64
        Rows of each pair, the smaller first; every pair once.

    Notes
    -----
    In a bucket of at most 32 rows all pairs count. In a larger one each row is paired with the first in ``order`` and
    with the next: enough to link rows that are all alike, and linear in rows. Time O(bands · rows log rows).
    """
    parts = [np.zeros(0, np.int64)]
    rows = len(order)
    for values in bands:
        at = np.lexsort((order, values))
        starts, sizes = _runs(values[at])
        for size in range(2, min(_FULL, int(sizes.max(initial=0))) + 1):
            those = starts[sizes == size]
            if len(those):
                one, two = np.triu_indices(size, 1)
                parts.append(
                    _code(at[(those[:, None] + one).ravel()], at[(those[:, None] + two).ravel()], rows)
                )
        big = sizes > _FULL
        if big.any():
            place = np.repeat(starts[big], sizes[big])
            inside = np.arange(len(place)) - np.repeat(np.cumsum(sizes[big]) - sizes[big], sizes[big])
            later = inside > 0
            here = (place + inside)[later]
            parts += [_code(at[place[later]], at[here], rows), _code(at[here - 1], at[here], rows)]
        if len(parts) > 64:
            parts = [_distinct(parts)]
    codes = _distinct(parts)
    return codes // max(rows, 1), codes % max(rows, 1)


def cross_pairs(bands: Bands, order: U64, others: Bands, other_order: U64) -> tuple[I64, I64]:
    """Return the pairs of a row of one part and a row of another that share the value of a band.

    Parameters
    ----------
    bands, order, others, other_order : numpy.ndarray of uint64
        The two parts; see `own_pairs`.

    Returns
    -------
    tuple of numpy.ndarray of int64
        Rows of the first and of the second part; every pair once.

    Notes
    -----
    Where a bucket holds more than 32 rows of one part, its first row in ``order`` stands for them.
    """
    parts = [np.zeros(0, np.int64)]
    width = max(len(other_order), 1)
    for values, theirs in zip(bands, others, strict=True):
        at, there = np.lexsort((order, values)), np.lexsort((other_order, theirs))
        starts, sizes = _runs(values[at])
        other_starts, other_sizes = _runs(theirs[there])
        _, one, two = np.intersect1d(
            values[at][starts], theirs[there][other_starts], assume_unique=True, return_indices=True
        )
        counts, other_counts = sizes[one], other_sizes[two]
        both_big = (counts > _FULL) & (other_counts > _FULL)
        counts = np.where(both_big | ((counts > _FULL) & (other_counts <= _FULL)), 1, counts)
        other_counts = np.where(other_counts > _FULL, 1, other_counts)
        total = counts * other_counts
        pair = np.repeat(np.arange(len(total)), total)
        inside = np.arange(len(pair)) - np.repeat(np.cumsum(total) - total, total)
        left = at[starts[one][pair] + inside // other_counts[pair]]
        right = there[other_starts[two][pair] + inside % other_counts[pair]]
        parts.append(left * width + right)
        if len(parts) > 16:
            parts = [_distinct(parts)]
    codes = _distinct(parts)
    return codes // width, codes % width


def components(left: I64, right: I64, rows: int) -> I64:
    """Return for each row the smallest row that it is linked with, over any number of links.

    Notes
    -----
    Each round a row takes the smallest label among its neighbours', then the label of its label: O(log rows) rounds
    of O(rows + links) steps.

    References
    ----------
    Shiloach, Vishkin (1982). An O(log n) parallel connectivity algorithm. doi:10.1016/0196-6774(82)90008-6
    """
    label = np.arange(rows)
    while len(left):
        a, b = label[left], label[right]
        low, high = np.minimum(a, b), np.maximum(a, b)
        if (low == high).all():
            break
        np.minimum.at(label, high, low)
        while True:
            further = label[label]
            if (further == label).all():
                break
            label = further
    return label


def _runs(ordered: Bands) -> tuple[I64, I64]:
    starts = np.flatnonzero(
        np.concatenate([np.ones(min(len(ordered), 1), np.bool_), ordered[1:] != ordered[:-1]])
    )
    return starts, np.diff(np.append(starts, len(ordered)))


def _code(one: I64, two: I64, rows: int) -> I64:
    return np.asarray(np.minimum(one, two) * rows + np.maximum(one, two), np.int64)


def _distinct(parts: list[I64]) -> I64:
    ordered = np.sort(np.concatenate(parts))
    fresh = np.concatenate([np.ones(min(len(ordered), 1), np.bool_), ordered[1:] != ordered[:-1]])
    return np.asarray(ordered[fresh], np.int64)
