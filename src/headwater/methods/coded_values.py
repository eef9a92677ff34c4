"""Columns as codes of their distinct values: what looks at values works once per value, not once per row.

Values are compared as text. Null, empty and blank cells are all missing, which is the empty text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Coded", "as_text", "encode", "kept_where"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
B = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coded:
    """The values of one column.

    Parameters
    ----------
    codes : numpy.ndarray of int64, shape (rows,)
        For each row the place of its value in ``texts``.
    texts : pyarrow.LargeStringArray
        The distinct values, sorted, so that the order of the rows is irrelevant.
    counts : numpy.ndarray of int64
        Rows with each.
    is_text : bool
        Whether the column holds text, and not numbers or times written as text.
    """

    codes: I64
    texts: pa.Array
    counts: I64
    is_text: bool

    @property
    def size(self) -> int:
        """Distinct values, the missing one among them."""
        return len(self.texts)

    @cached_property
    def objects(self) -> NDArray[np.object_]:
        """The distinct values as Python strings."""
        return np.array([*self.texts.to_pylist(), None], object)[:-1]

    @cached_property
    def missing(self) -> B:
        """Which distinct value is the missing one."""
        return np.asarray(pc.equal(self.texts, ""))

    @cached_property
    def known(self) -> int:
        """Rows whose value is not missing."""
        return int(self.counts[~self.missing].sum())

    @cached_property
    def numbers(self) -> F64:
        """The distinct values as numbers; NaN where a value is none."""
        return _numbers(self.texts)

    def find(self, texts: pa.Array) -> I64:
        """Return the place of each text among the values; -1 where it is not there."""
        places = pc.fill_null(pc.index_in(texts, self.texts), -1)
        return np.asarray(places).astype(np.int64)


def as_text(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return values as text, missing ones as the empty text, large strings all."""
    texts = column.cast(pa.large_string())
    blank = pc.fill_null(pc.utf8_is_space(texts), True)
    return pc.if_else(blank, pa.scalar("", pa.large_string()), pc.fill_null(texts, ""))


def encode(column: pa.Array | pa.ChunkedArray, *, is_text: bool) -> Coded:
    """Return the distinct values of a column and the code of each row.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
        Values that can be cast to text.
    is_text : bool
        Whether the column is one of text.
    """
    chunked = pa.chunked_array([column]) if isinstance(column, pa.Array) else column
    first = chunked.combine_chunks().dictionary_encode()
    words = as_text(first.dictionary)  # texts of distinct values only: two of them may become equal
    distinct = words.dictionary_encode()
    texts = distinct.dictionary
    of_word = np.asarray(distinct.indices).astype(np.int64)
    raw = np.asarray(pc.fill_null(first.indices, len(words))).astype(np.int64)
    if chunked.null_count:
        place = pc.index_in(pa.scalar("", pa.large_string()), texts).as_py() if len(texts) else None
        if place is None:
            place, texts = len(texts), pa.concat_arrays([texts, pa.array([""], pa.large_string())])
        of_word = np.append(of_word, place)
    order = np.asarray(pc.sort_indices(texts)).astype(np.int64)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    codes = rank[of_word[raw]] if len(raw) else np.zeros(0, np.int64)
    return Coded(
        codes=codes,
        texts=texts.take(pa.array(order)),
        counts=np.bincount(codes, minlength=len(order)).astype(np.int64),
        is_text=is_text,
    )


def kept_where(which: B, values: NDArray[np.object_] | str) -> NDArray[np.object_]:
    """Return the values where ``which`` holds, and None elsewhere."""
    out = np.full(len(which), None, object)
    out[which] = values if isinstance(values, str) else values[which]
    return out


def _numbers(texts: pa.Array) -> F64:
    plain = pc.match_substring_regex(texts, r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$")
    kept = pc.if_else(plain, pc.utf8_trim_whitespace(texts), pa.scalar(None, pa.large_string()))
    kept = pc.replace_substring_regex(kept, r"^\+", "")
    return np.asarray(pc.fill_null(kept.cast(pa.float64()), np.nan)).astype(np.float64)
