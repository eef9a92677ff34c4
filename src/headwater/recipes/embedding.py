"""Embeddings of a column, chunk by chunk; values that have a vector already are not encoded again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.ids import canonical_json, digest
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor, Held
from headwater.engine.local import LocalExecutor
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.recipes.encoder import F32, Encoded, Encoder, encode, encoder_id
from headwater.recipes.known_vectors import KnownVectors
from headwater.recipes.value_keys import Keys, chunk_keys
from headwater.store.cache import Cache
from headwater.store.values import bounded

__all__ = ["TAG", "Embedder", "embedding_of", "vector_array"]

TAG = "embedding"
"""The tag of a column of embeddings: what it is made of, and how."""

I64 = NDArray[np.int64]

_KEEP_BYTES = 64 << 20


@dataclass(kw_only=True)
class Embedder:
    """Makes the vectors of one column's values.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    column : str
        The column to encode.
    into : str
        The column of vectors.
    encoder : Encoder
        What makes them.
    earlier : Dataset, optional
        An earlier version of the dataset, in which ``into`` holds this encoder's vectors of ``column`` in every row.
    cache : Cache, optional
        Where vectors are kept until they are committed, so that a run that was cut off goes on where it was.
    executor : Executor, optional
        Runs the batches.
    progress : Progress
        Told about rows.
    keep_every_s : float
        Keep vectors after so much time, so that a cut loses no more than that.
    clock : callable
        Gives the time in seconds.

    Attributes
    ----------
    rows, encoded, reused, broken : int
        Of the chunks looked at: rows with a value, values encoded, values whose vector was known, values without
        a vector.
    """

    dataset: Dataset
    column: str
    into: str
    encoder: Encoder
    earlier: Dataset | None = None
    cache: Cache | None = None
    executor: Executor = field(default_factory=LocalExecutor)
    progress: Progress = SILENT
    keep_every_s: float = 5.0
    clock: Callable[[], float] = time.monotonic

    rows: int = 0
    encoded: int = 0
    reused: int = 0
    broken: int = 0

    def __post_init__(self) -> None:
        facts = [self.dataset.name, self.column, encoder_id(self.encoder)]
        folder = f"scores/embeddings/{digest(canonical_json(facts))[:24]}"
        self._known = KnownVectors(folder, self.cache)
        self._right: set[str] = set()
        self._waiting: list[tuple[Keys, F32]] = []
        self._kept_at = self.clock()
        if self.earlier is not None:
            self._right = {self._pair(chunk) for chunk in self.earlier.chunks}
        self.todo = [chunk for chunk in self.dataset.chunks if chunk.live_rows and not self.is_right(chunk)]
        if self.earlier is not None and self.todo:
            self._known.add_dataset(self.earlier, self.column, self.into)
        self.dimensions = self._find_dimensions()
        # One for all chunks, so that workers hold the encoder, and what it has loaded, all along.
        self._encoding = Held(
            partial(_itself, self.encoder), partial(_encode_batch, dimensions=self.dimensions)
        )

    def is_right(self, chunk: DatasetChunk) -> bool:
        """Say whether all rows of a chunk have their vectors already."""
        return self._pair(chunk) in self._right

    def vectors(self, chunk: DatasetChunk) -> pa.FixedSizeListArray:
        """Return the vectors of the live rows of a chunk; null where there is no value, or a broken one.

        Raises
        ------
        UsageError
            If the encoder does not keep its promise.
        """
        keys = chunk_keys(chunk, self.column, self.cache)
        there = np.flatnonzero(keys["first"])
        distinct, first, which = _distinct(keys[there])
        vectors, known = self._known.find(distinct, self.dimensions)
        if not self.encoder.passes_over:
            known &= ~np.isnan(vectors).any(axis=1)
        missing = np.flatnonzero(~known)
        done = len(there) - len(missing)
        self.progress.advance(self._label, done + len(keys) - len(there))
        if len(missing):
            positions = chunk.live_positions()[there[first[missing]]]
            self._encode(chunk, positions, distinct[missing], vectors, missing)
        self.rows += len(there)
        self.encoded += len(missing)
        self.reused += len(distinct) - len(missing)
        nothing: NDArray[np.bool_] = np.asarray(np.isnan(vectors).all(axis=1))
        self.broken += int(nothing[which].sum())
        out = np.full((len(keys), self.dimensions), np.nan, np.float32)
        out[there] = vectors[which]
        empty = np.ones(len(keys), np.bool_)
        empty[there] = nothing[which]
        return vector_array(out, empty)

    def forget(self) -> None:
        """Remove what was kept for the case that the run is cut off."""
        self._known.forget()

    def begin(self) -> None:
        """Tell of the work."""
        self.progress.start(self._label, sum(chunk.live_rows for chunk in self.todo))

    def finish(self) -> None:
        """Tell of the end of the work."""
        self.progress.finish(self._label)

    @property
    def _label(self) -> str:
        return f"encode {self.column}"

    def _pair(self, chunk: DatasetChunk) -> str:
        return chunk.identity([self.column, self.into])

    def _encode(self, chunk: DatasetChunk, positions: I64, keys: Keys, out: F32, places: I64) -> None:
        """Encode the values at ``positions`` into the rows ``places`` of ``out``."""
        size = self.encoder.batch_rows

        def batches() -> Iterator[pa.Array]:
            stored = chunk.read_stored([self.column], deleted=True).take(pa.array(positions))
            for batch in bounded(stored, size):
                yield chunk.whole(batch).column(0)

        start = 0
        for said in self.executor.map(self._encoding, batches(), resources=self.encoder.resources):
            stop = start + len(said.vectors)
            out[places[start:stop]] = said.vectors
            self._waiting.append((keys[start:stop], said.vectors))
            self._keep_some()
            self.progress.advance(self._label, stop - start)
            start = stop

    def _keep_some(self) -> None:
        size = sum(vectors.nbytes for _, vectors in self._waiting)
        if size < _KEEP_BYTES and self.clock() - self._kept_at < self.keep_every_s:
            return
        keys = np.concatenate([keys for keys, _ in self._waiting])
        self._known.keep(keys, np.concatenate([vectors for _, vectors in self._waiting]))
        self._waiting, self._kept_at = [], self.clock()

    def _find_dimensions(self) -> int:
        """Return the length of the vectors: that of the earlier ones, else that of the first value's; 0 if none."""
        if self.earlier is not None:
            return int(self.earlier.schema.field(self.into).type.list_size)
        for chunk in self.todo:
            there = np.flatnonzero(chunk_keys(chunk, self.column, self.cache)["first"])
            if len(there):
                row = chunk.read_rows(chunk.live_positions()[there[:1]], [self.column])
                said = encode(self.encoder, row.column(self.column).combine_chunks())
                return int(said.vectors.shape[1])
        return 0


