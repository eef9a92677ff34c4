"""Equal rows get equal numbers, within a table and across the chunks of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.hashing import U64, hash_array, hash_columns
from headwater.reading.chunks import DatasetChunk
from headwater.transforms.base import Source
from headwater.transforms.training_rows import Learning

__all__ = ["group_numbers", "group_places", "row_groups"]

I64 = NDArray[np.int64]


def group_numbers(rows: pa.Table) -> NDArray[np.int64]:
    """Return a number from 0 for each row, equal exactly where the rows are equal; null equals null.

    Nested values are compared by a 64-bit hash. O(n log n) a column.

    Examples
    --------
    >>> group_numbers(pa.table({"a": [1, None, 1, None], "b": ["x", "y", "x", "z"]})).tolist()
    [0, 1, 0, 2]
    """
    codes = np.zeros(rows.num_rows, np.int64)
    for name in rows.schema.names:
        column = rows.column(name)
        if pa.types.is_nested(column.type):
            column = pa.chunked_array([pa.array(hash_array(column))])
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        values = np.asarray(encoded.indices).astype(np.int64)
        _, codes = np.unique(codes * (len(encoded.dictionary) + 1) + values, return_inverse=True)
    return codes.astype(np.int64)


def row_groups(source: Source, by: Sequence[str], learning: Learning | None = None) -> tuple[U64, I64]:
    """Return the hashes of the groups of rows with equal values in some columns, ascending, and each row's place.

    Parameters
    ----------
    source : Source
        The dataset.
    by : sequence of str
        The columns; without any, all rows are in one group, which has no hash.
    learning : Learning, optional
        The rows learnt from: the places are those of these rows, and the groups theirs.
    """
    if not by:
        rows = (
            source.dataset.num_rows if learning is None or learning.mask is None else int(learning.mask.sum())
        )
        return np.zeros(0, np.uint64), np.zeros(rows, np.int64)

    def here(numbered: tuple[int, DatasetChunk]) -> U64:
        return hash_columns(numbered[1].read(list(dict.fromkeys(by))), list(by))

    hashes = np.concatenate([*source.executor.map(here, source.chunks()), np.zeros(0, np.uint64)])
    if learning is not None and learning.mask is not None:
        hashes = hashes[learning.mask]
    groups, place = np.unique(hashes, return_inverse=True)
    return groups, place.astype(np.int64)


def group_places(rows: pa.Table, by: Sequence[str], groups: U64) -> pa.Array:
    """Return the place of each row's group among those of `row_groups`; null where it is none of them."""
    hashes = hash_columns(rows, list(by))
    place = np.searchsorted(groups, hashes)
    place[place == len(groups)] = 0
    known = groups[place] == hashes if len(groups) else np.zeros(len(hashes), np.bool_)
    return pa.array(place, mask=~known)
