"""Which rows may be learnt from: those that no recipe holds out to judge models by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.reading.chunks import DatasetChunk
from headwater.recipes.base import AUGMENTED_FROM
from headwater.recipes.split import split, split_columns
from headwater.transforms.base import Source

__all__ = ["HOLDOUT", "TrainingRows", "take_rows", "training_rows"]

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

HOLDOUT = 0.25
"""The share of keys that recipes hold out unless told otherwise."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Masks over all rows: those that recipes train on, and those of them that are no augmented rows."""

    train: Mask
    real: Mask


def training_rows(source: Source, holdout: float = HOLDOUT) -> TrainingRows:
    """Return which rows recipes train on, given the share of keys that they hold out.

    With a share of 0 nothing is held out. Reads the key columns; all columns of a dataset without a key.
    """
    dataset = source.dataset
    augmented = [AUGMENTED_FROM] if AUGMENTED_FROM in source.schema.names else []
    columns = [
        *dict.fromkeys([*(split_columns(dataset) if dataset.key else source.schema.names), *augmented])
    ]

    def masks(numbered: tuple[int, DatasetChunk]) -> tuple[Mask, Mask]:
        rows = numbered[1].read(columns)
        train = split(dataset, rows, holdout=holdout).train if holdout else np.ones(rows.num_rows, np.bool_)
        made = np.asarray(rows.column(AUGMENTED_FROM).is_valid()) if augmented else np.zeros_like(train)
        return train, train & ~made

    parts = list(source.executor.map(masks, source.chunks()))
    none = np.zeros(0, np.bool_)
    return TrainingRows(
        np.concatenate([*(part[0] for part in parts), none]),
        np.concatenate([*(part[1] for part in parts), none]),
    )


def take_rows(source: Source, rows: I64, columns: list[str] | None = None) -> pa.Table:
    """Return the rows with these numbers, which ascend."""
    names = source.schema.names if columns is None else columns
    parts = [pa.schema([source.schema.field(name) for name in names]).empty_table()]
    for start, chunk in source.chunks():
        low, high = np.searchsorted(rows, [start, start + chunk.live_rows])
        if low < high:
            parts.append(chunk.read_rows(chunk.live_positions()[rows[low:high] - start], names))
    return pa.concat_tables(parts)
