"""Which rows are held out, and which fold a row is in: by key hash, so the same in every version."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import U64, hash_columns, hash_keys, mix
from headwater.recipes.base import AUGMENTED_FROM
from headwater.store.dataset import Dataset

__all__ = ["Split", "fold_of", "key_hashes", "origin_hashes", "share", "split"]

Mask = NDArray[np.bool_]

_FULL = float(1 << 64)


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
    """Hold out rows by the hash of their key.

    Parameters
    ----------
    dataset : Dataset
        Whose key it is; without one the whole row is the key.
    table : pyarrow.Table
        Its rows, with the key columns at least.
    holdout : float
        Share of keys held out, between 0 and 1.
    salt : int
        Another salt holds out other keys.
    columns : sequence of str, optional
        Without a key, the columns that make up the row; all by default.

    Returns
    -------
    Split
        Augmented rows are never held out, and never trained on where their source is held out.

    Raises
    ------
    UsageError
        If the share is not between 0 and 1.
    """
    if not 0.0 < holdout < 1.0:
        raise UsageError(f"The share held out must be between 0 and 1, not {holdout}.")
    hashes = key_hashes(dataset, table, columns)
    made = _augmented(table)
    out = share(origin_hashes(dataset, table, columns), salt) < holdout
    return Split(~out, out & ~made, hashes)


def fold_of(hashes: U64, folds: int, salt: int = 0) -> NDArray[np.int64]:
    """Return the fold of each row, from 0 on, by its key hash."""
    return np.minimum((share(hashes, salt + 7919) * folds).astype(np.int64), folds - 1)


def share(hashes: U64, salt: int) -> NDArray[np.float64]:
    """Return for each hash a number in [0, 1) that looks random and is fixed by the salt."""
    return mix(hashes ^ mix(np.full(1, salt, np.uint64))).astype(np.float64) / _FULL


def key_hashes(dataset: Dataset, table: pa.Table, columns: Sequence[str] | None = None) -> U64:
    """Return the hash of each row's key; without a key, of the whole row or those ``columns`` of it."""
    if dataset.key:
        return hash_keys(table, dataset.key)
    return hash_columns(table, dataset.schema.names if columns is None else columns)


def origin_hashes(dataset: Dataset, table: pa.Table, columns: Sequence[str] | None = None) -> U64:
    """Return the hash of each row's key; for augmented rows that of the row they were made from.

    Rows with equal hashes must not be on two sides of a split: one tells what the other is.
    """
    hashes = key_hashes(dataset, table, columns)
    made = _augmented(table)
    if made.any():
        sources = table.column(AUGMENTED_FROM).filter(pa.array(made))
        hashes[made] = _source_hashes(dataset, sources)
    return hashes


def _augmented(table: pa.Table) -> Mask:
    if AUGMENTED_FROM not in table.schema.names:
        return np.zeros(table.num_rows, np.bool_)
    return np.asarray(table.column(AUGMENTED_FROM).is_valid())


def _source_hashes(dataset: Dataset, sources: pa.ChunkedArray) -> U64:
    """Return the key hash of the rows that augmented rows name as their source."""
    encoded = sources.combine_chunks().dictionary_encode()
    values = [json.loads(text) for text in encoded.dictionary.to_pylist()]
    if not dataset.key:
        distinct = np.array([int(value, 16) for value in values], np.uint64)
    else:
        rows = [[value] for value in values] if len(dataset.key) == 1 else values
        columns = {
            name: _parsed([row[place] for row in rows], dataset.schema.field(name).type)
            for place, name in enumerate(dataset.key)
        }
        distinct = hash_keys(pa.table(columns), dataset.key)
    picked: U64 = distinct[np.asarray(encoded.indices)]
    return picked


def _parsed(values: list[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([bytes.fromhex(str(value)) for value in values], kind)
    return pa.array(values, pa.string()).cast(kind) if pa.types.is_temporal(kind) else pa.array(values, kind)
