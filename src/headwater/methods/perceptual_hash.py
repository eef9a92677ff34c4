"""Perceptual hashes of small grey pictures, which stay nearly the same when a picture is resized or recompressed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from headwater.core.hashing import U64
from headwater.methods.image_features import low_frequencies

__all__ = ["difference_hash", "hamming", "piece_bands", "wave_hash"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_PIECES = 4
_PIECE_BITS = 16
_POWERS = np.uint64(1) << np.arange(64, dtype=np.uint64)


def wave_hash(grey: F64) -> U64:
    """Return for each picture which of its 64 lowest cosine frequencies lie above their median.

    Parameters
    ----------
    grey : numpy.ndarray of float, shape (n, 32, 32)
        Brightness.

    Notes
    -----
    The mean brightness does not count: it neither moves the median nor has a bit that can be set.

    References
    ----------
    Zauner (2010). Implementation and benchmarking of perceptual image hash functions. Upper Austria University of
    Applied Sciences (the method known as pHash).
    """
    waves = low_frequencies(grey)
    bits = waves > np.median(waves[:, 1:], axis=1)[:, None]
    bits[:, 0] = False
    return _packed(bits)


def difference_hash(grey: F64) -> U64:
    """Return for each picture, at 8 × 9 places, which places are darker than the next one to the right.

    Parameters
    ----------
    grey : numpy.ndarray of float, shape (n, 32, 32)
        Brightness.
    """
    rows = grey.reshape(len(grey), 8, 4, 32).mean(axis=2)
    edges = np.linspace(0, 32, 10).round().astype(np.int64)
    small = np.stack([rows[:, :, a:b].mean(axis=2) for a, b in pairwise(edges.tolist())], axis=2)
    return _packed((small[:, :, 1:] > small[:, :, :-1] + 1e-9).reshape(len(grey), 64))


def hamming(one: U64, two: U64) -> I64:
    """Return in how many bits hashes differ."""
    return np.asarray(np.bitwise_count(one ^ two), np.int64)


def piece_bands(hashes: U64) -> U64:
    """Return bands of hashes: two hashes that differ in at most 7 bits share one.

    Returns
    -------
    numpy.ndarray of uint64, shape (64, n)

    Notes
    -----
    Of four pieces of 16 bits, one differs in at most 1 bit; each piece is kept with each of its bits left out in turn.

    References
    ----------
    Norouzi, Punjani, Fleet (2012). Fast search in Hamming space with multi-index hashing. CVPR.
    doi:10.1109/CVPR.2012.6248043
    """
    shifts = np.arange(_PIECES, dtype=np.uint64) * np.uint64(_PIECE_BITS)
    pieces = (hashes[None, :] >> shifts[:, None]) & np.uint64((1 << _PIECE_BITS) - 1)
    masks = ~(np.uint64(1) << np.arange(_PIECE_BITS, dtype=np.uint64))
    return (pieces[:, None, :] & masks[None, :, None]).reshape(_PIECES * _PIECE_BITS, len(hashes))


def _packed(bits: NDArray[np.bool_]) -> U64:
    return np.asarray((bits * _POWERS).sum(axis=1, dtype=np.uint64))