def embedding_of(dataset: Dataset, column: str) -> Mapping[str, Any] | None:
    """Return what a column of embeddings is made of: ``column``, ``encoder``, ``options``, ``id``, ``dimensions``."""
    if column not in dataset.schema.names:
        return None
    said: Mapping[str, Any] | None = dataset.manifest.tags.get(column, {}).get(TAG)
    return said


def vector_array(vectors: F32, empty: NDArray[np.bool_]) -> pa.FixedSizeListArray:
    """Return a matrix as an Arrow array of vectors, null where ``empty`` says so."""
    flat = pa.array(np.where(empty[:, None], np.float32(0), vectors).ravel(), pa.float32())
    kind = pa.list_(pa.float32(), vectors.shape[1])
    mask = pa.array(empty) if empty.any() else None
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=mask)


def _itself(encoder: Encoder) -> Encoder:
    return encoder


def _encode_batch(encoder: Encoder, values: pa.Array, dimensions: int) -> Encoded:
    return encode(encoder, values, dimensions)


def _distinct(keys: Keys) -> tuple[Keys, I64, I64]:
    """Return the distinct keys, where each comes first, and for each key which of them it is."""
    _, first, which = np.unique(keys["first"], return_index=True, return_inverse=True)
    return keys[first], first.astype(np.int64), which.astype(np.int64)
