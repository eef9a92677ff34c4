"""Which cells of a table are probably wrong, and what was meant: all detectors together.

A `CellModel` is learnt from a sample of rows and judges any rows of the same columns. Clues about values
(`headwater.methods.value_clues`) and about rows (dependencies found from the data, values in the wrong
column) become one probability per cell: that at least one clue is right. Cells above one half are errors,
so that no threshold has to be chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.methods.co_occurrence import Company, learn_company, usual_values
from headwater.methods.coded_values import Coded, kept_where
from headwater.methods.dependencies import discover
from headwater.methods.dependency_support import share_of_errors
from headwater.methods.dependency_votes import Ballot, ballot, vote
from headwater.methods.misplaced_values import joined, joined_parts, swapped
from headwater.methods.misspellings import learn_slips
from headwater.methods.value_clues import Clue, value_clues

__all__ = ["CellModel", "Verdict", "combine", "learn"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MOST_VOTERS = 8
_MOST_COLUMNS = 100
_PAIRS = 60
_ROUNDS = 2
_HALF = 0.5
_HEARD = 0.1
_REGIME = 5
_FRACTIONS = 0.2
_MOST_BREAKING = 0.05
_LEAST_ERRORS = 0.1
_MOSTLY = 0.8


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is thought of the cells of one column.

    Parameters
    ----------
    chance : numpy.ndarray of float, shape (rows,)
        How probably each cell is wrong.
    clues : list of Clue
        What each detector says of each row.
    """

    chance: F64
    clues: list[Clue]

    def best(self, rows: I64) -> tuple[NDArray[np.object_], NDArray[np.object_], F64]:
        """Return the main reason, the suggestion (None: none) and its confidence for some rows."""
        reason, suggestion = np.full(len(rows), None, object), np.full(len(rows), None, object)
        most, believed = np.zeros(len(rows)), np.zeros(len(rows))
        for clue in self.clues:
            chance = np.where(clue.chance[rows] >= _HEARD, clue.chance[rows], 0.0)
            said = chance > most
            reason[said], most[said] = clue.reason, chance[said]
            sure = chance * clue.confidence[rows]
            same = (suggestion == clue.suggestion[rows]) & (sure > 0)
            better = (sure > believed) & ~same
            suggestion[better], believed[better] = clue.suggestion[rows][better], sure[better]
            believed[same] = 1 - (1 - believed[same]) * (1 - sure[same])
        return reason, suggestion, believed


