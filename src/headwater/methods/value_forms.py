"""The forms of values: what is left of a text when digits and letters count as kinds, and rare forms.

``2053258100`` has the form ``9999999999`` and ``257 patients`` the form ``9 patients``. Where nearly all
values of a column share a few forms, a value of another form is probably wrong.

References
----------
Raman, Hellerstein (2001). Potter's Wheel: an interactive data cleaning system. VLDB (structures of values).
Huang, He (2018). Auto-Detect: data-driven error detection in tables. SIGMOD. doi:10.1145/3183713.3196889
(generalising values at several levels).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Level", "forms", "rare_form_chance"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

Level = Literal["words", "classes", "exact"]

_REGULAR = 0.05
"""The least share of values that makes a form one of the column's own."""
_COVERED = 0.9
"""The least share that the column's own forms have together."""
_FIXED = 0.99
"""The least share of the one form that makes a column one of fixed length."""
_LONGEST = 200
_ASCII = ("[0-9]", "[A-Z]", "[a-z]")
_LETTERS = (r"\p{Nd}", r"\p{Lu}", r"[\p{Ll}\p{Lo}\p{Lt}\p{Lm}\p{M}]")


def forms(texts: pa.Array, level: Level) -> pa.Array:
    """Return the form of each text.

    Parameters
    ----------
    texts : pyarrow.Array of string
        Any texts.
    level : {"words", "classes", "exact"}
        ``words``: numbers count as 9, letters stay. ``exact``: each character as its class (9, A, a).
        ``classes``: the same, with runs as one.

    Examples
    --------
    >>> value = pa.array(["Route 66b"])
    >>> [forms(value, level)[0].as_py() for level in ("words", "classes", "exact")]
    ['Route 9b', 'Aa 9a', 'Aaaaa 99a']
    """
    short = pc.utf8_slice_codeunits(texts, 0, _LONGEST)
    plain = bool(pc.all(pc.string_is_ascii(short), min_count=0).as_py())
    digit, upper, lower = _ASCII if plain else _LETTERS  # classes of all letters take long to compile
    if level == "words":
        return pc.replace_substring_regex(short, f"[+-]?{digit}+([.,]{digit}+)*", "9")
    many = "+" if level == "classes" else ""
    for kind, letters in (("9", digit), ("A", upper), ("a", lower)):
        short = pc.replace_substring_regex(short, letters + many, kind)
    return short


def rare_form_chance(texts: pa.Array, counts: I64) -> F64:
    """Return how probably each value is wrong, by the rarity of its form.

    Parameters
    ----------
    texts : pyarrow.Array of string
        The distinct values of a column, without missing ones and placeholders.
    counts : numpy.ndarray of int64
        Rows with each; 0 for a value to be judged by the others alone.

    Returns
    -------
    numpy.ndarray of float
        0 where the column has no forms of its own: they must cover nine tenths of the values, hold digits or
        be codes of one length, and each stand for several values. That values are shorter or longer counts
        only where 99 in 100 of the otherwise usual ones have one length. Else from one half up, the more so the more
        values the column's own forms cover, and less for forms that are not so rare.
    """
    chance = np.zeros(len(texts))
    long = np.asarray(pc.greater(pc.utf8_length(texts), _LONGEST))
    if not counts.sum() or counts[long].sum() > _REGULAR * counts.sum():
        return chance  # texts have no form
    usual, plain = np.ones(len(texts), np.bool_), np.zeros(len(texts), np.bool_)
    for level in get_args(Level):
        counted = np.where(usual, counts, 0) if level == "exact" else counts
        total = int(counted.sum())
        if total == 0:
            continue
        encoded = forms(texts, level).dictionary_encode()
        form, names = np.asarray(encoded.indices).astype(np.int64), encoded.dictionary
        rows = np.bincount(form, counted, len(names)).astype(np.float64)
        own = rows >= max(_REGULAR * total, 3)
        covered = rows[own].sum() / total
        if level == "words":
            plain = np.asarray(pc.equal(names, "9"))[form] & bool(own[np.asarray(pc.equal(names, "9"))].any())
        if level == "classes":
            usual = own[form]
        least = _FIXED if level == "exact" else _COVERED
        if covered < least or not _is_format(level, names, rows, own, form, counted):
            continue
        sure = 0.5 + 0.45 * (covered - _COVERED) / (1 - _COVERED)
        rarity = 1 - rows / total / _REGULAR
        found = np.where(own[form], 0.0, sure * np.clip(rarity[form], 0, 1))
        if level == "classes":
            found[plain] = 0.0  # whole numbers and fractions are both numbers
        if level == "exact":
            found[~usual] = 0.0
        chance = np.maximum(chance, found)
    return chance


def _is_format(
    level: Level, names: pa.Array, rows: F64, own: NDArray[np.bool_], form: I64, counts: I64
) -> bool:
    """Say whether the column's own forms are a format, and not words."""
    values = np.bincount(form[counts > 0], minlength=len(names))
    if values[own].sum() < 3 * own.sum() or (level == "exact" and own.sum() != 1):
        return False
    digits = np.asarray(pc.match_substring(names, "9"))
    if level == "exact":  # short numbers are amounts, and 9 beside 10 is no fault
        digits &= ~np.asarray(pc.match_substring_regex(names, "^9{1,4}$"))
    if rows[own & digits].sum() > 0.5 * rows[own].sum():
        return True
    letters = np.asarray(pc.match_substring_regex(names, "^[A-Z]{1,6}$|^A{1,6}$"))
    return level == "exact" and bool(letters[own].all())
