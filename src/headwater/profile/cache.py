"""Where states are kept: a few packs a dataset, not a file a state.

``states/<group>/live`` and ``states/<group>/<deletion vector>`` hold the states of one chunk with those rows
deleted, in one pack; a pack knows the positions of its deleted rows, so that the states of the same chunk
with fewer deletions can be found and brought up to date. ``states/<group of the first chunk>/whole-…`` holds
the merged states of a whole dataset, ``whole-latest`` names the last one made, and ``run-…`` are the hashes of
large ones. All are only ever a shortcut: what is damaged or missing is measured anew.
"""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
from pyroaring import BitMap

from headwater.core.ids import canonical_json, digest
from headwater.profile.base import Measure
from headwater.reading.chunks import DatasetChunk

__all__ = ["ByteCache", "ChunkPack", "Version", "WholePack", "entry_key"]

logger = logging.getLogger(__name__)

_HEAD = struct.Struct("<4sII")
_MAGIC = b"HWP1"
_OLD_PACKS = 8
"""How many packs of one chunk are looked through for a state to start from."""


class ByteCache(Protocol):
    """Named bytes that can be made again; `headwater.store.cache.Cache` is one."""

    def get(self, path: str) -> bytes | None:
        """Return what was put under ``path``; None if nothing was."""
        ...

    def buffer(self, path: str) -> pa.Buffer | None:
        """Return what was put under ``path``, mapped into memory where that can be; None if nothing was."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Keep ``data`` under ``path``."""
        ...

    def forget(self, paths: Iterable[str]) -> None:
        """Remove what was put under ``paths``."""
        ...

    def list(self, folder: str) -> list[str]:
        """Return the paths below ``folder``."""
        ...


def entry_key(chunk: DatasetChunk, measure: Measure[Any], types: str) -> str:
    """Return the name of a chunk's state in its packs.

    Parameters
    ----------
    chunk : DatasetChunk
        The chunk; what counts are the stored rows of the measure's columns.
    measure : Measure
        The measure.
    types : str
        The types the columns are read as, for they may have been widened since they were stored.
    """
    return digest(f"{chunk.identity(measure.columns)} {types} {measure.key}".encode())[:32]


@dataclass(slots=True)
class ChunkPack:
    """The fresh states of one chunk with certain rows deleted.

    Parameters
    ----------
    path : str
        Where it is kept.
    deleted : BitMap
        Positions of the deleted rows.
    entries : dict of str to bytes
        The states, by `entry_key`.
    """

    path: str
    deleted: BitMap
    entries: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, chunk: DatasetChunk, cache: ByteCache | None) -> ChunkPack:
        """Return the pack of a chunk as it is now; without entries if none is kept."""
        path = f"{chunk.cache_prefix()}/{chunk.deleted_id or 'live'}"
        kept = None if cache is None else _read(path, cache)
        if kept is not None:
            return cls(path, BitMap.deserialize(kept.entries.pop("deleted")), kept.entries)
        return cls(path, BitMap(chunk.deleted_positions()) if chunk.deleted_id else BitMap())

    def older(self, chunk: DatasetChunk, cache: ByteCache, keys: set[str]) -> ChunkPack | None:
        """Return a pack of the same chunk with fewer deletions that holds one of ``keys``, the nearest one."""
        found: list[ChunkPack] = []
        # What else is kept of a chunk has a name with a hyphen: whole-…, media-…
        packs = [path for path in cache.list(chunk.cache_prefix()) if "-" not in path.rpartition("/")[2]]
        for path in packs[:_OLD_PACKS]:
            kept = None if path == self.path else _read(path, cache)
            if kept is None:
                continue
            deleted = BitMap.deserialize(kept.entries.pop("deleted"))
            if deleted <= self.deleted and keys & kept.entries.keys():
                found.append(ChunkPack(path, deleted, kept.entries))
        return max(found, key=lambda pack: len(pack.deleted), default=None)

    def save(self, cache: ByteCache) -> None:
        """Keep the pack."""
        cache.put(self.path, _pack({}, {"deleted": self.deleted.serialize(), **self.entries}))


@dataclass(frozen=True, slots=True)
class Version:
    """Which rows a whole dataset's states are of: for each chunk its identity and deletion vector."""

    schema: str
    chunks: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, chunks: Sequence[DatasetChunk], schema: pa.Schema) -> Version:
        """Return the version of a dataset with these chunks."""
        kinds = digest(schema.remove_metadata().serialize())
        return cls(kinds, tuple((chunk.identity(), chunk.deleted_id) for chunk in chunks))

    @property
    def name(self) -> str:
        """Name of the version: equal for equal rows in equal order."""
        return digest(canonical_json([self.schema, list(self.chunks)]))


