"""By how much the results of two runs differ: cell by cell, and for numbers relative to their size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import U64, hash_array, hash_columns
from headwater.pipelines.values import Pieces, Value
from headwater.store.lookup import occurrence

__all__ = ["Difference", "compare_results", "compare_tables"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one result differs from another.

    Parameters
    ----------
    cells : int
        Cells, or values, that differ.
    largest : float
        The largest relative difference, |a - b| / max(|a|, |b|); infinite between what has no measure: text, a number
        and a null, lists of different lengths.
    column, row : str
        Where that is: the column, and the key of the row or its number from 0.
    shape : str
        What differs beside values: columns, types, number of rows; then cells are not compared.
    is_reordered : bool
        Whether the rows come in another order, which is no difference.
    """

    cells: int = 0
    largest: float = 0.0
    column: str = ""
    row: str = ""
    shape: str = ""
    is_reordered: bool = False

    def __bool__(self) -> bool:
        return bool(self.cells or self.shape)

    def is_within(self, tolerance: float) -> bool:
        """Say whether all values are as they were, but for a relative difference of at most ``tolerance``."""
        return not self.shape and self.largest <= tolerance

    def __str__(self) -> str:
        if self.shape:
            return self.shape
        if not self.cells:
            return "rows in another order" if self.is_reordered else ""
        where = ", ".join(one for one in (self.column, self.row) if one)
        return f"{self.cells:,} cell(s), most in {where}" if where else f"{self.cells:,} value(s)"


def compare_results(old: Value, new: Value, *, key: Sequence[str] = ()) -> Difference:
    """Compare what a step gave in two runs.

    Parameters
    ----------
    old, new : Value
        The results. Those of steps by rows are read a piece at a time.
    key : sequence of str
        Columns that identify the rows of tables; rows without one are paired by what is exact in them, or
        by their order.
    """
    if isinstance(old, Pieces) and isinstance(new, Pieces) and old.rows == new.rows:
        shape = _shape(old.schema, new.schema)
        if shape:
            return Difference(shape=shape)
        tally = _Tally(key)
        for left, right in _in_step(old.tables(), new.tables()):
            tally.add(left, right)
        return tally.difference()
    return _compare(old.load(), new.load(), key)


def compare_tables(old: pa.Table, new: pa.Table, *, key: Sequence[str] = ()) -> Difference:
    """Compare two tables; see `compare_results`."""
    shape = _shape(old.schema, new.schema)
    if shape:
        return Difference(shape=shape)
    if old.num_rows == new.num_rows:
        left, right = hash_columns(old), hash_columns(new)
        if (left == right).all():
            return Difference()
        if (np.sort(left) == np.sort(right)).all():
            return Difference(is_reordered=True)
    exact = list(key) or [one.name for one in old.schema if not _is_inexact(one.type)]
    here, there, is_reordered = _paired(old, new, exact, is_key=bool(key))
    tally = _Tally(key)
    tally.add(
        old if here is None else old.take(pa.array(here)), new if there is None else new.take(pa.array(there))
    )
    more, fewer = new.num_rows, old.num_rows
    if here is not None:
        more, fewer = more - len(here), fewer - len(here)
    elif more == fewer:
        more = fewer = 0
    told = tally.difference(is_reordered=is_reordered)
    if more or fewer:
        return Difference(
            cells=told.cells,
            shape=f"{new.num_rows:,} rows, were {old.num_rows:,}: {fewer:,} are gone and {more:,} are new",
        )
    return told


class _Tally:
    """Counts cells that differ, and keeps the largest difference and its place."""

    def __init__(self, key: Sequence[str]) -> None:
        self.key = list(key)
        self.rows = self.cells = 0
        self.largest, self.column, self.row = 0.0, "", ""

    def add(self, old: pa.Table, new: pa.Table) -> None:
        """Compare rows that stand beside each other."""
        for number, name in enumerate(old.schema.names):
            gaps = _gaps(_whole(old.column(number)), _whole(new.column(number)))
            self.cells += int(np.count_nonzero(gaps))
            at = int(np.argmax(gaps)) if len(gaps) else 0
            if len(gaps) and gaps[at] > self.largest:
                self.largest, self.column = float(gaps[at]), name
                shown = [
                    f"{one}={old.column(one)[at].as_py()}" for one in self.key if one in old.schema.names
                ]
                self.row = ", ".join(shown) or f"row {self.rows + at:,}"
        self.rows += old.num_rows

    def difference(self, *, is_reordered: bool = False) -> Difference:
        """Return what was found."""
        return Difference(
            cells=self.cells,
            largest=self.largest,
            column=self.column,
            row=self.row,
            is_reordered=is_reordered,
        )


