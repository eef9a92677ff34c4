"""Functional dependencies that hold but for some rows: how nearly, which rows break them, and which there are.

``zip -> city`` holds when rows with one zip have one city. A dependency that holds nearly always points to
its exceptions: most of them are errors.

References
----------
Kivinen, Mannila (1995). Approximate inference of functional dependencies from relations. Theoretical
Computer Science 149(1). doi:10.1016/0304-3975(95)00028-U (the error g3).
Huhtala, Kärkkäinen, Porkka, Toivonen (1999). TANE. The Computer Journal 42(2). doi:10.1093/comjnl/42.2.100
Mandros, Boley, Vreeken (2017). Discovering reliable approximate functional dependencies. KDD.
doi:10.1145/3097983.3098062 (why the plain error favours left sides with many values).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import NotFound, UsageError
from headwater.core.hashing import hash_array, hash_columns

__all__ = ["Dependency", "Violations", "discover", "measure", "measure_counts", "violations"]

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Dependency:
    """How nearly the columns ``lhs`` determine the column ``rhs``.

    Parameters
    ----------
    lhs : tuple of str
        The determining columns.
    rhs : str
        The determined column.
    rows : int
        Rows in which all of them are known; the others say nothing.
    breaking : int
        The fewest rows that would have to go for the dependency to hold.
    evidence : int
        Rows that share their left side with another row: only these can break it.
    strength : float
        How much better ``rhs`` is predicted from the other rows with the same left side than by its
        most frequent value, over the evidence: 0 means not at all, 1 always right. NaN where ``rhs``
        does not vary.
    """

    lhs: tuple[str, ...]
    rhs: str
    rows: int
    breaking: int
    evidence: int
    strength: float

    @property
    def error(self) -> float:
        """The error g3: the fraction of rows that would have to go; 0 means that it holds."""
        return self.breaking / self.rows if self.rows else 0.0


class Violations(NamedTuple):
    """Rows that break a dependency, and for each a row with the value that it should have."""

    rows: I64
    model: I64


def measure(table: pa.Table, lhs: Sequence[str], rhs: str) -> Dependency:
    """Measure one dependency.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    lhs : sequence of str
        The determining columns, at least one.
    rhs : str
        The determined column.

    Returns
    -------
    Dependency

    Notes
    -----
    Time is rows times log rows: values are compared by their 64-bit hashes.
    """
    left, right, known = _codes(table, lhs, rhs)
    return measure_counts(left[known], right[known], None, lhs=lhs, rhs=rhs)


def measure_counts(
    left: I64, right: I64, counts: I64 | None, *, lhs: Sequence[str] = ("lhs",), rhs: str = "rhs"
) -> Dependency:
    """Measure a dependency from a table of counts, which may come from many parts.

    Parameters
    ----------
    left, right : numpy.ndarray of int64
        Codes of the left and right sides, from 0; a pair may come several times.
    counts : numpy.ndarray of int64 or None
        Rows with each pair; one by default.
    lhs : sequence of str, optional
        Names of the left side.
    rhs : str, optional
        Name of the right side.

    Returns
    -------
    Dependency
    """
    pair_left, pair_right, pair_count = _pairs(left, right, counts)
    rows = int(pair_count.sum())
    if rows == 0:
        return Dependency(tuple(lhs), rhs, 0, 0, 0, float("nan"))
    starts = np.flatnonzero(np.diff(pair_left, prepend=-1))
    size = np.add.reduceat(pair_count, starts)
    top = np.maximum.reduceat(pair_count, starts)
    shared = np.repeat(size > 1, np.diff(np.append(starts, pair_left.size)))
    evidence = int(size[size > 1].sum())
    strength = _strength(pair_right[shared], pair_count[shared], pair_left[shared])
    return Dependency(tuple(lhs), rhs, rows, rows - int(top.sum()), evidence, strength)


def violations(table: pa.Table, lhs: Sequence[str], rhs: str) -> Violations:
    """Return the rows whose right side differs from that of most rows with the same left side.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    lhs : sequence of str
        The determining columns.
    rhs : str
        The determined column.

    Returns
    -------
    Violations
        ``rows``, rising; and ``model``: for each the first row with the most frequent value, or -1 where
        several values are equally frequent (then all rows of that left side are among ``rows``).
    """
    left, right, known = _codes(table, lhs, rhs)
    positions = np.flatnonzero(known)
    left, right = left[known], right[known]
    if positions.size == 0:
        return Violations(positions, positions)
    pair_left, pair_right, pair_count = _pairs(left, right, None)
    starts = np.flatnonzero(np.diff(pair_left, prepend=-1))
    width = np.diff(np.append(starts, pair_left.size))
    top = np.maximum.reduceat(pair_count, starts)
    is_top = pair_count == np.repeat(top, width)
    alone = np.add.reduceat(is_top.astype(np.int64), starts) == 1
    winner = np.full(int(left.max()) + 1, -1)
    winner[pair_left[is_top]] = pair_right[is_top]
    winner[pair_left[starts[~alone]]] = -1
    breaking = right != winner[left]
    rows = positions[breaking]
    model = np.full(winner.size, -1)
    holds = np.flatnonzero(~breaking)[::-1]  # the first row of each left side is written last
    model[left[holds]] = positions[holds]
    return Violations(rows, model[left[breaking]])


def discover(
    table: pa.Table,
    columns: Sequence[str] | None = None,
    *,
    max_error: float = 0.05,
    min_strength: float = 0.8,
    min_evidence: float = 0.3,
    sample: int = 20_000,
    rng: np.random.Generator,
) -> list[Dependency]:
    """Return the dependencies of one column on another that hold, or nearly so.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    columns : sequence of str, optional
        Which columns; all by default.
    max_error : float, default 0.05
        The largest g3.
    min_strength : float, default 0.8
        The least strength: keeps out right sides that hardly vary.
    min_evidence : float, default 0.3
        The least fraction of rows that share their left side: keeps out left sides that are nearly keys.
    sample : int, default 20000
        Pairs of columns are tried on so many rows first; the error of a sample is, on average, no larger
        than that of all rows.
    rng : numpy.random.Generator
        Picks the sample.

    Returns
    -------
    list of Dependency
        Strongest first.

    Notes
    -----
    Time is columns times rows log rows, plus pairs of columns times sample, plus rows log rows for each
    pair that passes the sample.
    """
    names = list(table.column_names if columns is None else columns)
    codes, knowns = [], []
    for name in names:
        code, _, known = _codes(table, [name], name)
        codes.append(code)
        knowns.append(known)
    picked = np.arange(table.num_rows)
    if table.num_rows > sample:
        picked = np.sort(rng.choice(table.num_rows, sample, replace=False))
    slack = 3 * np.sqrt(max_error * (1 - max_error) / max(picked.size, 1))
    found = []
    for i, lhs in enumerate(names):
        for j, rhs in enumerate(names):
            if i == j or not _may_hold(codes[i], codes[j], picked, knowns[i] & knowns[j], max_error + slack):
                continue
            known = knowns[i] & knowns[j]
            result = measure_counts(codes[i][known], codes[j][known], None, lhs=[lhs], rhs=rhs)
            if (
                result.error <= max_error
                and result.strength >= min_strength
                and result.evidence >= max(min_evidence * result.rows, 2)
            ):
                found.append(result)
    return sorted(found, key=lambda result: (-result.strength, result.error))


def _may_hold(left: I64, right: I64, picked: I64, known: NDArray[np.bool_], limit: float) -> bool:
    some = picked[known[picked]]
    return some.size > 1 and measure_counts(left[some], right[some], None).error <= limit


def _codes(table: pa.Table, lhs: Sequence[str], rhs: str) -> tuple[I64, I64, NDArray[np.bool_]]:
    """Return codes of the left and right sides, and in which rows all columns are known."""
    if not lhs:
        raise UsageError("A dependency needs at least one determining column.")
    for name in (*lhs, rhs):
        if name not in table.column_names:
            raise NotFound.among("column", name, table.column_names, where="the table")
    known = np.ones(table.num_rows, np.bool_)
    for name in {*lhs, rhs}:
        if table[name].null_count:
            known &= np.asarray(table[name].is_valid())
    left = hash_columns(table, lhs)
    right = left if list(lhs) == [rhs] else hash_array(table[rhs])
    return _dense(left), _dense(right), known


def _dense(hashes: NDArray[np.uint64]) -> I64:
    return np.unique(hashes, return_inverse=True)[1].astype(np.int64)


def _pairs(left: I64, right: I64, counts: I64 | None) -> tuple[I64, I64, I64]:
    """Return the distinct pairs with their counts, sorted by the left side."""
    if left.size == 0:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    width = int(right.max()) + 1
    keys = left * width + right
    if (int(left.max()) + 1) * width <= 4 * keys.size:
        totals = np.bincount(keys, counts).astype(np.int64)
        distinct = np.flatnonzero(totals)
        return distinct // width, distinct % width, totals[distinct]
    distinct, place, number = np.unique(keys, return_inverse=True, return_counts=True)
    if counts is not None:
        number = np.bincount(place, counts).astype(np.int64)
        distinct, number = distinct[number > 0], number[number > 0]
    return distinct // width, distinct % width, number


def _strength(right: I64, counts: I64, left: I64) -> float:
    """Return the gain of predicting each row's right side from the other rows of its left side."""
    total = int(counts.sum())
    base = np.bincount(right, counts).max() / total if total else 1.0
    if base == 1.0:
        return float("nan")
    order = np.lexsort((-counts, left))
    ordered, group = counts[order], left[order]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    has_second = np.append(np.diff(starts), ordered.size - starts[-1]) > 1
    top = ordered[starts]
    second = np.where(has_second, ordered[np.minimum(starts + 1, ordered.size - 1)], 0)
    # Without the row itself the top value leads, or ties with the second (half right), or is behind.
    right_rows = (top * np.where(top - 1 > second, 1.0, np.where((top - 1 == second), 0.5, 0.0))).sum()
    return float((right_rows / total - base) / (1 - base))