@dataclass(slots=True)
class WholePack:
    """The merged states of a dataset, stale ones included.

    Parameters
    ----------
    version : Version
        The rows they are of.
    deleted : dict of str to BitMap
        The positions behind each deletion vector of the version.
    entries : dict of str to bytes
        The states, by `Measure.key`.
    runs : dict of str to list of str
        The runs of hashes that states refer to, by `Measure.key`.
    """

    version: Version
    deleted: dict[str, BitMap] = field(default_factory=dict)
    entries: dict[str, bytes] = field(default_factory=dict)
    runs: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: str, name: str, cache: ByteCache) -> WholePack | None:
        """Return the pack of the version of that name, if it is kept."""
        kept = _read(f"{folder}/whole-{name}", cache)
        if kept is None:
            return None
        chunks = tuple((identity, vector) for identity, vector in kept.facts["chunks"])
        vectors = {vector for _, vector in chunks if vector is not None}
        deleted = {vector: BitMap.deserialize(kept.entries.pop(f"deleted {vector}")) for vector in vectors}
        runs = kept.facts.get("runs", {})
        return cls(Version(kept.facts["schema"], chunks), deleted, kept.entries, runs)

    @classmethod
    def latest(cls, folder: str, cache: ByteCache) -> WholePack | None:
        """Return the pack made last, if it is kept."""
        name = cache.get(f"{folder}/whole-latest")
        return None if name is None else cls.load(folder, name.decode(), cache)

    def save(self, folder: str, chunks: Sequence[DatasetChunk], cache: ByteCache) -> None:
        """Keep the pack."""
        entries = dict(self.entries)
        for chunk in chunks:
            if chunk.deleted_id is not None:
                known = self.deleted.get(chunk.deleted_id)
                positions = BitMap(chunk.deleted_positions()) if known is None else known
                entries[f"deleted {chunk.deleted_id}"] = positions.serialize()
        facts = {"schema": self.version.schema, "chunks": self.version.chunks, "runs": self.runs}
        cache.put(f"{folder}/whole-{self.version.name}", _pack(facts, entries))
        cache.put(f"{folder}/whole-latest", self.version.name.encode())
        if self.runs:
            # Nobody goes on from other versions, so what only they refer to is of no use any more.
            used = {f"{folder}/run-{name}" for names in self.runs.values() for name in names}
            start = f"{folder}/run-"
            cache.forget(path for path in cache.list(folder) if path.startswith(start) and path not in used)

    def deleted_since(self, chunks: Sequence[DatasetChunk], version: Version) -> int | None:
        """Return how many of its rows are deleted in a later version.

        None where the later version is not this one with rows deleted and chunks appended.
        """
        if version.schema != self.version.schema or len(self.version.chunks) > len(chunks):
            return None
        rows = 0
        for chunk, (identity, vector), (now, now_vector) in zip(
            chunks, self.version.chunks, version.chunks, strict=False
        ):
            if identity != now:
                return None
            if vector != now_vector:
                before = self.deleted[vector] if vector else BitMap()
                after = BitMap(chunk.deleted_positions())
                if not before <= after:
                    return None
                self.deleted[now_vector or ""] = after
                rows += len(after) - len(before)
        return rows


@dataclass(slots=True)
class _Kept:
    facts: dict[str, Any]
    entries: dict[str, bytes]


def _pack(facts: Mapping[str, Any], entries: Mapping[str, bytes]) -> bytes:
    header = json.dumps([facts, [[key, len(data)] for key, data in entries.items()]]).encode()
    body = b"".join([header, *entries.values()])
    compressed: bytes = pa.compress(body, codec="zstd", asbytes=True)
    return _HEAD.pack(_MAGIC, len(header), len(body)) + compressed


def _read(path: str, cache: ByteCache) -> _Kept | None:
    data = cache.get(path)
    if data is None:
        return None
    try:
        magic, header_bytes, size = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise ValueError("unknown form")
        body = pa.decompress(data[_HEAD.size :], size, codec="zstd", asbytes=True)
        facts, lengths = json.loads(body[:header_bytes])
        entries, start = {}, header_bytes
        for key, length in lengths:
            entries[key] = body[start : start + length]
            start += length
    except (ValueError, struct.error, OSError, pa.ArrowException) as error:
        logger.warning("damaged cache entry ignored", extra={"path": path, "reason": str(error)})
        return None
    return _Kept(facts, entries)
