"""Texts that are nearly the same: MinHash finds them, their shingles decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import U64, hash_array
from headwater.methods.minhash import bands_for, hash_bands, jaccard, minhash
from headwater.recipes.alike import Likeness, Side, Signatures
from headwater.recipes.ngrams import hash_pieces

__all__ = ["NearText", "plain_text"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_NUMBERS = 64


@dataclass(frozen=True, kw_only=True)
class NearText(Likeness):
    """Texts are alike when the Jaccard similarity of their shingles, runs of some bytes, reaches a threshold.

    Parameters
    ----------
    column : str
        The column of texts.
    threshold : float
        From above 0 to 1.
    shingle : int
        Bytes of a shingle, from 1 to 8.

    Notes
    -----
    Texts are compared in lower case, without accents, blanks as one. Those shorter than a shingle are alike only when
    equal; empty ones are not compared. A pair at the threshold is missed once in a hundred times, one well above it
    hardly ever; none below it is found.
    """

    column: str
    threshold: float = 0.8
    shingle: int = 5

    def __post_init__(self) -> None:
        bands_for(self.threshold)
        if not 1 <= self.shingle <= 8:
            raise UsageError(f"A shingle of {self.shingle} bytes cannot be: give 1 to 8.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def facts(self) -> list[Any]:
        """Threshold and length."""
        return [self.threshold, self.shingle]

    def sign(self, rows: pa.Table) -> Signatures:
        """Return bands of MinHash signatures."""
        texts = plain_text(rows.column(self.column))
        exact = hash_array(texts)
        exact[np.asarray(pc.equal(pc.binary_length(texts), 0))] = 0
        parts, start = [np.zeros((_NUMBERS, 0), np.uint32)], 0
        for owner, hashes, count in hash_pieces(texts, lengths=(self.shingle,)):
            parts.append(minhash(owner, hashes, count, size=_NUMBERS))
            short = np.bincount(owner, minlength=count) == 0
            # A text without shingles is in a bucket of its own.
            parts[-1][:, short] = (exact[start : start + count][short] >> np.uint64(32)).astype(np.uint32)
            start += count
        bands = hash_bands(np.concatenate(parts, axis=1), bands_for(self.threshold, size=_NUMBERS))
        return Signatures(exact, bands)

    def scores(self, one: Side, left: I64, two: Side, right: I64) -> F64:
        """Return Jaccard similarities."""
        if one is two:
            mine = np.union1d(left, right)
            owner, hashes = self._shingles(one.rows(mine))
            a, b = np.searchsorted(mine, left), np.searchsorted(mine, right)
        else:
            at, bt = np.unique(left), np.unique(right)
            owner, hashes = self._shingles(one.rows(at))
            others, more = self._shingles(two.rows(bt))
            owner, hashes = np.concatenate([owner, others + len(at)]), np.concatenate([hashes, more])
            a, b = np.searchsorted(at, left), np.searchsorted(bt, right) + len(at)
        found = jaccard(owner, hashes, a, b, least=self.threshold)
        return np.where(found >= self.threshold, found, np.nan)

    def _shingles(self, rows: pa.Table) -> tuple[I64, U64]:
        owners, found, start = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)], 0
        for owner, hashes, count in hash_pieces(
            plain_text(rows.column(self.column)), lengths=(self.shingle,)
        ):
            owners.append(owner + start)
            found.append(hashes)
            start += count
        return np.concatenate(owners), np.concatenate(found)


def plain_text(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    r"""Return values as text to compare: lower case, without accents, blanks as one; "" for null.

    Examples
    --------
    >>> plain_text(pa.array(["  Café\u00a0Ⅳ ", None])).to_pylist()
    ['cafe iv', '']
    """
    text = values.cast(pa.large_string())
    flat = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    if isinstance(flat, pa.ChunkedArray):
        flat = pa.concat_arrays(flat.chunks or [pa.array([], pa.large_string())])
    flat = pc.fill_null(flat, "")
    if not pc.all(pc.string_is_ascii(flat)).as_py() and len(flat):
        flat = pc.replace_substring_regex(pc.utf8_normalize(flat, "NFKD"), r"\p{M}+", "")
    return pc.utf8_lower(pc.utf8_trim_whitespace(pc.replace_substring_regex(flat, r"\s+", " ")))
