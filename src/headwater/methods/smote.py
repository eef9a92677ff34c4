"""Make synthetic rows between neighbouring real ones: SMOTE, for tables of numbers and categories mixed.

References
----------
Chawla, Bowyer, Hall, Kegelmeyer (2002). SMOTE: synthetic minority over-sampling technique. JAIR 16.
doi:10.1613/jair.953 (section 6.1 for categories, SMOTE-NC).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.schema import plain_type

__all__ = ["Synthetic", "smote", "smote_table"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_BLOCK_CELLS = 8_000_000


class Synthetic(NamedTuple):
    """Synthetic rows with the positions of the real rows each was made from."""

    numbers: F64
    categories: I64
    source: I64
    neighbour: I64


def smote(
    numbers: F64, categories: I64 | None = None, *, count: int, rng: np.random.Generator, k: int = 5
) -> Synthetic:
    """Return synthetic rows of one class.

    Parameters
    ----------
    numbers : numpy.ndarray of float64, shape (n, d)
        Numeric columns of the rows of that class, at least two rows; NaN is missing.
    categories : numpy.ndarray of int64, shape (n, c), optional
        Codes of the categorical columns; a missing value is a code of its own.
    count : int
        How many rows to make.
    rng : numpy.random.Generator
        The source of randomness.
    k : int, default 5
        How many nearest neighbours to draw from; fewer where there are fewer rows.

    Returns
    -------
    Synthetic
        Each number lies between those of a row and of one of its neighbours, at the same random place
        for all columns (where either is missing or infinite: that of the row). Each category is the most frequent
        one among the row's neighbours; of several, the nearest neighbour's.

    Notes
    -----
    Distances are Euclidean over numbers in units of their standard deviation, so that units do not
    matter; each unequal category adds the median of these, which is 1, as the paper has it. Every row is
    a source as often as every other, up to one. Time is distinct sources times rows times columns.
    """
    x = np.asarray(numbers, np.float64)
    codes = np.zeros((len(x), 0), np.int64) if categories is None else np.asarray(categories, np.int64)
    if x.ndim != 2 or codes.ndim != 2 or len(codes) != len(x) or x.shape[1] + codes.shape[1] == 0:
        raise UsageError(
            f"Numbers and categories need as many rows, and a column: got {x.shape} and {codes.shape}."
        )
    if len(x) < 2:
        raise UsageError(f"SMOTE needs at least two rows to put one between; there is {len(x)}.")
    if count < 0 or k < 1:
        raise UsageError(f"count {count} must not be negative and k {k} must be at least 1.")
    whole, part = divmod(count, len(x))
    source = np.concatenate([np.tile(np.arange(len(x)), whole), np.sort(rng.permutation(len(x))[:part])])
    sources, place = np.unique(source, return_inverse=True)
    neighbours = _nearest(_space(x, codes), sources, min(k, len(x) - 1))[place]
    neighbour = neighbours[np.arange(count), rng.integers(0, neighbours.shape[1], count)]
    step = rng.random((count, 1))
    start, end = x[source], x[neighbour]
    usable = np.isfinite(start) & np.isfinite(end)
    low, high = np.where(usable, start, 0.0), np.where(usable, end, 0.0)
    between = np.clip((1 - step) * low + step * high, np.minimum(low, high), np.maximum(low, high))
    made = np.where(usable, between, start)
    return Synthetic(made, _most_frequent(codes, neighbours), source.astype(np.int64), neighbour)


def smote_table(
    table: pa.Table, *, count: int, rng: np.random.Generator, k: int = 5
) -> tuple[pa.Table, I64, I64]:
    """Return synthetic rows of one class, from and as an Arrow table.

    Parameters
    ----------
    table : pyarrow.Table
        The rows of that class. Numbers, dates and times are interpolated (whole ones rounded); strings,
        booleans and other flat values are categories; nested values are taken from the source row.
    count : int
        How many rows to make.
    rng : numpy.random.Generator
        The source of randomness.
    k : int, default 5
        How many nearest neighbours to draw from.

    Returns
    -------
    tuple
        The rows, in the schema of ``table``, and the positions of each one's source and neighbour.
    """
    numeric = [field.name for field in table.schema if _is_numeric(field.type)]
    nominal = [
        field.name
        for field in table.schema
        if not _is_numeric(field.type) and not pa.types.is_nested(field.type)
    ]
    x = np.column_stack([np.zeros((table.num_rows, 0)), *[_numbers(table[name]) for name in numeric]])
    encoded = [_flat(table[name]).dictionary_encode(null_encoding="encode") for name in nominal]
    codes = np.column_stack(
        [np.zeros((table.num_rows, 0), np.int64), *[np.asarray(e.indices) for e in encoded]]
    )
    made = smote(x, codes.astype(np.int64), count=count, rng=rng, k=k)
    columns = {}
    for place, name in enumerate(numeric):
        columns[name] = _as_type(made.numbers[:, place], table.schema.field(name).type)
    for place, (name, each) in enumerate(zip(nominal, encoded, strict=True)):
        values = each.dictionary.take(pa.array(made.categories[:, place]))
        columns[name] = values.cast(table.schema.field(name).type)
    source = pa.array(made.source)
    arrays = [
        columns[field.name] if field.name in columns else table[field.name].take(source)
        for field in table.schema
    ]
    return pa.table(arrays, schema=table.schema), made.source, made.neighbour


def _space(x: F64, codes: I64) -> F64:
    """Return coordinates whose Euclidean distance is that of the method: scaled numbers and one-hot categories."""
    finite = np.where(np.isfinite(x), x, np.nan)
    known = ~np.isnan(finite)
    number = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, finite, 0.0)
    scale = np.abs(filled).max(axis=0, initial=0.0)  # against overflow
    filled /= np.where(scale > 0, scale, 1.0)
    mean = filled.sum(axis=0) / number
    centred = np.where(known, filled - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / number)
    parts = [np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)]
    for column in codes.T:
        distinct, code = np.unique(column, return_inverse=True)
        parts.append(np.eye(distinct.size)[code] / np.sqrt(2.0))
    return np.concatenate(parts, axis=1)


def _nearest(points: F64, sources: I64, k: int) -> I64:
    """Return the k nearest other points of each source, nearest first, of equally near ones the first."""
    squares = (points**2).sum(axis=1)
    block = max(1, _BLOCK_CELLS // len(points))
    out = np.empty((sources.size, k), np.int64)
    for start in range(0, sources.size, block):
        some = sources[start : start + block]
        distance = squares[some, None] + squares - 2 * (points[some] @ points.T)
        # Rounding must not order points that are equally near.
        distance = np.round(np.maximum(distance, 0.0), 9)
        distance[np.arange(some.size), some] = np.inf
        nearest = np.sort(np.argpartition(distance, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(np.take_along_axis(distance, nearest, axis=1), axis=1, kind="stable")
        out[start : start + block] = np.take_along_axis(nearest, order, axis=1)
    return out


def _most_frequent(codes: I64, neighbours: I64) -> I64:
    columns = []
    for column in codes.T:
        around = column[neighbours]
        votes = (around[:, :, None] == around[:, None, :]).sum(axis=2)
        columns.append(around[np.arange(len(around)), votes.argmax(axis=1)])
    return np.column_stack([np.zeros((len(neighbours), 0), np.int64), *columns]).astype(np.int64)


def _is_numeric(kind: pa.DataType) -> bool:
    plain = plain_type(kind)
    return any(
        is_kind(plain)
        for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_temporal)
    )


def _numbers(column: pa.ChunkedArray) -> F64:
    plain = _flat(column)
    if pa.types.is_temporal(plain.type):
        plain = plain.cast(_integer_of(plain.type)).cast(pa.int64())
    return np.asarray(plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _as_type(values: F64, kind: pa.DataType) -> pa.Array:
    missing = np.isnan(values)
    plain = plain_type(kind)
    if pa.types.is_floating(plain):
        return pa.array(values, mask=missing).cast(kind)
    if pa.types.is_decimal(plain):
        return pc.round(pa.array(values, mask=missing), plain.scale).cast(kind, safe=False)
    whole = pa.array(np.where(missing, 0, np.rint(values)).astype(np.int64), mask=missing)
    if pa.types.is_temporal(plain):
        return whole.cast(_integer_of(plain)).cast(plain).cast(kind)
    return whole.cast(kind)


def _integer_of(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _flat(column: pa.ChunkedArray) -> pa.Array:
    plain = column.cast(plain_type(column.type))
    return pa.concat_arrays(plain.chunks) if plain.num_chunks else pa.array([], plain.type)
