"""How many of the least valuable rows to drop: as many as make the recipe better on rows that had no say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.recipes.base import Labels
from headwater.recipes.out_of_fold import predict_fold
from headwater.recipes.row_values import RowValues
from headwater.recipes.threads import one_thread

__all__ = ["SHARES", "ValueCut", "value_cut"]

F64 = NDArray[np.float64]

SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""The shares of rows that are tried."""

_CLEAR = 2.0


@dataclass(frozen=True, slots=True)
class ValueCut:
    """The share of rows to drop, and what speaks for it.

    Parameters
    ----------
    share : float
        The best share; 0 where dropping rows does not clearly help.
    errors : dict of str to float
        The share of rows predicted wrongly, of rows that had no say, by the share that was dropped.
    """

    share: float
    errors: dict[str, float]


def value_cut(
    found: RowValues,
    shares: Sequence[float] = SHARES,
    *,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> ValueCut:
    """Choose the share of the least valuable rows to drop, by cross-validation.

    Parameters
    ----------
    found : RowValues
        The rows and their values.
    shares : sequence of float
        What to try, between 0 and 1.
    seed : int
        Seed of the trainings.
    executor : Executor, optional
        Runs the trainings; one after the other by default.
    progress : Progress
        Told about them.

    Notes
    -----
    Each part of the rows is judged by models that were trained on the other parts without their least valuable rows,
    and these rows were valued by judges of other parts. If the share with the fewest errors beats dropping nothing by
    two standard errors of the paired difference, the smallest share is taken that is within one standard error of it;
    else nothing is dropped. Errors are counted, for
    wrong labels among the judged rows blur a count but do not bend it, while a log loss blames the better model for
    being sure (Ghosh et al.). Time: a training for every part and share.

    References
    ----------
    Hastie, Tibshirani, Friedman (2009). The elements of statistical learning, section 7.10 (one standard error;
    choices belong inside cross-validation).
    Ghosh, Kumar, Sastry (2017). Robust loss functions under label noise for deep neural networks. AAAI.
    """
    parts = [int(part) for part in np.unique(found.fold)]
    works = [(part, share) for share in (0.0, *shares) for part in parts]
    codes = found.labels.values.astype(np.int64)
    wanted = {part: np.argsort(found.without(part), kind="stable") for part in parts}

    def wrong(work: tuple[int, float]) -> F64:
        part, share = work
        stay = found.fold != part
        order = wanted[part][stay[wanted[part]]]
        stay[order[: round(share * len(order))]] = False
        held = found.fold == part
        some = np.flatnonzero(stay | held)
        labels = Labels(values=found.labels.values[some], classes=found.labels.classes)
        said = predict_fold(found.recipe, found.features.take(pa.array(some)), labels, held[some], seed)
        return np.asarray(said.argmax(axis=1) != codes[held], np.float64)

    with one_thread():
        runner = executor or LocalExecutor(1)
        found_wrong = list(
            runner.map(wrong, works, label="try without the least valuable", progress=progress)
        )
    by_share = [
        np.concatenate(found_wrong[start : start + len(parts)]) for start in range(0, len(works), len(parts))
    ]
    means = [float(errors.mean()) for errors in by_share]
    best = int(np.argmin(means))
    chosen = 0
    if best and _lead(by_share[0], by_share[best]) > _CLEAR:
        chosen = next(place for place in range(1, best + 1) if _lead(by_share[place], by_share[best]) <= 1.0)
    tried = (0.0, *shares)
    return ValueCut(
        share=tried[chosen],
        errors={f"{share:g}": round(mean, 6) for share, mean in zip(tried, means, strict=True)},
    )


def _lead(one: F64, other: F64) -> float:
    """Return how many fewer errors the other makes, in standard errors of the paired difference."""
    gain = one - other
    spread = float(gain.std()) / np.sqrt(len(gain))
    return float(gain.mean()) / spread if spread > 0 else 0.0
