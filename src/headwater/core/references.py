"""References: what stands in a column of text or bytes for a value that is an object of its own.

A reference is text of a fixed form that begins with a mark. Inside the store a value that begins with the mark
is always a reference: whatever comes in from outside and happens to begin with it becomes an object, too, and so
is given back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import U64, hash_array, hash_parts
from headwater.core.ids import ObjectId

__all__ = [
    "MARK",
    "Reference",
    "can_refer",
    "has_mark",
    "hash_rows",
    "hash_values",
    "real_bytes",
    "references",
    "sizes",
]

MARK = b"\x1aheadwater-object:"

_HASH_AT = len(MARK) + 64 + 1
_SIZE_AT = _HASH_AT + 16 + 1
_LENGTH = _SIZE_AT + 16
_FORM = re.compile(re.escape(MARK) + rb"([0-9a-f]{64}):([0-9a-f]{16}):([0-7][0-9a-f]{15})")
_DIGITS = np.full(256, 255, np.uint8)
_DIGITS[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
_AT_COLONS = np.array([_HASH_AT - 1, _SIZE_AT - 1])
_AT_DIGITS = np.setdiff1d(np.arange(len(MARK), _LENGTH), _AT_COLONS)
_PLACES = np.arange(60, -1, -4, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Reference:
    """A value by the object that holds it.

    Parameters
    ----------
    object : ObjectId
        The name of the object: the BLAKE3 hash of the value.
    hash : int
        The hash that the value has in a row: see `headwater.core.hashing.hash_array`.
    size : int
        Bytes of the value.
    """

    object: ObjectId
    hash: int
    size: int

    def encode(self) -> bytes:
        """Return what stands in the column."""
        return MARK + f"{self.object}:{self.hash:016x}:{self.size:016x}".encode()

    @classmethod
    def decode(cls, value: bytes | str | None) -> Reference | None:
        """Read the form that `encode` gives; None if it is no reference."""
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        found = None if data is None else _FORM.fullmatch(data)
        if found is None:
            return None
        name, hashed, size = (part.decode() for part in found.groups())
        return cls(ObjectId(name), int(hashed, 16), int(size, 16))


def can_refer(kind: pa.DataType) -> bool:
    """Say whether values of a type can be objects of their own: text and bytes of any length."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_large_binary(kind)
    )


def has_mark(array: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Say which values begin with the mark."""
    found = pc.starts_with(array, MARK if _is_bytes(array.type) else MARK.decode())
    return np.asarray(found.fill_null(False))


def references(array: pa.Array | pa.ChunkedArray) -> dict[int, Reference]:
    """Return the references in a column, by position."""
    if not can_refer(array.type):
        return {}
    rows = np.flatnonzero(has_mark(array))
    values = array.take(pa.array(rows)).to_pylist() if len(rows) else []
    found = ((int(row), Reference.decode(value)) for row, value in zip(rows, values, strict=True))
    return {row: reference for row, reference in found if reference is not None}


def sizes(array: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Return for each value the bytes that it has beyond what stands in the column: 0 but for references."""
    out = np.zeros(len(array), np.int64)
    if can_refer(array.type):
        rows, text = _fixed(array)
        if len(rows):
            out[rows] = _number(text[:, _SIZE_AT:_LENGTH]).astype(np.int64)
    return out


def hash_values(array: pa.Array | pa.ChunkedArray) -> U64:
    """Hash every value of a column of the store: of a reference, the hash of what it stands for.

    So equal values have equal hashes whether they are objects of their own or not.
    """
    hashes = hash_array(array)
    if can_refer(array.type) and len(array):
        rows, text = _fixed(array)
        if len(rows):
            hashes = hashes.copy()
            hashes[rows] = _number(text[:, _HASH_AT : _HASH_AT + 16])
    return hashes


def hash_rows(table: pa.Table | pa.RecordBatch, columns: Sequence[str] | None = None) -> U64:
    """Hash every row of the store, as `headwater.core.hashing.hash_columns` does for values that are all there."""
    names = table.schema.names if columns is None else columns
    return hash_parts(((name, hash_values(table.column(name))) for name in names), table.num_rows)


def real_bytes(table: Any) -> NDArray[np.int64]:
    """Return for each row of the store the bytes of its large values."""
    total = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        total += sizes(column)
    return total


def _fixed(array: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the rows that hold references, and their text, a row of a matrix each."""
    none = np.zeros(0, np.int64), np.zeros((0, _LENGTH), np.uint8)
    marked = has_mark(array)
    if not marked.any():
        return none
    marked &= np.asarray(pc.equal(pc.binary_length(array), _LENGTH).fill_null(False))
    rows = np.flatnonzero(marked)
    if not len(rows):
        return none
    picked = array.take(pa.array(rows)).cast(pa.binary())
    flat = picked.combine_chunks() if isinstance(picked, pa.ChunkedArray) else picked
    start = flat.offset * _LENGTH
    text = np.frombuffer(flat.buffers()[2], np.uint8)[start : start + len(rows) * _LENGTH]
    text = text.reshape(len(rows), _LENGTH)
    whole = (_DIGITS[text[:, _AT_DIGITS]] < 16).all(axis=1) & (text[:, _AT_COLONS] == ord(":")).all(axis=1)
    whole &= text[:, _SIZE_AT] < ord("8")
    return rows[whole], text[whole]


def _number(digits: NDArray[np.uint8]) -> U64:
    """Read hexadecimal digits, a number a row."""
    out: U64 = (_DIGITS[digits].astype(np.uint64) << _PLACES).sum(axis=1, dtype=np.uint64)
    return out


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
