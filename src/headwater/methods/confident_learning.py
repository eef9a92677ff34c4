"""Confident learning: which labels are probably wrong, from out-of-sample class probabilities.

References
----------
Northcutt, Jiang, Chuang (2021). Confident Learning: Estimating Uncertainty in Dataset Labels. Journal of
Artificial Intelligence Research 70. doi:10.1613/jair.1.12125
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = [
    "LabelNoise",
    "class_thresholds",
    "confident_joint",
    "find_issues",
    "label_noise",
    "normalized_margin",
    "self_confidence",
]

Labels = NDArray[np.integer[Any]]
Probabilities = NDArray[np.floating[Any]]

_BLOCK = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """An estimate of label noise.

    Parameters
    ----------
    joint : numpy.ndarray of float, shape (k, k)
        Estimated share of rows with given label i and true label j; sums to 1.
    noise_matrix : numpy.ndarray of float, shape (k, k)
        Row i: the share of rows of true class i that carry each given label, ``P(given | true = i)``.
    rate : float
        Estimated share of wrong labels; 0 means none.
    """

    joint: NDArray[np.float64]
    noise_matrix: NDArray[np.float64]
    rate: float


def class_thresholds(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return for each class the mean probability it gets in rows labelled so: the confidence expected of it.

    ``t_j = mean of p_j over rows with label j``; infinite for a class without rows, which nothing reaches.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
        Given labels, from 0 to k - 1.
    probabilities : numpy.ndarray of float, shape (n, k)
        Out-of-sample probabilities of each class.

    Returns
    -------
    numpy.ndarray of float, shape (k,)

    Raises
    ------
    UsageError
        If shapes or values do not fit.
    """
    labels, probabilities = _validated(labels, probabilities)
    classes = probabilities.shape[1]
    count = np.bincount(labels, minlength=classes)
    total = np.bincount(labels, weights=_own(labels, probabilities), minlength=classes)
    means: NDArray[np.float64] = np.divide(total, count, out=np.full(classes, np.inf), where=count > 0)
    return means


def confident_joint(
    labels: Labels, probabilities: Probabilities, *, calibrate: bool = True
) -> NDArray[np.float64]:
    """Count rows by given label and by the class that the model is confident of.

    A row counts for class j when ``p_j >= t_j``; of several such classes, for the most probable.

    Parameters
    ----------
    labels, probabilities : numpy.ndarray
        As in `class_thresholds`.
    calibrate : bool
        Scale each row of counts to the number of rows with that label, as the paper's equation 3 does.

    Returns
    -------
    numpy.ndarray of float, shape (k, k)
        Entry (i, j): rows with given label i and confident class j.

    Notes
    -----
    O(n k) time; memory beyond the result is bounded by a block of rows.
    """
    labels, probabilities = _validated(labels, probabilities)
    classes = probabilities.shape[1]
    thresholds = class_thresholds(labels, probabilities)
    cells = np.zeros(classes * classes, np.int64)
    for block in _blocks(len(labels)):
        part = probabilities[block]
        confident = np.where(part >= thresholds, part, -1.0)
        best = confident.argmax(axis=1)
        sure = confident[np.arange(len(part)), best] >= 0.0
        cells += np.bincount(labels[block][sure] * classes + best[sure], minlength=classes * classes)
    joint = cells.reshape(classes, classes).astype(np.float64)
    if not calibrate:
        return joint
    given = np.bincount(labels, minlength=classes).astype(np.float64)
    sums = joint.sum(axis=1)
    # A class nobody is confident about is taken at its word.
    empty = sums == 0
    joint[empty, empty] = 1.0
    sums[empty] = 1.0
    joint *= (given / sums)[:, None]
    return joint


