"""Confident learning: which labels are likely wrong, and how wrong labels of each class tend to be.

The input is a given label and out-of-sample predicted probabilities for every row: from a model that did
not see the row's label, as cross-validation gives them.

References
----------
Northcutt, Jiang, Chuang (2021). Confident learning: estimating uncertainty in dataset labels. JAIR 70.
doi:10.1613/jair.1.12125
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError, require_choice

__all__ = ["LabelNoise", "Prune", "Score", "estimate_noise", "find_issues", "label_quality"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Score = Literal["self_confidence", "normalised_margin", "weighted_entropy"]
Prune = Literal["noise_rate", "class", "both", "confident_joint", "argmax"]

_BLOCK = 1 << 15
# A row whose probability equals the threshold reaches it, whatever the rounding of the mean.
_SLACK = 1e-6
_ROUNDING = 1e-4


@dataclass(frozen=True)
class LabelNoise:
    """How given labels relate to true ones, over K classes.

    Parameters
    ----------
    thresholds : numpy.ndarray, shape (K,)
        Mean probability of each class over the rows given that class: how sure the model is of it.
    counts : numpy.ndarray of int64, shape (K, K)
        The confident joint: rows given class i that reach the threshold of class j (the most probable
        of those they reach).
    joint : numpy.ndarray, shape (K, K)
        Estimated fraction of all rows that are given i and truly are j; adds up to 1.
    """

    thresholds: F64
    counts: I64
    joint: F64

    @property
    def noise_fraction(self) -> float:
        """Estimated fraction of rows whose given label is wrong; 0 means none."""
        return float(max(0.0, self.joint.sum() - np.trace(self.joint)))

    @property
    def noise_matrix(self) -> F64:
        """P(given i | true j): the columns of true classes that occur add up to 1."""
        return _divide(self.joint, self.joint.sum(axis=0, keepdims=True))

    @property
    def inverse_noise_matrix(self) -> F64:
        """P(true j | given i): the rows of given classes that occur add up to 1."""
        return _divide(self.joint, self.joint.sum(axis=1, keepdims=True))


def estimate_noise(labels: ArrayLike, probabilities: ArrayLike) -> LabelNoise:
    """Estimate the joint distribution of given and true labels (sections 3.1 and 3.2 of the paper).

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Given classes from 0 to K - 1; negative where there is none.
    probabilities : array_like of float, shape (n, K)
        Out-of-sample predicted probabilities.

    Returns
    -------
    LabelNoise

    Notes
    -----
    Time is n K; memory beyond the input is one block of rows.
    """
    given, p = _checked(labels, probabilities)
    classes = p.shape[1]
    labelled = given >= 0
    totals = np.bincount(given[labelled], minlength=classes)
    own = _gather(p, given)
    sums = np.bincount(given[labelled], own[labelled], minlength=classes)
    thresholds = np.where(totals > 0, sums / np.maximum(totals, 1), np.inf)
    cells = np.zeros(classes * classes, np.int64)
    for start in range(0, given.size, _BLOCK):
        mine = given[start : start + _BLOCK]
        best, sure = _confident_class(p[start : start + _BLOCK], thresholds)
        sure &= mine >= 0
        cells += np.bincount(mine[sure] * classes + best[sure], minlength=cells.size)
    counts = cells.reshape(classes, classes)
    # Calibrate: row i adds up to the rows given i. A class that no row reaches is taken as it was given.
    calibrated = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, np.eye(classes))
    calibrated = calibrated / calibrated.sum(axis=1, keepdims=True) * totals[:, None]
    return LabelNoise(thresholds, counts, calibrated / max(int(totals.sum()), 1))


def label_quality(labels: ArrayLike, probabilities: ArrayLike, score: Score = "self_confidence") -> F64:
    """Return how plausible each given label is.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Given classes; negative where there is none.
    probabilities : array_like of float, shape (n, K)
        Out-of-sample predicted probabilities.
    score : {"self_confidence", "normalised_margin", "weighted_entropy"}
        The probability of the given class; half of one plus its lead over the best other class; or the
        former divided by the entropy of the prediction, on a scale from 0 to 1.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        From 0 (surely wrong) to 1 (surely right); NaN where there is no label.

    References
    ----------
    Kuan, Mueller (2022). Model-agnostic label quality scoring to detect real-world label errors.
    ICML DataPerf workshop.
    """
    given, p = _checked(labels, probabilities)
    require_choice("score", score, get_args(Score))
    own = _gather(p, given)
    if score == "normalised_margin":
        own = 0.5 * (1 + own - _best_other(p, given))
    elif score == "weighted_entropy":
        entropy = np.concatenate([_entropy(p[at : at + _BLOCK]) for at in range(0, len(p), _BLOCK)] or [own])
        # -log p / entropy grows without bound as the label gets less plausible; map it to 1 / (1 + it).
        with np.errstate(divide="ignore", invalid="ignore"):
            surprise = -np.log(own)
            own = np.where(entropy <= 0, (own > 0.5).astype(float), entropy / (entropy + surprise))
    return np.where(given >= 0, own, np.nan)


def find_issues(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    prune: Prune = "noise_rate",
    noise: LabelNoise | None = None,
) -> NDArray[np.bool_]:
    """Return which given labels are likely wrong (section 3.3 of the paper).

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Given classes; negative where there is none.
    probabilities : array_like of float, shape (n, K)
        Out-of-sample predicted probabilities.
    prune : {"noise_rate", "class", "both", "confident_joint", "argmax"}
        How many and which: for each pair of classes as many as the joint says, by the lead of the other
        class (which must be ahead); for each class as many, by self-confidence; both of these; all off
        the diagonal of the confident joint; or all that the model predicts otherwise.
    noise : LabelNoise, optional
        What ``estimate_noise`` gave, to save its time.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        A row whose given class is the most probable one is never among them.
    """
    given, p = _checked(labels, probabilities)
    require_choice("prune", prune, get_args(Prune))
    doubted = (given >= 0) & (_best_other(p, given) > _gather(p, given))
    if prune == "argmax" or not doubted.any():
        return doubted
    noise = estimate_noise(given, p) if noise is None else noise
    if prune == "confident_joint":
        return doubted & _off_diagonal(given, p, noise.thresholds)
    chosen = np.ones(given.size, np.bool_)
    if prune in ("class", "both"):
        chosen &= _lowest_by_class(given, p, noise)
    if prune in ("noise_rate", "both"):
        chosen &= _largest_leads_by_pair(given, p, noise, np.flatnonzero(doubted))
    return doubted & chosen


def _lowest_by_class(given: I64, p: NDArray[Any], noise: LabelNoise) -> NDArray[np.bool_]:
    chosen = np.zeros(given.size, np.bool_)
    total = int((given >= 0).sum())
    wrong = np.rint((noise.joint.sum(axis=1) - np.diag(noise.joint)) * total).astype(np.int64)
    for i in np.flatnonzero(wrong):
        rows = np.flatnonzero(given == i)
        chosen[rows[_smallest(p[rows, i], int(wrong[i]))]] = True
    return chosen


def _largest_leads_by_pair(
    given: I64, p: NDArray[Any], noise: LabelNoise, doubted: NDArray[np.intp]
) -> NDArray[np.bool_]:
    chosen = np.zeros(given.size, np.bool_)
    total = int((given >= 0).sum())
    wrong = np.rint(noise.joint * total).astype(np.int64)
    np.fill_diagonal(wrong, 0)
    for i in np.flatnonzero(wrong.any(axis=1)):
        rows = doubted[given[doubted] == i]
        lead = p[rows] - p[rows, i][:, None]
        for j in np.flatnonzero(wrong[i]):
            ahead = np.flatnonzero(lead[:, j] > 0)
            chosen[rows[ahead[_smallest(-lead[ahead, j], int(wrong[i, j]))]]] = True
    return chosen


def _off_diagonal(given: I64, p: NDArray[Any], thresholds: F64) -> NDArray[np.bool_]:
    parts = []
    for start in range(0, given.size, _BLOCK):
        best, sure = _confident_class(p[start : start + _BLOCK], thresholds)
        parts.append(sure & (best != given[start : start + _BLOCK]))
    return np.concatenate(parts)


def _confident_class(p: NDArray[Any], thresholds: F64) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the most probable class of those whose threshold a row reaches, and whether it reaches any."""
    reached = np.where(p >= (thresholds - _SLACK).astype(p.dtype), p, -1.0)
    best = reached.argmax(axis=1)
    return best, reached[np.arange(best.size), best] >= 0


