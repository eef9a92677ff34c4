"""Gaps between groups: how differently a model treats the values of a sensitive feature.

A gap is the highest rate of any group minus the lowest; 0 means that all groups are treated alike.

References
----------
Hardt, Price, Srebro (2016). Equality of opportunity in supervised learning. NeurIPS 29 (equal true and false
positive rates).
Calders, Kamiran, Pechenizkiy (2009). Building classifiers with independency constraints. ICDM workshops.
doi:10.1109/ICDMW.2009.83 (equal selection rates).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.recipes.base import Labels

__all__ = ["GAP_NAMES", "LEAST_OF_GROUP", "gap", "rates"]

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_OF_GROUP = 30
"""A group with fewer rows has no rate worth comparing."""

GAP_NAMES = {
    "selection_rate_gap": "how often the second class is predicted",
    "true_positive_rate_gap": "how often the second class is found where it is true",
    "false_positive_rate_gap": "how often the second class is predicted where it is not true",
    "accuracy_gap": "how often the prediction is right",
    "mean_absolute_error_gap": "how far the prediction is off",
}
"""What the rate of each gap is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A mean of ``values`` over the rows that ``counts`` marks."""

    name: str
    values: F64
    counts: Mask


def rates(labels: Labels, predictions: F64) -> list[Rate]:
    """Return the rates that groups are compared by.

    For two classes how often the second is predicted: of all rows, of those that have it, of those that have not.
    For more classes how often the prediction is right, for numbers the mean absolute error.
    """
    everything = np.ones(len(labels.values), np.bool_)
    if not labels.classes:
        off = np.abs(predictions[:, 0] - labels.values)
        return [Rate(name="mean_absolute_error_gap", values=off, counts=everything)]
    said = predictions.argmax(axis=1)
    if len(labels.classes) > 2:
        right = (said == labels.values).astype(np.float64)
        return [Rate(name="accuracy_gap", values=right, counts=everything)]
    chosen = (said == 1).astype(np.float64)
    return [
        Rate(name="selection_rate_gap", values=chosen, counts=everything),
        Rate(name="true_positive_rate_gap", values=chosen, counts=labels.values == 1),
        Rate(name="false_positive_rate_gap", values=chosen, counts=labels.values == 0),
    ]


def gap(rate: Rate, groups: Sequence[Mask], weights: F64) -> F64:
    """Return the highest minus the lowest rate of any group, for each resample.

    Parameters
    ----------
    rate : Rate
        The rate.
    groups : sequence of masks, each of shape (n,)
        The groups.
    weights : numpy.ndarray of float, shape (b, n)
        How often each row was drawn.

    Returns
    -------
    numpy.ndarray of float, shape (b,)
        NaN where fewer than two groups have a rate.
    """
    counted = np.stack([group & rate.counts for group in groups], axis=1).astype(np.float64)
    rows = weights @ counted
    hits = weights @ (counted * rate.values[:, None])
    found = np.divide(hits, rows, out=np.full(rows.shape, np.nan), where=rows > 0)
    known = ~np.isnan(found)
    highest = np.where(known, found, -np.inf).max(axis=1)
    lowest = np.where(known, found, np.inf).min(axis=1)
    out: F64 = np.subtract(highest, lowest, out=np.full(len(found), np.nan), where=known.sum(axis=1) >= 2)
    return out
