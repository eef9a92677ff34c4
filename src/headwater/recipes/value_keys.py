"""Values by 128 bits of hash: how a value is found again in another chunk, commit or run."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import hash_array
from headwater.core.ids import digest
from headwater.profile.cache import ByteCache
from headwater.reading.chunks import DatasetChunk

__all__ = ["KEY", "chunk_keys", "value_keys"]

KEY = np.dtype([("first", np.uint64), ("second", np.uint64)])
"""A value's key: two hashes. Both are 0 for null and for nothing else."""

Keys = NDArray[np.void]


def value_keys(values: pa.Array | pa.ChunkedArray) -> Keys:
    """Return the key of each value.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        n values of any type.

    Returns
    -------
    numpy.ndarray of `KEY`, shape (n,)

    Notes
    -----
    Text and bytes have 128 bits: the hash of the value, and that of the value behind a mark. Of a billion values two
    share a key with odds of 1 in 10**21. Other types have the 64 bits of their hash.
    """
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    out = np.zeros(len(flat), KEY)
    out["first"] = hash_array(flat)
    marked = _marked(flat)
    out["second"] = out["first"] if marked is None else hash_array(marked)
    return out


def chunk_keys(chunk: DatasetChunk, column: str, cache: ByteCache | None = None) -> Keys:
    """Return the keys of a column's values in the live rows of a chunk.

    They are kept in the cache, 16 bytes a row, so that a column of images is read once.
    """
    path = f"scores/value-keys/{digest(f'{column} {chunk.identity([column])}'.encode())}"
    stored = None if cache is None else cache.get(path)
    if stored is not None and len(stored) == chunk.rows * KEY.itemsize:
        keys = np.frombuffer(stored, KEY)
    else:
        # A large value is known by the hash of its object; it need not be read.
        keys = value_keys(chunk.read_stored([column], deleted=True).column(column))
        if cache is not None:
            cache.put(path, keys.tobytes())
    return keys[chunk.live_positions()] if chunk.deleted_id else keys


def _marked(values: pa.Array) -> pa.Array | None:
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.binary_join_element_wise(pa.scalar("\x01", kind), values, pa.scalar("", kind))
    if pa.types.is_fixed_size_binary(kind):
        return _marked(values.cast(pa.binary()))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pc.binary_join_element_wise(pa.scalar(b"\x01", kind), values, pa.scalar(b"", kind))
    return None
