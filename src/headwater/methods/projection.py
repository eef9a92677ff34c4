"""Random projection of hashed counts: words by the hundred thousand become a short dense vector.

The matrix is never written down. Where a hash goes and with which sign follows from the hash itself and a seed, so
that any text is projected alone, on any machine, and to the same vector each time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import U64, mix

__all__ = ["project_hashes", "unit_rows"]

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

_SIGNS = 4
_STEPS = 2.0**24


def project_hashes(owner: I64, hashes: U64, rows: int, *, dimensions: int, seed: int = 0) -> F32:
    """Project bags of hashes to dense vectors that keep their inner products, up to chance.

    Parameters
    ----------
    owner : numpy.ndarray of int64, shape (m,)
        The row that each hash belongs to, from 0 to ``rows`` - 1, in any order.
    hashes : numpy.ndarray of uint64, shape (m,)
        The hashes; one that comes c times in a row weighs 1 + ln c.
    rows : int
        Number of rows n.
    dimensions : int
        Length d of the vectors, a multiple of 4.
    seed : int
        Another seed is another projection.

    Returns
    -------
    numpy.ndarray of float32, shape (n, d)
        Rows of unit length; zeros where a row has no hashes.

    Raises
    ------
    UsageError
        If ``dimensions`` is no positive multiple of 4.

    Notes
    -----
    Each hash has s = 4 entries of ±1/√s, one in each quarter of the vector (the block construction of the paper).
    For weights x and y of two rows the inner product of their projections has mean ⟨x, y⟩ and a variance of at most
    2 (|x|² |y|² + ⟨x, y⟩²) / d. Time O(m log m), memory O(m + n d).

    References
    ----------
    Kane, Nelson (2014). Sparser Johnson-Lindenstrauss transforms. Journal of the ACM 61(1). doi:10.1145/2559902
    Weinberger et al. (2009). Feature hashing for large scale multitask learning. ICML. doi:10.1145/1553374.1553516

    Examples
    --------
    >>> bags = project_hashes(np.array([0, 0, 1, 1]), np.array([5, 9, 9, 5], np.uint64), 2, dimensions=64)
    >>> bool(np.allclose(bags[0], bags[1]))
    True
    """
    if dimensions < _SIGNS or dimensions % _SIGNS:
        raise UsageError(f"Vectors have a multiple of {_SIGNS} dimensions, not {dimensions}.")
    owner, hashes, weights = _weighted(owner, hashes)
    width = dimensions // _SIGNS
    out = np.zeros(rows * dimensions)
    start = mix(np.array([seed], np.uint64))
    for place in range(_SIGNS):
        drawn = mix(hashes ^ mix(start + np.uint64(place)))
        column = place * width + ((drawn >> np.uint64(1)) % np.uint64(width)).astype(np.int64)
        signed = np.where(drawn & np.uint64(1), weights, -weights)
        out += np.bincount(owner * dimensions + column, weights=signed, minlength=len(out))
    return unit_rows(out.reshape(rows, dimensions)).astype(np.float32)


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the rows scaled to unit length; rows of zeros stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, None]
    return vectors / np.where(lengths > 0, lengths, 1).astype(vectors.dtype)


def _weighted(owner: I64, hashes: U64) -> tuple[I64, U64, NDArray[np.float64]]:
    """Return each pair of row and hash once, with its weight."""
    # One number for both: two pairs share it with odds of 2**-64. The complement keeps rows apart from the hashes of
    # short words, which are `mix` of small numbers too.
    both = hashes + mix(~owner.astype(np.uint64))
    _, first, counts = np.unique(both, return_index=True, return_counts=True)
    # In steps that float64 adds without rounding: a sum is then the same in whatever order, in any batch.
    weights = np.round((1 + np.log(counts)) * _STEPS) / _STEPS
    return owner[first], hashes[first], weights