def label_noise(labels: Labels, probabilities: Probabilities) -> LabelNoise:
    """Estimate how many labels are wrong, and which class is taken for which.

    Parameters
    ----------
    labels, probabilities : numpy.ndarray
        As in `class_thresholds`.

    Returns
    -------
    LabelNoise
    """
    counts = confident_joint(labels, probabilities)
    total = counts.sum()
    joint = counts / total if total else counts
    true = joint.sum(axis=0)
    matrix = np.divide(joint.T, true[:, None], out=np.eye(len(joint)), where=true[:, None] > 0)
    rate = float(1.0 - np.trace(joint)) if total else 0.0
    return LabelNoise(joint=joint, noise_matrix=matrix, rate=max(rate, 0.0))


def find_issues(
    labels: Labels, probabilities: Probabilities, *, method: Literal["noise_rate", "confident"] = "noise_rate"
) -> NDArray[np.bool_]:
    """Say which labels are probably wrong.

    Parameters
    ----------
    labels, probabilities : numpy.ndarray
        As in `class_thresholds`.
    method : {"noise_rate", "confident"}
        ``noise_rate``: for every pair of classes as many rows as the joint estimates, those with the largest
        margin ``p_j - p_i`` (the paper's "prune by noise rate"). ``confident``: the off-diagonal rows of
        the confident joint.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
    """
    labels, probabilities = _validated(labels, probabilities)
    if method == "confident":
        return _off_diagonal(labels, probabilities)
    counts = np.rint(confident_joint(labels, probabilities)).astype(np.int64)
    issues = np.zeros(len(labels), np.bool_)
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(len(counts) + 1))
    for given in range(len(counts)):
        rows = order[ends[given] : ends[given + 1]]
        own = probabilities[rows, given]
        for other in np.flatnonzero(counts[given]):
            wanted = min(int(counts[given, other]), len(rows))
            if other == given or not wanted:
                continue
            margin = probabilities[rows, other] - own
            worst = np.argpartition(-margin, wanted - 1)[:wanted]
            # A row that prefers its own label is no issue, whatever the estimate.
            issues[rows[worst[margin[worst] > 0]]] = True
    return issues


def self_confidence(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return the probability of each row's own label: 1 means surely right, 0 surely wrong."""
    labels, probabilities = _validated(labels, probabilities)
    return _own(labels, probabilities)


def normalized_margin(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return ``(p_label - max of the others + 1) / 2``: 1 means surely right, 0 surely wrong."""
    labels, probabilities = _validated(labels, probabilities)
    out = np.empty(len(labels), np.float64)
    if probabilities.shape[1] == 1:
        return np.ones(len(labels))
    for block in _blocks(len(labels)):
        part = np.array(probabilities[block], np.float64)
        rows = np.arange(len(part))
        own = part[rows, labels[block]]
        part[rows, labels[block]] = -np.inf
        out[block] = (own - part.max(axis=1) + 1.0) / 2.0
    return out


def _off_diagonal(labels: Labels, probabilities: Probabilities) -> NDArray[np.bool_]:
    thresholds = class_thresholds(labels, probabilities)
    issues = np.zeros(len(labels), np.bool_)
    for block in _blocks(len(labels)):
        part = probabilities[block]
        confident = np.where(part >= thresholds, part, -1.0)
        best = confident.argmax(axis=1)
        issues[block] = (confident[np.arange(len(part)), best] >= 0.0) & (best != labels[block])
    return issues


def _own(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    return probabilities[np.arange(len(labels)), labels].astype(np.float64)


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _BLOCK):
        yield slice(start, min(start + _BLOCK, rows))


def _validated(labels: Labels, probabilities: Probabilities) -> tuple[Labels, Probabilities]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or probabilities.shape[1] < 1:
        raise UsageError(
            f"Labels of shape {labels.shape} and probabilities of shape {probabilities.shape} do not go together: "
            "give n labels and an n × k array."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"Labels must be class numbers from 0 on, not {labels.dtype}.")
    if len(labels) and not (labels.min() >= 0 and labels.max() < probabilities.shape[1]):
        raise UsageError(
            f"Labels run from {labels.min()} to {labels.max()}, but there are probabilities for classes 0 to "
            f"{probabilities.shape[1] - 1}."
        )
    if not np.isfinite(probabilities.sum()):
        raise UsageError("Probabilities hold NaN or infinity: leave those rows out.")
    return labels, probabilities
