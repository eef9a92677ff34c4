"""Rows of a repository in memory that note which columns and chunks are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from headwater.reading.relation import Relation
from headwater.store.chunk import Chunk, read_chunk, write_chunk
from headwater.store.chunklist import ChunkList
from headwater.store.objects import Objects
from headwater.store.storage import Storage

__all__ = ["Noted"]


class Noted:
    """Rows in memory, and what was read of them."""

    def __init__(self, *tables: pa.Table) -> None:
        self.tables = tables
        self.objects = Objects(Storage("memory://"))
        self.schema = tables[0].schema
        self.chunks = ChunkList(write_chunk(table, self.objects, key=()) for table in tables)
        self.columns: list[tuple[str, ...]] = []
        self.parts: list[int] = []
        self.relation = Relation(self.schema, self.chunks, self.read)

    def forget(self) -> None:
        """Forget what was read."""
        self.columns.clear()
        self.parts.clear()

    def read(self, columns: Sequence[str], chunks: Sequence[Chunk]) -> Iterable[pa.RecordBatch]:
        """Read rows, and note it."""
        self.columns.append(tuple(columns))
        for chunk in chunks:
            self.parts.append(list(self.chunks).index(chunk))
            yield from read_chunk(chunk, self.schema, self.objects, columns=columns).to_batches()