@dataclass(frozen=True, eq=False)
class CellModel:
    """What was learnt of a table's columns.

    Parameters
    ----------
    columns : mapping of str to Coded
        The sample.
    clues : mapping of str to list of Clue
        What is thought of the distinct values of the sample.
    voters : mapping of str to list of str
        For each column those that determine it.
    ballots : mapping
        What each of them says, by right and left side.
    regimes : mapping
        Values of further columns with which a dependency does not hold.
    joins, swaps : list of (str, str)
        Columns that hold another column's value behind their own, and pairs that may be swapped.
    doubts : mapping of str to numpy.ndarray
        For each distinct value of the sample how probably the cells that hold it are wrong.
    companies : mapping of str to Company
        What comes with the values of columns of few values that nothing determines.
    slips : mapping of str to float
        Wrong letters that slipped in again and again.
    rate : float
        The share of cells thought wrong in the sample.
    """

    columns: Mapping[str, Coded]
    clues: Mapping[str, list[Clue]]
    voters: Mapping[str, list[str]]
    ballots: Mapping[tuple[str, str], Ballot]
    regimes: Mapping[tuple[str, str], list[tuple[str, I64]]]
    joins: Sequence[tuple[str, str]]
    swaps: Sequence[tuple[str, str]]
    doubts: Mapping[str, F64] = field(default_factory=dict)
    companies: Mapping[str, Company] = field(default_factory=dict)
    slips: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.01

    def judge(self, rows: Mapping[str, Coded]) -> dict[str, Verdict]:
        """Return the verdict on each column of some rows.

        Parameters
        ----------
        rows : mapping of str to Coded
            The columns of the model, of other rows or the sample itself.
        """
        views = {name: self._view(name, rows[name]) for name in self.columns}
        clues = {
            name: [_by_row(clue, rows[name].codes) for clue in views[name][1] if clue.chance.any()]
            for name in self.columns
        }
        for name, clue in self._misplaced(rows):
            clues[name].append(clue)
        chances = {name: combine(clues[name], len(rows[name].codes)) for name in self.columns}
        plain = dict(chances)
        votes: dict[str, Clue] = {}
        for _ in range(_ROUNDS):
            votes = {
                name: self._votes(name, rows, views, chances) for name in self.columns if name in self.voters
            }
            chances = {
                name: 1 - (1 - plain[name]) * (1 - votes[name].chance) if name in votes else plain[name]
                for name in self.columns
            }
        for name, clue in votes.items():
            clues[name].append(clue)
        for name, company in self.companies.items():
            others = {beside: views[beside][0][rows[beside].codes] for beside in company.beside}
            found = company.judge(views[name][0][rows[name].codes], others)
            meant = self.columns[name].objects[found.meant]
            clues[name].append(Clue("company", found.chance, meant, found.confidence))
            chances[name] = 1 - (1 - chances[name]) * (1 - found.chance)
        return {name: Verdict(chances[name], clues[name]) for name in self.columns}

    def _view(self, name: str, column: Coded) -> tuple[I64, list[Clue]]:
        """Return for each distinct value its place in the sample (-1: new), and the clues about it."""
        learnt = self.columns[name]
        if column is learnt:
            return np.arange(column.size), self.clues[name]
        place = learnt.find(column.texts)
        new = np.flatnonzero(place < 0)
        known = [_pick(clue, np.maximum(place, 0)) for clue in self.clues[name]]
        if not len(new):
            return place, known
        both = Coded(
            codes=learnt.codes,
            texts=pa.concat_arrays([learnt.texts, column.texts.take(pa.array(new))]),
            counts=np.concatenate([learnt.counts, np.ones(len(new), np.int64)]),
            is_text=learnt.is_text,
        )
        fresh = {clue.reason: clue for clue in value_clues(both, slips=self.slips, rate=self.rate)}
        out = []
        for clue in known:
            other = fresh.get(clue.reason)
            clue.chance[new], clue.suggestion[new], clue.confidence[new] = 0.0, None, 0.0
            if other is not None:
                at = learnt.size + np.arange(len(new))
                clue.chance[new], clue.suggestion[new] = other.chance[at], other.suggestion[at]
                clue.confidence[new] = other.confidence[at]
            out.append(clue)
        return place, out

    def _misplaced(self, rows: Mapping[str, Coded]) -> list[tuple[str, Clue]]:
        out = []
        for name, other in self.joins:
            column, beside, learnt = rows[name], rows[other], self.columns[other]
            parts = joined_parts(column, learnt)
            head, tail = parts.head[column.codes], parts.tail[column.codes]
            found = (tail >= 0) & beside.missing[beside.codes]
            text = learnt.objects[np.maximum(tail, 0)]
            out.append((name, _sure("joined", found, head, 0.95)))
            out.append((other, _sure("joined", found, text, 0.95)))
        for name, other in self.swaps:
            column, beside = rows[name], rows[other]
            found = swapped(self._counted(name, column), self._counted(other, beside))
            if found.any():
                out.append((name, _sure("swapped", found, beside.objects[beside.codes], 0.95)))
                out.append((other, _sure("swapped", found, column.objects[column.codes], 0.95)))
        return out

    def _counted(self, name: str, column: Coded) -> Coded:
        """Return the rows' values with the counts of the sample, and the sample's values after them."""
        learnt = self.columns[name]
        if column is learnt:
            return column
        place = learnt.find(column.texts)
        counts = np.where(place >= 0, learnt.counts[np.maximum(place, 0)], 0)
        rest = np.setdiff1d(np.arange(learnt.size), place)
        texts = pa.concat_arrays([column.texts, learnt.texts.take(pa.array(rest))])
        return Coded(column.codes, texts, np.concatenate([counts, learnt.counts[rest]]), column.is_text)

    def _votes(
        self,
        name: str,
        rows: Mapping[str, Coded],
        views: Mapping[str, tuple[I64, list[Clue]]],
        chances: Mapping[str, F64],
    ) -> Clue:
        lefts = self.voters[name]
        found = vote(
            [self.ballots[name, left] for left in lefts],
            [views[left][0][rows[left].codes] for left in lefts],
            [
                self.ballots[name, left].trust * (1 - chances[left]) * self._holds(name, left, rows, views)
                for left in lefts
            ],
            views[name][0][rows[name].codes],
        )
        meant = kept_where(found.meant >= 0, self.columns[name].objects[found.meant])
        doubt = self.doubts[name][found.meant] if name in self.doubts else 0.0
        against = found.against * (1 - doubt)  # a suggestion that is itself in doubt is none
        return Clue("dependency", against, meant, np.where(found.meant >= 0, against, 0.0))

    def _holds(
        self, name: str, left: str, rows: Mapping[str, Coded], views: Mapping[str, tuple[I64, list[Clue]]]
    ) -> F64:
        """Return 0 for rows in which the dependency is known not to hold, else 1."""
        out = np.ones(len(rows[name].codes))
        for column, codes in self.regimes.get((name, left), []):
            out[np.isin(views[column][0][rows[column].codes], codes)] = 0.0
        return out


