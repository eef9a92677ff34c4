"""Fill gaps along an order, such as time: from the value before, the value after, or between the two."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError, require_choice

__all__ = ["Neighbours", "Way", "between", "neighbours"]

Way = Literal["forward", "backward", "linear", "nearest"]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Neighbours:
    """The nearest donors of each row in its group: their numbers, -1 where there is none.

    Attributes
    ----------
    before, after : numpy.ndarray of int64
        The last donor before a row, and the first one after it.
    steps_before, steps_after : numpy.ndarray of int64
        How many rows further on the row is than that donor.
    """

    def __init__(self, before: I64, after: I64, steps_before: I64, steps_after: I64) -> None:
        self.before, self.after = before, after
        self.steps_before, self.steps_after = steps_before, steps_after

    def source(self, way: Way, order: F64, limit: int = 0) -> I64:
        """Return the row that each row takes its value from; -1 for none.

        Parameters
        ----------
        way : {"forward", "backward", "nearest"}
            From the donor before, the one after, or the nearer one by ``order``, the one before if both are as near.
        order : numpy.ndarray of float64
            The place of each row.
        limit : int
            The most rows away that a donor may be; 0 for any.
        """
        require_choice("way", way, get_args(Way))
        before = np.where((limit > 0) & (self.steps_before > limit), -1, self.before)
        after = np.where((limit > 0) & (self.steps_after > limit), -1, self.after)
        if way == "forward":
            return before
        if way == "backward":
            return after
        gap_before = np.where(before >= 0, order - order[before], np.inf)
        gap_after = np.where(after >= 0, order[after] - order, np.inf)
        return np.where(gap_before <= gap_after, before, after)


def neighbours(order: F64, groups: I64, donors: Mask) -> Neighbours:
    """Return the nearest donors of each row along an order, within its group.

    Parameters
    ----------
    order : numpy.ndarray of float64
        The place of each row. Rows at the same place are in the order of their numbers; one with NaN has no donors
        and is none.
    groups : numpy.ndarray of int64
        The group of each row.
    donors : numpy.ndarray of bool
        Which rows have a value to give.

    Notes
    -----
    O(n log n), one sort.
    """
    if not len(order) == len(groups) == len(donors):
        raise UsageError("Each row needs a place, a group, and whether it has a value.")
    rows = np.arange(len(order))
    placed = np.isfinite(order)
    sorting = np.lexsort((rows, np.where(placed, order, np.inf), groups))
    group, gives = groups[sorting], (donors & placed)[sorting]
    last = np.maximum.accumulate(np.where(gives, rows, -1)) if len(rows) else rows
    following = np.minimum.accumulate(np.where(gives, rows, len(rows))[::-1])[::-1] if len(rows) else rows
    before, after = np.full(len(rows), -1, np.int64), np.full(len(rows), -1, np.int64)
    steps_before, steps_after = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    known = placed[sorting]
    for found, target, steps, sign in ((last, before, steps_before, 1), (following, after, steps_after, -1)):
        inside = (found >= 0) & (found < len(rows)) & known
        inside[inside] = group[found[inside]] == group[inside]
        target[sorting[inside]] = sorting[found[inside]]
        steps[sorting[inside]] = sign * (rows[inside] - found[inside])
    return Neighbours(before, after, steps_before, steps_after)


def between(near: Neighbours, order: F64, values: F64, limit: int = 0) -> F64:
    """Return the value on the straight line between the donors of each row; NaN without one on each side.

    A row at the place of a donor has its value. ``limit`` is as in `Neighbours.source`.
    """
    inside = (near.before >= 0) & (near.after >= 0)
    if limit > 0:
        inside &= (near.steps_before <= limit) | (near.steps_after <= limit)
    first, second = near.before, near.after
    gap = order[second] - order[first]
    share = np.divide(order - order[first], gap, out=np.zeros(len(order)), where=inside & (gap > 0))
    line = values[first] + share * (values[second] - values[first])
    return np.where(inside, line, np.nan)
