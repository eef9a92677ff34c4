"""Weights of rows: equal classes, equal groups, and annotators by how far they agree with others.

References
----------
King, Zeng (2001). Logistic regression in rare events data. Political Analysis 9(2).
doi:10.1093/oxfordjournals.pan.a004868 (classes weighted by the inverse of their frequency).
Cohen (1960). A coefficient of agreement for nominal scales. Educational and Psychological Measurement 20(1).
doi:10.1177/001316446002000104
Kish (1965). Survey Sampling. Wiley (the effective number of weighted rows).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError

__all__ = ["agreement", "effective_rows", "equal_weights"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def equal_weights(counts: ArrayLike) -> F64:
    """Return the weight of a row of each kind, so that all kinds that occur weigh the same in all.

    Parameters
    ----------
    counts : array_like of float, shape (k,)
        Rows of each kind: of each class, or group.

    Returns
    -------
    numpy.ndarray of float64, shape (k,)
        n / (k · count) for the k kinds that occur, so that the weights of all n rows add up to n; NaN for others.

    Examples
    --------
    >>> equal_weights([6, 2]).round(3).tolist()
    [0.667, 2.0]
    """
    rows = np.asarray(counts, np.float64)
    there = rows > 0
    out = np.full(rows.shape, np.nan)
    np.divide(rows.sum(), there.sum() * rows, out=out, where=there)
    return out


def agreement(items: ArrayLike, annotators: ArrayLike, labels: ArrayLike) -> tuple[F64, I64]:
    """Return how far each annotator agrees with the others who labelled the same items, beyond chance.

    Parameters
    ----------
    items, annotators, labels : array_like of int, shape (n,)
        Codes from 0 on of each annotation; each annotator labels an item once.

    Returns
    -------
    kappa : numpy.ndarray of float64, shape (annotators,)
        Cohen's kappa of the annotator against all others, pooled: 1 always agrees, 0 as often as by chance. NaN
        where nobody else labelled the same items, or only one label was ever given.
    compared : numpy.ndarray of int, shape (annotators,)
        With how many annotations of others the annotator's were compared.

    Notes
    -----
    Each annotation is compared with all others of its item. Expected agreement is that of two who give labels
    independently, as often as the annotator and the others gave them on the compared pairs. Time is linear in
    annotations times labels, memory in annotations and items times labels.

    Examples
    --------
    >>> kappa, pairs = agreement([0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [0, 0, 1, 1, 1, 0])
    >>> kappa.round(3).tolist(), pairs.tolist()
    ([0.0, 0.0, -1.0], [4, 4, 4])
    """
    item, who, label = (np.asarray(codes, np.int64).ravel() for codes in (items, annotators, labels))
    if not len(item) == len(who) == len(label):
        raise UsageError("Items, annotators and labels must be of one length.")
    people, kinds = int(who.max(initial=-1)) + 1, int(label.max(initial=-1)) + 1
    given = np.bincount(item * kinds + label, minlength=(int(item.max(initial=-1)) + 1) * kinds)
    given = given.reshape(-1, kinds) if kinds else given.reshape(0, 0)
    others = given.sum(axis=1)[item] - 1
    same = given[item, label] - 1
    pairs = np.bincount(who, others, people)
    agreed = np.bincount(who, same, people)
    chance = np.zeros(people)
    for kind in range(kinds):
        own = label == kind
        mine = np.bincount(who, others * own, people)
        theirs = np.bincount(who, given[item, kind] - own, people)
        chance += mine * theirs
    with np.errstate(invalid="ignore", divide="ignore"):
        observed, expected = agreed / pairs, chance / pairs**2
        kappa = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
    return kappa, pairs.astype(np.int64)


def effective_rows(weights: ArrayLike) -> float:
    """Return how many rows of equal weight tell as much: (Σ w)² / Σ w²; 0 without any weight."""
    found = np.asarray(weights, np.float64)
    squares = float((found**2).sum())
    return float(found.sum()) ** 2 / squares if squares else 0.0