def _smallest(values: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Return the places of the ``count`` smallest values; of equal ones the first."""
    return np.argsort(values, kind="stable")[:count]


def _gather(p: NDArray[Any], given: I64) -> F64:
    return p[np.arange(given.size), np.maximum(given, 0)].astype(np.float64) if given.size else np.zeros(0)


def _best_other(p: NDArray[Any], given: I64) -> F64:
    """Return the largest probability of a class that was not given."""
    out = np.zeros(given.size)
    for start in range(0, given.size, _BLOCK):
        block = p[start : start + _BLOCK].copy()
        mine = given[start : start + _BLOCK]
        rows = np.flatnonzero(mine >= 0)
        block[rows, mine[rows]] = -1.0
        out[start : start + _BLOCK] = block.max(axis=1)
    return out


def _entropy(p: NDArray[Any]) -> F64:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.sum(np.where(p > 0, p * np.log(p), 0.0), axis=1), np.float64)


def _divide(numerator: F64, denominator: F64) -> F64:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[I64, NDArray[Any]]:
    p = np.asarray(probabilities)
    if p.dtype not in (np.float32, np.float64):
        p = p.astype(np.float64)
    given = np.asarray(labels)
    if p.ndim != 2 or p.shape[1] < 2 or given.shape != (p.shape[0],):
        raise UsageError(
            f"Labels of shape (n,) and probabilities of shape (n, K), K at least 2, are needed; "
            f"got {given.shape} and {p.shape}."
        )
    given = given.astype(np.int64)
    if given.size and int(given.max()) >= p.shape[1]:
        raise UsageError(
            f"Label {int(given.max())} has no column among {p.shape[1]} columns of probabilities."
        )
    if p.size and not (float(p.min()) >= -_ROUNDING and float(p.max()) <= 1 + _ROUNDING):
        raise UsageError("Probabilities lie between 0 and 1; NaN is not one.")
    return given, p
