"""Vectors that were made before, by value: those of an earlier commit, and those of a run that was cut off."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.ids import digest
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.recipes.value_keys import KEY, Keys, chunk_keys
from headwater.store.cache import Cache

__all__ = ["KnownVectors", "vectors_of"]

logger = logging.getLogger(__name__)

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
Read = Callable[[I64], F32]


@dataclass
class KnownVectors:
    """Vectors by the key of their value, read where they are when they are asked for.

    Parameters
    ----------
    folder : str
        Where in the cache the vectors of this run are kept until they are committed.
    cache : Cache, optional
        The cache; without one nothing is kept.
    """

    folder: str
    cache: Cache | None
    paths: list[str] = field(default_factory=list)
    _sources: list[_Source] = field(default_factory=list)

    def __post_init__(self) -> None:
        for path in self.cache.list(self.folder) if self.cache else ():
            part = self._load(path)
            if part is not None:
                self._add_part(path, part[0])

    def keep(self, keys: Keys, vectors: F32) -> None:
        """Keep vectors for the next run, should this one be cut off."""
        if self.cache is None or not len(keys):
            return
        path = f"{self.folder}/{digest(keys.tobytes())}.npz"
        buffer = io.BytesIO()
        np.savez(buffer, keys=keys, vectors=vectors)
        self.cache.put(path, buffer.getvalue())
        self._add_part(path, keys)

    def add_dataset(self, dataset: Dataset, column: str, into: str) -> None:
        """Add the vectors ``into`` of the values of ``column`` in all rows of a dataset."""
        chunks = [chunk for chunk in dataset.chunks if chunk.live_rows]
        if not chunks:
            return
        keys = [chunk_keys(chunk, column, self.cache) for chunk in chunks]
        starts = np.cumsum([0, *(len(part) for part in keys)])

        def read(positions: I64) -> F32:
            return _read_rows(chunks, starts, positions, into)

        self._sources.append(_Source.of(np.concatenate(keys), read))

    def find(self, keys: Keys, dimensions: int) -> tuple[F32, NDArray[np.bool_]]:
        """Return the vectors of distinct values, and which of them are known.

        Parameters
        ----------
        keys : numpy.ndarray of KEY, shape (n,)
            Keys of the values.
        dimensions : int
            Length d of the vectors; known ones of another length do not count.

        Returns
        -------
        vectors : numpy.ndarray of float32, shape (n, d)
            NaN where a value is known to have no vector; zeros where it is not known.
        known : numpy.ndarray of bool, shape (n,)
        """
        out = np.zeros((len(keys), dimensions), np.float32)
        known = np.zeros(len(keys), np.bool_)
        for source in reversed(self._sources):
            left = np.flatnonzero(~known)
            if not len(left):
                break
            positions = source.positions(keys[left])
            hit = positions >= 0
            if hit.any():
                vectors = source.read(positions[hit])
                if vectors.shape[1] == dimensions:
                    out[left[hit]], known[left[hit]] = vectors, True
        return out, known

    def forget(self) -> None:
        """Remove what was kept for a next run: it is committed."""
        if self.cache is not None:
            self.cache.forget(self.paths)
        self.paths = []

    def _add_part(self, path: str, keys: Keys) -> None:
        def read(positions: I64) -> F32:
            part = self._load(path)
            if part is None:
                return np.zeros((len(positions), 0), np.float32)
            return part[1][positions]

        self.paths.append(path)
        self._sources.append(_Source.of(keys, read))

    def _load(self, path: str) -> tuple[Keys, F32] | None:
        data = self.cache.get(path) if self.cache else None
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                keys, vectors = stored["keys"], stored["vectors"]
            if keys.dtype != KEY or vectors.dtype != np.float32 or len(keys) != len(vectors):
                raise ValueError("unknown form")
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
            logger.warning("damaged cache entry ignored", extra={"path": path, "reason": str(error)})
            return None
        return keys, vectors


@dataclass(frozen=True)
class _Source:
    """Keys in order, where each came from, and what reads the vectors at such places."""

    keys: Keys
    order: I64
    read: Read

    @classmethod
    def of(cls, keys: Keys, read: Read) -> _Source:
        there = np.flatnonzero(keys["first"])
        order = there[np.argsort(keys["first"][there], kind="stable")]
        return cls(keys[order], order, read)

    def positions(self, keys: Keys) -> I64:
        """Return the place of each key, -1 where it is not here."""
        found = np.full(len(keys), -1, np.int64)
        if not len(self.keys):
            return found
        at = np.minimum(np.searchsorted(self.keys["first"], keys["first"]), len(self.keys) - 1)
        # Of values with equal first and other second halves, which do not come up, one is encoded anew.
        hit = (self.keys["first"][at] == keys["first"]) & (self.keys["second"][at] == keys["second"])
        found[hit] = self.order[at[hit]]
        return found


def vectors_of(column: pa.Array | pa.ChunkedArray) -> F32:
    """Return a column of vectors as a matrix; NaN where a vector is null or holds one."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    size = flat.type.list_size
    values = pc.list_flatten(flat) if flat.null_count == 0 else None
    if values is not None:
        return _plain(values).reshape(-1, size)
    out = np.full((len(flat), size), np.nan, np.float32)
    there = np.asarray(flat.is_valid())
    out[there] = _plain(pc.list_flatten(flat.filter(pa.array(there)))).reshape(-1, size)
    return out


def _plain(values: pa.Array) -> F32:
    if values.null_count:
        values = pc.fill_null(values.cast(pa.float32()), float("nan"))
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float32)


def _read_rows(chunks: Sequence[DatasetChunk], starts: NDArray[Any], positions: I64, into: str) -> F32:
    """Return the vectors of rows, numbered over the live rows of all chunks, in the order asked for."""
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    edges = np.searchsorted(ordered, starts)
    parts = [
        vectors_of(chunk.read_rows(chunk.live_positions()[ordered[low:high] - start], [into]).column(into))
        for chunk, start, low, high in zip(chunks, starts, edges, edges[1:], strict=False)
        if low < high
    ]
    found = np.concatenate(parts)
    out = np.empty_like(found)
    out[order] = found
    return out