def learn(columns: Mapping[str, Coded], *, rng: np.random.Generator) -> CellModel:
    """Learn from a sample of rows what their cells should look like.

    Parameters
    ----------
    columns : mapping of str to Coded
        The columns, with the same rows in each.
    rng : numpy.random.Generator
        Picks the rows that dependencies are first tried on.

    Notes
    -----
    Of tables with more than 100 columns, dependencies are sought among the 100 with the fewest values that
    come more than once.
    """
    clues = {name: value_clues(column) for name, column in columns.items()}
    voters, ballots, regimes = _dependencies(columns, rng)
    swaps = _alike(columns)
    joins = [
        (name, other)
        for name, other in _text_pairs(columns)
        if (columns[other].missing & (columns[other].counts > 0)).any()
        and joined(columns[name], columns[other])
    ]
    free = sorted(columns, key=lambda name: (columns[name].size, name))[:_MOST_COLUMNS]
    often = {name: usual_values(columns[name]) for name in free}
    companies = {name: learn_company(name, columns, often) for name in free if name not in voters}
    known = {name: company for name, company in companies.items() if company is not None}
    model = CellModel(columns, clues, voters, ballots, regimes, joins, swaps, companies=known)
    model = replace(model, doubts=_doubts(columns, model.judge(columns)))
    verdicts = model.judge(columns)
    wrong, right, judged = [], [], 0
    for name, verdict in verdicts.items():
        rows = np.flatnonzero(verdict.chance > _HALF)
        _, suggestion, _ = verdict.best(rows)
        if columns[name].is_text:
            judged += len(verdict.chance)
            there = suggestion != np.array(None)
            wrong += columns[name].objects[columns[name].codes[rows[there]]].tolist()
            right += suggestion[there].tolist()
    slips = learn_slips(wrong, right)
    if not slips:
        return model
    rate = min((len(wrong) + 1) / (judged + 100), 0.1)
    clues = {name: value_clues(column, slips=slips, rate=rate) for name, column in columns.items()}
    model = replace(model, clues=clues, slips=slips, rate=rate)
    return replace(model, doubts=_doubts(columns, model.judge(columns)))


def _doubts(columns: Mapping[str, Coded], verdicts: Mapping[str, Verdict]) -> dict[str, F64]:
    """Return for each value how probably its cells are wrong by all clues but dependencies."""
    out = {}
    for name, verdict in verdicts.items():
        column = columns[name]
        own = combine([clue for clue in verdict.clues if clue.reason != "dependency"], len(column.codes))
        out[name] = np.bincount(column.codes, own, column.size) / np.maximum(column.counts, 1)
    return out


def combine(clues: Sequence[Clue], rows: int) -> F64:
    """Return how probably at least one clue is right."""
    right = np.ones(rows)
    for clue in clues:
        right *= 1 - clue.chance
    return 1 - right