def _compare(old: Any, new: Any, key: Sequence[str]) -> Difference:
    if isinstance(old, pa.Table) and isinstance(new, pa.Table):
        return compare_tables(old, new, key=key)
    if type(old) is not type(new):
        return Difference(shape=f"a {type(new).__qualname__}, was a {type(old).__qualname__}")
    if isinstance(old, np.ndarray):
        if old.shape != new.shape or old.dtype != new.dtype:
            return Difference(shape=f"{new.dtype} of shape {new.shape}, was {old.dtype} of shape {old.shape}")
        gaps = _gaps_of_arrays(old.ravel(), new.ravel())
        return _of_gaps(gaps, lambda at: str(tuple(int(one) for one in np.unravel_index(at, old.shape))))
    if isinstance(old, bytes):
        return Difference(shape="" if old == new else f"other bytes ({len(new):,}, were {len(old):,})")
    if isinstance(old, dict | list | int | float | str | bool | None):
        left, right = dict(_leaves(old)), dict(_leaves(new))
        if list(left) != list(right):
            strange = [name for name in {**left, **right} if (name in left) != (name in right)]
            return Difference(shape=f"other parts: {', '.join(strange[:_SHOWN]) or 'in another order'}")
        places = list(left)
        gaps = np.array([_gap(left[name], right[name]) for name in places])
        return _of_gaps(gaps, lambda at: places[at])
    return Difference(shape=f"another {type(new).__qualname__}")


def _of_gaps(gaps: F64, place: Any) -> Difference:
    if not gaps.any():
        return Difference()
    at = int(np.argmax(gaps))
    return Difference(cells=int(np.count_nonzero(gaps)), largest=float(gaps[at]), row=place(at))


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the plain values of nested ones, each with its place."""
    if isinstance(value, dict | list) and value:
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{place}[{name!r}]")
    else:
        yield place, value


def _gap(old: Any, new: Any) -> float:
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (old, new))
    if numbers:
        try:
            return float(_gaps_of_arrays(np.array([old], np.float64), np.array([new], np.float64))[0]) or (
                0.0 if old == new or old != old else float(np.finfo(np.float64).eps)
            )
        except OverflowError:
            return 0.0 if old == new else np.inf
    return 0.0 if type(old) is type(new) and old == new else np.inf


def _shape(old: pa.Schema, new: pa.Schema) -> str:
    """Return how columns differ; nothing if they do not."""
    gone = [name for name in old.names if name not in new.names]
    fresh = [name for name in new.names if name not in old.names]
    other = [
        f"column {a.name} is {b.type}, was {a.type}"
        for a, b in zip(old, new, strict=False)
        if a.type != b.type
    ]
    if gone or fresh:
        told = [f"column(s) gone: {', '.join(gone[:_SHOWN])}"] if gone else []
        return "; ".join([*told, *([f"new: {', '.join(fresh[:_SHOWN])}"] if fresh else [])])
    if old.names != new.names:
        return "columns in another order"
    return "; ".join(other[:_SHOWN])


def _in_step(old: Iterable[pa.Table], new: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield equal numbers of rows from two streams of tables."""
    first, second = iter(old), iter(new)
    left, right = next(first, None), next(second, None)
    while left is not None and right is not None:
        rows = min(left.num_rows, right.num_rows)
        yield left.slice(0, rows), right.slice(0, rows)
        left = left.slice(rows) if left.num_rows > rows else next(first, None)
        right = right.slice(rows) if right.num_rows > rows else next(second, None)


def _paired(
    old: pa.Table, new: pa.Table, exact: list[str], *, is_key: bool
) -> tuple[I64 | None, I64 | None, bool]:
    """Return the rows that stand for each other, None for the order as it is; and whether that is another order."""
    if not exact:
        none = None if old.num_rows == new.num_rows else np.zeros(0, np.int64)
        return none, none, False
    left, right = hash_columns(old, exact), hash_columns(new, exact)
    if len(left) == len(right) and (left == right).all():
        return None, None, False
    first, second = _order(old, left), _order(new, right)
    one, other = _numbered(left[first]), _numbered(right[second])
    if is_key or len(left) != len(right) or (one == other).all():
        _, here, there = np.intersect1d(one, other, assume_unique=True, return_indices=True)
        return first[here], second[there], True
    return None, None, False


