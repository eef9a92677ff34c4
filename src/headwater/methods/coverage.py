"""Which combinations of attribute values are missing or too rare: maximal uncovered patterns.

A pattern fixes some attributes and leaves the others open, such as (sex = F, region = any, age = 60+). It
is uncovered when fewer rows than a threshold match it, and maximal when every pattern that fixes one
attribute less is covered: the most general gaps, which imply all others.

References
----------
Asudeh, Jin, Jagadish (2019). Assessing and remedying coverage for a given dataset. ICDE.
doi:10.1109/ICDE.2019.00056
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import NotFound, UsageError
from headwater.core.schema import plain_type

__all__ = ["Gaps", "uncovered_patterns"]

I64 = NDArray[np.int64]
Places = tuple[int, ...]
Found = tuple[
    Places, I64, I64, NDArray[np.float64]
]  # attributes fixed, codes, rows that match, rows expected

_MOST_ATTRIBUTES = 12


@dataclass(frozen=True)
class Gaps:
    """Maximal uncovered patterns, most general first, then by the rows one would expect.

    Parameters
    ----------
    patterns : pyarrow.Table
        One row a pattern, one column an attribute; null where the pattern leaves it open.
    level : numpy.ndarray of int64
        How many attributes each pattern fixes.
    count : numpy.ndarray of int64
        How many rows match.
    expected : numpy.ndarray of float64
        How many rows would match if attributes were independent: where this is far above ``count``, the
        gap is no accident of rare values.
    """

    patterns: pa.Table
    level: I64
    count: I64
    expected: NDArray[np.float64]


def uncovered_patterns(
    table: pa.Table, attributes: Sequence[str], *, threshold: int, max_level: int = 3, count: str = "count"
) -> Gaps:
    """Return the maximal uncovered patterns of a table of counts.

    Parameters
    ----------
    table : pyarrow.Table
        A row a combination of attribute values, with the number of rows that have it. A row of count 0
        declares values that ought to occur. A null matches no fixed value.
    attributes : sequence of str
        The categorical columns, at most 12.
    threshold : int
        Rows a pattern must match to be covered, at least 1.
    max_level : int, default 3
        How many attributes a pattern may fix.
    count : str, default "count"
        The column of counts.

    Returns
    -------
    Gaps

    Notes
    -----
    Level by level, as in Apriori: a pattern is a candidate when all patterns one level up are covered,
    and of those there are at most rows / threshold for each set of attributes. So time and memory are
    bounded by sets of attributes times (combinations + rows / threshold times values), not by the product
    of the domains.
    """
    _check(table, attributes, threshold, max_level, count)
    counts = np.asarray(pc.fill_null(table[count], 0).to_numpy(), np.int64)
    encoded = [_encode(table[name]) for name in attributes]
    codes = [code for code, _ in encoded]
    sizes = [len(values) for _, values in encoded]
    total = int(counts.sum())
    if total < threshold:
        return _gaps(
            attributes, encoded, [((), np.zeros(1, np.int64), np.array([total]), np.array([float(total)]))]
        )
    shares = [
        np.bincount(code[code >= 0], counts[code >= 0], minlength=size) / total
        for code, size in zip(codes, sizes, strict=True)
    ]
    if math.prod(sorted(sizes)[-max_level:]) >= 2**62:
        raise UsageError(
            f"Too many values to combine: {dict(zip(attributes, sizes, strict=True))}. Group them first."
        )
    covered: dict[Places, I64] = {(): np.zeros(1, np.int64)}
    found: list[Found] = []
    for level in range(1, min(max_level, len(attributes)) + 1):
        for places in combinations(range(len(attributes)), level):
            candidates = _candidates(places, sizes, covered)
            matching = _count_patterns(candidates, places, codes, sizes, counts)
            covered[places] = candidates[matching >= threshold]
            gaps = candidates[matching < threshold]
            expected = np.full(gaps.size, float(total))
            for place in places:
                expected *= shares[place][gaps // _weight(places, place, sizes) % sizes[place]]
            found.append((places, gaps, matching[matching < threshold], expected))
    return _gaps(attributes, encoded, found)


def _check(table: pa.Table, attributes: Sequence[str], threshold: int, max_level: int, count: str) -> None:
    for name in [*attributes, count]:
        if name not in table.column_names:
            raise NotFound.among("column", name, table.column_names, where="the table of counts")
    if threshold < 1 or max_level < 1:
        raise UsageError(f"threshold {threshold} and max_level {max_level} must be at least 1.")
    if not 1 <= len(attributes) <= _MOST_ATTRIBUTES or len(set(attributes)) < len(attributes):
        raise UsageError(f"Give 1 to {_MOST_ATTRIBUTES} different attributes, not {len(attributes)}.")


def _encode(column: pa.ChunkedArray) -> tuple[I64, pa.Array]:
    """Return a code for each row, -1 for null, and the value of each code, sorted where values can be."""
    column = column.cast(plain_type(column.type))
    values = pc.drop_null(column.unique())
    values = values.take(pc.sort_indices(values))
    codes = pc.fill_null(pc.index_in(column, value_set=values), -1)
    return np.asarray(codes.to_numpy(), np.int64), values


def _weight(places: Places, place: int, sizes: list[int]) -> int:
    """Return what one step of an attribute's code adds to a pattern's code (mixed radix, first is highest)."""
    weight = 1
    for later in places[places.index(place) + 1 :]:
        weight *= sizes[later]
    return weight


def _candidates(places: Places, sizes: list[int], covered: dict[Places, I64]) -> I64:
    """Return the codes of the patterns on ``places`` all of whose parents are covered, rising."""
    last = sizes[places[-1]]
    codes = (covered[places[:-1]][:, None] * last + np.arange(last)).ravel()
    for place in places[:-1]:
        weight = _weight(places, place, sizes)
        parents = codes // (weight * sizes[place]) * weight + codes % weight
        rest = tuple(other for other in places if other != place)
        codes = codes[np.isin(parents, covered[rest])]
    return codes


def _count_patterns(patterns: I64, places: Places, codes: list[I64], sizes: list[int], counts: I64) -> I64:
    if patterns.size == 0:
        return np.zeros(0, np.int64)
    rows = np.zeros(counts.size, np.int64)
    known = np.ones(counts.size, np.bool_)
    for place in places:
        rows = rows * sizes[place] + codes[place]
        known &= codes[place] >= 0
    at = np.searchsorted(patterns, rows)
    at[at == patterns.size] = 0
    hit = known & (patterns[at] == rows)
    return np.bincount(at[hit], counts[hit], minlength=patterns.size).astype(np.int64)


def _gaps(attributes: Sequence[str], encoded: list[tuple[I64, pa.Array]], found: list[Found]) -> Gaps:
    sizes = [len(values) for _, values in encoded]
    level = np.repeat([len(places) for places, *_ in found], [gaps.size for _, gaps, *_ in found])
    count = np.concatenate([matching for *_, matching, _ in found])
    expected = np.concatenate([rows for *_, rows in found])
    order = np.lexsort((-expected, level))
    columns = {}
    for place, (name, (_, values)) in enumerate(zip(attributes, encoded, strict=True)):
        parts = [
            gaps // _weight(places, place, sizes) % sizes[place]
            if place in places
            else np.full(gaps.size, -1)
            for places, gaps, *_ in found
        ]
        codes = np.concatenate(parts)[order]
        columns[name] = values.take(pa.array(codes, mask=codes < 0))
    return Gaps(pa.table(columns), level[order].astype(np.int64), count[order], expected[order])
