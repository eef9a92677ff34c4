"""Rows of one chunk with what several measures derive from them, each derived at most once.

Sorting a column of numbers is the cheapest way to most of what there is to know about it (a fifth of the
time of the corresponding SQL aggregates), and counting the values of a text column first makes all that
follows cost as much as its distinct values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import U64
from headwater.core.references import hash_rows, hash_values
from headwater.profile.kinds import kind_of, physical

__all__ = ["Batch", "ValueCounts"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """The distinct values of a column and how often each occurs; nulls and NaN are counted apart.

    ``values`` has neither; ``counts`` is an int64 array of the same length. Values of ordered columns
    ascend.
    """

    values: pa.Array
    counts: NDArray[np.int64]
    missing: int


class Batch:
    """Rows, and what is derived from them on demand.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._derived: dict[tuple[str, str], Any] = {}
        self._row_hashes: dict[tuple[str, ...], U64] = {}

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def array(self, column: str) -> pa.Array:
        """Return a column as one contiguous array."""
        return self._once("array", column, lambda: _contiguous(self.table.column(column)))

    def numbers(self, column: str) -> NDArray[Any]:
        """Return the values of an ordered or boolean column, nulls and NaN left out; see `physical`."""
        return self._once("numbers", column, lambda: physical(self.array(column)))

    def sorted(self, column: str) -> NDArray[Any]:
        """Return `numbers` in ascending order."""
        return self._once("sorted", column, lambda: np.sort(self.numbers(column)))

    def runs(self, column: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the distinct `numbers`, ascending, and how often each occurs."""
        return self._once("runs", column, lambda: _runs(self.sorted(column)))

    def value_counts(self, column: str) -> ValueCounts:
        """Return the distinct values of a countable column with their counts."""
        return self._once("value_counts", column, lambda: self._count(column))

    def has_counts(self, column: str) -> bool:
        """Say whether `value_counts` of the column is there already."""
        return (column, "value_counts") in self._derived

    def hashes(self, column: str) -> U64:
        """Return the hash of each value of a column; 0 for null."""
        return self._once("hashes", column, lambda: hash_values(self.array(column)))

    def value_hashes(self, column: str) -> U64:
        """Return the hash of each of the `value_counts` of a column."""
        return self._once("value_hashes", column, lambda: hash_values(self.value_counts(column).values))

    def row_hashes(self, columns: tuple[str, ...]) -> U64:
        """Return a hash a row over the named columns, as `headwater.core.references.hash_rows` does."""
        if columns not in self._row_hashes:
            self._row_hashes[columns] = hash_rows(self.table, columns)
        return self._row_hashes[columns]

    def _once(self, what: str, column: str, make: Callable[[], T]) -> T:
        key = (column, what)
        if key not in self._derived:
            self._derived[key] = make()
        derived: T = self._derived[key]
        return derived

    def _count(self, column: str) -> ValueCounts:
        array = self.array(column)
        if kind_of(array.type).is_ordered and not pa.types.is_decimal(array.type):
            numbers, counts = self.runs(column)
            values = pa.array(numbers)
            if pa.types.is_temporal(array.type):
                values = values.view(array.type)
            return ValueCounts(values, counts, self.num_rows - len(self.sorted(column)))
        if pa.types.is_decimal32(array.type) or pa.types.is_decimal64(array.type):  # Arrow cannot count these
            array = array.cast(pa.decimal128(array.type.precision, array.type.scale))
        counted = pc.value_counts(array)
        values, counts = counted.field("values"), np.asarray(counted.field("counts")).astype(np.int64)
        if array.null_count:
            there = np.asarray(values.is_valid())
            values, counts = values.filter(pa.array(there)), counts[there]
        return ValueCounts(values, counts, array.null_count)


def _contiguous(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _runs(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct values of a sorted array and the lengths of their runs."""
    if len(values) == 0:
        return values, np.zeros(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    # Adding nothing makes one zero of the two that floats have.
    distinct = values[starts] + 0.0 if values.dtype.kind == "f" else values[starts]
    return distinct.astype(values.dtype, copy=False), np.diff(np.append(starts, len(values))).astype(np.int64)
