"""What the values of one column say of each other: which are probably wrong, why, and what was meant.

Everything here looks at distinct values and how often each comes, never at rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.methods.coded_values import Coded, kept_where
from headwater.methods.far_numbers import far_numbers
from headwater.methods.misspellings import misspellings, systematic_letter, uses_of_letter
from headwater.methods.placeholders import placeholder_chance
from headwater.methods.unit_texts import canonical_number, unit_errors
from headwater.methods.value_forms import rare_form_chance

__all__ = ["Clue", "value_clues"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_NUMERIC = 0.95
_SELDOM = 0.05
_DOUBTFUL = 0.4
_TIME = r"^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?\s*$"


class Clue(NamedTuple):
    """One detector's word on some things: the distinct values of a column, or its rows.

    Parameters
    ----------
    reason : str
        The detector: ``placeholder``, ``unit``, ``form``, ``spelling``, ``letter``, ``number``, …
    chance : numpy.ndarray of float
        How probably each is wrong, from 0 to 1.
    suggestion : numpy.ndarray of object
        What was meant; None where that is unknown.
    confidence : numpy.ndarray of float
        How probably the suggestion is right if the value is wrong.
    """

    reason: str
    chance: F64
    suggestion: NDArray[np.object_]
    confidence: F64


def value_clues(column: Coded, *, slips: Mapping[str, float] | None = None, rate: float = 0.01) -> list[Clue]:
    """Return the clues about the distinct values of a column, in the order of its texts.

    Parameters
    ----------
    column : Coded
        The column; of texts with a count of 0 nothing is learnt.
    slips : mapping of str to float, optional
        Wrong letters and how often they slipped in, learnt from corrections.
    rate : float
        The share of values that a systematic wrong letter struck.

    Notes
    -----
    Time is linear in the characters of distinct values, but for misspellings: see there.
    """
    numeric = ~np.isnan(column.numbers) & ~column.missing
    gaps = int(column.counts[column.missing].sum())
    seldom = 0 < gaps <= _SELDOM * column.known
    clues = [_clue("missing", np.where(column.missing & seldom, _DOUBTFUL, 0.0), None, 0.0)]
    if column.is_text:
        if not column.known:
            return []
        times = np.asarray(pc.match_substring_regex(column.texts, _TIME))
        plain = column.counts[numeric | times].sum()
        blank = placeholder_chance(column.texts, among_numbers=False)
        others = column.counts[(blank == 0) & ~column.missing].sum()
        among = others > 0 and plain >= _NUMERIC * others
        units = unit_errors(column.texts, column.counts, ignore=column.missing | (blank > 0))
        among = bool(among or units is not None)
        blank = placeholder_chance(column.texts, among_numbers=among)
        if others:
            clues.append(_clue("placeholder", blank, kept_where(blank > 0, ""), 0.9))
        if units is not None:
            clues.append(Clue("unit", units.chance, units.suggestion, units.confidence))
        spoken = ~column.missing & (blank == 0)
        clues.append(
            _on(column, spoken, "form", lambda texts, counts: (rare_form_chance(texts, counts), None, 0.0))
        )
        if not among:
            found = misspellings(column.texts, column.counts, slips=slips, rate=rate, skip=~spoken)
            meant = kept_where(found.meant >= 0, column.objects[found.meant])
            clues.append(_clue("spelling", found.chance, meant, 0.95 * found.share))
        letter = systematic_letter(slips or {})
        if letter is not None:
            used = uses_of_letter(column.texts, column.counts, letter, rate=rate)
            clues.append(_clue("letter", np.where(spoken, used, 0.0), None, 0.0))
        if not among:
            return clues
    if column.is_text or column.counts[numeric].sum() >= _NUMERIC * max(column.known, 1):
        far = far_numbers(np.where(numeric, column.numbers, np.nan), column.counts)
        texts = canonical_number(pa.array([None if np.isnan(v) else str(v) for v in far.meant], pa.string()))
        clues.append(_clue("number", far.chance, texts, 0.3))
    return clues


def _clue(reason: str, chance: F64, suggestion: NDArray[np.object_] | None, confidence: float | F64) -> Clue:
    texts = np.full(len(chance), None, object) if suggestion is None else suggestion
    return Clue(reason, chance, texts, np.where(texts == np.array(None), 0.0, confidence))


def _on(
    column: Coded,
    which: NDArray[np.bool_],
    reason: str,
    judge: Callable[[pa.Array, I64], tuple[F64, None, float]],
) -> Clue:
    """Judge some of the values."""
    chance = np.zeros(column.size)
    some = np.flatnonzero(which)
    chance[some], suggestion, confidence = judge(column.texts.take(pa.array(some)), column.counts[some])
    return _clue(reason, chance, suggestion, confidence)
