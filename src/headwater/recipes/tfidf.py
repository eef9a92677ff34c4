"""Texts as weighted counts of words and pieces of words (tf-idf), learnt from training texts.

References
----------
Spärck Jones (1972). A statistical interpretation of term specificity and its application in retrieval.
Journal of Documentation 28(1). doi:10.1108/eb026526
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.extras import require
from headwater.recipes.ngrams import count_pieces, count_words

__all__ = ["TfIdf"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class TfIdf:
    """Which words and pieces count, and how much; build it with `TfIdf.learn`.

    Notes
    -----
    Words and pieces are each a block of hashed counts c, weighted by (1 + ln c) · (1 + ln((1 + n) / (1 + d))),
    where d of the n training texts hold the word; each block of a text is then scaled to length 1.
    """

    blocks: tuple[_Block, ...]

    @classmethod
    def learn(cls, texts: pa.Table, *, least_texts: int = 2) -> tuple[TfIdf, Any]:
        """Learn from training texts; return the weights, and the matrix of these texts.

        Parameters
        ----------
        texts : pyarrow.Table
            Columns of strings, which are joined by a line end.
        least_texts : int
            In how many texts a word or piece must be, to count.
        """
        counts = _counts(texts)
        blocks = tuple(_Block.learn(part, least_texts) for part in counts)
        found = cls(blocks)
        return found, found._weigh(counts)

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> TfIdf:
        """Make the weights again of their `parts`."""
        return cls(tuple(_Block(parts[f"kept {place}"], parts[f"rarity {place}"]) for place in range(2)))

    def parts(self) -> dict[str, Any]:
        """Return what the weights are made of."""
        return {
            f"{name} {place}": getattr(block, name)
            for place, block in enumerate(self.blocks)
            for name in ("kept", "rarity")
        }

    def matrix(self, texts: pa.Table) -> Any:
        """Return texts as numbers: a scipy.sparse.csr_matrix of shape (n, words and pieces)."""
        return self._weigh(_counts(texts))

    def _weigh(self, counts: Sequence[Any]) -> Any:
        sparse = require("scipy.sparse", extra="ml", purpose="Reading texts")
        parts = [block.weigh(part) for block, part in zip(self.blocks, counts, strict=True)]
        return sparse.hstack(parts, format="csr")


@dataclass(frozen=True)
class _Block:
    """Which columns of the counts are used, and how much each weighs."""

    kept: NDArray[np.int64]
    rarity: F64

    @classmethod
    def learn(cls, counts: Any, least: int) -> _Block:
        texts = np.bincount(counts.indices, minlength=counts.shape[1])
        kept = np.flatnonzero(texts >= least)
        return cls(kept, 1.0 + np.log((1.0 + counts.shape[0]) / (1.0 + texts[kept])))

    def weigh(self, counts: Any) -> Any:
        out = counts[:, self.kept]
        out.data = (1.0 + np.log(out.data)) * self.rarity[out.indices]
        sizes = np.sqrt(np.asarray(out.multiply(out).sum(axis=1)).ravel())
        out.data /= np.repeat(np.where(sizes > 0, sizes, 1.0), np.diff(out.indptr))
        return out


def _counts(texts: pa.Table) -> list[Any]:
    columns = texts.columns
    joined = columns[0]
    if len(columns) > 1:
        filled = [pc.fill_null(column.cast(pa.large_string()), "") for column in columns]
        joined = pc.binary_join_element_wise(*filled, pa.scalar("\n", pa.large_string()))
    flat = joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
    return [count_words(flat), count_pieces(flat)]
