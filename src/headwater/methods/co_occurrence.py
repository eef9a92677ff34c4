"""How probable a category is beside the other values of its row: naive Bayes, calibrated on the rows themselves.

Naive Bayes counts the same evidence several times where columns depend on each other. One exponent on the
evidence, chosen so that the rows' own values become most probable, takes that back.

References
----------
Chu, Ilyas, Papotti, et al. (2015); Rekatsinas et al. (2017). HoloClean. doi:10.14778/3137628.3137631
(co-occurrence as a signal of errors). Guo, Pleiss, Sun, Weinberger (2017). On calibration of modern neural
networks. ICML. arXiv:1706.04599 (one temperature).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from headwater.methods.coded_values import Coded

__all__ = ["Company", "Improbable", "learn_company", "usual_values"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MOST_VALUES = 30
_MOST_BESIDE = 1_000
_PREDICTORS = 5
_EXPONENTS = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
_LEAST_ROWS = 100
_RATE = 0.01
_CALIBRATE = 5_000
_LEAST_TIMES = 5
_LEAST_SHARE = 0.001
_LEAST_GAIN = 0.01
_MOSTLY = 0.9


class Improbable(NamedTuple):
    """For each row how probably its value is wrong, the code of the most probable one, and its probability."""

    chance: F64
    meant: I64
    confidence: F64


@dataclass(frozen=True, eq=False)
class Company:
    """What values of other columns come with each value of one column.

    Parameters
    ----------
    values : numpy.ndarray of int64
        The codes of the column's usual values.
    shares : numpy.ndarray of float, shape (values,)
        The share of each.
    places : mapping of str to numpy.ndarray
        For the column and each predictor: the place of each code among the usual values; -1 for others.
    beside : mapping of str to numpy.ndarray
        By predictor: log P(its value | value) - log P(its value), shape (its values, values).
    exponent : float
        How much of the evidence counts; 0 means that the other columns say nothing.
    """

    name: str
    values: I64
    shares: F64
    places: Mapping[str, I64]
    beside: Mapping[str, F64]
    exponent: float

    def judge(self, own: I64, others: Mapping[str, I64]) -> Improbable:
        """Judge rows by the codes of their value and of the predictors; -1 for values never seen."""
        probability = self._probabilities(others)
        rows = np.arange(len(own))
        own = _placed(self.places[self.name], own)
        seen = own >= 0
        mine = np.where(seen, probability[rows, np.maximum(own, 0)], 1.0)
        by_chance = _RATE * np.where(seen, self.shares[np.maximum(own, 0)], 0.0)
        meant = probability.argmax(axis=1)
        there = probability[rows, meant]
        chance = by_chance / (by_chance + (1 - _RATE) * np.maximum(mine, 1e-12))
        return Improbable(np.where(seen & (meant != own), chance * there, 0.0), self.values[meant], there)

    def _probabilities(self, others: Mapping[str, I64]) -> F64:
        said = np.zeros((len(next(iter(others.values()))), len(self.shares)))
        for name, table in self.beside.items():
            codes = _placed(self.places[name], others[name])
            said += np.where((codes >= 0)[:, None], table[np.maximum(codes, 0)], 0.0)
        log = np.log(np.maximum(self.shares, 1e-12)) + self.exponent * said
        log -= log.max(axis=1, keepdims=True)
        odds = np.where(self.shares > 0, np.exp(log), 0.0)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def usual_values(column: Coded) -> I64:
    """Return the codes of the values that come in one row of a thousand, and five times, at least."""
    often = column.counts >= max(_LEAST_TIMES, len(column.codes) * _LEAST_SHARE)
    return np.flatnonzero(often & ~column.missing)


def learn_company(name: str, columns: Mapping[str, Coded], often: Mapping[str, I64]) -> Company | None:
    """Learn what comes with the usual values of a column.

    Parameters
    ----------
    name : str
        The column: 2 to 30 usual values, which are most of its rows.
    columns : mapping of str to Coded
        All columns, with the same rows.
    often : mapping of str to numpy.ndarray
        The usual values of columns; it is predicted by the five of these that say most.

    Returns
    -------
    Company or None
        None where there is nothing to learn: too few rows, too many values, or no column that says anything.
    """
    column = columns[name]
    values = often[name]
    rows, size = len(column.codes), len(values)
    if rows < _LEAST_ROWS or not 2 <= size <= _MOST_VALUES:
        return None
    counts = column.counts[values]
    if counts.sum() < _MOSTLY * column.known:
        return None
    places = {other: _places(columns[other], often[other]) for other in often}
    own = places[name][column.codes]
    tables, gains = {}, {}
    for other, usual in often.items():
        if other == name or not 2 <= len(usual) <= _MOST_BESIDE:
            continue
        beside = places[other][columns[other].codes]
        both = (own >= 0) & (beside >= 0)
        pairs = np.bincount(beside[both] * size + own[both], minlength=len(usual) * size).astype(np.float64)
        pairs = pairs.reshape(len(usual), size)
        share = columns[other].counts[usual] / rows
        # One row that follows the shares is added to each value.
        log = np.log((pairs + share[:, None]) / (counts + 1.0)) - np.log(share)[:, None]
        tables[other] = log
        gains[other] = float((pairs / rows * log).sum()) - (len(usual) - 1) * (size - 1) / (2 * rows)
    best = sorted(
        (other for other in gains if gains[other] > _LEAST_GAIN), key=lambda other: (-gains[other], other)
    )
    kept = {other: tables[other] for other in best[:_PREDICTORS]}
    if not kept:
        return None
    some = np.flatnonzero(own >= 0)
    some = some[:: max(len(some) // _CALIBRATE, 1)]
    others = {other: columns[other].codes[some] for other in kept}
    used = {other: places[other] for other in (name, *kept)}
    tried = [Company(name, values, counts / counts.sum(), used, kept, exponent) for exponent in _EXPONENTS]
    best_one = max(tried, key=lambda one: _fit(one, own[some], others))
    return best_one if best_one.exponent > 0 else None


def _fit(company: Company, own: I64, others: Mapping[str, I64]) -> float:
    """Return the mean log probability of the rows' values, errors at the usual rate allowed for."""
    mine = company._probabilities(others)[np.arange(len(own)), own]
    return float(np.log((1 - _RATE) * mine + _RATE * company.shares[own]).mean())


def _places(column: Coded, values: I64) -> I64:
    out = np.full(column.size, -1)
    out[values] = np.arange(len(values))
    return out


def _placed(places: I64, codes: I64) -> I64:
    return np.where(codes >= 0, places[np.maximum(codes, 0)], -1)
