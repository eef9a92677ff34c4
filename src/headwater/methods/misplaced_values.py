"""Values in the wrong column: two columns swapped, or one column's value written behind the other's.

``Portland OR`` in a city column beside an empty state is two values in one; ``OR`` as the city beside
``Portland`` as the state is a swap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.methods.coded_values import Coded, kept_where

__all__ = ["Joined", "joined", "joined_parts", "swapped"]

I64 = NDArray[np.int64]
B = NDArray[np.bool_]

_TAIL = r"^(?P<head>.*\S)[\s,;/|-]+(?P<tail>[^\s,;/|-]+)$"
_MOSTLY = 0.8
_SELDOM = 0.1
_LEAST = 3
_RARER = 20


class Joined(NamedTuple):
    """What is left of each distinct value without the other column's, and that value's code; None and -1 for none."""

    head: NDArray[np.object_]
    tail: I64


def joined_parts(column: Coded, other: Coded) -> Joined:
    """Split values that end with a value of another column."""
    parts = pc.extract_regex(column.texts, _TAIL)
    tail = other.find(pc.fill_null(pc.struct_field(parts, "tail"), ""))
    tail[~np.asarray(parts.is_valid())] = -1
    tail[(tail >= 0) & (other.counts[tail] < 2)] = -1
    head = np.array([*pc.struct_field(parts, "head").to_pylist(), None], object)[:-1]
    return Joined(kept_where(tail >= 0, head), tail)


def joined(column: Coded, other: Coded) -> bool:
    """Say whether a column's values end with another column's value just where that is missing.

    Parameters
    ----------
    column, other : Coded
        The two columns, with the same rows.
    """
    empty = other.missing[other.codes] & ~column.missing[column.codes]
    if empty.sum() < _LEAST or empty.all() or (~empty).sum() < _LEAST:
        return False
    ends = joined_parts(column, other).tail[column.codes] >= 0
    return bool(ends[empty].mean() >= _MOSTLY and ends[~empty].mean() <= _SELDOM)


def swapped(first: Coded, second: Coded) -> B:
    """Return the rows whose values of two columns would fit if they changed places.

    Each value is known in the other column, and there far more frequent than in its own.
    """
    strange_first, strange_second = _strange(first, second), _strange(second, first)
    if not strange_first.any() or not strange_second.any():
        return np.zeros(len(first.codes), np.bool_)
    return np.asarray(strange_first[first.codes] & strange_second[second.codes])


def _strange(column: Coded, other: Coded) -> B:
    usual = np.flatnonzero((other.counts >= _LEAST) & ~other.missing)
    if not len(usual):
        return np.zeros(column.size, np.bool_)
    place = np.asarray(pc.fill_null(pc.index_in(column.texts, other.texts.take(pa.array(usual))), -1))
    there = np.where(place >= 0, other.counts[usual[np.maximum(place, 0)]], 0)
    return np.asarray((place >= 0) & (there >= _RARER * column.counts))
