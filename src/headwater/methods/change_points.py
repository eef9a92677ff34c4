"""How a distribution changed over a series of windows: not at all, suddenly, gradually, or to and fro.

Each window is a row of counts over the same bins, so that one method does for numbers and categories alike.

References
----------
Jackson et al. (2005). An algorithm for optimal partitioning of data on an interval. doi:10.1109/LSP.2001.838216
Killick, Fearnhead, Eckley (2012). Optimal detection of changepoints with a linear computational cost.
doi:10.1080/01621459.2012.737745 (the cost and its penalty).
McCullagh, Nelder (1989). Generalized linear models, 2nd edition, 4.5 (dispersion).
Gama et al. (2014). A survey on concept drift adaptation. doi:10.1145/2523813 (the kinds of change).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.methods.distributions import chi2_quantile
from headwater.methods.divergence import jensen_shannon

__all__ = ["Change", "ChangeKind", "change_kind", "excess_distance", "segment_starts"]

ChangeKind = Literal["none", "sudden", "gradual", "recurring"]

F64 = NDArray[np.float64]

_RAMP = 3
"""Windows that a gradual change takes at least."""
_PLACES = 40
"""Places where a ramp may start and end that are tried."""
_MINOR = 0.4
"""The part of the largest distance below which a change is not told beside it."""
_LEAST_WINDOWS = 6
_CLEAR = 6.0
"""By how much the criterion of one course must be less than that of another to be preferred (Kass and Raftery)."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a distribution changed.

    Parameters
    ----------
    kind : {"none", "sudden", "gradual", "recurring"}
        Sudden: from one window to the next, once or several times. Gradual: over several windows. Recurring: what
        was before came back.
    starts : tuple of int
        The windows with which another distribution begins; for a gradual change the one with which it sets in.
    size : float
        The largest Jensen-Shannon distance of two stretches without a change, from 0 to 1.
    """

    kind: ChangeKind
    starts: tuple[int, ...] = ()
    size: float = 0.0


def change_kind(counts: ArrayLike, *, least: float = 0.1, alpha: float = 0.001) -> Change:
    """Return how a distribution changed from window to window.

    Parameters
    ----------
    counts : array_like of float, shape (windows, bins)
        Rows of each window in each bin; a window may be empty.
    least : float
        The Jensen-Shannon distance from which on a change counts, however certain it is.
    alpha : float
        How often chance alone may make a change.

    Returns
    -------
    Change

    Notes
    -----
    Windows are cut into stretches by `segment_starts`, and stretches put together again that are nearer to each other
    than ``least``, or than 0.4 of the largest distance there is. What comes back within half the distance it had gone
    is recurring. Between the first stretch and the one farthest from it, the course of the windows (their projection
    on the line from one to the other) is held against steps and against a ramp, by the Bayesian information criterion.
    """
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or (table < 0).any():
        raise UsageError("Windows by bins of counts that are not negative are needed.")
    filled = np.flatnonzero(table.sum(axis=1) > 0)
    table = table[filled][:, table.sum(axis=0) > 0]
    if len(table) < 2 or table.shape[1] < 2:
        return Change("none")
    starts = _joined(table, segment_starts(table, alpha=alpha), least)
    if not starts:
        return Change("none")
    # Beside a large change, smaller ones to and fro are how things are before or after it.
    starts = _joined(table, starts, _MINOR * float(_apart(table, starts).max()))
    apart = _apart(table, starts)
    stretches, size = _stretches(table, starts), float(apart.max())
    named = tuple(int(filled[start]) for start in starts)
    if _comes_back(apart):
        return Change("recurring", named, size)
    far = int(apart[0].argmax())
    onset = _ramp_start(table, stretches[0], stretches[far], starts)
    if onset is not None:
        return Change("gradual", (int(filled[onset]),), size)
    return Change("sudden", named, size)


def segment_starts(counts: ArrayLike, *, alpha: float = 0.001) -> list[int]:
    """Return the windows with which another distribution begins, the first window left out.

    Parameters
    ----------
    counts : array_like of float, shape (windows, bins)
        Rows of each window in each bin, no window empty.
    alpha : float
        How often chance alone may make a start in the whole series.

    Notes
    -----
    The partition of least cost, found exactly in O(windows² bins): the cost of a stretch is that of its counts under
    one multinomial distribution (-2 ln L), divided by how much more windows vary than chance would have them (the
    median of the bends of their shares over that of chance, where there are six windows at least); each start costs
    the quantile of chi-square that chance exceeds once in 1 / alpha series.
    """
    table = np.asarray(counts, np.float64)
    windows = len(table)
    if windows < 2:
        return []
    freedom = max(int((table.sum(axis=0) > 0).sum()) - 1, 1)
    # Any of the windows² stretches may be the one that chance sets apart.
    penalty = _quantile(1 - alpha / windows**2, freedom) * _dispersion(table)
    sums = np.vstack([np.zeros(table.shape[1]), np.cumsum(table, axis=0)])
    best = np.full(windows + 1, np.inf)
    best[0] = -penalty
    before = np.zeros(windows + 1, np.int64)
    for end in range(1, windows + 1):
        costs = best[:end] + _costs(sums[end] - sums[:end]) + penalty
        before[end] = int(np.argmin(costs))
        best[end] = costs[before[end]]
    starts, place = [], int(before[windows])
    while place > 0:
        starts.append(place)
        place = int(before[place])
    return starts[::-1]


def excess_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Return the Jensen-Shannon distance of two sets of counts, less what chance alone would make of it.

    Notes
    -----
    With n and m rows and d bins in use chance gives a divergence of (d - 1)(1/n + 1/m) / (8 ln 2) bits on average.

    References
    ----------
    Grosse et al. (2002). Analysis of symbolic sequences using the Jensen-Shannon divergence.
    doi:10.1103/PhysRevE.65.041905
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not a.sum() or not b.sum():
        return float("nan")
    used = int(((a + b) > 0).sum())
    chance = (used - 1) * (1 / a.sum() + 1 / b.sum()) / (8 * np.log(2))
    return float(np.sqrt(max(jensen_shannon(a, b) ** 2 - chance, 0.0)))


def _dispersion(table: F64) -> float:
    """Return how much more windows vary than chance would have them, at least 1.

    By the bend of the shares at each window: a steady trend has none, and a step has two.
    """
    if len(table) < _LEAST_WINDOWS:
        return 1.0  # any of so few may be the change that is looked for
    rows = table.sum(axis=1, keepdims=True)
    shares = table / rows
    bends = shares[:-2] - 2 * shares[1:-1] + shares[2:]
    middle = (table[:-2] + table[1:-1] + table[2:]) / (rows[:-2] + rows[1:-1] + rows[2:])
    chance = middle * (1 / rows[:-2] + 4 / rows[1:-1] + 1 / rows[2:])
    terms = np.divide(bends**2, chance, out=np.zeros_like(bends), where=chance > 0)
    freedom = np.maximum((middle > 0).sum(axis=1) - 1, 0)
    known = freedom > 0
    if not known.any():
        return 1.0
    usual = np.array([_quantile(0.5, int(one)) for one in freedom[known]])
    return max(1.0, float(np.median(terms.sum(axis=1)[known] / usual)))


@lru_cache(maxsize=1024)
def _quantile(p: float, freedom: int) -> float:
    return float(chi2_quantile(p, freedom))


def _costs(sums: F64) -> F64:
    totals = sums.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(sums > 0, sums * np.log(sums / totals), 0.0)
    return np.asarray(-2 * terms.sum(axis=1), np.float64)


def _stretches(table: F64, starts: list[int]) -> F64:
    return np.add.reduceat(table, [0, *starts], axis=0)


def _apart(table: F64, starts: list[int]) -> F64:
    """Return the distances of all stretches from each other."""
    stretches = _stretches(table, starts)
    return np.array([[jensen_shannon(a, b) for b in stretches] for a in stretches])


def _joined(table: F64, starts: list[int], least: float) -> list[int]:
    """Return the starts without those of stretches that are near the one before, the nearest first."""
    kept = list(starts)
    while kept:
        stretches = _stretches(table, kept)
        steps = [jensen_shannon(a, b) for a, b in pairwise(stretches)]
        nearest = int(np.argmin(steps))
        if steps[nearest] >= least:
            break
        del kept[nearest]
    return kept


def _comes_back(apart: F64) -> bool:
    """Say whether a stretch is much nearer to an earlier one than one between the two is."""
    count = len(apart)
    return any(
        apart[i, j] <= 0.5 * apart[i, i + 1 : j].max() for i in range(count) for j in range(i + 2, count)
    )


def _ramp_start(table: F64, first: F64, last: F64, starts: list[int]) -> int | None:
    """Return where a gradual change sets in, if a ramp says more about the windows than steps do."""
    shares = table / table.sum(axis=1, keepdims=True)
    origin, goal = first / first.sum(), last / last.sum()
    line = goal - origin
    course = (shares - origin) @ line / float(line @ line)
    windows = len(course)
    floor = 1e-4  # a course without any noise would make every criterion infinite

    def criterion(residual: float, parameters: int) -> float:
        return windows * float(np.log(residual / windows + floor)) + parameters * float(np.log(windows))

    edges = [0, *starts, windows]
    steps = sum(float(((course[a:b] - course[a:b].mean()) ** 2).sum()) for a, b in pairwise(edges))
    stepped = criterion(steps, 2 * len(starts) + 1)
    places = np.unique(np.linspace(0, windows - 1, min(windows, _PLACES)).astype(np.int64))
    at = np.arange(windows)
    best, onset = np.inf, None
    for start in places.tolist():
        for end in places[places >= start + _RAMP].tolist():
            ramp = np.clip((at - start) / (end - start), 0.0, 1.0)
            centred = ramp - ramp.mean()
            slope = float(centred @ course) / float(centred @ centred)
            residual = float(((course - course.mean() - slope * centred) ** 2).sum())
            found = criterion(residual, 4)
            if found < best:
                best, onset = found, start + 1
    return onset if best < stepped - _CLEAR else None
