"""Points that stand for all others: farthest-first traversal, the greedy solution of the k-centre problem.

References
----------
Gonzalez (1985). Clustering to minimize the maximum intercluster distance. Theoretical Computer Science 38.
doi:10.1016/0304-3975(85)90224-5 (at most twice the best radius)
Sener, Savarese (2018). Active learning for convolutional neural networks: a core-set approach. ICLR.
arXiv:1708.00489
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.progress import SILENT, Progress

__all__ = ["Centres", "farthest_first"]

F64 = NDArray[np.float64]
Numbers = NDArray[np.float32] | NDArray[np.float64]
I64 = NDArray[np.int64]

_MOST_WORK = 2 * 10**12
_STEPS = 64


class Centres(NamedTuple):
    """Points chosen, in the order of choice, and the distance of each point that is farthest from all of them then.

    ``radius[i]`` is the greatest distance of any point from the nearest of the first i + 1.
    """

    places: I64
    radius: F64


def farthest_first(
    points: Numbers, count: int, *, chosen: I64 | None = None, progress: Progress = SILENT
) -> Centres:
    """Choose points one by one, each the farthest from those chosen before.

    Parameters
    ----------
    points : numpy.ndarray of float, shape (n, d)
        Finite.
    count : int
        How many to choose; n at most.
    chosen : numpy.ndarray of int64, optional
        Places of points that are chosen already. Without any, the first choice is the point nearest to the mean.
    progress : Progress
        Told about the choices.

    Returns
    -------
    Centres
        The first of equally far points is taken.

    Raises
    ------
    UsageError
        If a number is not finite, or n * d * count is above 2e12, which would take an hour.

    Notes
    -----
    Time O(n d count); memory is a copy of the points in float32 and a number a point.
    """
    n, d = points.shape
    count = min(count, n if chosen is None else n - len(chosen))
    if not np.isfinite(points).all():
        raise UsageError("A number is missing or infinite, so distances cannot be taken. Fill it first.")
    if n * max(d, 1) * count > _MOST_WORK:
        raise UsageError(
            f"Choosing {count:,} of {n:,} points of {d} numbers would take hours. Choose fewer, or draw some of the "
            "rows at random first.",
            rows=n,
            count=count,
        )
    centred = (
        np.ascontiguousarray(points - points.mean(axis=0), np.float32) if n else np.zeros((0, d), np.float32)
    )
    squares = np.einsum("ij,ij->i", centred, centred)
    nearest = np.full(n, np.inf, np.float32)

    def cover(place: int) -> None:
        apart = squares + squares[place] - 2.0 * (centred @ centred[place])
        np.minimum(nearest, np.maximum(apart, 0.0), out=nearest)
        nearest[place] = -1.0

    for place in [] if chosen is None else chosen.tolist():
        cover(place)
    places, radius = np.empty(count, np.int64), np.empty(count)
    progress.start("choose", count)
    for step in range(count):
        first = step == 0 and (chosen is None or not len(chosen))
        places[step] = np.argmin(squares) if first else np.argmax(nearest)
        cover(int(places[step]))
        radius[step] = np.sqrt(max(float(nearest.max()), 0.0))
        if (step + 1) % _STEPS == 0:
            progress.advance("choose", _STEPS)
    progress.finish("choose")
    return Centres(places, radius)
