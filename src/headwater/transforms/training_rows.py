"""Which rows may be learnt from: those that no recipe holds out to judge models by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import hash_keys
from headwater.reading.chunks import DatasetChunk
from headwater.reading.splits import augmented, origin_hashes
from headwater.recipes.base import AUGMENTED_FROM
from headwater.recipes.split import split, split_columns
from headwater.transforms.base import Source

__all__ = ["EVERYTHING", "HOLDOUT", "Learning", "TrainingRows", "learning_rows", "take_rows", "training_rows"]

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

HOLDOUT = 0.25
"""The share of keys that recipes hold out unless told otherwise."""

EVERYTHING = "all"
"""Stands for all rows where the name of a part of the dataset's split is asked for."""


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


@dataclass(frozen=True, slots=True)
class Learning:
    """Which rows a transform learns from.

    Parameters
    ----------
    mask : numpy.ndarray of bool, optional
        Over all rows; None for all of them.
    facts : mapping
        For the record: ``learnt_from`` says which part, and of how many rows.
    """

    mask: Mask | None
    facts: Mapping[str, Any]

    def of(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the values of the rows learnt from."""
        return column if self.mask is None else column.filter(pa.array(self.mask))


def learning_rows(source: Source, part: str = "", holdout: float = 0.0) -> Learning:
    """Return which rows may be learnt from.

    Parameters
    ----------
    source : Source
        The dataset.
    part : str
        Name of a part of the dataset's split, or ``all``. By default the first part, which is trained on, if a split
        is declared.
    holdout : float
        Without a split, the share of keys that recipes hold out, which is then left out.

    Raises
    ------
    NotFound
        If there is no such part.
    UsageError
        If a part is named and no split is declared.
    """
    said = source.dataset.splits
    rows = source.dataset.num_rows
    if part == EVERYTHING or (said is None and not part and not holdout):
        return Learning(None, {})
    if said is None and not part:
        mask = training_rows(source, holdout).train
        return Learning(mask, {"learnt_from": {"holdout": holdout, "rows": int(mask.sum()), "of": rows}})
    if said is None:
        raise UsageError(
            f"Dataset {source.dataset.name!r} has no split, so no part {part!r}. Declare one with `hw split`, or give "
            "holdout, the share of keys to leave out."
        )
    name = part or said.names[0]
    number = said.number(name)
    made = [AUGMENTED_FROM] if AUGMENTED_FROM in source.schema.names else []

    def here(numbered: tuple[int, DatasetChunk]) -> Mask:
        table = numbered[1].read([*dict.fromkeys([*said.by, *made])])
        hashes = hash_keys(table, said.by) if said.is_grouped else origin_hashes(source.dataset, table)
        mine: Mask = said.assign(hashes) == number
        return mine & ~augmented(table) if number else mine

    parts = list(source.executor.map(here, source.chunks()))
    mask = np.concatenate([*parts, np.zeros(0, np.bool_)])
    return Learning(mask, {"learnt_from": {"part": name, "rows": int(mask.sum()), "of": rows}})


def take_rows(source: Source, rows: I64, columns: list[str] | None = None) -> pa.Table:
    """Return the rows with these numbers, which ascend."""
    names = source.schema.names if columns is None else columns
    parts = [pa.schema([source.schema.field(name) for name in names]).empty_table()]
    for start, chunk in source.chunks():
        low, high = np.searchsorted(rows, [start, start + chunk.live_rows])
        if low < high:
            parts.append(chunk.read_rows(chunk.live_positions()[rows[low:high] - start], names))
    return pa.concat_tables(parts)
