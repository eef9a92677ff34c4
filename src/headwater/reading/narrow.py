"""A dataset with some of its rows only: rows that are left out count as deleted, and nothing is written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.ids import ObjectId, digest
from headwater.engine.base import Executor
from headwater.store.chunk import Chunk
from headwater.store.chunklist import ChunkList
from headwater.store.manifest import EMPTY, Manifest, fingerprint_chunk
from headwater.store.objects import Objects

__all__ = ["narrowed"]


def narrowed(
    manifest: Manifest,
    chunks: Iterable[Chunk],
    keep: Callable[[Chunk], NDArray[np.bool_]],
    objects: Objects,
    executor: Executor,
) -> tuple[Manifest, Objects]:
    """Return a version of a dataset without some rows, and the objects to read it with.

    Parameters
    ----------
    manifest : Manifest
        The dataset.
    chunks : iterable of Chunk
        Those of its chunks that may have rows to keep.
    keep : callable
        Says for each stored row of a chunk whether to keep it; deleted rows stay deleted.
    objects, executor : Objects, Executor
        Where from, and who looks through the chunks.

    Notes
    -----
    Memory: a bit a row at most.
    """
    overlay = _Overlay(objects)

    def task(chunk: Chunk) -> Chunk:
        return chunk.with_deleted(np.flatnonzero(~keep(chunk)), overlay)

    left = [chunk for chunk in executor.map(task, chunks) if chunk.live_rows]
    total = EMPTY
    for chunk in left:
        total += fingerprint_chunk(chunk, overlay)
    return replace(manifest, chunks=ChunkList(left), fingerprint=total), overlay


class _Overlay(Objects):
    """Objects of a repository, and a few more that are kept in memory."""

    def __init__(self, below: Objects) -> None:
        super().__init__(below.storage)
        self._below = below
        self._own: dict[ObjectId, bytes] = {}

    def put(self, data: bytes | memoryview | pa.Buffer) -> ObjectId:
        kept = bytes(data)
        name = digest(kept)
        self._own[name] = kept
        return name

    def get(self, name: ObjectId) -> bytes:
        return self._own[name] if name in self._own else self._below.get(name)

    def open(self, name: ObjectId) -> pa.Buffer:
        return pa.py_buffer(self._own[name]) if name in self._own else self._below.open(name)

    def reader(self, name: ObjectId) -> BinaryIO:
        return io.BytesIO(self._own[name]) if name in self._own else self._below.reader(name)