def _dependencies(
    columns: Mapping[str, Coded], rng: np.random.Generator
) -> tuple[dict[str, list[str]], dict[tuple[str, str], Ballot], dict[tuple[str, str], list[tuple[str, I64]]]]:
    fit = [name for name, one in columns.items() if 2 <= (one.counts > 0).sum() <= 0.9 * len(one.codes)]
    fit = sorted(fit, key=lambda name: (columns[name].size, name))[:_MOST_COLUMNS]
    if len(fit) < 2:
        return {}, {}, {}
    missing = {
        name: int(np.argmax(columns[name].missing)) if columns[name].missing.any() else -1 for name in fit
    }
    table = pa.table(
        {name: pa.array(columns[name].codes, mask=columns[name].codes == missing[name]) for name in fit}
    )
    voters: dict[str, list[str]] = {}
    ballots, regimes = {}, {}
    for found in discover(table, sample=min(20_000, 4_000_000 // len(fit) ** 2 + 1_000), rng=rng):
        left, right = found.lhs[0], found.rhs
        if found.breaking > _MOST_BREAKING * found.evidence or _is_measured(columns[left]):
            continue
        if len(voters.setdefault(right, [])) == _MOST_VOTERS:
            continue
        codes = np.where(columns[left].codes == missing[left], -1, columns[left].codes)
        counted = ballot(
            codes,
            columns[right].codes,
            columns[left].size,
            columns[right].size,
            missing[right],
            trust=-np.log((found.breaking + 1) / (found.evidence + 2)),
        )
        of, value = counted.keys // counted.width, counted.keys % counted.width
        if share_of_errors(of, value, counted.counts) < _LEAST_ERRORS:
            continue  # that its rows agree is chance, and so are those that do not
        voters[right].append(left)
        ballots[right, left] = counted
        if found.breaking:
            others = [name for name in fit if name not in (left, right)]
            regimes[right, left] = _regimes(ballots[right, left], codes, columns, right, others, missing)
    return {name: lefts for name, lefts in voters.items() if lefts}, ballots, regimes


def _is_measured(column: Coded) -> bool:
    """Say whether a column holds fractions: measurements determine nothing but by chance."""
    values, counts = column.numbers, column.counts
    fractions = counts[~np.isnan(values) & (np.nan_to_num(values, posinf=0, neginf=0) % 1 != 0)].sum()
    return bool(fractions > _FRACTIONS * column.known)


def _regimes(
    one: Ballot,
    left: I64,
    columns: Mapping[str, Coded],
    right: str,
    others: list[str],
    missing: Mapping[str, int],
) -> list[tuple[str, I64]]:
    """Return values of other columns in whose rows the dependency mostly does not hold."""
    shared = (left >= 0) & (one.total[left] > 1) & (columns[right].codes != missing[right])
    breaks = shared & (columns[right].codes != one.top[left])
    out = []
    for name in others:
        column = columns[name]
        broken = np.bincount(column.codes[breaks], minlength=column.size)
        rows = np.bincount(column.codes[shared], minlength=column.size)
        if missing[name] >= 0:
            broken[missing[name]] = 0
        found = np.flatnonzero((broken >= _REGIME) & (broken >= _MOSTLY * rows))
        if len(found):
            out.append((name, found))
    return out


def _text_pairs(columns: Mapping[str, Coded]) -> list[tuple[str, str]]:
    texts = sorted(
        (name for name, one in columns.items() if one.is_text and one.known),
        key=lambda name: columns[name].size,
    )[:_PAIRS]
    return [(name, other) for name in texts for other in texts if name != other]


def _alike(columns: Mapping[str, Coded]) -> list[tuple[str, str]]:
    """Return the pairs of columns that have swapped values in the sample."""
    pairs = [(name, other) for name, other in _text_pairs(columns) if name < other]
    return [(name, other) for name, other in pairs if swapped(columns[name], columns[other]).any()]


def _by_row(clue: Clue, codes: I64) -> Clue:
    return Clue(clue.reason, clue.chance[codes], clue.suggestion[codes], clue.confidence[codes])


def _pick(clue: Clue, places: I64) -> Clue:
    return _by_row(clue, places)


def _sure(reason: str, found: NDArray[np.bool_], suggestion: NDArray[np.object_], chance: float) -> Clue:
    return Clue(
        reason, np.where(found, chance, 0.0), kept_where(found, suggestion), np.where(found, chance, 0.0)
    )
