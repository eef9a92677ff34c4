"""The binary form of states: a JSON header with numbers and text, then the bytes of arrays."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import CorruptObject

__all__ = ["decode", "encode"]

_LENGTH = struct.Struct("<I")


def encode(kind: str, version: int, fields: Mapping[str, Any]) -> bytes:
    """Return named fields as bytes; equal fields give equal bytes.

    Parameters
    ----------
    kind, version : str, int
        What the fields are; `decode` holds the bytes against it.
    fields : mapping of str to Any
        JSON-able values, numpy arrays and Arrow arrays.
    """
    plain: dict[str, Any] = {}
    arrays: list[list[Any]] = []
    parts: list[bytes] = []
    for name, value in fields.items():
        if isinstance(value, np.ndarray):
            little = value.astype(value.dtype.newbyteorder("<"), copy=False)
            parts.append(little.tobytes())
            arrays.append([name, little.dtype.str, len(parts[-1]), list(value.shape)])
        elif isinstance(value, pa.Array):
            parts.append(_ipc(value))
            arrays.append([name, "arrow", len(parts[-1])])
        else:
            plain[name] = value
    header = json.dumps([kind, version, plain, arrays], separators=(",", ":"), sort_keys=True).encode()
    return b"".join([_LENGTH.pack(len(header)), header, *parts])


def decode(kind: str, version: int, data: bytes) -> dict[str, Any]:
    """Return the fields that `encode` was given.

    Raises
    ------
    CorruptObject
        If the bytes are of another kind or version, or damaged.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        found, number, fields, arrays = json.loads(bytes(data[4 : 4 + length]))
        if (found, number) != (kind, version):
            raise ValueError(f"found {found!r} version {number}")
        start = 4 + length
        for name, dtype, size, *shape in arrays:
            if start + size > len(data):
                raise ValueError("cut short")
            if dtype == "arrow":
                fields[name] = _from_ipc(data[start : start + size])
            else:
                count = size // np.dtype(dtype).itemsize
                fields[name] = np.frombuffer(data, dtype, count=count, offset=start).reshape(shape[0])
            start += size
    except (struct.error, ValueError, TypeError, pa.ArrowException) as error:
        raise CorruptObject(
            f"These {len(data)} bytes are not a state {kind!r} version {version}: {error}."
        ) from error
    return dict(fields)


def _ipc(array: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([array], names=["_"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _from_ipc(data: bytes) -> pa.Array:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_next_batch().column(0)
