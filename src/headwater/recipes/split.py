"""Which rows are held out, and which fold a row is in: by key hash, so the same in every version."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import U64, hash_keys
from headwater.reading.dataset import Dataset
from headwater.reading.splits import augmented, key_hashes, origin_hashes, share

__all__ = ["Split", "fold_of", "split", "split_columns"]

Mask = NDArray[np.bool_]


class Split:
    """Masks over rows: ``train`` and ``test``. Rows in neither were augmented from a held-out row."""

    def __init__(self, train: Mask, test: Mask, hashes: U64) -> None:
        self.train, self.test, self.hashes = train, test, hashes


def split(
    dataset: Dataset,
    table: pa.Table,
    *,
    holdout: float = 0.25,
    salt: int = 0,
    columns: Sequence[str] | None = None,
) -> Split:
    """Hold out rows by the hash of their key, or of their group where the dataset's split has groups.

    Parameters
    ----------
    dataset : Dataset
        Whose key it is; without one the whole row is the key.
    table : pyarrow.Table
        Its rows, with `split_columns` at least.
    holdout : float
        Share of keys held out, between 0 and 1.
    salt : int
        Another salt holds out other keys. So does the seed of the dataset's split.
    columns : sequence of str, optional
        Without a key, the columns that make up the row; all by default.

    Returns
    -------
    Split
        Augmented rows are never held out, and never trained on where their source is held out. What is held out is
        the last part of the dataset's split, if that has this share; more than it with a larger share.

    Raises
    ------
    UsageError
        If the share is not between 0 and 1.
    """
    if not 0.0 < holdout < 1.0:
        raise UsageError(f"The share held out must be between 0 and 1, not {holdout}.")
    hashes = key_hashes(dataset, table, columns)
    made = augmented(table)
    said = dataset.splits
    grouped = said is not None and said.is_grouped
    units = hash_keys(table, said.by) if said and grouped else origin_hashes(dataset, table, columns)
    out = share(units, salt + (said.seed if said else 0)) < holdout
    return Split(~out, out & ~made, hashes)


def split_columns(dataset: Dataset) -> list[str]:
    """Return the columns that `split` needs: the key, or all columns without one, and those of groups."""
    said = dataset.splits
    return [*dict.fromkeys([*(dataset.key or dataset.schema.names), *(said.by if said else ())])]


def fold_of(hashes: U64, folds: int, salt: int = 0) -> NDArray[np.int64]:
    """Return the fold of each row, from 0 on, by its key hash."""
    return np.minimum((share(hashes, salt + 7919) * folds).astype(np.int64), folds - 1)
