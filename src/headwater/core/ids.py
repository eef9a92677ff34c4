"""Names of immutable things: the BLAKE3 hash of their bytes, in hexadecimal."""

from __future__ import annotations

import json
from typing import Any, NewType

from blake3 import blake3

from headwater.core.errors import UsageError

__all__ = ["CommitId", "ObjectId", "canonical_json", "digest"]

ObjectId = NewType("ObjectId", str)
CommitId = NewType("CommitId", str)

_PARALLEL_BYTES = 1 << 20
_NEAR = 20


def digest(data: bytes | memoryview) -> ObjectId:
    """Return the BLAKE3 hash of ``data`` as 64 hexadecimal digits."""
    threads = blake3.AUTO if len(data) >= _PARALLEL_BYTES else 1
    return ObjectId(blake3(data, max_threads=threads).hexdigest())


def canonical_json(value: Any) -> bytes:
    """Return ``value`` as JSON with sorted keys and no spaces, so that equal values have equal bytes.

    Raises
    ------
    UsageError
        If a text in it is no Unicode, as words of a command line in another encoding may be.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        near = text[max(error.start - _NEAR, 0) : error.end + _NEAR]
        raise UsageError(
            f"There are bytes in this text that are no UTF-8: {near!r}. Write it anew."
        ) from error
