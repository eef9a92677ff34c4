"""Whether the rows that break a dependency are errors, or the dependency only agrees with the rows by chance.

Rows that share a left side can have one right side for two reasons: it is determined, but for errors, or it is drawn
like any other, and the rows are few or the value frequent. How the rows that differ are spread tells both apart:
errors come one at a time, while draws by chance come two against two as readily as three against one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["share_of_errors"]

I64 = NDArray[np.int64]

_ROUNDS = 50
_SMALL = 1e-6
_MOST_ERRORS = 0.5
_SETTLED = 1e-6


def share_of_errors(left: I64, right: I64, counts: I64) -> float:
    """Return the share of the rows that break a dependency which are errors.

    Parameters
    ----------
    left, right, counts : numpy.ndarray of int64
        Distinct pairs of codes, in the order of the left side, and the rows with each.

    Returns
    -------
    float
        From 0, where chance explains all of them, to 1: they differ from a value that is determined. 1 where none
        breaks it.

    Notes
    -----
    A mixture of two models, fitted by expectation maximisation to the left sides that come more than once. With n_v of
    k rows at the value v, which has the share p_v of all rows: where v is determined, with the error rate e, the rows
    are Σ_v p_v^(1 - n_v) (1 - e)^n_v e^(k - n_v) times as probable as where they are drawn by chance. Time is linear in
    pairs.

    References
    ----------
    Dempster, Laird, Rubin (1977). Maximum likelihood from incomplete data via the EM algorithm. JRSS B 39(1).
    Mandros, Boley, Vreeken (2017). Discovering reliable approximate functional dependencies.
    doi:10.1145/3097983.3098062 (why agreement has to be held against chance).

    Examples
    --------
    >>> import numpy as np
    >>> left = np.array([0, 1, 1, 2, 3])
    >>> share_of_errors(left, np.array([0, 1, 2, 2, 3]), np.array([20, 19, 1, 20, 20])) > 0.99
    True
    """
    if not len(left):
        return 1.0
    share = np.bincount(right, counts) / counts.sum()
    starts = np.flatnonzero(np.diff(left, prepend=-1))
    size = np.add.reduceat(counts, starts)
    several = np.repeat(size > 1, np.diff(np.append(starts, len(left))))
    left, right, counts = left[several], right[several], counts[several]
    starts = np.flatnonzero(np.diff(left, prepend=-1))
    size = size[size > 1]
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(left))))
    breaking = size - np.maximum.reduceat(counts, starts) if len(starts) else size
    if not breaking.any():
        return 1.0
    others = size[group] - counts
    rarity = (1 - counts) * np.log(share[right])
    part, rate = 0.5, float(breaking.sum() / size.sum())
    holds = np.ones(len(size))
    for _ in range(_ROUNDS):
        rate = min(max(rate, _SMALL), _MOST_ERRORS)
        said = rarity + counts * np.log1p(-rate) + others * np.log(rate)
        most = np.maximum.reduceat(said, starts)
        odds = most + np.log(np.add.reduceat(np.exp(said - most[group]), starts))
        wrong = np.add.reduceat(np.exp(said - odds[group]) * others, starts)
        holds = 1 / (1 + np.exp(-np.clip(odds + np.log(part) - np.log1p(-part), -50, 50)))
        before, part = part, float(np.clip(holds.mean(), _SMALL, 1 - _SMALL))
        rate = float((holds * wrong).sum() / max((holds * size).sum(), _SMALL))
        if abs(part - before) < _SETTLED:
            break
    return float((holds * breaking).sum() / breaking.sum())
