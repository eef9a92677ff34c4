"""Metrics of predictions, each computed for many resamples of the rows at once.

Every metric takes weights of shape (resamples, rows): how often a row was drawn. So a bootstrap is one
call, and a slice is a matter of zero weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import NotFound
from headwater.recipes.base import Labels

__all__ = ["METRICS", "Metric", "default_metric", "metric", "metrics_for"]

F64 = NDArray[np.float64]

_TINY = 1e-15
_BINS = 10
_MANY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Parameters
    ----------
    name : str
        Its name in the field.
    higher_is_better : bool
        The direction.
    compute : callable
        ``(labels, predictions (n, k), weights (b, n)) -> (b,)``; NaN where it is not defined.
    """

    name: str
    higher_is_better: bool
    compute: Callable[[Labels, F64, F64], F64]


def accuracy(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Share of rows whose most probable class is their own; 1 is best."""
    return _ratio(weights @ (predictions.argmax(axis=1) == labels.values), weights.sum(axis=1))


def balanced_accuracy(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Mean over the classes that occur of the share found; 1 is best."""
    correct = predictions.argmax(axis=1) == labels.values
    own = labels.values[:, None] == np.arange(len(labels.classes))
    found, rows = weights @ (own & correct[:, None]), weights @ own
    recall = _ratio(found, rows)
    return _mean_defined(recall)


def f1_macro(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Mean over classes of the harmonic mean of precision and recall; 1 is best."""
    classes = np.arange(len(labels.classes))
    own, said = labels.values[:, None] == classes, predictions.argmax(axis=1)[:, None] == classes
    both, rows, calls = weights @ (own & said), weights @ own, weights @ said
    score = _ratio(2.0 * both, rows + calls)
    return _mean_defined(score)


def roc_auc(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Chance that a row of the second class gets a higher score than one of the first; ties count half.

    Of more than two classes the mean over one-against-the-rest. Of 100 resamples or more of 100 rows or more of each
    class, each is computed to first order about equal weights, which is many times faster; equal weights exactly.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988). Comparing the areas under two or more correlated receiver operating
    characteristic curves: a nonparametric approach. Biometrics 44(3). doi:10.2307/2531595
    """
    classes = len(labels.classes)
    if classes == 2:
        return _auc(labels.values == 1, predictions[:, 1], weights)
    parts = [_auc(labels.values == place, predictions[:, place], weights) for place in range(classes)]
    return _mean_defined(np.stack(parts, axis=1))


def log_loss(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Mean of minus the logarithm of the probability of the true class; 0 is best."""
    own = predictions[np.arange(len(predictions)), labels.values.astype(np.int64)]
    return _ratio(weights @ -np.log(np.clip(own, _TINY, 1.0)), weights.sum(axis=1))


def brier(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Mean squared distance of the probabilities from the truth; 0 is best (Brier 1950)."""
    truth = labels.values[:, None] == np.arange(len(labels.classes))
    return _ratio(weights @ ((predictions - truth) ** 2).sum(axis=1), weights.sum(axis=1))


def calibration_error(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Mean distance of confidence from accuracy over ten equal ranges of confidence (ECE); 0 is best.

    References
    ----------
    Naeini, Cooper, Hauskrecht (2015). Obtaining well calibrated probabilities using Bayesian binning. AAAI.
    """
    confidence = predictions.max(axis=1, initial=0.0)
    right = predictions.argmax(axis=1) == labels.values if len(predictions) else np.zeros(0, np.bool_)
    places = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)[:, None] == np.arange(_BINS)
    off = weights @ (places * (right - confidence)[:, None])
    return _ratio(np.abs(off).sum(axis=1), weights.sum(axis=1))


def mean_absolute_error(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Mean distance of the prediction from the truth; 0 is best."""
    return _ratio(weights @ np.abs(predictions[:, 0] - labels.values), weights.sum(axis=1))


def root_mean_squared_error(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Root of the mean squared distance; 0 is best."""
    return np.sqrt(_ratio(weights @ (predictions[:, 0] - labels.values) ** 2, weights.sum(axis=1)))


def r_squared(labels: Labels, predictions: F64, weights: F64) -> F64:
    """Share of the variance that is explained; 1 is best, 0 is no better than the mean."""
    total = weights.sum(axis=1)
    mean = _ratio(weights @ labels.values, total)
    spread = weights @ labels.values**2 - total * mean**2
    return 1.0 - _ratio(weights @ (predictions[:, 0] - labels.values) ** 2, spread)


METRICS: dict[str, Metric] = {
    found.name: found
    for found in (
        Metric(name="accuracy", higher_is_better=True, compute=accuracy),
        Metric(name="balanced_accuracy", higher_is_better=True, compute=balanced_accuracy),
        Metric(name="f1_macro", higher_is_better=True, compute=f1_macro),
        Metric(name="roc_auc", higher_is_better=True, compute=roc_auc),
        Metric(name="log_loss", higher_is_better=False, compute=log_loss),
        Metric(name="brier", higher_is_better=False, compute=brier),
        Metric(name="calibration_error", higher_is_better=False, compute=calibration_error),
        Metric(name="mean_absolute_error", higher_is_better=False, compute=mean_absolute_error),
        Metric(name="root_mean_squared_error", higher_is_better=False, compute=root_mean_squared_error),
        Metric(name="r_squared", higher_is_better=True, compute=r_squared),
    )
}
"""The metrics by name."""

_OF_NUMBERS = ("mean_absolute_error", "root_mean_squared_error", "r_squared")


def metrics_for(labels: Labels) -> list[Metric]:
    """Return the metrics that fit the task."""
    return [found for name, found in METRICS.items() if (name in _OF_NUMBERS) != bool(labels.classes)]


def default_metric(labels: Labels) -> str:
    """Return the metric that decides: ROC AUC for two classes, balanced accuracy for more, RMSE for numbers."""
    if not labels.classes:
        return "root_mean_squared_error"
    return "roc_auc" if len(labels.classes) == 2 else "balanced_accuracy"


def metric(name: str, labels: Labels) -> Metric:
    """Return the metric of that name.

    Raises
    ------
    NotFound
        If there is none that fits the task.
    """
    known = {found.name: found for found in metrics_for(labels)}
    if name not in known:
        raise NotFound.among("metric", name, known, where=f"the metrics for {labels.task}")
    return known[name]


def _auc(positive: NDArray[np.bool_], scores: F64, weights: F64) -> F64:
    if min(positive.sum(), (~positive).sum()) >= _MANY <= len(weights):
        return _linear_auc(positive, scores, weights)
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = (
        np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.int64)
    )
    if not len(starts):
        return np.full(len(weights), np.nan)
    drawn = weights[:, order]
    ups = np.add.reduceat(drawn * positive[order], starts, axis=1)
    downs = np.add.reduceat(drawn * ~positive[order], starts, axis=1)
    below = np.cumsum(downs, axis=1) - downs
    wins = (ups * (below + 0.5 * downs)).sum(axis=1)
    return _ratio(wins, ups.sum(axis=1) * downs.sum(axis=1))


def _linear_auc(positive: NDArray[np.bool_], scores: F64, weights: F64) -> F64:
    """Return the AUC of many resamples by its first-order expansion at equal weights, where it is exact.

    What a row adds is the share of the other class that it is ranked rightly against: DeLong's placement values.
    """
    ups, downs = np.sort(scores[positive]), np.sort(scores[~positive])
    placed = np.empty(len(scores))
    placed[positive] = _beaten(downs, scores[positive])
    placed[~positive] = 1.0 - _beaten(ups, scores[~positive])
    whole = placed[positive].mean()
    terms = np.stack([positive, ~positive, placed * positive, (placed - whole) * ~positive], axis=1)
    rows_up, rows_down, up, down = (weights @ terms).T
    return _ratio(up, rows_up) + _ratio(down, rows_down)


def _beaten(others: F64, scores: F64) -> F64:
    """Return for each score the share of the sorted others that it exceeds; ties count half."""
    below = np.searchsorted(others, scores, side="left") + np.searchsorted(others, scores, side="right")
    return below / (2.0 * len(others))


def _ratio(top: F64, bottom: F64) -> F64:
    out: F64 = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
    return out


def _mean_defined(values: F64) -> F64:
    """Return the mean over the last axis of what is defined; NaN where nothing is."""
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1).astype(np.float64))