def _numbered(hashes: U64) -> U64:
    """Tell equal hashes apart by how many stand before."""
    return hashes + occurrence(hashes).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _order(table: pa.Table, hashes: U64) -> I64:
    """Return an order by hash, and among equal ones by the numbers of the row."""
    numbers = [
        np.asarray(_whole(column).cast(pa.float64(), safe=False).fill_null(np.nan))
        for column in table.columns
        if pa.types.is_floating(column.type)
    ]
    return np.lexsort([*reversed(numbers), hashes])


def _is_inexact(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return any(_is_inexact(kind.field(number).type) for number in range(kind.num_fields))
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array of a plain type."""
    whole = column.combine_chunks()
    array = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _gaps(old: pa.Array, new: pa.Array) -> F64:
    """Return the relative difference of each value: 0 where equal, infinite where there is no measure."""
    kind = old.type
    nulls = [np.asarray(one.is_null()) for one in (old, new)]
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        gaps = _gaps_of_numbers(old, new)
    elif _is_list(kind):
        gaps = _gaps_of_lists(old, new)
    elif pa.types.is_struct(kind):
        gaps = np.zeros(len(old))
        for number in range(kind.num_fields):
            sides = [pc.struct_field(one, [number]) for one in (old, new)]
            gaps = np.maximum(gaps, _gaps(*sides))
    else:
        gaps = np.where(hash_array(old) == hash_array(new), 0.0, np.inf)
    gaps[nulls[0] & nulls[1]] = 0.0
    gaps[nulls[0] != nulls[1]] = np.inf
    return gaps


def _gaps_of_numbers(old: pa.Array, new: pa.Array) -> F64:
    sides = [
        np.asarray(pc.cast(one, pa.float64(), safe=False).fill_null(0.0), np.float64) for one in (old, new)
    ]
    gaps = _gaps_of_arrays(*sides)
    if not pa.types.is_floating(old.type):
        # Beyond 2**53 two integers may be one number in floating point.
        other = np.asarray(pc.not_equal(old, new).fill_null(False))
        gaps[other & (gaps == 0)] = np.finfo(np.float64).eps
    return gaps


def _gaps_of_arrays(old: NDArray[Any], new: NDArray[Any]) -> F64:
    if old.dtype.names:
        parts = [_gaps_of_arrays(old[name], new[name]) for name in old.dtype.names]
        gaps: F64 = np.max(parts, axis=0)
        return gaps
    if old.dtype.kind not in "iufc":
        return np.where(old == new, 0.0, np.inf)
    if old.dtype.kind in "iu":
        gaps = _gaps_of_arrays(old.astype(np.float64), new.astype(np.float64))
        gaps[(old != new) & (gaps == 0)] = np.finfo(np.float64).eps
        return gaps
    wide = [one.astype(np.complex128 if one.dtype.kind == "c" else np.float64) for one in (old, new)]
    with np.errstate(all="ignore"):
        gaps = np.abs(wide[0] - wide[1]) / np.maximum(np.abs(wide[0]), np.abs(wide[1]))
    gaps[np.isnan(gaps)] = np.inf
    gaps[(wide[0] == wide[1]) | (np.isnan(wide[0]) & np.isnan(wide[1]))] = 0.0
    return gaps


def _gaps_of_lists(old: pa.Array, new: pa.Array) -> F64:
    lengths = [np.asarray(pc.list_value_length(one).fill_null(-1), np.int64) for one in (old, new)]
    alike = (lengths[0] == lengths[1]) & (lengths[0] >= 0)
    gaps = np.where(alike, 0.0, np.inf)
    inner = _gaps(*(one.filter(pa.array(alike)).flatten() for one in (old, new)))
    np.maximum.at(gaps, np.repeat(np.flatnonzero(alike), lengths[0][alike]), inner)
    return gaps


def _is_list(kind: pa.DataType) -> bool:
    return any(
        is_it(kind) for is_it in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    )
