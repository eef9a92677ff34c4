"""How probable a text is, letter by letter, by the other texts of its column.

Texts are told by their trigrams, with shorter contexts where a longer one is unknown. A text never speaks
for itself: its own trigrams are taken off first.

References
----------
Witten, Bell (1991). The zero-frequency problem. IEEE Transactions on Information Theory 37(4).
doi:10.1109/18.87000 (mixing with shorter contexts).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["Letters", "letter_probabilities", "spell"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

_BITS = 20
_BACK = 2.0


class Letters(NamedTuple):
    """The characters of many texts, one after the other.

    Parameters
    ----------
    characters : numpy.ndarray of int64
        Code points.
    owner : numpy.ndarray of int64
        The text each is part of.
    place : numpy.ndarray of int64
        Its place in the text.
    lengths : numpy.ndarray of int64
        Characters of each text.
    """

    characters: I64
    owner: I64
    place: I64
    lengths: I64


def spell(texts: pa.Array) -> Letters:
    """Return the characters of texts."""
    words = texts.to_pylist()
    lengths = np.array([len(word) for word in words], np.int64)
    raw = "".join(words).encode("utf-32-le", "surrogatepass")
    characters = np.frombuffer(raw, np.uint32).astype(np.int64)
    owner = np.repeat(np.arange(len(words)), lengths)
    starts = np.cumsum(lengths) - lengths
    return Letters(characters, owner, np.arange(len(characters)) - starts[owner], lengths)


def letter_probabilities(letters: Letters, learned: Letters | None = None, *, own: bool = True) -> F64:
    """Return the probability of each character after the two before it.

    Parameters
    ----------
    letters : Letters
        Texts to judge.
    learned : Letters, optional
        Texts to learn from; the same by default.
    own : bool
        Whether the texts are among those learned from, so that each must be taken off before it is judged.
    """
    from_ = letters if learned is None else learned
    alphabet = max(len(np.unique(from_.characters)), 26) + 1
    tables = [np.bincount(_hashed(from_, size), minlength=1 << _BITS) for size in (1, 2, 3)]
    contexts = [np.bincount(_hashed(from_, size, context=True), minlength=1 << _BITS) for size in (2, 3)]
    off = float(own)
    once = np.maximum(tables[0][_hashed(letters, 1)] - off, 0)
    probability = (once + 1.0 / alphabet) / (len(from_.characters) + 1.0)
    for size, context in zip((2, 3), contexts, strict=True):
        seen = np.maximum(tables[size - 1][_hashed(letters, size)] - off, 0)
        before = np.maximum(context[_hashed(letters, size, context=True)] - off, 0)
        probability = (seen + _BACK * probability) / (before + _BACK)
    return np.asarray(np.minimum(probability, 1.0))


def _hashed(letters: Letters, size: int, *, context: bool = False) -> I64:
    """Return a bucket for each character with the ``size - 1`` before it; without itself where it is the context."""
    key: U64 = np.full(len(letters.characters), size + 7, np.uint64)
    for back in range(size - 1, 0 if context else -1, -1):
        shifted = np.full(len(key), 1, np.int64)
        shifted[back:] = letters.characters[: len(key) - back] if back else letters.characters
        shifted = np.where(letters.place >= back, shifted, 1)
        key = (key * np.uint64(0x9E3779B97F4A7C15)) ^ shifted.astype(np.uint64)
        key *= np.uint64(0xD6E8FEB86659FD93)
    return np.asarray((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS)).astype(np.int64)
