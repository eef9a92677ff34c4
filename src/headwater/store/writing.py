"""Write streams of rows as chunks, several at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.core.progress import SILENT, Progress
from headwater.core.references import real_bytes
from headwater.engine.base import Executor
from headwater.store.chunk import CHUNK_BYTES, CHUNK_ROWS, LARGE_WEIGHT, Chunk, write_chunk
from headwater.store.objects import Objects

__all__ = ["Workshop", "rechunk", "write_chunks"]


@dataclass(frozen=True, slots=True)
class Workshop:
    """What writing needs: where to, who runs the work, whom to tell."""

    objects: Objects
    executor: Executor
    progress: Progress = SILENT


def write_chunks(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    key: Sequence[str],
    shop: Workshop,
    label: str = "write",
) -> list[Chunk]:
    """Store rows, which are in ``schema``, as chunks in their order; memory is bounded by a few chunks."""

    def task(table: pa.Table) -> Chunk:
        return write_chunk(table, shop.objects, key=key)

    return list(shop.executor.map(task, rechunk(batches, schema), label=label, progress=shop.progress))


def rechunk(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield tables of at most `CHUNK_ROWS` rows and about `CHUNK_BYTES` bytes; none of them empty.

    Large values, which are elsewhere, count an eighth of their bytes.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        start = 0
        reached = np.concatenate([[0], np.cumsum(real_bytes(batch))])
        # Slices share memory with their batch, so a batch's bytes are counted once, in proportion.
        width = batch.nbytes / batch.num_rows if batch.num_rows else 0.0
        while start < batch.num_rows:
            fitting = CHUNK_ROWS - rows
            if width:
                fitting = min(fitting, max(1, int((CHUNK_BYTES - size) / width)))
            if reached[-1]:
                most = reached[start] + (CHUNK_BYTES - size) * LARGE_WEIGHT
                fitting = min(fitting, max(1, int(np.searchsorted(reached, most, side="right")) - 1 - start))
            part = batch.slice(start, fitting)
            waiting.append(part)
            size += int(part.num_rows * width)
            size += int(reached[start + part.num_rows] - reached[start]) // LARGE_WEIGHT
            start += part.num_rows
            rows += part.num_rows
            if rows >= CHUNK_ROWS or size >= CHUNK_BYTES:
                yield pa.Table.from_batches(waiting, schema)
                waiting, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting, schema)
