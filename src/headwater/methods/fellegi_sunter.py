"""Record linkage without labels: how probable it is that two records are one, from how well their fields agree.

A mixture of two classes of pairs, matches and others, in which fields agree independently, is fitted by expectation
maximisation. A mild prior says what matches look like (fields mostly agree), and a guard keeps out pairs that differ
in what identifies a record, so that where there are no duplicates none are found.

References
----------
Fellegi, Sunter (1969). A theory for record linkage. doi:10.1080/01621459.1969.10501049
Winkler (1988). Using the EM algorithm for weight computation in the Fellegi-Sunter model of record linkage.
Proceedings of the section on survey research methods, American Statistical Association.
Dempster, Laird, Rubin (1977). Maximum likelihood from incomplete data via the EM algorithm.
doi:10.1111/j.2517-6161.1977.tb01600.x
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["LEVELS", "Fitted", "agreement", "fit_matches", "identifying_power", "one_to_one"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999])
"""Similarities at which a field's level of agreement goes up: eleven levels in all."""

_PRIOR = np.array([6, 3, 3, 3, 3, 4, 5, 7, 10, 16, 40]) / 100
_PRIOR_PAIRS = 100
_OTHERS_PRIOR = 0.5
_ROUNDS = 200
_SETTLED = 1e-4
_BEGIN = 0.5
_GUARDS = tuple(np.arange(30, 85, 5) / 100)
_IDENTIFYING = 0.9
_AGREES = 0.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was fitted.

    Parameters
    ----------
    probability : numpy.ndarray of float64, shape (pairs,)
        That a pair is a match.
    weight : numpy.ndarray of float64, shape (pairs,)
        The logarithm of its odds, for an order among pairs that are all but certain.
    guard : float
        The least agreement that a match has.
    share : float
        The share of matches among the pairs.
    """

    probability: F64
    weight: F64
    guard: float
    share: float


def identifying_power(counts: I64) -> float:
    """Return how well a field tells records apart: minus the logarithm of the chance that two records agree in it.

    Parameters
    ----------
    counts : numpy.ndarray of int64
        How often each value comes.

    Notes
    -----
    The Rényi entropy of order 2: 0 where all are equal, log n where all differ.
    """
    total = float(counts.sum())
    return -float(np.log(((counts / total) ** 2).sum())) if total else 0.0


def agreement(similarity: F64, power: F64) -> F64:
    """Return the mean similarity of the fields that both records have, weighted by the square of their power.

    Parameters
    ----------
    similarity : numpy.ndarray of float64, shape (fields, pairs)
        From 0 to 1; NaN where a record lacks the field.
    power : numpy.ndarray of float64, shape (fields,)
        See `identifying_power`.
    """
    weights = np.where(np.isnan(similarity), 0.0, (power**2)[:, None])
    return np.asarray(
        (np.nan_to_num(similarity) * weights).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-12)
    )


def fit_matches(similarity: F64, power: F64, left: I64, right: I64) -> Fitted:
    """Return for each candidate pair how probable it is a match.

    Parameters
    ----------
    similarity : numpy.ndarray of float64, shape (fields, pairs)
        How alike the fields of a pair are, from 0 to 1; NaN where a record lacks the field, which then counts
        neither way.
    power : numpy.ndarray of float64, shape (fields,)
        How well each field tells records apart; see `identifying_power`.
    left, right : numpy.ndarray of int64
        The records of each pair.

    Returns
    -------
    Fitted
        A pair is a match where its probability is above 0.5.

    Raises
    ------
    UsageError
        With fewer than two fields: what is a match cannot be told from agreement in one.

    Notes
    -----
    The first guess of the matches are pairs of which each record is the other's best, with an agreement above 0.5.
    A match has at least the agreement of the guard, the least one with which matches agree, on average, in each of
    the most identifying fields. The prior counts as much as 100 pairs. Time O(fields · pairs · rounds).
    """
    fields, pairs = similarity.shape
    if fields < 2:
        raise UsageError(
            "Entities are told apart by several fields, and here is only one: compare by near text, or name "
            "more columns."
        )
    if not pairs:
        return Fitted(np.zeros(0), np.zeros(0), _GUARDS[0], 0.0)
    levels = np.where(np.isnan(similarity), 0, np.digitize(similarity, LEVELS) + 1).astype(np.int64)
    agreed = agreement(similarity, power)
    best = np.zeros(int(max(left.max(), right.max())) + 1)
    np.maximum.at(best, left, agreed)
    np.maximum.at(best, right, agreed)
    mutual = (agreed >= best[left] - 1e-9) & (agreed >= best[right] - 1e-9)
    identifying = np.flatnonzero(power >= _IDENTIFYING * power.max())
    fitted = Fitted(np.zeros(pairs), np.full(pairs, -np.inf), _GUARDS[0], 0.0)
    for guard in _GUARDS:
        allowed = agreed > guard
        begin = np.where(mutual & (agreed > max(_BEGIN, guard)), 0.99, 0.01)
        probability, weight = _maximise(levels, begin, allowed)
        matches = probability > 0.5
        fitted = Fitted(probability, weight, guard, float(probability.mean()))
        if not matches.any() or _agree(similarity[identifying][:, matches]):
            return fitted
    return Fitted(np.zeros(pairs), np.full(pairs, -np.inf), fitted.guard, 0.0)


def one_to_one(left: I64, right: I64, weight: F64) -> I64:
    """Return the pairs to keep so that each record is in one at most: the heaviest first.

    Parameters
    ----------
    left, right : numpy.ndarray of int64
        The records of each pair, of two datasets: equal numbers left and right are different records.
    weight : numpy.ndarray of float64
        The heavier, the surer.

    Returns
    -------
    numpy.ndarray of int64
        Numbers of the pairs, ascending.

    Notes
    -----
    Rounds that each take all pairs that are the heaviest of both their records; few are needed. Of equal weights the
    pair that comes first wins.
    """
    order = np.lexsort((np.arange(len(weight)), -weight))
    kept = [np.zeros(0, np.int64)]
    while len(order):
        _, first = np.unique(left[order], return_index=True)
        _, second = np.unique(right[order], return_index=True)
        chosen = order[np.intersect1d(first, second)]
        kept.append(chosen)
        order = order[~np.isin(left[order], left[chosen]) & ~np.isin(right[order], right[chosen])]
    return np.sort(np.concatenate(kept))


def _maximise(levels: I64, begin: F64, allowed: NDArray[np.bool_]) -> tuple[F64, F64]:
    """Return the probability and the logarithm of the odds of each pair, once they have settled."""
    kinds, pairs = len(LEVELS) + 2, levels.shape[1]
    probability = np.where(allowed, begin, 0.0)
    weight = np.zeros(pairs)
    for _ in range(_ROUNDS):
        share = np.clip((probability.sum() + 0.5) / (pairs + 1), 1e-9, 1 - 1e-6)
        weight = np.full(pairs, np.log(share / (1 - share)))
        for here in levels:
            match = np.bincount(here, probability, minlength=kinds)[1:] + _PRIOR * _PRIOR_PAIRS
            other = np.bincount(here, 1 - probability, minlength=kinds)[1:] + _OTHERS_PRIOR
            gain = np.log(match / match.sum()) - np.log(other / other.sum())
            weight += np.concatenate([np.zeros(1), gain])[here]
        fresh = np.where(allowed, 1 / (1 + np.exp(-np.clip(weight, -500, 500))), 0.0)
        settled = np.abs(fresh - probability).max() < _SETTLED
        probability = fresh
        if settled:
            break
    return probability, np.where(allowed, weight, -np.inf)


def _agree(similarity: F64) -> bool:
    """Say whether each field agrees on average, over the pairs that have it."""
    there = ~np.isnan(similarity)
    means = np.nan_to_num(similarity).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return bool((means[there.any(axis=1)] >= _AGREES).all())
