"""Rows by number, for what gives each row a score: checks and searches."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.reading.dataset import Dataset

__all__ = ["keys_at", "rows_at"]


def rows_at(dataset: Dataset, numbers: NDArray[np.int64], columns: list[str] | None = None) -> pa.Table:
    """Return rows by their numbers, counted from 0 in scan order, in the order given."""
    names = dataset.schema.names if columns is None else columns
    order = np.argsort(numbers, kind="stable")
    ordered, start = numbers[order], 0
    parts = [pa.schema([dataset.schema.field(name) for name in names]).empty_table()]
    for chunk in dataset.chunks:
        low, high = np.searchsorted(ordered, [start, start + chunk.live_rows])
        if low < high:
            parts.append(chunk.read_rows(chunk.live_positions()[ordered[low:high] - start], names))
        start += chunk.live_rows
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_tables(parts).take(pa.array(back))


def keys_at(dataset: Dataset, numbers: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the keys of rows by their numbers, as findings name them."""
    return tuple(dataset.keys_of(rows_at(dataset, numbers, list(dataset.key) or None)))
