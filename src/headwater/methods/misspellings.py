"""Rare values that are probably a frequent one with a few wrong letters.

A rare value is weighed as two stories: a frequent value was meant and mistyped, or it is a value of its own,
spelled as the column spells. Which letters slip in can be learned: a fault of a keyboard, a scanner or a
program writes the same wrong letter again and again.

References
----------
Kernighan, Church, Gale (1990). A spelling correction program based on a noisy channel model. COLING.
doi:10.3115/997939.997975 (weighing both stories).
Good (1953). The population frequencies of species. Biometrika 40. doi:10.1093/biomet/40.3-4.237 (the
chance of a value not seen before).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.methods.letter_model import Letters, letter_probabilities, spell

__all__ = ["Misspelt", "learn_slips", "misspellings", "systematic_letter", "uses_of_letter"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
B = NDArray[np.bool_]
U64 = NDArray[np.uint64]

_KINDS = 4
_LETTER = 1 / 40
_TARGETS = 3
_FREQUENT = 3
_WORK = 20_000_000
_LONGEST = 400
_MOST_LETTERS = 4_000_000
_BASE = 0x9E3779B97F4A7C15
_LEAST_SLIPS = 10
_MOSTLY = 0.5
_TEN_DIGITS = 11  # or none


class Misspelt(NamedTuple):
    """What is thought of each distinct value.

    Parameters
    ----------
    chance : numpy.ndarray of float
        How probably it is misspelt.
    meant : numpy.ndarray of int64
        The place of the value that was meant, or -1.
    share : numpy.ndarray of float
        How probably it was that one, among all that may have been meant.
    """

    chance: F64
    meant: I64
    share: F64


def misspellings(
    texts: pa.Array,
    counts: I64,
    *,
    slips: Mapping[str, float] | None = None,
    rate: float = 0.01,
    skip: B | None = None,
) -> Misspelt:
    """Find the distinct values of a column that are probably others, misspelt.

    Parameters
    ----------
    texts : pyarrow.Array of string
        Distinct values.
    counts : numpy.ndarray of int64
        Rows with each.
    slips : mapping of str to float, optional
        The probability of each wrong letter; equal ones by default. See `learn_slips`.
    rate : float
        The share of values that are misspelt.
    skip : numpy.ndarray of bool, optional
        Values that take no part.

    Notes
    -----
    Candidates are values one edit apart (found by hashing each value without one of its letters), and of the
    same length with a third of the letters changed at most. A changed digit that stays a digit is no
    misspelling: 35233 is not 35232 mistyped. A letter too many beside a digit, as in 3x of 3, may as well stand for
    any of ten digits. Values of more than 400 letters are left out, and the longest
    where a column has more than 4 million letters.
    """
    chance, meant, share = np.zeros(len(texts)), np.full(len(texts), -1), np.zeros(len(texts))
    lengths, usable = _affordable(texts)
    usable &= (lengths >= 2) & (counts > 0)
    if skip is not None:
        usable &= ~skip
    total = int(counts[usable].sum())
    if usable.sum() < 2 or not (counts[usable] >= _FREQUENT).any():
        return Misspelt(chance, meant, share)
    letters = spell(_only(texts, usable))
    rare, frequent = _candidates(letters, counts, usable)
    if not len(rare):
        return Misspelt(chance, meant, share)
    edit, stories = _edit_chance(letters, rare, frequent, dict(slips or {}))
    possible = stories > 0
    rare, frequent, edit, stories = rare[possible], frequent[possible], edit[possible], stories[possible]
    if not len(rare):
        return Misspelt(chance, meant, share)
    log_letters = np.log(letter_probabilities(letters))
    spelled = np.bincount(letters.owner, log_letters, len(texts))
    singles = int((counts[usable] == 1).sum())
    new = np.log((singles + 1) / (total + 1))
    typed = np.log(rate * counts[frequent] / total) + edit
    odds = typed - (new + spelled[rare])
    # A slip that comes again and again must be as frequent as the slip is probable.
    again = counts[rare] - 1
    odds += again * np.minimum(typed - np.log(counts[rare] / total), 0.0)
    order = np.lexsort((frequent, -odds, rare))
    first = order[np.flatnonzero(np.diff(rare[order], prepend=-1))]
    chance[rare[first]] = 1 / (1 + np.exp(-np.clip(odds[first], -50, 50)))
    meant[rare[first]] = frequent[first]
    # The first is the best: of stories that are e^odds as probable, it has 1 / Σ e^(odds - best).
    best = np.full(len(texts), -np.inf)
    best[rare[first]] = odds[first]
    told = np.bincount(rare, np.exp(odds - best[rare]), len(texts))
    share[rare[first]] = 1 / (told[rare[first]] * stories[first])
    return Misspelt(chance, meant, share)


def learn_slips(wrong: list[str], right: list[str]) -> dict[str, float]:
    """Return how often each letter slipped in, from corrections of equal length; nothing unless one prevails.

    Examples
    --------
    >>> learn_slips(["axa", "bxx"] * 10, ["aba", "bcd"] * 10)["x"] > 0.9
    True
    """
    found: dict[str, int] = {}
    for bad, good in zip(wrong, right, strict=True):
        if len(bad) == len(good):
            for letter in {b for b, g in zip(bad, good, strict=True) if b != g}:
                found[letter] = found.get(letter, 0) + 1
    total = sum(found.values())
    if total < _LEAST_SLIPS or max(found.values()) < _MOSTLY * total:
        return {}
    return {letter: (number + _LETTER) / (total + 1.0) for letter, number in sorted(found.items())}


def systematic_letter(slips: Mapping[str, float]) -> str | None:
    """Return the letter that most slips write; None without slips."""
    return max(slips, key=lambda one: (slips[one], one), default=None)


def uses_of_letter(texts: pa.Array, counts: I64, letter: str, *, rate: float) -> F64:
    """Return how probably each value holds a letter that a systematic fault wrote there.

    Parameters
    ----------
    texts : pyarrow.Array of string
        Distinct values.
    counts : numpy.ndarray of int64
        Rows with each.
    letter : str
        The letter.
    rate : float
        The share of values that the fault struck.
    """
    _, usable = _affordable(texts)
    letters = spell(_only(texts, usable))
    here = letters.characters == ord(letter)
    holds = np.bincount(letters.owner, here, len(texts)) > 0
    if not here.any():
        return np.zeros(len(texts))
    log_letters = np.log(letter_probabilities(letters))
    natural = np.full(len(texts), 0.0)
    np.minimum.at(natural, letters.owner[here], log_letters[here])
    odds = np.log(rate / (1 - rate)) - np.log(np.maximum(letters.lengths, 1)) - natural
    odds -= np.log(np.maximum(counts, 1)) * 2
    return np.where(holds, 1 / (1 + np.exp(-np.clip(odds, -50, 50))), 0.0)


def _affordable(texts: pa.Array) -> tuple[I64, B]:
    """Return the lengths of texts, and which are looked at: none too long, the shortest first, so many letters."""
    lengths = np.asarray(pc.utf8_length(texts)).astype(np.int64)
    order = np.argsort(lengths, kind="stable")
    within = np.zeros(len(lengths), np.bool_)
    within[order] = np.cumsum(lengths[order]) <= _MOST_LETTERS
    return lengths, within & (lengths <= _LONGEST)


def _only(texts: pa.Array, which: B) -> pa.Array:
    return texts if which.all() else pc.if_else(pa.array(which), texts, pa.scalar("", texts.type))


def _candidates(letters: Letters, counts: I64, usable: B) -> tuple[I64, I64]:
    near = [*_one_edit(letters, counts, usable), *_same_length(letters, counts, usable)]
    rare = np.concatenate([np.zeros(0, np.int64), *(one for one, _ in near)])
    frequent = np.concatenate([np.zeros(0, np.int64), *(other for _, other in near)])
    sure = (rare != frequent) & (counts[frequent] >= np.maximum(2 * counts[rare], _FREQUENT))
    pairs = np.unique(np.stack([rare[sure], frequent[sure]]), axis=1)
    return pairs[0], pairs[1]


def _one_edit(letters: Letters, counts: I64, usable: B) -> list[tuple[I64, I64]]:
    """Return pairs that are alike when one letter of one, or of both, is left out."""
    if not (counts[usable] >= _FREQUENT).any():
        return []
    kept = usable[letters.owner]
    with np.errstate(over="ignore"):
        inverse = np.uint64(pow(_BASE, -1, 1 << 64))
        powers = np.cumprod(np.full(_LONGEST + 1, _BASE, np.uint64))
        longest = np.minimum(letters.place, _LONGEST)
        weighed = letters.characters.astype(np.uint64) * powers[longest]
        running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighed, dtype=np.uint64)])
        ends = np.cumsum(letters.lengths)
        start, end = running[ends - letters.lengths], running[ends]
        owner = letters.owner
        here = np.arange(len(owner))
        without = (running[here] - start[owner]) + (end[owner] - running[here + 1]) * inverse
        whole = end - start
    values = np.flatnonzero(usable)
    keys = np.concatenate([without[kept], whole[values]])
    owners = np.concatenate([owner[kept], values])
    frequent = np.unique(keys[counts[owners] >= _FREQUENT])
    if not len(frequent):
        return []
    near = frequent[np.minimum(np.searchsorted(frequent, keys), len(frequent) - 1)] == keys
    keys, owners = keys[near], owners[near]
    order = np.lexsort((owners, -counts[owners], keys))
    keys, owners = keys[order], owners[order]
    fresh = np.append(True, (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1]))
    keys, owners = keys[fresh], owners[fresh]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    group = np.cumsum(np.append(True, keys[1:] != keys[:-1])) - 1
    size = np.diff(np.append(first, len(keys)))[group]
    out = []
    for rank in range(_TARGETS):
        there = size > rank + 1
        out.append((owners[there], owners[np.minimum(first[group[there]] + rank, len(owners) - 1)]))
    return out


def _same_length(letters: Letters, counts: I64, usable: B) -> list[tuple[I64, I64]]:
    """Return for each rare value the nearest frequent one of its length, where there are not too many."""
    out = []
    ends = np.cumsum(letters.lengths)
    for length in np.unique(letters.lengths[usable]).tolist():
        group = np.flatnonzero(usable & (letters.lengths == length))
        frequent = group[counts[group] >= _FREQUENT]
        if length < 3 or not len(frequent) or len(group) * len(frequent) * length > _WORK:
            continue
        table = letters.characters[(ends[group] - length)[:, None] + np.arange(length)]
        best = np.full(len(group), length)
        nearest = np.full(len(group), -1)
        for one in frequent[np.argsort(-counts[frequent], kind="stable")].tolist():
            row = table[np.searchsorted(group, one)]
            apart = (table != row).sum(axis=1)
            closer = (apart < best) & (counts[group] < counts[one])
            best[closer], nearest[closer] = apart[closer], one
        near = (nearest >= 0) & (best <= max(length // 3, 1))
        out.append((group[near], nearest[near]))
    return out


def _edit_chance(letters: Letters, rare: I64, frequent: I64, slips: dict[str, float]) -> tuple[F64, I64]:
    """Return the log probability that each frequent value was written as the rare one, and how many stories say so.

    There is no story where it cannot be, and more than one where the rare value may have been another as readily.
    """
    chance, stories = np.zeros(len(rare)), np.ones(len(rare), np.int64)
    ends = np.cumsum(letters.lengths)
    starts = ends - letters.lengths
    known = {ord(letter): value for letter, value in slips.items() if len(letter) == 1}
    least = min(_LETTER, 1 / (10 * sum(1 for _ in known) + 40))
    for pair in range(len(rare)):
        bad = letters.characters[starts[rare[pair]] : ends[rare[pair]]]
        good = letters.characters[starts[frequent[pair]] : ends[frequent[pair]]]
        # Where slips are known they are known to be exchanged letters, of all places of one letter alike.
        place = -np.log(len(set(good.tolist()))) if known else -np.log(len(good) * _KINDS)
        if len(bad) == len(good):
            differ = np.flatnonzero(bad != good)
            if len(differ) == 2 and differ[1] == differ[0] + 1 and (bad[differ] == good[differ][::-1]).all():
                stories[pair] = not _is_digit(bad[differ]).all()
                chance[pair] = place
                continue
            if (_is_digit(bad[differ]) & _is_digit(good[differ])).any():
                stories[pair] = 0
                continue
            kinds = {(int(b), int(g)) for b, g in zip(bad[differ], good[differ], strict=True)}
            fallback = least if known else _LETTER
            chance[pair] = sum(place + np.log(known.get(wrong, fallback)) for wrong, _ in kinds)
            continue
        longer, shorter = (bad, good) if len(bad) > len(good) else (good, bad)
        same = longer[:-1] == shorter
        at = len(shorter) if same.all() else int(np.argmin(same))
        if len(longer) - len(shorter) != 1 or not (longer[at + 1 :] == shorter[at:]).all():
            stories[pair] = 0
            continue
        stories[pair] = not _is_digit(longer[at : at + 1]).any()
        added = len(bad) > len(good)
        if added and _is_digit(longer[max(at - 1, 0) : at + 2]).any():
            stories[pair] *= _TEN_DIGITS
        chance[pair] = place + (np.log(known.get(int(longer[at]), _LETTER)) if added else 0.0)
    return chance, stories


def _is_digit(characters: I64) -> B:
    return np.asarray((characters >= 48) & (characters <= 57))
