"""Texts as counts of hashed words, word pairs and pieces of words: vectorised, and nothing to learn.

A hash names the column of the matrix, so that no dictionary of the training texts is kept and any text can be
counted by itself. Everything is arithmetic on the bytes of all texts at once; there is no loop over texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.extras import require
from headwater.core.hashing import U64, mix

__all__ = ["count_pieces", "count_words", "hash_pieces", "hash_words"]

I64 = NDArray[np.int64]

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_PAIR = np.uint64(3)
_SALT = 0xD6E8FEB86659FD93
_BLOCK_BYTES = 16 << 20
_BITS = 18


def count_words(texts: pa.Array, *, bits: int = _BITS) -> Any:
    """Return counts of words and of pairs of neighbouring words.

    A word is a run of letters and digits in lower case; letters outside ASCII count as such.

    Parameters
    ----------
    texts : pyarrow.Array of string
        n texts; null is the empty text.
    bits : int
        The matrix has 2 to the power of ``bits`` columns; different words share one with odds of 1 to that.

    Returns
    -------
    scipy.sparse.csr_matrix of float32, shape (n, 2 ** bits)

    Notes
    -----
    Time and memory are linear in bytes. A word's hash is a polynomial in its bytes modulo 2**64, taken from
    running sums, so that words of all lengths are hashed at once.

    References
    ----------
    Karp, Rabin (1987). Efficient randomized pattern-matching algorithms. IBM J. Res. Dev. 31(2).
    doi:10.1147/rd.312.0249
    Weinberger et al. (2009). Feature hashing for large scale multitask learning. ICML. doi:10.1145/1553374.1553516
    """
    return _stack([_matrix(*hashed, bits) for hashed in hash_words(texts)], bits)


def count_pieces(texts: pa.Array, *, lengths: Sequence[int] = (3, 4, 5), bits: int = _BITS) -> Any:
    """Return counts of all runs of some bytes, in lower case, with a blank before and after each text.

    Parameters
    ----------
    texts : pyarrow.Array of string
        n texts; null is the empty text.
    lengths : sequence of int
        Lengths of the runs in bytes, each from 1 to 8.
    bits : int
        As in `count_words`.

    Returns
    -------
    scipy.sparse.csr_matrix of float32, shape (n, 2 ** bits)
    """
    return _stack([_matrix(*hashed, bits) for hashed in hash_pieces(texts, lengths=lengths)], bits)


def hash_words(texts: pa.Array) -> Iterator[tuple[I64, U64, int]]:
    """Yield the words and pairs of neighbouring words that `count_words` counts, some texts at a time.

    Yields
    ------
    owner : numpy.ndarray of int64
        The text that each word belongs to, counted from the first of these texts.
    hashes : numpy.ndarray of uint64
        The hash of each word.
    rows : int
        How many texts these are.
    """
    for block in _blocks(texts):
        yield _words(*block)


def hash_pieces(texts: pa.Array, *, lengths: Sequence[int] = (3, 4, 5)) -> Iterator[tuple[I64, U64, int]]:
    """Yield the runs of bytes that `count_pieces` counts, some texts at a time; see `hash_words`."""
    for block in _blocks(texts):
        yield _pieces(*block, lengths)


def _blocks(texts: pa.Array) -> list[tuple[NDArray[np.uint8], I64]]:
    """Return the bytes of the texts and where each begins, in blocks of some millions of bytes."""
    lower = pc.fill_null(pc.utf8_lower(texts.cast(pa.large_string())), "")
    blank = pa.scalar("", pa.large_string())
    padded = pc.binary_join_element_wise(blank, lower, blank, pa.scalar(" ", pa.large_string()))
    offsets = np.frombuffer(padded.buffers()[1], np.int64, len(padded) + 1, padded.offset * 8)
    content = padded.buffers()[2]
    data = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    out, first = [], 0
    while first < len(padded):
        last = int(np.searchsorted(offsets, offsets[first] + _BLOCK_BYTES, side="right")) - 1
        last = min(max(last, first + 1), len(padded))
        out.append((data[offsets[first] : offsets[last]], offsets[first : last + 1] - offsets[first]))
        first = last
    return out


def _words(data: NDArray[np.uint8], offsets: I64) -> tuple[I64, U64, int]:
    letter = ((data >= 48) & (data <= 57)) | ((data >= 97) & (data <= 122)) | (data >= 128)
    edges = np.diff(letter.astype(np.int8), prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    running = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, len(data)), out=running[1:])
    hashes = mix((running[ends] - running[starts]) * _powers(_INVERSE, len(data))[starts])
    owner = np.searchsorted(offsets, starts, side="right") - 1
    near = owner[1:] == owner[:-1]
    pairs = mix(hashes[:-1] * _PAIR + hashes[1:])[near]
    return np.concatenate([owner, owner[1:][near]]), np.concatenate([hashes, pairs]), len(offsets) - 1


def _pieces(data: NDArray[np.uint8], offsets: I64, lengths: Sequence[int]) -> tuple[I64, U64, int]:
    sizes = np.diff(offsets)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    left = np.repeat(offsets[1:], sizes) - np.arange(len(data))
    letters = data.astype(np.uint64)
    owners, hashes = [], []
    for length in lengths:
        count = max(len(data) - length + 1, 0)
        codes = np.zeros(count, np.uint64)
        for place in range(length):
            codes |= letters[place : place + count] << np.uint64(8 * place)
        inside = left[:count] >= length
        owners.append(owner[:count][inside])
        hashes.append(mix(codes[inside] ^ np.uint64((_SALT * length) % (1 << 64))))
    return np.concatenate(owners), np.concatenate(hashes), len(sizes)


def _matrix(owner: I64, hashes: U64, rows: int, bits: int) -> Any:
    sparse = require("scipy.sparse", extra="ml", purpose="The recipe 'text'")
    columns = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    ones = np.ones(len(owner), np.float32)
    out = sparse.csr_matrix((ones, (owner, columns)), shape=(rows, 1 << bits))
    out.sum_duplicates()
    return out


def _stack(parts: Sequence[Any], bits: int) -> Any:
    sparse = require("scipy.sparse", extra="ml", purpose="The recipe 'text'")
    if not parts:
        return sparse.csr_matrix((0, 1 << bits), dtype=np.float32)
    return parts[0] if len(parts) == 1 else sparse.vstack(parts, format="csr")


def _powers(base: int, count: int) -> U64:
    """Return base**0, base**1, … modulo 2**64."""
    out = np.full(count, base, np.uint64)
    out[:1] = 1
    return np.cumprod(out, dtype=np.uint64)
