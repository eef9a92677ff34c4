"""Rows whose vectors point in nearly the same direction: random hyperplanes find them, the cosine decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import hash_array
from headwater.methods.neighbours import comparable
from headwater.recipes.alike import Likeness, Side, Signatures
from headwater.recipes.known_vectors import vectors_of

__all__ = ["NearVectors"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_SEED = 0xC0517E
_BITS = 16
_MOST_BANDS = 64
_SURE = 0.99


@dataclass(frozen=True, kw_only=True)
class NearVectors(Likeness):
    """Vectors are alike when their cosine reaches a threshold.

    Parameters
    ----------
    column : str
        The column of vectors.
    threshold : float
        A cosine from 0.5 to 1.

    Notes
    -----
    A bit of a signature says on which side of a random plane a vector lies; two vectors share it with probability
    1 − angle / π. Bands are as long and as many as find a pair at the threshold in 99 of 100 cases.

    References
    ----------
    Charikar (2002). Similarity estimation techniques from rounding algorithms. STOC. doi:10.1145/509907.509965
    """

    column: str
    threshold: float = 0.95

    def __post_init__(self) -> None:
        if not 0.5 <= self.threshold <= 1:
            raise UsageError(f"A cosine of {self.threshold} is none to look for: give 0.5 to 1.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def facts(self) -> list[Any]:
        """The threshold."""
        return [self.threshold]

    def sign(self, rows: pa.Table) -> Signatures:
        """Return the sides of random planes."""
        values = rows.column(self.column)
        vectors = vectors_of(values)
        good = comparable(vectors, "cosine")
        bits, bands = self._shape()
        planes = np.random.default_rng(_SEED).normal(size=(vectors.shape[1], bits * bands)).astype(np.float32)
        sides = (np.where(good[:, None], vectors, 0) @ planes > 0).reshape(len(vectors), bands, bits)
        powers = np.uint32(1) << np.arange(bits, dtype=np.uint32)
        packed = (sides * powers).sum(axis=2, dtype=np.uint32).T
        return Signatures(np.where(good, hash_array(values), np.uint64(0)), np.ascontiguousarray(packed))

    def scores(self, one: Side, left: I64, two: Side, right: I64) -> F64:
        """Return cosines."""
        at, bt = np.unique(left), np.unique(right)
        a = _units(one.rows(at), self.column)[np.searchsorted(at, left)]
        b = _units(two.rows(bt), self.column)[np.searchsorted(bt, right)]
        cosine = np.einsum("ij,ij->i", a, b)
        return np.where(cosine >= self.threshold - 1e-9, np.minimum(cosine, 1.0), np.nan)

    def _shape(self) -> tuple[int, int]:
        """Return bits a band, and bands."""
        agree = 1 - np.arccos(self.threshold) / np.pi
        for bits in range(_BITS, 0, -1):
            needed = np.log(1 - _SURE) / np.log1p(-(min(agree, 1 - 1e-9) ** bits))
            if needed <= _MOST_BANDS:
                return bits, max(int(np.ceil(needed)), 2)
        return 1, _MOST_BANDS


def _units(rows: pa.Table, column: str) -> F64:
    vectors = vectors_of(rows.column(column)).astype(np.float64)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1)[:, None])
