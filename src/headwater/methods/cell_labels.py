"""Learn from a few confirmed rows which clues are right, and say which rows are worth confirming next.

What the detectors think is the prior. Confirmed cells move it twice: the weight of each clue is learnt over
all columns, and cells of one column with the same clues and form (one signature) share their confirmations.
Without confirmed cells nothing changes.

References
----------
Mahdavi, Abedjan, Castro Fernandez, et al. (2019). Raha: a configuration-free error detection system.
SIGMOD. doi:10.1145/3299869.3324956 (signatures of detectors, and labels spread among like cells).
Gelman, Jakulin, Pittau, Su (2008). A weakly informative default prior distribution for logistic models.
doi:10.1214/08-AOAS191 (a prior on the weights instead of many labels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.hashing import hash_array
from headwater.methods.cell_errors import Verdict
from headwater.methods.coded_values import Coded
from headwater.methods.value_forms import forms

__all__ = ["Lesson", "learn_lesson", "most_useful_rows", "signatures"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

CLUES = (
    "placeholder", "unit", "form", "spelling", "letter", "number", "missing", "joined", "swapped",
    "dependency", "company",
)  # fmt: skip
_BUCKETS = np.array([0.02, 0.25, 0.5, 0.75])
_PRIOR_CELLS = 3.0
_PRIOR_SPREAD = 0.5
_ROUNDS = 25
_CURIOSITY = 0.001
_AT_STAKE = 0.05
_SALT = np.uint64(0x9E3779B97F4A7C15)


def _prior() -> F64:
    weights = np.zeros(2 + len(CLUES))
    weights[1] = 1.0
    return weights


@dataclass(frozen=True, eq=False)
class Lesson:
    """What confirmed cells taught.

    Parameters
    ----------
    weights : numpy.ndarray of float
        By clue, after the intercept and the weight of the detectors' common verdict: how it is corrected.
    groups : numpy.ndarray of uint64
        Signatures with confirmed cells, rising.
    wrong, seen : numpy.ndarray of float
        Of each signature the confirmed cells that were wrong, and all.
    meant : mapping of (str, str) to str
        By column and value what was meant, where two confirmations at least agree.
    right, tried : mapping of (str, str) to int
        By column and main reason how many suggestions were right, of how many.
    """

    weights: F64 = field(default_factory=_prior)
    groups: U64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    wrong: F64 = field(default_factory=lambda: np.zeros(0))
    seen: F64 = field(default_factory=lambda: np.zeros(0))
    meant: Mapping[tuple[str, str], str] = field(default_factory=dict)
    right: Mapping[tuple[str, str], int] = field(default_factory=dict)
    tried: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def sure(self, name: str, reason: NDArray[np.object_], share: F64) -> F64:
        """Return how probably suggestions are right if the cells are wrong, given how probable they seemed."""
        out = share.copy()
        for (column, why), tried in self.tried.items():
            if column == name:
                here = reason == why
                out[here] = (_PRIOR_CELLS * share[here] + self.right[column, why]) / (_PRIOR_CELLS + tried)
        return np.where(share > 0, out, 0.0)

    def chances(self, verdict: Verdict, groups: U64) -> F64:
        """Return how probably each cell of a column is wrong, given its signatures."""
        prior = verdict.chance
        if not len(self.groups):
            return prior
        taught = _logistic(_features(verdict) @ self.weights)
        place = np.minimum(np.searchsorted(self.groups, groups), len(self.groups) - 1)
        known = self.groups[place] == groups
        wrong, seen = np.where(known, self.wrong[place], 0.0), np.where(known, self.seen[place], 0.0)
        return (_PRIOR_CELLS * taught + wrong) / (_PRIOR_CELLS + seen)


def signatures(name: str, column: Coded, verdict: Verdict) -> U64:
    """Return a number for each cell: equal where column, form and all clues are alike."""
    salt = hash_array(_text(name))[0]
    form = hash_array(forms(column.texts, "classes"))
    out = form[column.codes] ^ salt if column.size else np.zeros(len(column.codes), np.uint64)
    with np.errstate(over="ignore"):
        for clue in verdict.clues:
            bucket = np.searchsorted(_BUCKETS, clue.chance).astype(np.uint64)
            out = out + bucket * (hash_array(_text(clue.reason))[0] * _SALT)
    return np.asarray(out)


def learn_lesson(
    verdicts: Mapping[str, Verdict],
    columns: Mapping[str, Coded],
    confirmed: Sequence[tuple[str, I64, NDArray[np.bool_], NDArray[np.object_]]],
) -> Lesson:
    """Learn from confirmed cells.

    Parameters
    ----------
    verdicts, columns : mapping
        What the detectors say of some rows, and these rows.
    confirmed : sequence of tuple
        By column: its name, the confirmed rows, whether each is wrong, and the right value of each.

    Returns
    -------
    Lesson

    Notes
    -----
    The weights are the most probable ones given the cells and a normal prior about "what the detectors say
    together is right": with few cells they hardly move.
    """
    features, truths, groups = [], [], []
    meant: dict[tuple[str, str], list[str]] = {}
    hits: dict[tuple[str, str], int] = {}
    tried: dict[tuple[str, str], int] = {}
    for name, rows, wrong, right in confirmed:
        verdict, column = verdicts[name], columns[name]
        features.append(_features(verdict)[rows])
        truths.append(wrong)
        groups.append(signatures(name, column, verdict)[rows])
        for value, good in zip(column.objects[column.codes[rows[wrong]]], right[wrong], strict=True):
            if value:
                meant.setdefault((name, value), []).append(good)
        reasons, suggestions, _ = verdict.best(rows[wrong])
        for why, said, good in zip(reasons, suggestions, right[wrong], strict=True):
            if said is not None:
                tried[name, why] = tried.get((name, why), 0) + 1
                hits[name, why] = hits.get((name, why), 0) + (said == good)
    if not features or not sum(map(len, truths)):
        return Lesson()
    truth = np.concatenate(truths)
    distinct, place = np.unique(np.concatenate(groups), return_inverse=True)
    return Lesson(
        weights=_fit(np.concatenate(features), truth),
        groups=distinct,
        wrong=np.bincount(place, truth, len(distinct)).astype(np.float64),
        seen=np.bincount(place, minlength=len(distinct)).astype(np.float64),
        meant={
            cell: goods[0] for cell, goods in sorted(meant.items()) if len(goods) > 1 and len(set(goods)) == 1
        },
        right=hits,
        tried=tried,
    )


def most_useful_rows(
    chances: Mapping[str, F64], groups: Mapping[str, U64], lesson: Lesson, *, rows: int, skip: I64
) -> I64:
    """Return the rows whose confirmation would teach most, the most useful first.

    Parameters
    ----------
    chances, groups : mapping of str to numpy.ndarray
        By column how probably each cell is wrong, and its signature.
    lesson : Lesson
        What is known already.
    rows : int
        How many at most.
    skip : numpy.ndarray of int64
        Rows not to ask for.

    Notes
    -----
    A signature is worth as much as its cells are uncertain together, somewhat more where they are thought
    wrong (for these are changed), divided by the cells of it that were confirmed. Rows are taken greedily by
    the worth of their cells, so that each is unlike those before.
    """
    if not chances:
        return np.zeros(0, np.int64)
    distinct, place = np.unique(np.concatenate([groups[name] for name in chances]), return_inverse=True)
    said = np.concatenate(list(chances.values()))
    doubt = said * (1 - said) + _CURIOSITY + _AT_STAKE * (said > 0.5)
    worth = np.bincount(place, doubt, len(distinct))
    asked = np.ones(len(distinct))
    known = np.isin(distinct, lesson.groups)
    if known.any():
        asked[known] += lesson.seen[np.searchsorted(lesson.groups, distinct[known])]
    table = place.reshape(len(chances), -1)
    free = np.ones(table.shape[1], np.bool_)
    free[skip] = False
    out: list[int] = []
    for _ in range(min(rows, int(free.sum()))):
        gain = (worth / asked)[table].sum(axis=0)
        best = int(np.argmax(np.where(free, gain, -1.0)))
        out.append(best)
        free[best] = False
        np.add.at(asked, table[:, best], 1.0)
    return np.array(out, np.int64)


def _features(verdict: Verdict) -> F64:
    """Return for each cell a constant, the log odds of the verdict, and each clue's chance."""
    chance = np.clip(verdict.chance, 0.001, 0.999)
    said = {clue.reason: clue.chance for clue in verdict.clues}
    nothing = np.zeros(len(chance))
    clues = [said.get(reason, nothing) for reason in CLUES]
    return np.stack([np.ones(len(chance)), np.log(chance / (1 - chance)), *clues], axis=1)


def _fit(features: F64, truth: NDArray[np.bool_]) -> F64:
    """Return the most probable weights, by Newton's method."""
    weights, prior = _prior(), _prior()
    precision = np.eye(len(prior)) / _PRIOR_SPREAD**2
    precision[0, 0] = precision[1, 1] = 1 / (0.25 * _PRIOR_SPREAD) ** 2
    for _ in range(_ROUNDS):
        said = _logistic(features @ weights)
        slope = features.T @ (truth - said) - precision @ (weights - prior)
        bend = (features * (said * (1 - said))[:, None]).T @ features + precision
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _logistic(values: F64) -> F64:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))


def _text(text: str) -> pa.Array:
    return pa.array([text], pa.large_string())
