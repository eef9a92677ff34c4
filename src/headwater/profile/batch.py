"""Rows of one chunk with what several measures derive from them, each derived at most once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import U64, hash_array, hash_columns

__all__ = ["Batch", "ValueCounts"]


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """The distinct values of a column and how often each occurs; nulls are counted apart.

    ``values`` has no nulls; ``counts`` is an int64 array of the same length.
    """

    values: pa.Array
    counts: NDArray[np.int64]
    nulls: int


class Batch:
    """Rows, and what is derived from them on demand.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._arrays: dict[str, pa.Array] = {}
        self._counts: dict[str, ValueCounts] = {}
        self._hashes: dict[tuple[str, ...], U64] = {}

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def array(self, column: str) -> pa.Array:
        """Return a column as one contiguous array."""
        if column not in self._arrays:
            self._arrays[column] = _contiguous(self.table.column(column))
        return self._arrays[column]

    def value_counts(self, column: str) -> ValueCounts:
        """Return the distinct values of a column with their counts."""
        if column not in self._counts:
            self._counts[column] = _value_counts(self.array(column))
        return self._counts[column]

    def hashes(self, *columns: str) -> U64:
        """Return a hash a row over the named columns; of one column, the hash of the value, 0 for null."""
        if columns not in self._hashes:
            if len(columns) == 1:
                self._hashes[columns] = hash_array(self.array(columns[0]))
            else:
                self._hashes[columns] = hash_columns(self.table, columns)
        return self._hashes[columns]


def _contiguous(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _value_counts(array: pa.Array) -> ValueCounts:
    counted = pc.value_counts(array)
    values, counts = counted.field("values"), np.asarray(counted.field("counts")).astype(np.int64)
    if array.null_count == 0:
        return ValueCounts(values, counts, 0)
    there = values.is_valid()
    mask = np.asarray(there)
    return ValueCounts(values.filter(there), counts[mask], int(counts[~mask].sum()))
