"""Labels that are probably wrong: what a recipe says of rows it has not seen, against the labels they have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.progress import SILENT, Progress
from headwater.methods.confident_learning import LabelNoise, estimate_noise, find_issues, label_quality
from headwater.reading.dataset import Dataset
from headwater.recipes.base import AUGMENTED_FROM, choose, encode_labels, feature_columns, load, task_of
from headwater.recipes.out_of_fold import out_of_fold
from headwater.store.cache import Cache

__all__ = ["LabelSuspects", "label_suspects"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LEAST_ROWS = 30
LEAST_OF_CLASS = 5


@dataclass(frozen=True, kw_only=True)
class LabelSuspects:
    """Rows whose label is probably wrong, the worst first.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (n,)
        Their numbers in scan order.
    given, suggested : numpy.ndarray of int64, shape (n,)
        Their class and the one that the recipe finds most probable, as places in ``classes``.
    confidence : numpy.ndarray of float, shape (n,)
        The probability of the suggested class.
    quality : numpy.ndarray of float, shape (n,)
        From 0 (the label is surely wrong) to 1: half of one plus its lead over the best other class.
    classes : tuple of str
        The classes.
    noise : LabelNoise
        The estimate of which class is taken for which.
    judged : int
        Rows with a label.
    recipe : str
        The recipe.
    """

    rows: I64
    given: I64
    suggested: I64
    confidence: F64
    quality: F64
    classes: tuple[str, ...]
    noise: LabelNoise
    judged: int
    recipe: str


def label_suspects(
    dataset: Dataset,
    label: str,
    *,
    recipe: str = "",
    exclude: tuple[str, ...] = (),
    folds: int = 5,
    seed: int = 0,
    cache: Cache | None = None,
    progress: Progress = SILENT,
) -> LabelSuspects | str:
    """Find labels that are probably wrong, by confident learning over cross-validated probabilities.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    label : str
        The label column.
    recipe : str
        Name of a recipe; ``text`` or ``tabular``, whichever fits, by default.
    exclude, folds, seed, cache, progress
        As in `headwater.recipes.out_of_fold.out_of_fold`, which keeps the probabilities of all rows.

    Returns
    -------
    LabelSuspects or str
        The suspects; or in words why these labels cannot be judged (too few rows, one class, numbers).
        Augmented rows are never suspects: they have the label of their source.

    References
    ----------
    Northcutt, Jiang, Chuang (2021). Confident learning: estimating uncertainty in dataset labels.
    doi:10.1613/jair.1.12125
    """
    values = dataset.to_arrow([label]).column(0).drop_null()
    if len(values) < LEAST_ROWS:
        return f"{len(values)} rows with a label are too few to learn from"
    if task_of(values.type, values) == "regression":
        return "it is a number to predict, not a class"
    if pc.count_distinct(values).as_py() < 2:
        return "all rows have the same label"
    counts = np.bincount(encode_labels(values).values.astype(np.int64))
    if np.sort(counts)[-2] < LEAST_OF_CLASS:
        return "all classes but one have too few rows to learn from"
    features = feature_columns(dataset.schema, label=label, key=dataset.key, exclude=exclude)
    chosen = recipe or choose(dataset.schema, features)
    found = out_of_fold(
        dataset,
        load(chosen),
        label=label,
        exclude=exclude,
        folds=folds,
        seed=seed,
        cache=cache,
        progress=progress,
    )
    given, p = found.labels.values.astype(np.int64), found.probabilities
    noise = estimate_noise(given, p)
    doubted = find_issues(given, p, prune="both", noise=noise)
    if AUGMENTED_FROM in dataset.schema.names:
        made = np.asarray(dataset.to_arrow([AUGMENTED_FROM]).column(0).is_valid())
        doubted &= ~made[found.rows]
    quality = label_quality(given, p, "normalised_margin")
    places = np.flatnonzero(doubted)
    places = places[np.lexsort((found.rows[places], quality[places]))]
    suggested = p[places].argmax(axis=1)
    return LabelSuspects(
        rows=found.rows[places],
        given=given[places],
        suggested=suggested.astype(np.int64),
        confidence=p[places, suggested],
        quality=quality[places],
        classes=found.labels.classes,
        noise=noise,
        judged=len(found.rows),
        recipe=chosen,
    )
