"""The middle of each group of values: mean, median, most frequent value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["group_means", "group_medians", "group_modes"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def group_means(values: F64, groups: I64, number: int) -> F64:
    """Return the mean of each of so many groups; NaN of one without values. Values are finite, O(n)."""
    counts = np.bincount(groups, minlength=number)
    sums = np.bincount(groups, values, minlength=number)
    means: F64 = np.divide(sums, counts, out=np.full(number, np.nan), where=counts > 0)
    return means


def group_medians(values: F64, groups: I64, number: int) -> F64:
    """Return the median of each of so many groups; NaN of one without values. O(n log n).

    Examples
    --------
    >>> group_medians(np.array([1.0, 9, 2, 4]), np.array([0, 0, 0, 2]), 3).tolist()
    [2.0, nan, 4.0]
    """
    order = np.lexsort((values, groups))
    values, counts = values[order], np.bincount(groups, minlength=number)
    ends = np.cumsum(counts)
    there = counts > 0
    first = np.where(there, ends - counts, 0)
    low, high = first + (counts - 1) // 2, first + counts // 2
    found = np.full(number, np.nan)
    if there.any():
        found[there] = (values[low[there]] + values[high[there]]) / 2
    return found


def group_modes(values: pa.ChunkedArray, groups: I64, number: int) -> pa.Array:
    """Return the most frequent value of each of so many groups, of equally frequent ones the smallest.

    Null of a group without values. Values are there, of a type that can be grouped and sorted.
    """
    table = pa.table({"group": pa.array(groups), "value": values})
    counted = table.group_by(["group", "value"]).aggregate([("value", "count")])
    best = counted.sort_by([("group", "ascending"), ("value_count", "descending"), ("value", "ascending")])
    which = np.asarray(best.column("group"))
    first = np.flatnonzero(np.concatenate([np.ones(min(len(which), 1), np.bool_), which[1:] != which[:-1]]))
    place = np.full(number, -1, np.int64)
    place[which[first]] = first
    column = best.column("value").combine_chunks()
    return column.take(pa.array(place, mask=place < 0))
