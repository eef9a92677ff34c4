"""What several dependencies say of one column: each left side votes for the value its other rows have.

One dependency cannot tell whether its left or its right side is wrong. Several can: a wrong zip breaks
``zip -> city`` alone, a wrong city breaks ``zip -> city``, ``phone -> city`` and ``name -> city``. A left
side that is itself in doubt has less of a vote.

References
----------
Rekatsinas, Chu, Ilyas, Ré (2017). HoloClean: holistic data repairs with probabilistic inference. VLDB.
doi:10.14778/3137628.3137631 (dependencies and co-occurrence as evidence, weighed together).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ballot", "Votes", "ballot", "vote"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_DOUBT = 1.0


@dataclass(frozen=True, eq=False)
class Ballot:
    """Which right sides come with each left side, and how often.

    Parameters
    ----------
    keys, counts : numpy.ndarray of int64
        Pairs as ``left * width + right``, rising, and the rows with each.
    width : int
        Codes of the right side.
    total, first, second : numpy.ndarray of int64
        For each left side: its rows, and the counts of its two most frequent right sides.
    top, next : numpy.ndarray of int64
        These right sides; -1 for none.
    trust : float
        How much its votes weigh.
    """

    keys: I64
    counts: I64
    width: int
    total: I64
    first: I64
    second: I64
    top: I64
    next: I64
    trust: float = 1.0


class Votes(NamedTuple):
    """For each row: how much the votes are for another value than its own (0 to 1), and for which (-1: none)."""

    against: F64
    meant: I64


def ballot(
    left: I64, right: I64, lefts: int, rights: int, missing_right: int, *, trust: float = 1.0
) -> Ballot:
    """Count pairs of codes; a missing right side (its code, or -1) is no vote, a left side of -1 neither."""
    known = (left >= 0) & (right != missing_right)
    keys, counts = np.unique(left[known] * rights + right[known], return_counts=True)
    of = keys // rights
    total = np.bincount(of, counts, lefts).astype(np.int64)
    order = np.lexsort((keys, -counts, of))
    starts = np.flatnonzero(np.diff(of[order], prepend=-1))
    first, second = np.zeros(lefts, np.int64), np.zeros(lefts, np.int64)
    top, next_ = np.full(lefts, -1), np.full(lefts, -1)
    group = of[order[starts]]
    first[group], top[group] = counts[order[starts]], keys[order[starts]] % rights
    more = np.diff(np.append(starts, len(order))) > 1
    runner = order[starts[more] + 1]
    second[group[more]], next_[group[more]] = counts[runner], keys[runner] % rights
    return Ballot(keys, counts.astype(np.int64), rights, total, first, second, top, next_, trust)


def vote(ballots: Sequence[Ballot], lefts: Sequence[I64], weights: Sequence[F64], own: I64) -> Votes:
    """Let the left sides of each row vote on its right side; a row does not vote for itself.

    Parameters
    ----------
    ballots : sequence of Ballot
        One for each dependency on the column.
    lefts : sequence of numpy.ndarray
        The rows' codes of each left side; -1 where it was never seen.
    weights : sequence of numpy.ndarray
        How much each left side is to be believed, from 0 to 1, by row.
    own : numpy.ndarray of int64
        The rows' codes of the right side; -1 where it was never seen.

    Returns
    -------
    Votes
    """
    rows = len(own)
    for_own, for_other, other, say = [], [], [], []
    for one, left, weight in zip(ballots, lefts, weights, strict=True):
        seen = left >= 0
        at = np.where(seen, left, 0)
        mine = np.where(seen & (own >= 0), _count(one, at, own), 0)
        is_top = (one.top[at] == own) & (mine > 0)
        meant = np.where(is_top, one.next[at], one.top[at])
        rival = np.where(is_top, one.second[at], one.first[at])
        voters = np.where(seen, one.total[at] - (mine > 0), 0)
        for_own.append(np.maximum(mine - 1, 0) / (voters + _DOUBT))
        for_other.append(np.where(voters > 0, rival / (voters + _DOUBT), 0.0))
        other.append(np.where((voters > 0) & (rival > 0), meant, -1))
        say.append(weight * (voters > 0))
    against, chosen = np.zeros(rows), np.full(rows, -1)
    if not ballots:
        return Votes(against, chosen)
    spoken = np.maximum(sum(say), 1e-9)
    kept = sum(s * o for s, o in zip(say, for_own, strict=True))
    for candidate in other:
        support = sum(s * o * (m == candidate) for s, o, m in zip(say, for_other, other, strict=True))
        lead = np.where(candidate >= 0, (support - kept) / spoken, 0.0)
        better = lead > against
        against, chosen = np.where(better, lead, against), np.where(better, candidate, chosen)
    return Votes(np.clip(against, 0.0, 1.0), chosen)


def _count(one: Ballot, left: I64, right: I64) -> I64:
    if not len(one.keys):
        return np.zeros(len(left), np.int64)
    wanted = left * one.width + right
    place = np.minimum(np.searchsorted(one.keys, wanted), len(one.keys) - 1)
    return np.where(one.keys[place] == wanted, one.counts[place], 0)
