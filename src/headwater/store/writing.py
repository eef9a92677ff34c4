"""Write streams of rows as chunks, several at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.store.chunk import CHUNK_ROWS, Chunk, write_chunk
from headwater.store.objects import Objects

__all__ = ["Workshop", "rechunk", "write_chunks"]

CHUNK_BYTES = 128 << 20


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
    """Yield tables of at most `CHUNK_ROWS` rows and about `CHUNK_BYTES` bytes; none of them empty."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        start = 0
        # Slices share memory with their batch, so a batch's bytes are counted once, in proportion.
        width = batch.nbytes / batch.num_rows if batch.num_rows else 0.0
        while start < batch.num_rows:
            fitting = CHUNK_ROWS - rows
            if width:
                fitting = min(fitting, max(1, int((CHUNK_BYTES - size) / width)))
            part = batch.slice(start, fitting)
            waiting.append(part)
            start += part.num_rows
            rows += part.num_rows
            size += int(part.num_rows * width)
            if rows >= CHUNK_ROWS or size >= CHUNK_BYTES:
                yield pa.Table.from_batches(waiting, schema)
                waiting, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting, schema)
