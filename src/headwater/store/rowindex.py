"""The row index of a chunk: which keys it holds, where, and a hash of each row.

Two objects a chunk, so that a change of columns leaves the keys alone:

- *keys*: the 64-bit key hashes in ascending order, then the position of each (absent for datasets
  without a key, whose rows are named by their own hash);
- *rows*: the 64-bit row hashes in the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.hashing import U64

__all__ = ["KEY_BYTES", "ROW_BYTES", "Keys", "decode_rows", "encode_rows"]

KEY_BYTES = 12
"""Bytes a row of a key index: hash and position."""
ROW_BYTES = 8
"""Bytes a row of the row hashes."""

Positions = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Keys:
    """Key hashes of one chunk in ascending order, with the position of each row."""

    hashes: U64
    positions: Positions

    @classmethod
    def of(cls, hashes: U64) -> Keys:
        """Index the key hashes of rows, given in the order of the rows."""
        order = np.argsort(hashes, kind="stable").astype(np.uint32)
        return cls(hashes[order], order)

    @classmethod
    def decode(cls, data: pa.Buffer) -> Keys:
        """Read the form that `encode` writes, without a copy."""
        count = data.size // KEY_BYTES
        return cls(
            np.frombuffer(data, np.dtype("<u8"), count=count),
            np.frombuffer(data, np.dtype("<u4"), count=count, offset=8 * count),
        )

    def encode(self) -> bytes:
        """Return the stored form: all hashes, then all positions, little-endian."""
        return self.hashes.astype("<u8").tobytes() + self.positions.astype("<u4").tobytes()

    def by_position(self) -> U64:
        """Return the key hashes in the order of the rows."""
        out = np.empty_like(self.hashes)
        out[self.positions] = self.hashes
        return out


def encode_rows(hashes: U64) -> bytes:
    """Return the stored form of row hashes."""
    return hashes.astype("<u8").tobytes()


def decode_rows(data: pa.Buffer) -> U64:
    """Read row hashes in the order of the rows, without a copy."""
    return np.frombuffer(data, np.dtype("<u8"))
