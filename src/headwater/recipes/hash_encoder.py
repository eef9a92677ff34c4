"""The encoder ``hash``: words and pieces of words, hashed and projected at random. Needs no package and no model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.hashing import U64
from headwater.methods.projection import project_hashes, unit_rows
from headwater.recipes.encoder import ENCODERS, F32, Encoder
from headwater.recipes.ngrams import hash_pieces, hash_words

__all__ = ["HashEncoder"]


@ENCODERS.register("hash")
@dataclass(frozen=True, kw_only=True)
class HashEncoder(Encoder):
    """Words, word pairs and runs of 3 to 5 bytes, hashed and projected at random.

    Texts are near when they share spelling: typos, inflections and word order matter little, meaning not at all.

    Parameters
    ----------
    dimensions : int
        Length of the vectors, a multiple of 4.
    seed : int
        Another seed is another projection.

    Notes
    -----
    Words and pieces are projected each for themselves, scaled to unit length and added, so that either counts half.
    """

    id = "hash"
    title = "Hashed words and pieces of words"
    reads = "text"

    dimensions: int = 512
    seed: int = 0

    def encode(self, values: pa.Array) -> F32:
        """Return vectors of unit length; zeros for a text without a letter or digit."""
        words = self._projected(hash_words(values), 2 * self.seed)
        pieces = self._projected(hash_pieces(values), 2 * self.seed + 1)
        return np.asarray(unit_rows(words + pieces), np.float32)

    def _projected(self, parts: Iterable[tuple[NDArray[np.int64], U64, int]], seed: int) -> F32:
        vectors = [project_hashes(*part, dimensions=self.dimensions, seed=seed) for part in parts]
        return np.concatenate([*vectors, np.zeros((0, self.dimensions), np.float32)])
