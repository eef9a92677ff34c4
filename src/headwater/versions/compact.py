"""Keep reads flat: merge small chunks and repack chunks with many deletions, as part of a commit.

Small chunks are merged in tiers, as log-structured merge trees do: when a tier of sizes (powers of 8)
holds 8 chunks, they become one of the next. So a row is rewritten at most once a tier, and a dataset
never has more than a few dozen small chunks, however many small commits made it.

References
----------
O'Neil, Cheng, Gawlick, O'Neil (1996). The log-structured merge-tree. doi:10.1007/s002360050048
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa

from headwater.store.chunk import read_chunk
from headwater.store.chunklist import ChunkList
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop, write_chunks

__all__ = ["compact", "worn"]

_FAN = 8
_REPACKED_AT_ONCE = 4


def compact(manifest: Manifest, shop: Workshop) -> Manifest:
    """Return the same rows in fewer, fuller chunks where that is due; otherwise the manifest itself."""
    chosen = worn(manifest.chunks)
    if not chosen:
        return manifest

    def live_rows() -> Iterator[pa.RecordBatch]:
        for number in chosen:
            yield from read_chunk(manifest.chunks[number], manifest.schema, shop.objects).to_batches()

    packed = write_chunks(live_rows(), manifest.schema, key=manifest.key, shop=shop, label="repack")
    return manifest.edited(manifest.fingerprint, appended=packed, removed=chosen)


def worn(chunks: ChunkList) -> list[int]:
    """Return the numbers of the chunks that are due to be packed together, in scan order."""
    loose = dict(chunks.where(lambda one: one.is_loose))
    tiers: dict[int, list[int]] = defaultdict(list)
    for number, chunk in loose.items():
        if chunk.is_small:
            tiers[_tier(chunk.live_rows)].append(number)
    due: set[int] = set()
    carried: list[int] = []
    for tier in sorted(tiers):
        carried += tiers[tier]
        if len(tiers[tier]) + (1 if due else 0) >= _FAN:
            due.update(carried)
    most_deleted = sorted(
        (number for number, chunk in loose.items() if chunk.is_worn),
        key=lambda number: (-loose[number].deleted_rows, number),
    )
    due.update(most_deleted[:_REPACKED_AT_ONCE])
    return sorted(due)


def _tier(rows: int) -> int:
    return max(rows, 1).bit_length() // 3
