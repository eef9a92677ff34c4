"""Rows by key text, the form findings name them in, as the row numbers that edits use."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import NotFound
from headwater.core.hashing import hash_columns
from headwater.reading.dataset import Dataset
from headwater.transforms.base import Source

__all__ = ["find_rows", "key_texts"]

I64 = NDArray[np.int64]


def find_rows(source: Source, keys: Sequence[str]) -> tuple[I64, I64]:
    """Return the numbers of the rows with these keys, and for each the place of its key in ``keys``.

    Parameters
    ----------
    source : Source
        The dataset.
    keys : sequence of str
        Keys as JSON text, as `headwater.reading.dataset.Dataset.keys_of` gives them. Text that is not JSON
        stands for itself where the key is one text column.

    Returns
    -------
    rows : numpy.ndarray of int64
        Row numbers, ascending. Without a key column all rows that are equal to the named one are found.
    places : numpy.ndarray of int64
        The place of each row's key in ``keys``.

    Raises
    ------
    NotFound
        If a key is not there.
    """
    if not keys:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    texts = key_texts(source.dataset, keys)
    rows, places = _by_key(source, texts) if source.key else _by_content(source, texts)
    lost = np.setdiff1d(np.arange(len(keys)), places)
    if len(lost):
        raise NotFound(
            f"Dataset {source.dataset.name!r} has no row with key {keys[int(lost[0])]} "
            f"({len(lost)} of {len(keys)} keys are missing).",
            kind="row",
            name=keys[int(lost[0])],
        )
    order = np.argsort(rows, kind="stable")
    return rows[order], places[order]


def key_texts(dataset: Dataset, keys: Sequence[str]) -> list[str]:
    """Return keys as JSON text, where a plain text stands for itself if the key is one text column."""
    kind = dataset.schema.field(dataset.key[0]).type if len(dataset.key) == 1 else None
    if not dataset.key:
        return [key if key.startswith('"') else json.dumps(key) for key in keys]
    if kind is None or pa.types.is_integer(kind):
        return list(keys)
    return [key if _is_json_text(key) else json.dumps(key, ensure_ascii=False) for key in keys]


def _is_json_text(key: str) -> bool:
    return len(key) >= 2 and key[0] == key[-1] == '"'


def _by_key(source: Source, keys: list[str]) -> tuple[I64, I64]:
    places = source.dataset.places(keys)
    rows, which, start = [], [], 0
    for number, chunk in enumerate(source.dataset.chunks):
        here = np.flatnonzero(places.chunks == number)
        if len(here):
            rows.append(start + np.searchsorted(chunk.live_positions(), places.positions[here]))
            which.append(here)
        start += chunk.live_rows
    return _joined(rows), _joined(which)


def _by_content(source: Source, keys: list[str]) -> tuple[I64, I64]:
    wanted = np.array([int(json.loads(key), 16) for key in keys], np.uint64)
    order = np.argsort(wanted, kind="stable")
    rows, which = [], []
    for start, chunk in source.chunks():
        hashes = hash_columns(chunk.read())
        at = np.minimum(np.searchsorted(wanted[order], hashes), len(wanted) - 1)
        hit = wanted[order][at] == hashes
        rows.append(start + np.flatnonzero(hit))
        which.append(order[at[hit]])
    return _joined(rows), _joined(which)


def _joined(parts: list[NDArray[np.signedinteger]]) -> I64:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
