"""A manifest: one version of one dataset."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import CorruptObject
from headwater.core.hashing import U64, mix
from headwater.core.ids import ObjectId
from headwater.store.chunk import Chunk, live_mask
from headwater.store.chunklist import ChunkList
from headwater.store.objects import Objects, require_format

__all__ = [
    "EMPTY",
    "Fingerprint",
    "Manifest",
    "fingerprint_chunk",
    "is_manifest",
    "load_manifest",
    "save_manifest",
]

FORMAT = 2
"""The newest form of manifests we know; lists of chunks in pages came with it."""

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An order-independent hash of a multiset of rows: their count and two sums modulo 2**64.

    Rows are added and taken away in constant time, so it is kept along with every change.
    """

    rows: int = 0
    first: int = 0
    second: int = 0

    @classmethod
    def of(cls, hashes: U64) -> Fingerprint:
        """Return the fingerprint of rows with these hashes."""
        first = int(hashes.sum(dtype=np.uint64))
        second = int(mix(hashes).sum(dtype=np.uint64))
        return cls(len(hashes), first, second)

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(
            self.rows + other.rows, (self.first + other.first) & _MASK, (self.second + other.second) & _MASK
        )

    def __sub__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(
            self.rows - other.rows, (self.first - other.first) & _MASK, (self.second - other.second) & _MASK
        )

    def __str__(self) -> str:
        return f"{self.rows:x}-{self.first:016x}{self.second:016x}"

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Read the form that ``str`` gives."""
        rows, _, sums = text.partition("-")
        return cls(int(rows, 16), int(sums[:16], 16), int(sums[16:], 16))


EMPTY = Fingerprint()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version of one dataset.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns and types.
    key : tuple of str
        Key columns; empty for a content key.
    chunks : ChunkList
        Where the rows are, in scan order.
    fingerprint : Fingerprint
        Hash of the live rows.
    contract : mapping, optional
        The ODCS document of the dataset.
    tags : mapping of str to mapping
        Free-form facts about columns.
    """

    schema: pa.Schema
    key: tuple[str, ...] = ()
    chunks: ChunkList = field(default_factory=ChunkList)
    fingerprint: Fingerprint = EMPTY
    contract: Mapping[str, Any] | None = None
    tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Live rows."""
        return self.fingerprint.rows

    def edited(
        self,
        fingerprint: Fingerprint,
        changes: Mapping[int, Chunk] | None = None,
        *,
        appended: Iterable[Chunk] = (),
        removed: Iterable[int] = (),
    ) -> Manifest:
        """Return the manifest with some chunks changed; see `ChunkList.edited`."""
        chunks = self.chunks.edited(changes, appended=appended, removed=removed)
        return replace(self, chunks=chunks, fingerprint=fingerprint)


def save_manifest(manifest: Manifest, objects: Objects) -> ObjectId:
    """Store a manifest and return its name."""
    chunks = manifest.chunks.saved(objects).to_dict()
    return objects.put_document(
        {
            "format": FORMAT if "pages" in chunks else 1,
            "schema": base64.b64encode(manifest.schema.serialize().to_pybytes()).decode(),
            "key": list(manifest.key),
            **chunks,
            "fingerprint": str(manifest.fingerprint),
            "contract": manifest.contract,
            "tags": {name: dict(tags) for name, tags in manifest.tags.items()},
        }
    )


def load_manifest(name: ObjectId, objects: Objects) -> Manifest:
    """Read the manifest of that name.

    Raises
    ------
    CorruptObject
        If the object is something else.
    StorageError
        If a newer version of Headwater wrote it.
    """
    value = objects.get_document(name)
    if not is_manifest(value):
        raise CorruptObject(f"Object {name[:12]} is not a manifest. Run `hw fsck`.", object=name)
    require_format(value, FORMAT, what=f"Dataset version {name[:12]}")
    return Manifest(
        schema=pa.ipc.read_schema(pa.py_buffer(base64.b64decode(value["schema"]))),
        key=tuple(value["key"]),
        chunks=ChunkList.from_dict(value, objects),
        fingerprint=Fingerprint.parse(value["fingerprint"]),
        contract=value["contract"],
        tags=value["tags"],
    )


def is_manifest(value: Any) -> bool:
    """Say whether a stored JSON value is a manifest."""
    return isinstance(value, dict) and {"schema", "key", "fingerprint"} <= value.keys()


def fingerprint_chunk(chunk: Chunk, objects: Objects) -> Fingerprint:
    """Return the fingerprint of the live rows of a chunk."""
    hashes = chunk.hashes(objects)
    return Fingerprint.of(hashes[live_mask(chunk, objects)] if chunk.deleted else hashes)
