"""One chunk of a dataset, for work that goes chunk by chunk."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from headwater.core.references import Reference
from headwater.store.chunk import Chunk, live_mask, read_chunk
from headwater.store.objects import Objects
from headwater.store.values import put_back

__all__ = ["DatasetChunk"]

_LONGEST_REFERENCE = 1024


class DatasetChunk:
    """One chunk of a dataset, for work that goes chunk by chunk."""

    def __init__(self, chunk: Chunk, schema: pa.Schema, objects: Objects, *, key: Sequence[str] = ()) -> None:
        self._chunk, self._schema, self._objects, self._key = chunk, schema, objects, key

    def __repr__(self) -> str:
        return f"DatasetChunk({self.live_rows} of {self.rows} rows)"

    @property
    def rows(self) -> int:
        """Rows stored, deleted ones included."""
        return self._chunk.rows

    @property
    def live_rows(self) -> int:
        """Rows that are not deleted."""
        return self._chunk.live_rows

    @property
    def deleted_id(self) -> str | None:
        """Name of the deletion vector; None while nothing is deleted."""
        return self._chunk.deleted

    @property
    def statistics(self) -> dict[str, list[Any]]:
        """For each column ``[minimum, maximum, null count]`` over the stored rows; see `Chunk`."""
        return dict(self._chunk.statistics)

    def identity(self, columns: Sequence[str] | None = None) -> str:
        """Return a name for the stored rows of ``columns``; equal names mean equal rows, in every commit."""
        return self._chunk.identity(columns)

    def cache_prefix(self, columns: Sequence[str] | None = None) -> str:
        """Return the folder of the repository's cache for facts about ``columns`` of this chunk."""
        wanted = self._chunk.columns if columns is None else columns
        groups = [
            group.object for group in self._chunk.groups if any(name in group.columns for name in wanted)
        ]
        return f"states/{groups[0] if groups else self._chunk.row_hashes}"

    def deleted_positions(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the positions of deleted rows, ascending."""
        return np.asarray(self._chunk.deletion_vector(self._objects).to_array(), dtype=np.int64)

    def live_positions(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the positions of live rows, ascending: those of the rows that `read` gives."""
        return np.flatnonzero(live_mask(self._chunk, self._objects)).astype(np.int64)

    def read(self, columns: Sequence[str] | None = None, *, apart: bool = False) -> pa.Table:
        """Return the live rows, all values of a chunk in memory at once.

        With ``apart``, large values of bytes stay references: see `headwater.core.references`.
        """
        return self.whole(self.read_stored(columns), apart=apart)

    def read_stored(self, columns: Sequence[str] | None = None, *, deleted: bool = False) -> pa.Table:
        """Return the live rows, or the deleted ones too, with references for large values.

        See `headwater.core.references`.
        """
        return read_chunk(self._chunk, self._schema, self._objects, columns=columns, deleted=deleted)

    @property
    def has_large(self) -> bool:
        """Whether rows of it have large values, which are objects of their own."""
        return self._chunk.has_large

    def open(self, reference: Reference) -> BinaryIO:
        """Open a large value as a stream."""
        return self._objects.reader(reference.object)

    def open_value(self, value: pa.Scalar) -> BinaryIO:
        """Open a value of bytes, as `read_stored` gives it, as a stream."""
        data = value.as_buffer()
        reference = Reference.decode(data.to_pybytes()) if data.size < _LONGEST_REFERENCE else None
        if reference is not None and self.has_large:
            return self.open(reference)
        return io.BytesIO(data)

    def read_rows(
        self,
        positions: np.ndarray[Any, np.dtype[np.int64]],
        columns: Sequence[str] | None = None,
        *,
        apart: bool = False,
    ) -> pa.Table:
        """Return the rows at ``positions``, deleted or not; see `read` for ``apart``."""
        rows = read_chunk(self._chunk, self._schema, self._objects, columns=columns, rows=positions)
        whole: pa.Table = self.whole(rows, apart=apart)
        return whole

    def whole(self, table: Any, *, apart: bool = False) -> Any:
        """Return rows of `read_stored` with their large values put back; with ``apart``, those of text only."""
        if not self._chunk.has_large:
            return table
        left = [f.name for f in table.schema if apart and _is_bytes(f.type)]
        return put_back(table, self._objects, key=[*self._key, *left])


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
